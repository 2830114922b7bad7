"""A clock that stands still until told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FakeClock:
    """A `Clock` for tests: call it for the instant, `advance` it, `set` it."""

    def __init__(self, start: datetime = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)) -> None:
        self._now = start

    def __call__(self) -> datetime:
        return self._now

    def advance(self, step: timedelta | float) -> datetime:
        """Move on by a span, or by seconds; returns the new instant."""
        self._now += step if isinstance(step, timedelta) else timedelta(seconds=step)
        return self._now

    def set(self, moment: datetime) -> None:
        """Jump to an aware UTC instant, backwards too."""
        if moment.utcoffset() != timedelta(0):
            raise ValueError("an aware UTC instant is required")
        self._now = moment
