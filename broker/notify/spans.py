"""How long something lasts, as a reader's language writes it: « 10 minutes », « 3 jours »."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from babel.dates import format_timedelta

_Unit = tuple[Literal["day", "hour", "minute"], timedelta]
_MINUTE: _Unit = ("minute", timedelta(minutes=1))
_UNITS: tuple[_Unit, ...] = (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), _MINUTE)
_DUAL, _OBLIQUE = "ان", "ين"


def lasting(span: timedelta, language: str) -> str:
    """A span in the largest unit that it fills whole, in minutes at the least; a part of one is not promised.

    In Arabic two of a unit are one word, in the case that all our sentences give them: after a preposition, or as
    how long.
    """
    name, unit = next((each for each in _UNITS if not span % each[1]), _MINUTE)
    written = format_timedelta(span // unit * unit, granularity=name, threshold=float("inf"), locale=language)
    if language == "ar" and written.endswith(_DUAL):
        return written.removesuffix(_DUAL) + _OBLIQUE
    return written.replace("\u00a0", " ")
