"""The dates of a service at a place: the most specific row speaks; the enrolment's own day counts too."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from broker.domain.school import Level
from broker.services.openings import gate_of
from policies import Term
from tests.unit.services.test_access_facts import LEA, OTHER, POST, UAI, dates

TODAY = date(2026, 9, 14)
SOON, LATER, GONE = TODAY + timedelta(days=10), TODAY + timedelta(days=20), TODAY - timedelta(days=10)


def term(*rows: Any, **changes: Any) -> Term:
    return gate_of(rows, replace(LEA, **changes), today=TODAY).term


def test_without_a_row_for_the_place_the_service_is_open() -> None:
    assert term() is Term.OPEN
    assert term(dates(uai=OTHER, opens=SOON), dates(level=Level.LYCEE, opens=SOON)) is Term.OPEN
    assert term(dates(uai=UAI, class_code="6A", opens=SOON)) is Term.OPEN


@pytest.mark.parametrize(
    ("opens", "closes", "found"),
    [
        (TODAY, None, Term.OPEN),
        (TODAY + timedelta(days=1), None, Term.AHEAD),
        (None, TODAY, Term.OPEN),
        (None, TODAY - timedelta(days=1), Term.OVER),
        (GONE, SOON, Term.OPEN),
        (None, None, Term.OPEN),
    ],
)
def test_the_first_and_the_last_day_are_open(opens: date | None, closes: date | None, found: Term) -> None:
    assert term(dates(opens=opens, closes=closes)) is found


@pytest.mark.parametrize(
    ("rows", "spoke"),
    [
        ([dates(opens=SOON), dates(uai=UAI, opens=GONE)], 2),
        ([dates(uai=UAI, opens=SOON), dates(level=Level.COLLEGE, opens=GONE)], 2),
        ([dates(level=Level.COLLEGE, opens=SOON), dates(uai=UAI, class_code="6B", opens=GONE)], 2),
        ([dates(level=Level.COLLEGE, opens=SOON), dates(uai=UAI, level=Level.COLLEGE, opens=GONE)], 2),
        ([dates(uai=UAI, class_code="6B", opens=GONE), dates(uai=UAI, opens=SOON), dates(opens=SOON)], 1),
    ],
    ids=["school before all", "level before school", "class before level", "level of a school", "whatever the order"],
)
def test_the_most_specific_row_speaks(rows: list[Any], spoke: int) -> None:
    gate = gate_of(rows, LEA, today=TODAY)
    assert (gate.term, gate.row) == (Term.OPEN, spoke)


def test_a_specific_row_also_closes_what_a_wider_one_opens() -> None:
    gate = gate_of(
        [dates(opens=GONE), dates(uai=UAI, class_code="6B", opens=SOON, text={"fr": "Bientôt."})], LEA, today=TODAY
    )
    assert (gate.term, gate.row, gate.day, gate.text) == (Term.AHEAD, 2, SOON, {"fr": "Bientôt."})


def test_rows_for_the_same_place_are_periods() -> None:
    past, now, next_one = dates(closes=GONE), dates(opens=GONE, closes=SOON), dates(opens=LATER)
    assert term(past, next_one, now) is Term.OPEN
    assert gate_of([dates(opens=LATER), past, dates(opens=SOON)], LEA, today=TODAY).day == SOON
    assert gate_of([dates(closes=GONE - timedelta(days=9)), past], LEA, today=TODAY).day == GONE


def test_an_enrolment_that_lies_ahead_opens_nothing_before_its_own_day() -> None:
    coming = replace(LEA, starts=SOON)
    gate = gate_of([], coming, today=TODAY)
    assert (gate.term, gate.day, gate.enrolment) == (Term.AHEAD, SOON, True)
    assert gate_of([dates(opens=GONE)], coming, today=TODAY).enrolment
    later = gate_of([dates(opens=LATER)], coming, today=TODAY)
    assert (later.day, later.enrolment) == (LATER, False)
    assert term(dates(closes=GONE), starts=SOON) is Term.OVER
    assert term(starts=TODAY) is Term.OPEN


def test_a_post_has_no_class() -> None:
    assert gate_of([dates(uai=UAI, class_code="6B", opens=SOON)], POST, today=TODAY).term is Term.OPEN
    assert gate_of([dates(uai=UAI, opens=SOON)], POST, today=TODAY).term is Term.AHEAD
