"""Seam to the counters of guesses: in SQL, so that no restart gives an attempt back to an attacker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from broker.domain.guesses import GuessCounter, Tally, Wait


class Guesses(Protocol):
    """How often somebody guessed at a secret. Keys are digests: nobody reads a login from them."""

    def claim(self, counters: Sequence[GuessCounter], *, now: datetime, evenly: bool = False) -> Wait | None:
        """Count one guess under every key, or under none and say how long to wait. Atomic, across processes too.

        `evenly`: as much work whatever was counted before, and refused, for a key that may stand for an account.
        """
        ...

    def standing(self, keys: Sequence[str]) -> Mapping[str, Tally]:
        """What is counted under these keys."""
        ...

    def forgive(self, *, cleared: Sequence[str] = (), returned: Sequence[str] = ()) -> None:
        """Forget the guesses under the keys `cleared`, and take back one guess under each of `returned`."""
        ...
