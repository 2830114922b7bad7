"""The calendars' two tables, read into values: `disconnect.toml` (the rule, schools) and `zones.toml` (the places)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from policies.calendar import PUBLIC_HOLIDAY_LISTS, Day, HolidayZone, Place, Rule, SchoolCalendar, Weekday
from policies.numbers import Faulty, Misshapen, Read, TableFault, read_part, read_table

MAINLAND = Place(time_zone=ZoneInfo("Europe/Paris"), zone=None, public_holidays="Métropole")
"""Where a school is taken to be as long as nothing says otherwise: an address abroad, a fictional académie."""
LONGEST_EXCEPTION = timedelta(days=366)
"""A longer one is a mistyped year."""

_UAI = re.compile(r"\d{7}[A-Z]")
_DEPARTEMENT = re.compile(r"\d{3}")
_ACADEMIE = re.compile(r"\d{2}")
_TIME_ZONE = re.compile(r"[A-Z]\w+(/[A-Z][\w-]+)+", re.ASCII)
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_EARLIEST, _LATEST = time(5), time(10)
_SOONEST_END, _LATEST_END = time(17), time(22)


# ---- readers: TOML in, values out, `Misshapen` or `Faulty` raised --------------------------------------------------


def _morning(value: object) -> time:
    return _clock(value, _EARLIEST, _LATEST)


def _evening(value: object) -> time:
    return _clock(value, _SOONEST_END, _LATEST_END)


def _clock(value: object, least: time, most: time) -> time:
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Misshapen('a time of day is wanted, as "20:00"')
    found = time(int(match[1]), int(match[2]))
    if not least <= found <= most:
        raise Misshapen(f"from {least:%H:%M} to {most:%H:%M} is wanted")
    return found


def _days(value: object) -> frozenset[Weekday]:
    if not isinstance(value, list) or not value or any(day not in tuple(Weekday) for day in value):
        raise Misshapen("one or more days of the week are wanted, in English")
    return frozenset(Weekday(day) for day in value)


def _exceptions(value: object) -> Mapping[date, Day]:
    """Dates and what they are. Where ranges overlap the shorter one is meant; two of one length cannot both be."""
    said: dict[str, tuple[range, Day]] = {}
    faults = []
    for key, day in _table(value).items():
        try:
            said[key] = (_dates(key), _day(day))
        except Misshapen as fault:
            faults.append(TableFault(key, fault.args[0]))
    found: dict[int, tuple[str, Day]] = {}
    for key, (dates, day) in sorted(said.items(), key=lambda each: (-len(each[1][0]), each[0])):
        other = next((found[n] for n in dates if n in found and len(said[found[n][0]][0]) == len(dates)), None)
        if other is not None and other[1] is not day:
            faults.append(TableFault(key, f"{other[0]} says otherwise"))
        found |= dict.fromkeys(dates, (key, day))
    if faults:
        raise Faulty(faults)
    return {date.fromordinal(n): day for n, (_, day) in found.items()}


def _dates(key: str) -> range:
    """The dates of a key, as ordinals: one, or all of a range, both ends with it."""
    try:
        first, _, last = key.partition("/")
        begin, end = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        raise Misshapen("a date or a range is wanted, as 2026-11-11 or 2026-10-17/2026-11-01") from None
    if not timedelta(0) <= end - begin <= LONGEST_EXCEPTION:
        raise Misshapen("a range ends after it begins, within a year")
    return range(begin.toordinal(), end.toordinal() + 1)


def _day(value: object) -> Day:
    if value not in tuple(Day):
        raise Misshapen("open or quiet is wanted")
    return Day(str(value))


def _table(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Misshapen("a table is wanted")
    return value


def _time_zone(value: object) -> ZoneInfo:
    try:
        if isinstance(value, str) and _TIME_ZONE.fullmatch(value):
            return ZoneInfo(value)
    except (ZoneInfoNotFoundError, OSError):
        pass  # no such file, or a folder of them
    raise Misshapen("a time zone is wanted, as Indian/Reunion")


def _zone(value: object) -> HolidayZone:
    if value not in tuple(HolidayZone):
        raise Misshapen("A, B or C is wanted")
    return HolidayZone(str(value))


def _public_holidays(value: object) -> str:
    if value not in PUBLIC_HOLIDAY_LISTS:
        raise Misshapen("one of " + ", ".join(PUBLIC_HOLIDAY_LISTS) + " is wanted")
    return str(value)


def _departements(value: object) -> frozenset[str]:
    return _codes(value, _DEPARTEMENT, "the first three digits of a UAI")


def _academies(value: object) -> frozenset[str]:
    return _codes(value, _ACADEMIE, "two digits")


def _codes(value: object, shape: re.Pattern[str], told: str) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(code, str) and shape.fullmatch(code) for code in value):
        raise Misshapen(f"a list is wanted, each item of {told}")
    return frozenset(value)


def _each(kind: type[Any], value: object) -> dict[str, Any]:
    """A table of tables, each read as `kind`."""
    found, faults = {}, []
    for key, table in _table(value).items():
        built = read_table(kind, table) if isinstance(table, dict) else (TableFault("", "a table is wanted"),)
        if isinstance(built, tuple):
            faults += [TableFault(f"{key}.{each.key}".rstrip("."), each.reason) for each in built]
        found[key] = built
    if faults:
        raise Faulty(faults)
    return found


# ---- zones.toml ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Territory:
    """A part of France with a clock or public holidays of its own; départements by the first digits of a UAI."""

    departements: Annotated[frozenset[str], Read(_departements)]
    academies: Annotated[frozenset[str], Read(_academies)]
    time_zone: Annotated[ZoneInfo, Read(_time_zone)]
    public_holidays: Annotated[str, Read(_public_holidays)]


def _zone_of(value: object) -> Mapping[str, HolidayZone]:
    found = {_zone(letter): _academies(numbers) for letter, numbers in _table(value).items()}
    _check_once(number for numbers in found.values() for number in numbers)
    return {number: letter for letter, numbers in found.items() for number in numbers}


def _territories(value: object) -> Mapping[str, Territory]:
    found: dict[str, Territory] = _each(Territory, value)
    for codes in ("departements", "academies"):
        _check_once(code for each in found.values() for code in getattr(each, codes))
    return found


def _check_once(codes: Iterable[str]) -> None:
    """A code that stands twice has a row that nothing reaches."""
    counted = Counter(codes)
    twice = sorted(code for code, times in counted.items() if times > 1)
    if twice:
        raise Misshapen(f"{', '.join(twice)} stands twice")


@dataclass(frozen=True, slots=True)
class Zones:
    """`zones.toml`: the zone of each académie's school holidays, and the territories apart."""

    school_holidays: Annotated[Mapping[str, HolidayZone], Read(_zone_of)]
    territories: Annotated[Mapping[str, Territory], Read(_territories)]

    def place(self, *, uai: str, academie: str) -> Place:
        """Where a school is. Its own number tells more than its académie: one académie has had several clocks."""
        apart = self.territories.values()
        found = next((each for each in apart if uai[:3] in each.departements), None) or next(
            (each for each in apart if academie in each.academies), None
        )
        there = MAINLAND if found is None else Place(found.time_zone, None, found.public_holidays)
        return replace(there, zone=self.school_holidays.get(academie))


# ---- disconnect.toml -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Settings:
    """Every key a school may set."""

    morning: Annotated[time, Read(_morning)]
    evening: Annotated[time, Read(_evening)]
    days: Annotated[frozenset[Weekday], Read(_days)]
    public_holidays: bool
    school_holidays: bool
    exceptions: Annotated[Mapping[date, Day], Read(_exceptions)]
    zone: Annotated[HolidayZone, Read(_zone)]
    time_zone: Annotated[ZoneInfo, Read(_time_zone)]
    public_holidays_of: Annotated[str, Read(_public_holidays)]


_OF_PLACE = {"zone": "zone", "time_zone": "time_zone", "public_holidays_of": "public_holidays"}


@dataclass(frozen=True, slots=True)
class SchoolSettings:
    """What one school sets otherwise than its tenant: some fields of `Rule`, some of `Place`."""

    rule: Mapping[str, Any]
    place: Mapping[str, Any]


def _schools(value: object) -> Mapping[str, SchoolSettings]:
    found, faults = {}, []
    for uai, table in _table(value).items():
        if not _UAI.fullmatch(uai) or not isinstance(table, dict):
            faults.append(TableFault(uai, "a table under a UAI (seven digits and a letter) is wanted"))
            continue
        values, wrong = read_part(_Settings, table)
        faults += (TableFault(f"{uai}.{each.key}", each.reason) for each in wrong)
        place = {_OF_PLACE[key]: each for key, each in values.items() if key in _OF_PLACE}
        found[uai] = SchoolSettings({key: each for key, each in values.items() if key not in _OF_PLACE}, place)
    if faults:
        raise Faulty(faults)
    return found


@dataclass(frozen=True, slots=True)
class Disconnect:
    """`disconnect.toml`: the tenant's rule, and what single schools set otherwise."""

    morning: Annotated[time, Read(_morning)]
    evening: Annotated[time, Read(_evening)]
    days: Annotated[frozenset[Weekday], Read(_days)]
    public_holidays: bool
    school_holidays: bool
    exceptions: Annotated[Mapping[date, Day], Read(_exceptions)]
    schools: Annotated[Mapping[str, SchoolSettings], Read(_schools)]

    def rule(self, own: SchoolSettings) -> Rule:
        """The tenant's rule with what a school sets otherwise; a date that both except is the school's to say."""
        given = Rule(
            morning=self.morning,
            evening=self.evening,
            days=self.days,
            public_holidays=self.public_holidays,
            school_holidays=self.school_holidays,
            exceptions=self.exceptions,
        )
        joined = {**self.exceptions, **own.rule.get("exceptions", {})}
        return replace(given, **{**own.rule, "exceptions": joined})


_NOTHING = SchoolSettings({}, {})


@dataclass(frozen=True, slots=True)
class Calendars:
    """Both tables of one version of the policies."""

    disconnect: Disconnect
    zones: Zones


def calendar_of(calendars: Calendars, uai: str, *, academie: str = "") -> SchoolCalendar:
    """The calendar of a school, by its UAI and the two digits of its académie (empty when unknown)."""
    own = calendars.disconnect.schools.get(uai, _NOTHING)
    place = calendars.zones.place(uai=uai, academie=academie)
    return SchoolCalendar(rule=calendars.disconnect.rule(own), place=replace(place, **own.place))
