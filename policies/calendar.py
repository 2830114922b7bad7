"""The right to disconnect: until when messages for a school's people wait. Reading and signing in are never closed.

A day is open or quiet; an open day is open from its morning to its evening. Evenings, week-ends, holidays and a
school's own exceptions therefore join by themselves, and the quiet ends in the morning of the next open day.

What the two packages do not know is not guessed: outside the years of their data, in Corse and overseas, school
holidays are unknown (`holidays_known`) and the weekly rule alone holds. A school there writes them as exceptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo

from jours_feries_france import JoursFeries
from vacances_scolaires_france import SchoolHolidayDates

PUBLIC_HOLIDAY_LISTS: tuple[str, ...] = tuple(JoursFeries.ZONES)
"""Names of the lists of public holidays: the mainland's, Alsace-Moselle's, and those of each territory overseas."""

_ONE_DAY = timedelta(days=1)


class Weekday(StrEnum):
    """Days of the week, in the order of `date.weekday()`."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


_WEEK = tuple(Weekday)


class Day(StrEnum):
    """What an exception says of a date, whatever the week and the holidays say."""

    OPEN = "open"
    QUIET = "quiet"


class HolidayZone(StrEnum):
    """Zones of the school holidays (order of 15 December 2020)."""

    A = "A"
    B = "B"
    C = "C"


@dataclass(frozen=True, slots=True)
class Rule:
    """When messages may go: on these days, from `morning` on and before `evening`, by the school's own clock."""

    morning: time
    evening: time
    days: frozenset[Weekday]
    public_holidays: bool
    """Whether a public holiday is quiet."""
    school_holidays: bool
    """Whether a day of the school holidays is quiet."""
    exceptions: Mapping[date, Day]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a school is, as far as calendars differ. `zone` is None where the holidays are of no zone (or unknown)."""

    time_zone: ZoneInfo
    zone: HolidayZone | None
    public_holidays: str
    """The list of public holidays, as jours-feries-france names it."""


@dataclass(frozen=True, slots=True)
class SchoolCalendar:
    """The rule of one school at its place."""

    rule: Rule
    place: Place


def quiet_until(calendar: SchoolCalendar, now: datetime) -> datetime | None:
    """None when messages may go now, else the UTC instant from which they may again. `now` is aware, or `ValueError`.

    Mornings lie between 5:00 and 10:00 (loading checks it), where no French clock is ever changed: each exists once.
    """
    if now.tzinfo is None:
        raise ValueError("an aware instant is wanted")
    local = now.astimezone(calendar.place.time_zone)
    day, moment = local.date(), local.time()
    if moment < calendar.rule.evening and is_open_day(calendar, day):
        return None if moment >= calendar.rule.morning else _morning(calendar, day)
    day += _ONE_DAY
    while not is_open_day(calendar, day):
        day += _ONE_DAY
    return _morning(calendar, day)


def is_open_day(calendar: SchoolCalendar, day: date) -> bool:
    """Tell whether messages may go at all on this day; an exception decides before week and holidays do."""
    rule, place = calendar.rule, calendar.place
    exception = rule.exceptions.get(day)
    if exception is not None:
        return exception is Day.OPEN
    if _WEEK[day.weekday()] not in rule.days:
        return False
    if rule.public_holidays and day in _public_holidays(place.public_holidays, day.year):
        return False
    return not (rule.school_holidays and place.zone is not None and day in _school_holidays(place.zone))


def holidays_known(calendar: SchoolCalendar, day: date) -> bool:
    """Tell whether the school holidays of this day are known here; else the weekly rule alone speaks."""
    zone = calendar.place.zone
    return zone is not None and min(_school_holidays(zone)) <= day <= max(_school_holidays(zone))


def _morning(calendar: SchoolCalendar, day: date) -> datetime:
    return datetime.combine(day, calendar.rule.morning, calendar.place.time_zone).astimezone(UTC)


@cache
def _school_holidays(zone: HolidayZone) -> frozenset[date]:
    """Every day without class that the package knows of a zone. Read at first need: it is a file of 14,000 lines."""
    dates = SchoolHolidayDates()
    years = range(dates.min_year, dates.max_year + 1)
    return frozenset(day for year in years for day in dates.holidays_for_year_and_zone(year, zone.value))


@cache
def _public_holidays(name: str, year: int) -> frozenset[date]:
    return frozenset(JoursFeries.for_year(year, name).values())
