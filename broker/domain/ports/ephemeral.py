"""Seam to what may vanish at any moment (adapters: memory, Redis)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` requests under `key` in each window of `window` seconds."""

    key: str
    most: int
    window: int


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether the request may go on, after how many seconds otherwise, and the session copy that was asked for."""

    allowed: bool
    retry_after: int
    copy: bytes | None


class EphemeralStore(Protocol):
    """What may vanish at any moment: logins in progress, copies of at most 30 s, volume limits. Never a truth."""

    def put(self, key: str, value: bytes, *, ttl: int) -> None:
        """Keep a value for `ttl` seconds."""
        ...

    def get(self, key: str) -> bytes | None:
        """Read a value."""
        ...

    def take(self, key: str) -> bytes | None:
        """Read and remove, atomically: two takers never both get it."""
        ...

    def drop(self, keys: Sequence[str]) -> None:
        """Forget values."""
        ...

    def claim_once(self, key: str, *, ttl: int, usable_since: datetime | None = None) -> bool:
        """True for the first caller within `ttl` seconds, False for every other.

        `usable_since`: False too for what could be used before the store began to keep claims: it may have been.
        """
        ...

    def admit(self, limits: Sequence[Limit], *, copy_key: str) -> Admission:
        """Count the request against each limit and read a copy, in one round trip."""
        ...
