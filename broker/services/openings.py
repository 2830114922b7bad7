"""The dates of a service at one place: which row of the descriptor speaks, and where today stands in it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from broker.domain.people import ChildCard, Post
from broker.domain.services import OpeningDates
from policies import Term


@dataclass(frozen=True, slots=True)
class Gate:
    """Where today stands. `row` is the number of the descriptor's row, from 1; 0 when no row speaks of this place.

    `day` is the first day when that lies ahead, the last one when it is over, else None. `enrolment`: the day is that
    of the enrolment, which begins later than the service. `text` by language: what families read until then.
    """

    term: Term
    row: int = 0
    day: date | None = None
    enrolment: bool = False
    text: Mapping[str, str] = field(default_factory=dict)


OPEN = Gate(Term.OPEN)


def gate_of(openings: Sequence[OpeningDates], place: ChildCard | Post, *, today: date) -> Gate:
    """The dates of the most specific rows (class, then level, then school, then all), and of the enrolment itself.

    Where several rows are equally specific they are several periods: one that is open opens.
    """
    starts = place.starts if isinstance(place, ChildCard) else None
    return _not_before(starts, _by_rows(openings, place, today=today), today=today)


def _by_rows(openings: Sequence[OpeningDates], place: ChildCard | Post, *, today: date) -> Gate:
    speaking = [(number, row) for number, row in enumerate(openings, start=1) if _speaks_of(row, place)]
    if not speaking:
        return OPEN
    closest = max(_closeness(row) for _, row in speaking)
    gates = [_gate(number, row, today=today) for number, row in speaking if _closeness(row) == closest]
    return min(gates, key=_preference)


def _not_before(starts: date | None, gate: Gate, *, today: date) -> Gate:
    """An enrolment that lies ahead opens nothing yet, however early the service itself opens."""
    if starts is None or starts <= today or gate.term is Term.OVER:
        return gate
    if gate.day is not None and gate.day >= starts:
        return gate
    return Gate(Term.AHEAD, row=gate.row, day=starts, enrolment=True)


def _speaks_of(row: OpeningDates, place: ChildCard | Post) -> bool:
    if row.uai and row.uai != place.uai:
        return False
    if row.level is not None and row.level is not place.level:
        return False
    return not row.class_code or (isinstance(place, ChildCard) and row.class_code == place.class_code)


def _closeness(row: OpeningDates) -> tuple[bool, bool, bool]:
    return bool(row.class_code), row.level is not None, bool(row.uai)


def _gate(number: int, row: OpeningDates, *, today: date) -> Gate:
    if row.opens is not None and today < row.opens:
        return Gate(Term.AHEAD, row=number, day=row.opens, text=row.text)
    if row.closes is not None and today > row.closes:
        return Gate(Term.OVER, row=number, day=row.closes)
    return Gate(Term.OPEN, row=number)


def _preference(gate: Gate) -> tuple[int, int]:
    """Open before ahead before over; of those ahead the next, of those over the last."""
    if gate.day is None:
        return 0, 0
    return (1, gate.day.toordinal()) if gate.term is Term.AHEAD else (2, -gate.day.toordinal())
