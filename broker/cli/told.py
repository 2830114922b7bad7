"""What each feed tells of one person, as `preau person show` prints it: facts and rights, who says so since when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from broker.cli.output import print_table
from broker.directory.content import decode_person
from broker.domain.guardianship import RightTold
from broker.domain.holdings import HeldRecord


@dataclass(frozen=True, slots=True)
class FactTold:
    """One value of one record, and the day of the delivery that last changed the record."""

    fact: str
    value: str
    record: str
    told_on: date | None


def facts_of(records: Iterable[HeldRecord]) -> tuple[FactTold, ...]:
    """What the live records say of who the person is; contacts are no business of a terminal."""
    found = []
    for held in records:
        if held.retired_at is not None:
            continue
        told = decode_person(held.content, kind=held.kind, key=held.reference.key)
        born = told.birth_date.isoformat() if told.birth_date else ""
        values = {"family_name": told.name.family, "given_name": told.name.given, "civility": told.name.civility}
        found += [
            FactTold(fact, value, f"{held.feed}:{held.reference.key}", held.told_on)
            for fact, value in {**values, "birth_date": born}.items()
            if value
        ]
    return tuple(sorted(found, key=lambda one: (one.fact, one.record)))


def print_told(facts: Sequence[FactTold], rights: Sequence[RightTold]) -> None:
    """Two tables, each left out when it is empty."""
    if facts:
        print_table(("FACT", "VALUE", "RECORD", "TOLD ON"), ((f.fact, f.value, f.record, f.told_on) for f in facts))
    if rights:
        head = ("ADULT", "CHILD", "QUALITY", "SEES", "GIVEN", "TAKEN BACK")
        print_table(head, (_line(one) for one in rights))


def _line(right: RightTold) -> tuple[object, ...]:
    taken = right.withdrawn.date() if right.withdrawn else None
    sees = right.may_see and taken is None
    return right.adult_record, right.child_record, right.quality, sees, right.given.date(), taken
