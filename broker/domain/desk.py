"""Agents: what somebody may do at the desk, where, until when, and who said so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broker.domain.access_notices import AccessNotice
from broker.domain.audit import AuditEvent


class DeskProfile(StrEnum):
    """The profiles of agents, as the rules know them. A teacher's is not among them: it follows from the record."""

    ACCUEIL = "accueil"
    CHEF = "chef"
    ACADEMIE = "academie"
    AUDITEUR = "auditeur"


class PostOrigin(StrEnum):
    """Who said that somebody has a post: their source at the last login, an administrator, a head at the desk."""

    SOURCE = "source"
    ADMINISTRATOR = "administrator"
    HEAD = "head"


@dataclass(frozen=True, slots=True)
class SaidPost:
    """What is said of an agent: a profile at one school, or at all schools of an académie. `until` None: no end."""

    profile: DeskProfile
    uai: str = ""
    academie: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class HeldPost:
    """A post that stands: that of an account, said or granted. `giver`: the account of the head who gave it."""

    post_id: str
    account_id: str
    post: SaidPost
    origin: PostOrigin
    actor: str
    since: datetime
    giver: str = ""


@dataclass(frozen=True, slots=True)
class GrantPost:
    """An administrator, or a head, gives a post to whoever signs in by an account.

    `notices` are told with it. `giver`: the head's own account, without whose post theirs does not count.
    """

    post_id: str
    account_id: str
    post: SaidPost
    now: datetime
    audit: AuditEvent
    origin: PostOrigin = PostOrigin.ADMINISTRATOR
    notices: tuple[AccessNotice, ...] = ()
    giver: str = ""


@dataclass(frozen=True, slots=True)
class EndPost:
    """An administrator, or a head, takes a post back."""

    post_id: str
    now: datetime
    audit: AuditEvent
    notices: tuple[AccessNotice, ...] = ()


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who signed in at a source of agents. `key`: by what that source knows them, a work address mostly."""

    account_id: str
    person_id: str
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Delegation:
    """A post at the front desk of a school, and whose it is. `counts`: not where giver or holder left the school."""

    held: HeldPost
    colleague: Colleague
    counts: bool = True


@dataclass(frozen=True, slots=True)
class DeskSchool:
    """A school as an agent's scope names it."""

    uai: str
    name: str
