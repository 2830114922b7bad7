"""Standings: what an administrator closed, or looked at and found good, until somebody takes it back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class StandingKind(StrEnum):
    """What can have a standing. The subject of a link is the id of the linked account."""

    SERVICE = "service"
    SOURCE = "source"
    SCHOOL = "school"
    PERSON = "person"
    LINK = "link"


class StandingState(StrEnum):
    """What was said of it. Of two that stand at once, suspended is the one that counts."""

    VERIFIED = "verified"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Standing:
    """One row: said at `since` by `actor`, for a reason; taken back at `until` (None: it stands), for another."""

    kind: StandingKind
    subject: str
    state: StandingState
    tenant: str
    since: datetime
    until: datetime | None
    reason: str
    actor: str
    until_reason: str = ""
    until_actor: str = ""

    @property
    def is_closure(self) -> bool:
        """Whether it closes its subject, and nobody took it back."""
        return self.state is StandingState.SUSPENDED and self.until is None

    def stands_at(self, moment: datetime) -> bool:
        """Tell whether it stood, or stands, then."""
        return self.since <= moment and (self.until is None or moment < self.until)


@dataclass(frozen=True, slots=True)
class InForce:
    """What stands now of services, sources and schools: few, so that every process keeps them all.

    Persons and links are not here: their standing is read in the transaction that would open a session.
    """

    suspended: frozenset[tuple[StandingKind, str]] = field(default_factory=frozenset)
    verified: frozenset[tuple[StandingKind, str]] = field(default_factory=frozenset)
    sources_since: frozenset[tuple[str, datetime]] = field(default_factory=frozenset)
    """Since when each suspended source is closed: an outage that policies accept has a beginning."""

    def closes(self, kind: StandingKind, subject: str) -> bool:
        """Tell whether this one is suspended."""
        return (kind, subject) in self.suspended

    def closed_since(self, source_id: str) -> datetime | None:
        """Since when this source is suspended; None when it is not."""
        return min((since for subject, since in self.sources_since if subject == source_id), default=None)

    def state_of(self, kind: StandingKind, subject: str) -> StandingState | None:
        """The strictest state that stands of this one; None when nothing does."""
        if (kind, subject) in self.suspended:
            return StandingState.SUSPENDED
        return StandingState.VERIFIED if (kind, subject) in self.verified else None

    @property
    def schools(self) -> frozenset[str]:
        """UAI of the suspended schools: they open no service and appear in no claim."""
        return frozenset(subject for kind, subject in self.suspended if kind is StandingKind.SCHOOL)
