"""The right to disconnect as one pure function, against a slow telling that only knows clocks on walls."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from policies.calendar import HolidayZone, holidays_known, is_open_day, quiet_until
from tests.calendars import BEGIN, CLOCKS, END, WEEK, Told, walk

PARIS = ZoneInfo("Europe/Paris")
MINUTE = timedelta(minutes=1)
TEN = timedelta(minutes=10)
FIVE_OVERSEAS = tuple(CLOCKS)[1:6]


def paris(*when: int) -> datetime:
    return datetime(*when, tzinfo=PARIS).astimezone(UTC)  # type: ignore[arg-type, misc]


def until(told: Told, now: datetime) -> datetime | None:
    return quiet_until(told.calendar(), now)


# ---- the shipped rule, at its edges --------------------------------------------------------------------------------


def test_a_weekday_is_open_from_seven_until_just_before_eight_in_the_evening() -> None:
    told, thursday = Told(), paris(2026, 9, 17, 7, 0)
    assert until(told, paris(2026, 9, 16, 19, 59)) is None
    assert until(told, paris(2026, 9, 16, 20, 0)) == thursday
    assert until(told, paris(2026, 9, 17, 0, 0)) == thursday
    assert until(told, paris(2026, 9, 17, 6, 59)) == thursday
    assert until(told, thursday) is None


def test_friday_evening_waits_for_monday_morning() -> None:
    monday = paris(2026, 9, 21, 7, 0)
    for now in (paris(2026, 9, 18, 20, 0), paris(2026, 9, 19, 12, 0), paris(2026, 9, 20, 23, 59)):
        assert until(Told(), now) == monday


def test_a_week_end_and_a_holiday_on_monday_are_one_quiet_time() -> None:
    before_easter_monday, tuesday = paris(2027, 3, 26, 20, 0), paris(2027, 3, 30, 7, 0)
    assert until(Told(public=True), before_easter_monday) == tuesday
    assert until(Told(public=False), before_easter_monday) == paris(2027, 3, 29, 7, 0)


def test_the_night_that_loses_an_hour_and_the_night_that_gains_one_end_at_seven_all_the_same() -> None:
    told = Told(week=(*WEEK, "saturday", "sunday"))
    shorter, longer = paris(2027, 3, 28, 7, 0), paris(2026, 10, 25, 7, 0)
    assert until(told, paris(2027, 3, 27, 20, 0)) == shorter == datetime(2027, 3, 28, 5, 0, tzinfo=UTC)
    assert until(told, paris(2026, 10, 24, 20, 0)) == longer == datetime(2026, 10, 25, 6, 0, tzinfo=UTC)
    first_half_past_two = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert until(told, first_half_past_two) == until(told, first_half_past_two + timedelta(hours=1)) == longer


@pytest.mark.parametrize("day", [date(2026, 10, 25), date(2027, 3, 28)])
def test_both_clock_changes_are_right_in_every_minute(day: date) -> None:
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=5)
    for week in (WEEK, (*WEEK, "saturday", "sunday")):
        told = Told(week=week)
        assert walk(told, begin=begin, end=begin + timedelta(hours=40), step=MINUTE) >= 2400


def test_a_school_sets_its_own_hours() -> None:
    told = Told(morning=(7, 30), evening=(19, 0))
    assert until(told, paris(2026, 9, 16, 19, 0)) == paris(2026, 9, 17, 7, 30)
    assert until(told, paris(2026, 9, 16, 18, 59)) is None


def test_an_exception_opens_a_sunday_and_closes_a_weekday_whatever_the_rest_says() -> None:
    sunday, tuesday = date(2026, 11, 8), date(2026, 11, 10)
    told = Told(public=True, exceptions={sunday: "open", tuesday: "quiet", date(2026, 11, 11): "open"})
    assert until(told, paris(2026, 11, 8, 12, 0)) is None
    assert until(told, paris(2026, 11, 10, 12, 0)) == paris(2026, 11, 11, 7, 0)


def test_each_zone_has_its_own_winter_holidays() -> None:
    """2027: A from 13 February, B from the 20th, C from the 6th."""
    monday = paris(2027, 2, 8, 12, 0)
    assert [until(Told(zone=zone, school=True), monday) is None for zone in ("A", "B", "C")] == [True, True, False]
    assert until(Told(zone="C", school=True), monday) == paris(2027, 2, 22, 7, 0)
    assert until(Told(zone="C", school=False), monday) is None


def test_where_holidays_are_unknown_the_weekly_rule_alone_holds_and_it_is_told() -> None:
    for told, day in ((Told(zone=None, school=True), date(2026, 12, 28)), (Told(school=True), date(2031, 7, 28))):
        assert is_open_day(told.calendar(), day)
        assert not holidays_known(told.calendar(), day)
    assert holidays_known(Told().calendar(), date(2028, 8, 31))
    assert not holidays_known(Told().calendar(), date(2028, 9, 1))
    assert HolidayZone(Told().zone) is HolidayZone.A


def test_an_instant_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        quiet_until(Told().calendar(), datetime(2026, 9, 1, 12, 0))  # noqa: DTZ001 - the point


# ---- a year ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["A", "B", "C"])
@pytest.mark.parametrize("clock", ["Europe/Paris", *FIVE_OVERSEAS])
def test_a_year_of_a_zone_by_a_clock_is_right_at_every_ten_minutes(clock: str, zone: str) -> None:
    assert walk(Told(clock=clock, zone=zone, public=True, school=True), step=TEN) >= 52_560


INSTANTS = st.integers(0, 4 * 365 * 24 * 60).map(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + n * MINUTE)
CALENDARS = st.builds(
    Told,
    clock=st.sampled_from(list(CLOCKS)),
    zone=st.sampled_from(["A", "B", "C", None]),
    morning=st.sampled_from([(7, 0), (7, 30), (5, 0), (10, 0)]),
    evening=st.sampled_from([(20, 0), (19, 0), (17, 0), (22, 0)]),
    week=st.sets(st.sampled_from([*WEEK, "saturday", "sunday"]), min_size=1).map(tuple),
    public=st.booleans(),
    school=st.booleans(),
    exceptions=st.dictionaries(
        st.dates(date(2026, 1, 1), date(2029, 12, 31)), st.sampled_from(["open", "quiet"]), max_size=30
    ),
)


@settings(max_examples=300, deadline=None)
@given(told=CALENDARS, now=INSTANTS)
@example(told=Told(), now=BEGIN)
def test_what_is_told_is_ahead_open_and_the_first_open_instant(told: Told, now: datetime) -> None:
    calendar = told.calendar()
    found = quiet_until(calendar, now)
    if found is None:
        assert told.open_at(now)
        return
    assert not told.open_at(now)
    assert found > now
    assert found.tzinfo is UTC
    assert told.open_at(found)
    assert quiet_until(calendar, found) is None
    assert not any(told.open_at(found - MINUTE * n) for n in range(1, int((found - now) / MINUTE) + 1, 7))
    assert not told.open_at(found - timedelta(microseconds=1))


@settings(max_examples=300, deadline=None)
@given(told=CALENDARS, now=INSTANTS, later=st.timedeltas(timedelta(0), timedelta(days=10)))
def test_who_comes_later_never_goes_earlier(told: Told, now: datetime, later: timedelta) -> None:
    calendar = told.calendar()
    assert (quiet_until(calendar, now) or now) <= (quiet_until(calendar, now + later) or now + later)


def test_the_year_that_is_walked_has_both_clock_changes() -> None:
    assert {instant.astimezone(PARIS).utcoffset() for instant in (BEGIN, BEGIN + timedelta(days=120), END)} == {
        timedelta(hours=1),
        timedelta(hours=2),
    }
