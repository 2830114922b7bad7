"""Time as a value: the clock is injected, every instant is aware UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def require_utc(moment: datetime) -> datetime:
    """Return `moment` unchanged, or raise `ValueError` when it is naive or not UTC (a silent hour is a lost right)."""
    if moment.tzinfo is None or moment.utcoffset() != UTC.utcoffset(None):
        raise ValueError("an aware UTC instant is required")
    return moment
