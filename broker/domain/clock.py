"""Time as a value: the clock is injected, every instant is aware UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

Clock = Callable[[], datetime]
SchoolDay = Callable[[str, datetime], date]
"""The day it is at a school (its UAI) at an instant: enrolments begin and end by the school's own midnight."""


def require_utc(moment: datetime) -> datetime:
    """Return `moment` unchanged, or raise `ValueError` when it is naive or not UTC (a silent hour is a lost right)."""
    if moment.tzinfo is None or moment.utcoffset() != UTC.utcoffset(None):
        raise ValueError("an aware UTC instant is required")
    return moment


def utc_day(_uai: str, now: datetime) -> date:
    """A `SchoolDay` where nothing is known of schools' clocks."""
    return now.date()
