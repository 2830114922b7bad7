"""A slow, independent telling of when messages may go: minute after minute, by wall clock and calendar packages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from jours_feries_france import JoursFeries
from vacances_scolaires_france import SchoolHolidayDates

from policies.calendar import Day, HolidayZone, Place, Rule, SchoolCalendar, Weekday, quiet_until

WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday")
BEGIN = datetime(2026, 9, 1, tzinfo=UTC)
END = datetime(2027, 9, 1, tzinfo=UTC)
CLOCKS = {
    "Europe/Paris": "Métropole",
    "America/Guadeloupe": "Guadeloupe",
    "America/Cayenne": "Guyane",
    "Indian/Reunion": "La Réunion",
    "Pacific/Tahiti": "Polynésie Française",
    "America/Miquelon": "Saint-Pierre-et-Miquelon",
    "America/Martinique": "Martinique",
    "Indian/Mayotte": "Mayotte",
    "Pacific/Noumea": "Nouvelle-Calédonie",
    "Pacific/Wallis": "Wallis-et-Futuna",
}
"""Mainland, five overseas clocks (one of which changes, on other days than the mainland's), and the four others."""

_SCHOOL = SchoolHolidayDates()


@dataclass(frozen=True)
class Told:
    """A school's calendar in plain words, and what they come to."""

    clock: str = "Europe/Paris"
    zone: str | None = "A"
    morning: tuple[int, int] = (7, 0)
    evening: tuple[int, int] = (20, 0)
    week: tuple[str, ...] = WEEK
    public: bool = False
    school: bool = False
    exceptions: dict[date, str] = field(default_factory=dict)
    known: dict[date, bool] = field(default_factory=dict, init=False, compare=False)

    def calendar(self) -> SchoolCalendar:
        """The same as the value under test."""
        rule = Rule(
            morning=time(*self.morning),
            evening=time(*self.evening),
            days=frozenset(Weekday(day) for day in self.week),
            public_holidays=self.public,
            school_holidays=self.school,
            exceptions={day: Day(said) for day, said in self.exceptions.items()},
        )
        zone = HolidayZone(self.zone) if self.zone else None
        return SchoolCalendar(rule, Place(ZoneInfo(self.clock), zone, CLOCKS[self.clock]))

    def open_at(self, instant: datetime) -> bool:
        """Whether messages may go at this minute."""
        local = instant.astimezone(ZoneInfo(self.clock))
        day = local.date()
        if day not in self.known:
            self.known[day] = self._open_day(day)
        return self.known[day] and self.morning <= (local.hour, local.minute) < self.evening

    def _open_day(self, day: date) -> bool:
        if day in self.exceptions:
            return self.exceptions[day] == "open"
        off = day.strftime("%A").lower() not in self.week
        off = off or (self.public and JoursFeries.is_bank_holiday(day, CLOCKS[self.clock]))
        known = self.school and self.zone is not None and day.year <= _SCHOOL.max_year
        return not (off or (known and _SCHOOL.is_holiday_for_zone(day, self.zone)))


def expected(told: Told, begin: datetime, end: datetime, step: timedelta) -> Iterator[tuple[datetime, datetime | None]]:
    """Each instant, last first, with what is due: None, or the first open instant of the same steps after it.

    `end` is open, or what comes before it cannot be told.
    """
    opens, instant = end, end
    while not told.open_at(opens):
        opens = instant = instant + step
    while instant > begin:
        instant -= step
        if told.open_at(instant):
            opens = instant
            yield instant, None
        else:
            yield instant, opens


def walk(told: Told, *, begin: datetime = BEGIN, end: datetime = END, step: timedelta) -> int:
    """Compare at every step; returns how many. `opens` is reached by steps: a step must divide every boundary."""
    calendar, count = told.calendar(), 0
    for instant, due in expected(told, begin, end, step):
        found = quiet_until(calendar, instant)
        if found != due:
            raise AssertionError(f"{told.clock} {told.zone} {instant}: {found}, not {due}")
        count += 1
    return count
