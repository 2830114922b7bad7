"""Guesses at a secret: how many were made under a key, and when the next may be. Pure; adapters keep the tallies.

A throttle, never a lock-out: every refusal has an end. A guess is counted before it is tried, so that a hundred at
once are no more than one after the other; only the secret itself clears the count.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class GuessRule:
    """How guesses under one key are slowed down.

    The first `free` come without waiting; after each further one the next of `waits` has to pass, the last of them
    again and again. `most` are allowed within `window`, which begins with the first.
    """

    most: int
    window: timedelta
    free: int
    waits: tuple[timedelta, ...] = ()


@dataclass(frozen=True, slots=True)
class GuessCounter:
    """One key to count under, a keyed digest, and its rule."""

    key: str
    rule: GuessRule


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted under a key: `tries` since `began_at`, none more before `open_at`."""

    tries: int
    began_at: datetime
    open_at: datetime
    ends_at: datetime
    """From here on the tally says nothing any more."""


@dataclass(frozen=True, slots=True)
class Wait:
    """No guess before `until`. `spent`: because there were as many as the window allows."""

    until: datetime
    spent: bool


def weigh_guess(tally: Tally | None, rule: GuessRule, *, now: datetime) -> Tally | Wait:
    """The tally with this guess counted, or how long the guesser has to wait."""
    if tally is None or now >= tally.ends_at:
        tally = Tally(0, now, now, now + rule.window)
    if tally.tries >= rule.most:
        return Wait(tally.ends_at, spent=True)
    if now < tally.open_at:
        return Wait(tally.open_at, spent=False)
    tries = tally.tries + 1
    return Tally(tries, tally.began_at, now + _wait_after(tries, rule), tally.ends_at)


def _wait_after(tries: int, rule: GuessRule) -> timedelta:
    if tries < rule.free or not rule.waits:
        return timedelta(0)
    return rule.waits[min(tries - rule.free, len(rule.waits) - 1)]
