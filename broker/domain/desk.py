"""Agents: what somebody may do at the desk, where, until when, and who said so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broker.domain.audit import AuditEvent


class DeskProfile(StrEnum):
    """The profiles of agents, as the rules know them. A teacher's is not among them: it follows from the record."""

    ACCUEIL = "accueil"
    CHEF = "chef"
    ACADEMIE = "academie"
    AUDITEUR = "auditeur"


class PostOrigin(StrEnum):
    """Who said that somebody has a post: their source at the last login, or an administrator."""

    SOURCE = "source"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class SaidPost:
    """What is said of an agent: a profile at one school, or at all schools of an académie. `until` None: no end."""

    profile: DeskProfile
    uai: str = ""
    academie: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class HeldPost:
    """A post that stands: that of an account, said or granted."""

    post_id: str
    account_id: str
    post: SaidPost
    origin: PostOrigin
    actor: str
    since: datetime


@dataclass(frozen=True, slots=True)
class GrantPost:
    """An administrator gives a post to whoever signs in by an account."""

    post_id: str
    account_id: str
    post: SaidPost
    now: datetime
    audit: AuditEvent


@dataclass(frozen=True, slots=True)
class EndPost:
    """An administrator takes a post back."""

    post_id: str
    now: datetime
    audit: AuditEvent


@dataclass(frozen=True, slots=True)
class Place:
    """A school as an agent's scope names it."""

    uai: str
    name: str
