"""The closed facts that rules may read: enums and booleans only, so that every combination can be tried.

No id, name or instant ever reaches a rule. A memo keyed by facts therefore stays bounded, and the exhaustive test in
`tests/unit/policies` compares the rules with a plain oracle over the whole space.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import Enum, StrEnum
from itertools import product
from typing import Any, ClassVar, get_type_hints

from broker.domain.services import ClaimName


class Role(StrEnum):
    """In what role a person asks. A person has several; the room that asks says which one speaks."""

    GUARDIAN = "guardian"
    PUPIL = "pupil"
    STAFF = "staff"
    NONE = "none"


class Assurance(StrEnum):
    """How surely the person of this session is who they say, weakest first (`policies/assurance.toml`)."""

    NONE = "none"
    LOW = "low"
    STANDARD = "standard"
    STRONG = "strong"

    def reaches(self, required: Assurance) -> bool:
        """Tell whether this level is at least `required`."""
        order = list(Assurance)
        return order.index(self) >= order.index(required)


@dataclass(frozen=True, slots=True)
class AccessFacts:
    """Facts on opening a service. Served: the descriptor names the profile, and one school of the person."""

    action: ClassVar[str] = "access"

    role: Role
    profil_served: bool
    school_served: bool
    assurance: Assurance


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """Facts on telling a service a claim. `declared`: its descriptor asks; `about_child`: it tells of a child."""

    action: ClassVar[str] = "release"

    claim: ClaimName
    declared: bool
    role: Role
    about_child: bool


Facts = AccessFacts | ReleaseFacts
FACT_TYPES: tuple[type[AccessFacts | ReleaseFacts], ...] = (AccessFacts, ReleaseFacts)


def every(kind: type[Any]) -> Iterator[Facts]:
    """Every combination of facts of one kind: what makes an exhaustive proof possible."""
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    for values in product(*(_values(hints[name]) for name in names)):
        yield kind(**dict(zip(names, values, strict=True)))


def _values(kind: type[Any]) -> tuple[Any, ...]:
    return tuple(kind) if issubclass(kind, Enum) else (False, True)
