"""Random handles for things that live shortly: codes, tickets, logins in progress, tokens. In memory, thread-safe."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
Seconds = Callable[[], float]
"""Where time comes from: seconds since the epoch."""


class Handles(Generic[T]):
    """Values behind random handles, each for `life` seconds. `take` gives a value to one caller only."""

    def __init__(self, *, life: float, now: Seconds, prefix: str = "") -> None:
        self._life = life
        self._now = now
        self._prefix = prefix
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, T]] = {}

    def put(self, value: T) -> str:
        """Keep a value and return its handle."""
        handle = self._prefix + secrets.token_urlsafe(32)
        self.keep(handle, value)
        return handle

    def keep(self, handle: str, value: T) -> None:
        """Keep a value under a handle that is already random."""
        with self._lock:
            self._kept = {name: kept for name, kept in self._kept.items() if self._now() < kept[0]}
            self._kept[handle] = (self._now() + self._life, value)

    def get(self, handle: str) -> T | None:
        """Return a live value and keep it."""
        with self._lock:
            return self._live(self._kept.get(handle))

    def take(self, handle: str) -> T | None:
        """Return a live value and forget it: of two takers one gets it."""
        with self._lock:
            return self._live(self._kept.pop(handle, None))

    def drop(self, handle: str) -> None:
        """Forget a value."""
        with self._lock:
            self._kept.pop(handle, None)

    def _live(self, kept: tuple[float, T] | None) -> T | None:
        return kept[1] if kept is not None and self._now() < kept[0] else None
