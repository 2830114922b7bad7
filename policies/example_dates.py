"""Examples of dates: until when messages wait at an instant, and by which clock and holidays a school lives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import TypeVar

from policies.calendar import Day, SchoolCalendar, Weekday, quiet_until
from policies.calendar_tables import Calendars, SchoolSettings, calendar_of
from policies.example_shapes import Example, MomentExample, WhereExample

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_WEEK = tuple(Weekday)
T = TypeVar("T")


def moment_fault(example: MomentExample, calendars: Calendars) -> str | None:
    """Tell what comes instead of what the example says; None when it came true."""
    if not _known(example.of, calendars):
        return "no such date"
    calendar = _calendar(example, calendars)
    for now in example.at:
        until = quiet_until(calendar, now)
        if until != example.until:
            clock = calendar.place.time_zone
            return f"at {now.astimezone(clock)}: {f'quiet until {until.astimezone(clock)}' if until else 'open'}"
    return None


def where_fault(example: WhereExample, calendars: Calendars) -> str | None:
    """Tell which school lives by another clock or other holidays than the example says."""
    if not _is_where(example.of, calendars):
        return "no such zone or territory"
    wanted = (example.zone, example.time_zone, example.public_holidays)
    asked = [(code, "") for code in example.departements] + [("", code) for code in example.academies]
    for departement, academie in asked:
        place = calendars.zones.place(uai=departement, academie=academie)
        found = (place.zone.value if place.zone else "", place.time_zone.key, place.public_holidays)
        if found != wanted:
            return f"{departement or academie}: {', '.join(found)}"
    return None


def dates_wanting(calendars: Calendars, examples: Iterable[Example]) -> Iterator[tuple[str, str]]:
    """What no example shows: names of the tables, and what is missing of them."""
    told = tuple(examples)
    moments = _of_kind(told, MomentExample)
    rule = calendars.disconnect
    at_large = [example for example in moments if not example.uai]
    yield from _clock_wanting("disconnect", rule.morning, rule.evening, at_large, calendars)
    yield from _week_wanting(at_large, calendars)
    yield from _holidays_wanting(at_large)
    yield from _exceptions_wanting("disconnect.exceptions", rule.exceptions, at_large, calendars)
    for uai, own in rule.schools.items():
        yield from _school_wanting(uai, own, [each for each in moments if each.uai == uai], calendars)
    yield from _places_wanting(calendars, _of_kind(told, WhereExample))


def _known(name: str, calendars: Calendars) -> bool:
    """`disconnect.evening`, or `disconnect.schools.9990001X` and what follows it."""
    table, _, rest = name.partition(".")
    key, _, inner = rest.partition(".")
    if table != "disconnect" or not hasattr(calendars.disconnect, key) or key == "rule":
        return False
    return key != "schools" or inner.partition(".")[0] in calendars.disconnect.schools


def _is_where(name: str, calendars: Calendars) -> bool:
    """`zones.school_holidays.A`, `zones.territories.reunion`."""
    table, _, inner = name.removeprefix("zones.").partition(".")
    there = {"school_holidays": calendars.zones.school_holidays.values(), "territories": calendars.zones.territories}
    return name.startswith("zones.") and inner in there.get(table, ())


def _calendar(example: MomentExample, calendars: Calendars) -> SchoolCalendar:
    return calendar_of(calendars, example.uai, academie=example.academie)


def _of_kind(examples: Iterable[Example], kind: type[T]) -> list[T]:
    return [example for example in examples if isinstance(example, kind)]


def _clock_wanting(
    name: str, morning: time | None, evening: time | None, moments: list[MomentExample], calendars: Calendars
) -> Iterator[tuple[str, str]]:
    for key, edge in (("morning", morning), ("evening", evening)):
        if edge is not None and not _is_shown(edge, moments, calendars):
            yield f"{name}.{key}", f"no two examples within a minute of {edge:%H:%M}, one open, one quiet"


def _is_shown(edge: time, moments: list[MomentExample], calendars: Calendars) -> bool:
    near = [(local, example.until is None) for local, example in _local(moments, calendars) if _distance(local, edge)]
    return any(
        one_open != other_open and abs(one - other) <= _MINUTE for one, one_open in near for other, other_open in near
    )


def _distance(local: datetime, edge: time) -> bool:
    return abs(local - datetime.combine(local.date(), edge, local.tzinfo)) <= _MINUTE


def _local(moments: Iterable[MomentExample], calendars: Calendars) -> Iterator[tuple[datetime, MomentExample]]:
    for example in moments:
        clock = _calendar(example, calendars).place.time_zone
        yield from ((now.astimezone(clock), example) for now in example.at)


def _week_wanting(moments: list[MomentExample], calendars: Calendars) -> Iterator[tuple[str, str]]:
    of_week = [example for example in moments if example.of == "disconnect.days"]
    shown = {_WEEK[local.weekday()] for local, _ in _local(of_week, calendars)}
    yield from (("disconnect.days", f"no example on a {day}") for day in _WEEK if day not in shown)


def _holidays_wanting(moments: list[MomentExample]) -> Iterator[tuple[str, str]]:
    shown = {example.of for example in moments}
    for key in ("disconnect.public_holidays", "disconnect.school_holidays"):
        if key not in shown:
            yield key, "no example on a holiday"


def _exceptions_wanting(
    name: str, exceptions: Mapping[date, Day], moments: list[MomentExample], calendars: Calendars
) -> Iterator[tuple[str, str]]:
    """The first and the last day of each run of exceptions, and the day on the other side of each."""
    shown = {local.date() for local, example in _local(moments, calendars) if example.of == name}
    for day, what in sorted(exceptions.items()):
        beyond = [each for each in (day - _DAY, day + _DAY) if exceptions.get(each) is not what]
        for each in (day, *beyond) if beyond else ():
            if each not in shown:
                yield name, f"no example on {each}, at the edge of {what} on {day}"


def _school_wanting(
    uai: str, own: SchoolSettings, moments: list[MomentExample], calendars: Calendars
) -> Iterator[tuple[str, str]]:
    name = f"disconnect.schools.{uai}"
    if not moments:
        yield name, "no example of this school"
    yield from _clock_wanting(name, own.rule.get("morning"), own.rule.get("evening"), moments, calendars)
    yield from _exceptions_wanting(f"{name}.exceptions", own.rule.get("exceptions", {}), moments, calendars)


def _places_wanting(calendars: Calendars, examples: list[WhereExample]) -> Iterator[tuple[str, str]]:
    departements = {code for example in examples for code in example.departements}
    academies = {code for example in examples for code in example.academies}
    for code, zone in calendars.zones.school_holidays.items():
        if code not in academies:
            yield f"zones.school_holidays.{zone}", f"no example of académie {code}"
    for name, there in calendars.zones.territories.items():
        for code in sorted((there.departements - departements) | (there.academies - academies)):
            yield f"zones.territories.{name}", f"no example of {code}"
