"""The journal of the desk: what agents did, asked of the audit trail within the schools that the reader covers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.domain.audit import Action, AuditEvent


@dataclass(frozen=True, slots=True)
class JournalAsked:
    """A page of the journal. `uais`, `academies`: the reader's scope; `hidden`: persons of whom nothing is told.

    The rest narrows it, empty where it does not: by whom, about whom, which act, between which instants. `before`: the
    last entry of the page before.
    """

    tenant: str
    uais: frozenset[str]
    academies: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    actor: str = ""
    person_id: str = ""
    action: Action | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = 20


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One event, by its place in the trail."""

    entry_id: int
    event: AuditEvent


@dataclass(frozen=True, slots=True)
class NamedPerson:
    """Who an id of the trail is now: the living person, and what schools or a source of agents call them."""

    person_id: str
    name: str = ""
