"""The closed facts that rules may read: enums and booleans only, so that every combination can be tried.

No id, name or instant ever reaches a rule. A memo keyed by facts therefore stays bounded, and the exhaustive test in
`tests/unit/policies` compares the rules with a plain oracle over the whole space. Every fact is wanted from the
caller: a default would be an answer that nobody gave.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, fields
from enum import Enum, StrEnum
from itertools import product
from typing import Any, ClassVar, get_type_hints

from broker.domain.assurance import Assurance
from broker.domain.services import ClaimName, ServiceState

__all__ = [
    "FACT_TYPES",
    "AccessFacts",
    "AgentProfile",
    "Assurance",
    "ClaimName",
    "Facts",
    "HelpdeskAct",
    "HelpdeskFacts",
    "Mandate",
    "ReleaseFacts",
    "Role",
    "ServiceState",
    "Term",
    "every",
    "values_of",
]


class Role(StrEnum):
    """In what role a person asks. A person has several; the room that asks says which one speaks."""

    GUARDIAN = "guardian"
    PUPIL = "pupil"
    STAFF = "staff"
    NONE = "none"


class Term(StrEnum):
    """Where today stands in the dates of the service for the person's school, level or class."""

    OPEN = "open"
    AHEAD = "ahead"
    OVER = "over"


class Mandate(StrEnum):
    """Whether the person acts for a child by a mandate (a third adult), and whether the service accepts that."""

    NONE = "none"
    ACCEPTED = "accepted"
    NOT_ACCEPTED = "not_accepted"


class AgentProfile(StrEnum):
    """The fixed profiles of those who help: no free combination of rights."""

    ACCUEIL = "accueil"
    CHEF = "chef"
    ACADEMIE = "academie"
    AUDITEUR = "auditeur"
    ENSEIGNANT = "enseignant"
    NONE = "none"


class HelpdeskAct(StrEnum):
    """What an agent may want to do to an account, a school or a service."""

    SEARCH = "search"
    VIEW = "view"
    JOURNAL = "journal"
    DESK_JOURNAL = "desk_journal"
    OPEN_WINDOW = "open_window"
    LETTER = "letter"
    CLASS_LETTERS = "class_letters"
    SMS = "sms"
    LIFT_WAIT = "lift_wait"
    CLOSE_ACCESS = "close_access"
    DELEGATE = "delegate"
    QUIET_HOURS = "quiet_hours"
    RESTRICT = "restrict"
    UNLINK = "unlink"
    MERGE = "merge"
    CHANGE_CONTACT = "change_contact"
    STAFF_ACCOUNT = "staff_account"
    CONTAIN = "contain"
    SUSPEND_SERVICE = "suspend_service"


@dataclass(frozen=True, slots=True)
class AccessFacts:
    """Facts on opening a service, for the best of the person's places (schools, levels, classes) there."""

    action: ClassVar[str] = "access"

    role: Role
    _: KW_ONLY
    mandate: Mandate
    profil_served: bool
    school_served: bool
    """The descriptor serves a school of the person, and its level."""
    class_served: bool
    school_suspended: bool
    term: Term
    service: ServiceState
    assurance: Assurance
    assured: bool
    """The session's assurance reaches what the service requires."""
    outage_accepted: bool
    """The source that would give the assurance is known to be down, for no longer than the policy allows, and the
    service accepts that."""


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """Facts on telling a service a claim. `declared`: its descriptor asks; `about_child`: it tells of a child."""

    action: ClassVar[str] = "release"

    claim: ClaimName
    _: KW_ONLY
    declared: bool
    role: Role
    about_child: bool
    service: ServiceState


@dataclass(frozen=True, slots=True)
class HelpdeskFacts:
    """Facts on an act of an agent. `own_family`: the account is the agent's own, or one of their family.

    `same_name`: somebody of the account's family bears the agent's family name, and may be theirs though no feed says.
    """

    action: ClassVar[str] = "helpdesk"

    act: HelpdeskAct
    agent: AgentProfile
    _: KW_ONLY
    in_scope: bool
    own_family: bool
    second_factor: bool
    second_agent: bool
    proofs_enough: bool
    about_staff: bool
    same_name: bool


Facts = AccessFacts | ReleaseFacts | HelpdeskFacts
FACT_TYPES: tuple[type[AccessFacts | ReleaseFacts | HelpdeskFacts], ...] = (AccessFacts, ReleaseFacts, HelpdeskFacts)


def values_of(kind: type[Any]) -> dict[str, tuple[Any, ...]]:
    """Values that each fact of one kind may take, in the order of its fields."""
    hints = get_type_hints(kind)
    return {field.name: _values(hints[field.name]) for field in fields(kind)}


def every(kind: type[Any]) -> Iterator[Facts]:
    """Every combination of facts of one kind: what makes an exhaustive proof possible."""
    space = values_of(kind)
    for values in product(*space.values()):
        yield kind(**dict(zip(space, values, strict=True)))


def _values(kind: type[Any]) -> tuple[Any, ...]:
    return tuple(kind) if issubclass(kind, Enum) else (False, True)
