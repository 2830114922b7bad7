"""Places that have a first and a last day, which are the school's own: read wide in SQL, cut by the school's clock.

French schools lie between UTC-10 and UTC+12: what day it is there is the UTC day, the one before or the one after.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Date, Row, bindparam, or_

from broker.domain.clock import SchoolDay
from broker.storage.schema import enrolments

_DAY = timedelta(days=1)


def days(now: datetime) -> dict[str, date]:
    """What the two conditions below are bound to."""
    return {"yesterday": now.date() - _DAY, "tomorrow": now.date() + _DAY}


def not_over_everywhere() -> ColumnElement[bool]:
    """Somewhere the last day of the place is not over yet."""
    return or_(enrolments.c.ends_on.is_(None), enrolments.c.ends_on >= bindparam("yesterday", type_=Date))


def begun_somewhere() -> ColumnElement[bool]:
    """Somewhere the first day of the place has come."""
    return or_(enrolments.c.starts_on.is_(None), enrolments.c.starts_on <= bindparam("tomorrow", type_=Date))


def is_over(row: Row[Any], *, school_day: SchoolDay, now: datetime) -> bool:
    """Tell whether the last day of this row's place (`uai`, `ends_on`) is over at its school."""
    return row.ends_on is not None and row.ends_on < school_day(row.uai, now)


def lies_ahead(row: Row[Any], *, school_day: SchoolDay, now: datetime) -> bool:
    """Tell whether the first day of this row's place (`uai`, `starts_on`) is still to come at its school."""
    return row.starts_on is not None and row.starts_on > school_day(row.uai, now)
