"""What an example is, once read: values that say what a rule, a number or a date does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from policies.facts import Facts


@dataclass(frozen=True, slots=True)
class Position:
    """Where an example stands."""

    file: str
    line: int

    def __str__(self) -> str:
        """As compilers write it."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class RuleExample:
    """With each of these facts the decision is this, and these rules speak. `of`: the rule it is an example of."""

    of: str
    position: Position
    says: str
    facts: tuple[Facts, ...]
    allowed: bool
    speak: frozenset[str]


@dataclass(frozen=True, slots=True)
class EdgeExample:
    """So long after, or with so much, the number still holds or no longer does."""

    of: str
    position: Position
    says: str
    at: timedelta | float
    holds: bool


@dataclass(frozen=True, slots=True)
class ValueExample:
    """A word or a yes-or-no of the tables is this."""

    of: str
    position: Position
    says: str
    value: str | bool


@dataclass(frozen=True, slots=True)
class MomentExample:
    """At each of these instants messages to this school go (`until` None), or wait until then."""

    of: str
    position: Position
    says: str
    at: tuple[datetime, ...]
    until: datetime | None
    uai: str = ""
    academie: str = ""


@dataclass(frozen=True, slots=True)
class WhereExample:
    """Each of these schools (the start of a UAI, an académie) lives by this clock and by these holidays."""

    of: str
    position: Position
    says: str
    departements: tuple[str, ...]
    academies: tuple[str, ...]
    zone: str
    time_zone: str
    public_holidays: str


Example: TypeAlias = RuleExample | EdgeExample | ValueExample | MomentExample | WhereExample
