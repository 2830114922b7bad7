"""Examples of dates: what comes instead is told by the school's own clock, and every edge wants its two sides."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import policies
from policies.calendar_tables import Calendars
from policies.example_dates import dates_wanting, moment_fault, where_fault
from policies.example_shapes import Example, MomentExample, Position, WhereExample
from policies.examples import read_examples

SHIPPED = policies.load().calendar
EXAMPLES = read_examples().all
HERE = Position("a.toml", 1)
UAI = "9990001X"


def at(*told: str) -> tuple[datetime, ...]:
    return tuple(datetime.fromisoformat(each) for each in told)


def moment(of: str, *told: str, until: str | None = None, uai: str = "", academie: str = "") -> MomentExample:
    return MomentExample(of, HERE, "x", at(*told), at(until)[0] if until else None, uai, academie)


NOON = moment("disconnect.days", "2026-11-19T12:00:00+01:00")
PARIS = WhereExample("zones.school_holidays.C", HERE, "x", (), ("01",), "C", "Europe/Paris", "Métropole")


def without(*names: str) -> tuple[Example, ...]:
    return tuple(each for each in EXAMPLES if each.of not in names)


def wanting(calendars: Calendars, *more: Example) -> list[tuple[str, str]]:
    return list(dates_wanting(calendars, (*EXAMPLES, *more)))


@pytest.fixture
def local(tmp_path: Path) -> Calendars:
    """A tenant with exceptions, and a school with an evening and an exception of its own."""
    text = '[exceptions]\n"2026-11-11" = "quiet"\n"2026-12-21/2026-12-23" = "quiet"\n"2026-12-24" = "open"\n'
    text += f'[schools.{UAI}]\nevening = "19:00"\n[schools.{UAI}.exceptions]\n"2027-01-04" = "quiet"\n'
    (tmp_path / "disconnect.toml").write_text(text, encoding="utf-8")
    return policies.load(None, tmp_path).calendar


def test_an_example_that_comes_true_has_no_fault() -> None:
    assert moment_fault(NOON, SHIPPED) is None
    assert where_fault(PARIS, SHIPPED) is None


def test_what_comes_instead_is_told_by_the_clock_of_the_school() -> None:
    told = moment_fault(replace(NOON, at=at("2026-11-19T12:00:00+01:00", "2026-11-19T19:30:00Z")), SHIPPED)
    assert told == "at 2026-11-19 20:30:00+01:00: quiet until 2026-11-20 07:00:00+01:00"
    assert moment_fault(replace(NOON, until=datetime(2026, 11, 20, 6, tzinfo=UTC)), SHIPPED) == (
        "at 2026-11-19 12:00:00+01:00: open"
    )
    late = moment("disconnect.evening", "2026-11-20T20:00:00+01:00", until="2026-11-21T07:00:00+01:00")
    assert moment_fault(late, SHIPPED) == "at 2026-11-20 20:00:00+01:00: quiet until 2026-11-23 07:00:00+01:00"
    overseas = replace(NOON, at=at("2026-11-19T17:00:00+01:00"), uai="9740001X")
    assert moment_fault(overseas, SHIPPED) == ("at 2026-11-19 20:00:00+04:00: quiet until 2026-11-20 07:00:00+04:00")


@pytest.mark.parametrize(
    "name", ["disconnect.dais", "sessions.days", "days", "disconnect.rule", f"disconnect.schools.{UAI}", "disconnect"]
)
def test_a_date_that_no_table_has_is_told(name: str) -> None:
    assert moment_fault(replace(NOON, of=name), SHIPPED) == "no such date"


@pytest.mark.parametrize(
    "name", ["zones.school_holidays.D", "zones.territories.atlantide", "zones", "school_holidays.C", "disconnect.days"]
)
def test_a_zone_that_no_table_has_is_told(name: str) -> None:
    assert where_fault(replace(PARIS, of=name), SHIPPED) == "no such zone or territory"


@pytest.mark.parametrize(
    "slip", [{"zone": "B"}, {"time_zone": "Europe/Rome"}, {"public_holidays": "Guyane"}, {"academies": ("01", "04")}]
)
def test_a_school_that_lives_by_another_clock_or_holidays_is_told(slip: dict[str, object]) -> None:
    told = where_fault(replace(PARIS, **slip), SHIPPED)  # type: ignore[arg-type]
    assert told in {"01: C, Europe/Paris, Métropole", "04: A, Europe/Paris, Métropole"}


def test_the_shipped_examples_leave_nothing_wanting() -> None:
    assert wanting(SHIPPED) == []


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("disconnect.morning", "no two examples within a minute of 07:00, one open, one quiet"),
        ("disconnect.evening", "no two examples within a minute of 20:00, one open, one quiet"),
        ("disconnect.public_holidays", "no example on a holiday"),
        ("disconnect.school_holidays", "no example on a holiday"),
        ("zones.territories.mayotte", "no example of 43"),
    ],
)
def test_each_edge_wants_its_examples(name: str, wanted: str) -> None:
    told = [what for of, what in dates_wanting(SHIPPED, without(name)) if of == name]
    assert told[0] == wanted
    assert [of for of, _ in wanting(SHIPPED) if of == name] == []


EVENING = "2026-11-19T19:59:59+01:00", "2026-11-19T20:00:00+01:00", "2026-11-20T07:00:00+01:00"


@pytest.mark.parametrize(
    ("shift", "uai", "shown"),
    [("2026-11-19", "", True), ("2026-11-18", "", False), ("2026-11-19", UAI, False)],
    ids=["two sides of one evening", "of two evenings", "of one school"],
)
def test_an_edge_is_shown_by_two_sides_of_one_moment(shift: str, uai: str, shown: bool) -> None:
    before, past, until = EVENING
    pair = (
        moment("disconnect.evening", before.replace("2026-11-19", shift), uai=uai),
        moment("disconnect.evening", past, until=until, uai=uai),
    )
    wanted = dates_wanting(SHIPPED, (*without("disconnect.evening"), *pair))
    assert ([of for of, _ in wanted] == []) == shown


def test_every_day_of_the_week_and_every_academie_wants_an_example() -> None:
    bare = list(dates_wanting(SHIPPED, without("disconnect.days", "zones.school_holidays.A")))
    assert ("disconnect.days", "no example on a sunday") in bare
    assert len([told for told in bare if told[0] == "disconnect.days"]) == 7
    assert len([told for told in bare if told[0] == "zones.school_holidays.A"]) == 8


def test_an_exception_wants_examples_on_both_sides_of_its_first_and_last_day(
    local: Calendars,
) -> None:
    name = "disconnect.exceptions"
    days = [
        "2026-11-10",
        "2026-11-11",
        "2026-11-12",
        "2026-12-20",
        "2026-12-21",
        "2026-12-23",
        "2026-12-24",
        "2026-12-25",
    ]
    wanted = {told for of, told in wanting(local) if of == name}
    assert {told.split(",")[0].removeprefix("no example on ") for told in wanted} == set(days)
    shown = [moment(name, f"{day}T12:00:00+01:00") for day in days]
    assert [told for of, told in wanting(local, *shown) if of == name] == []


def test_a_school_of_its_own_wants_its_own_examples(local: Calendars) -> None:
    name = f"disconnect.schools.{UAI}"
    wanted = [told for told in wanting(local) if told[0].startswith(name)]
    assert (name, "no example of this school") in wanted
    assert (f"{name}.evening", "no two examples within a minute of 19:00, one open, one quiet") in wanted
    assert len([of for of, _ in wanted if of == f"{name}.exceptions"]) == 3
    shown = [
        moment(f"{name}.evening", "2026-11-19T18:59:59+01:00", uai=UAI),
        moment(f"{name}.evening", "2026-11-19T19:00:00+01:00", until="2026-11-20T07:00:00+01:00", uai=UAI),
        *(moment(f"{name}.exceptions", f"2027-01-0{day}T12:00:00+01:00", uai=UAI) for day in (3, 4, 5)),
    ]
    assert [told for told in wanting(local, *shown) if told[0].startswith(name)] == []
    assert moment_fault(shown[0], local) is None
    assert moment_fault(shown[1], local) is None
