"""`EphemeralStore` in this process's memory: the embedded default, for one process."""

from __future__ import annotations

import heapq
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from broker.domain.clock import Clock
from broker.domain.errors import EphemeralUnavailable
from broker.domain.ports import Admission, Limit

Value = TypeVar("Value")

MOST = 100_000
"""Entries of each kind: a flood of logins in progress may push out the oldest, never the process."""


@dataclass(slots=True)
class _Shelf(Generic[Value]):
    """At most `most` entries that end at an instant. `ends` orders them; its outdated lines are skipped when met."""

    most: int
    entries: dict[str, tuple[datetime, Value]] = field(default_factory=dict)
    ends: list[tuple[datetime, str]] = field(default_factory=list)

    def get(self, key: str, now: datetime) -> tuple[datetime, Value] | None:
        entry = self.entries.get(key)
        return entry if entry is not None and now < entry[0] else None

    def put(self, key: str, value: Value, *, ends_at: datetime) -> None:
        self.entries[key] = (ends_at, value)
        heapq.heappush(self.ends, (ends_at, key))
        if len(self.ends) > 2 * self.most:
            self.ends = [(moment, name) for name, (moment, _) in self.entries.items()]
            heapq.heapify(self.ends)

    def pop(self, key: str) -> None:
        self.entries.pop(key, None)

    def forget_expired(self, now: datetime, limit: int) -> int:
        """Forget what has ended; the work is proportional to what ends, not to what is kept."""
        before = len(self.entries)
        while self.ends and self.ends[0][0] <= now and before - len(self.entries) < limit:
            self._forget_first()
        return before - len(self.entries)

    def make_room(self, now: datetime) -> None:
        """Forget what has ended, then what ends soonest, until one more entry fits."""
        self.forget_expired(now, self.most)
        while len(self.entries) >= self.most and self.ends:
            self._forget_first()

    def _forget_first(self) -> None:
        ends_at, key = heapq.heappop(self.ends)
        entry = self.entries.get(key)
        if entry is not None and entry[0] == ends_at:
            del self.entries[key]


class MemoryStore:
    """Thread-safe and bounded; time is the injected clock's.

    When full, what has expired goes first, then what would expire soonest. Claims are never pushed out while they
    hold: a claim forgotten early could be made twice, so a full shelf of claims refuses instead.
    """

    def __init__(self, clock: Clock, *, most: int = MOST) -> None:
        self._clock = clock
        self._began = clock()
        self._lock = threading.Lock()
        self._values: _Shelf[bytes] = _Shelf(most)
        self._claims: _Shelf[None] = _Shelf(most)
        self._counts: _Shelf[int] = _Shelf(most)

    def put(self, key: str, value: bytes, *, ttl: int) -> None:
        """Keep a value for `ttl` seconds."""
        now = self._clock()
        with self._lock:
            self._values.pop(key)
            self._values.make_room(now)
            self._values.put(key, value, ends_at=now + timedelta(seconds=ttl))

    def get(self, key: str) -> bytes | None:
        """Read a value."""
        with self._lock:
            found = self._values.get(key, self._clock())
        return found[1] if found else None

    def take(self, key: str) -> bytes | None:
        """Read and remove, atomically."""
        with self._lock:
            found = self._values.get(key, self._clock())
            self._values.pop(key)
        return found[1] if found else None

    def drop(self, keys: Sequence[str]) -> None:
        """Forget values."""
        with self._lock:
            for key in keys:
                self._values.pop(key)

    def claim_once(self, key: str, *, ttl: int, usable_since: datetime | None = None) -> bool:
        """True for the first caller within `ttl` seconds. Raises `EphemeralUnavailable` when no claim fits any more."""
        now = self._clock()
        if usable_since is not None and usable_since < self._began:
            return False
        with self._lock:
            if self._claims.get(key, now):
                return False
            self._claims.forget_expired(now, self._claims.most)
            if len(self._claims.entries) >= self._claims.most:
                raise EphemeralUnavailable("too many live claims")
            self._claims.put(key, None, ends_at=now + timedelta(seconds=ttl))
        return True

    def admit(self, limits: Sequence[Limit], *, copy_key: str) -> Admission:
        """Count the request against each limit; the copy is read only for a request that may go on."""
        now = self._clock()
        with self._lock:
            retry_after = max((self._count(limit, now) for limit in limits), default=0)
            found = None if retry_after else self._values.get(copy_key, now)
        return Admission(allowed=not retry_after, retry_after=retry_after, copy=found[1] if found else None)

    def purge(self, *, now: datetime, limit: int) -> int:
        """Forget what has expired; returns how many entries. Nothing depends on it but memory."""
        with self._lock:
            return sum(shelf.forget_expired(now, limit) for shelf in (self._values, self._claims, self._counts))

    def close(self) -> None:
        """Nothing is held open."""

    def _count(self, limit: Limit, now: datetime) -> int:
        """Seconds to wait under this limit, 0 when the request fits."""
        found = self._counts.get(limit.key, now)
        if found is None:
            self._counts.make_room(now)
            ends_at, count = now + timedelta(seconds=limit.window), 1
            self._counts.put(limit.key, count, ends_at=ends_at)
        else:
            ends_at, count = found[0], found[1] + 1
            self._counts.entries[limit.key] = (ends_at, count)
        return 0 if count <= limit.most else max(1, math.ceil((ends_at - now).total_seconds()))
