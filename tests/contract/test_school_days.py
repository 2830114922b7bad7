"""Enrolments begin and end by the midnight of their own school, wherever it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

import policies
from broker.domain.clock import SchoolDay
from broker.domain.people import RecordKind
from broker.services.access import today_at
from broker.storage.schema import enrolments
from broker.storage.sql_details import SqlDetails
from broker.storage.sql_people import SqlPeople
from tests import builders as b

LAST, FIRST = date(2026, 9, 20), date(2026, 9, 21)
NOUMEA, PAPEETE, PARIS, WALLIS = "9830001A", "9840001A", "0750001A", "9870001A"

MIDNIGHTS = [
    (NOUMEA, datetime(2026, 9, 20, 13, 0, tzinfo=UTC)),
    (WALLIS, datetime(2026, 9, 20, 12, 0, tzinfo=UTC)),
    (PARIS, datetime(2026, 9, 20, 22, 0, tzinfo=UTC)),
    (PAPEETE, datetime(2026, 9, 21, 10, 0, tzinfo=UTC)),
]
MINUTE = timedelta(minutes=1)
Shown = Callable[[datetime], list[bool]]


@pytest.fixture(scope="module")
def school_day() -> SchoolDay:
    return partial(today_at, policies.load())


@pytest.fixture
def shown(sql_engine: Engine, school_day: SchoolDay) -> Callable[[str, str], Shown]:
    """Whether each way of reading tells the place, for a family whose enrolment has one date."""

    def enrolled(uai: str, field: str) -> Shown:
        mother, (child,) = b.add_family(sql_engine, uai=uai, children=("Léa",))
        with sql_engine.begin() as conn:
            conn.execute(update(enrolments).values({field: LAST if field == "ends_on" else FIRST}))
        people, details = SqlPeople(sql_engine, school_day=school_day), SqlDetails(sql_engine, school_day=school_day)

        def reading(now: datetime) -> list[bool]:
            pupil = people.person(child, now=now)
            assert pupil is not None
            told = [details.child_places(mother, now=now), details.records_of(child, now=now)[0].places]
            cards = [people.children_of(mother, now=now), pupil.pupil_at]
            if field == "ends_on":
                return [bool(each) for each in (*cards, people.why(mother, now=now), *told)]
            return [*(each[0].starts is None for each in cards), *(bool(each) for each in told)]

        return reading

    return enrolled


@pytest.mark.parametrize(("uai", "midnight"), MIDNIGHTS)
def test_a_place_ends_at_the_midnight_of_its_own_school(
    shown: Callable[[str, str], Shown], uai: str, midnight: datetime
) -> None:
    reading = shown(uai, "ends_on")
    assert reading(midnight - MINUTE) == [True] * 5
    assert reading(midnight) == [False] * 5


@pytest.mark.parametrize(("uai", "midnight"), MIDNIGHTS)
def test_a_place_begins_at_the_midnight_of_its_own_school(
    shown: Callable[[str, str], Shown], uai: str, midnight: datetime
) -> None:
    reading = shown(uai, "starts_on")
    assert reading(midnight - MINUTE) == [False] * 4
    assert reading(midnight) == [True] * 4


def test_a_place_that_is_over_at_its_school_leaves_the_class_to_a_less_trusted_feed(
    sql_engine: Engine, school_day: SchoolDay
) -> None:
    mother, (child,) = b.add_family(sql_engine, uai=NOUMEA, children=("Léa",))
    own = b.add_record(sql_engine, "own-1", RecordKind.PUPIL, feed="lists." + NOUMEA, academie="")
    b.attach(sql_engine, own, child)
    with sql_engine.begin() as conn:
        conn.execute(update(enrolments).values(ends_on=LAST))
    b.enrol(sql_engine, own, NOUMEA, class_code="5C")
    people = SqlPeople(sql_engine, school_day=school_day)
    midnight = dict(MIDNIGHTS)[NOUMEA]
    assert [card.class_label for card in people.children_of(mother, now=midnight - MINUTE)] == ["6A"]
    assert [card.class_label for card in people.children_of(mother, now=midnight)] == ["5C"]


def test_a_school_that_sets_its_own_clock_is_read_by_it(tmp_path: Path) -> None:
    (tmp_path / "disconnect.toml").write_text('[schools.9840009Z]\ntime_zone = "Pacific/Marquesas"\n')
    rules = policies.load_book(None, tmp_path).installation
    half_past_nine = datetime(2026, 9, 21, 9, 30, tzinfo=UTC)
    assert [today_at(rules, uai, half_past_nine) for uai in ("9840009Z", PAPEETE)] == [FIRST, LAST]
