"""The people of one school as a service is told of them beforehand, so that it knows them at their first login."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from broker.domain.services import ClaimName


class RollKind(StrEnum):
    """What somebody is at the school."""

    STAFF = "staff"
    TEACHER = "teacher"
    GUARDIAN = "guardian"
    PUPIL = "pupil"


@dataclass(frozen=True, slots=True)
class RollEntry:
    """One person. `known_as`: by what the service will know them; `guardians`: persons of the roll, for a pupil."""

    person_id: str
    kind: RollKind
    known_as: str
    family: str
    given: str
    born: date | None = None
    guardians: tuple[str, ...] = ()
    claims: frozenset[ClaimName] = frozenset()


@dataclass(frozen=True, slots=True)
class Roll:
    """Everybody of a school whom a service may be told of, and why others are left out, by reason."""

    uai: str
    school: str
    entries: tuple[RollEntry, ...]
    left_out: Mapping[str, int]

    def of(self, kind: RollKind) -> tuple[RollEntry, ...]:
        """Those of a kind, in the order of the roll."""
        return tuple(entry for entry in self.entries if entry.kind is kind)
