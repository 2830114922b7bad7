"""`EphemeralStore` in Redis, for several processes and machines. Redis may vanish at any moment.

When it does: reads find nothing (the truth is in SQL, the person restarts a login at worst), writes are lost, volume
limits go on in this process and tighter, and a claim is refused, because two processes could both believe they are
first. For a second nobody tries again, so that a Redis that hangs does not slow every request down.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from broker.domain.clock import Clock
from broker.domain.errors import EphemeralUnavailable
from broker.domain.ports import Admission, Limit
from broker.storage.memory_store import MemoryStore

Answer = TypeVar("Answer")

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 0.25
"""A healthy Redis answers in well under a millisecond; beyond this the database path is the faster one."""
PAUSE = timedelta(seconds=1)
"""How long Redis is left alone after a failure."""
TIGHTER = 4
"""Without Redis each process counts alone: a quarter of the limit each, for up to four processes the same in sum."""
TAG_BYTES = 16

_ADMIT = """
local wait = 0
for i = 1, #KEYS - 1 do
  local count = redis.call('INCR', KEYS[i])
  if count == 1 then redis.call('EXPIRE', KEYS[i], ARGV[2 * i]) end
  if count > tonumber(ARGV[2 * i - 1]) then
    local left = redis.call('PTTL', KEYS[i])
    if left > wait then wait = left end
    if wait < 1 then wait = 1 end
  end
end
if wait > 0 then return {wait, false} end
return {0, redis.call('GET', KEYS[#KEYS])}
"""

_CLAIM = """
local began = redis.call('GET', KEYS[2])
if not began then
  began = ARGV[2]
  redis.call('SET', KEYS[2], began)
end
redis.call('EXPIRE', KEYS[2], ARGV[4])
if ARGV[3] ~= '' and tonumber(ARGV[3]) < tonumber(began) then return 0 end
if redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[1]) then return 1 end
return 0
"""
REMEMBERED = 400 * 86400
"""Seconds without a claim after which a Redis counts as just started: nothing ephemeral stays for ever."""


class RedisStore:
    """Every operation is one round trip with a short deadline.

    Each value carries a tag over its key and content: garbage, another key's value, or something that a stranger
    with access to Redis wrote is not read (`tag_key` is derived from the installation's master secret).
    """

    def __init__(self, url: str, clock: Clock, *, prefix: str = "preau:", tag_key: bytes = b"") -> None:
        self._client = redis.Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            # One new try after a lost connection (Redis was restarted), none after silence: each costs a deadline.
            retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        )
        self._script = self._client.register_script(_ADMIT)
        self._claim = self._client.register_script(_CLAIM)
        self._prefix = prefix
        self._tag_key = tag_key
        self._clock = clock
        self._alone = MemoryStore(clock)
        self._away_until: datetime | None = None

    def put(self, key: str, value: bytes, *, ttl: int) -> None:
        """Keep a value for `ttl` seconds, if Redis is there."""
        name = self._prefix + key
        self._ask(lambda: self._client.set(name, self._tag(name, value) + value, ex=ttl))

    def get(self, key: str) -> bytes | None:
        """Read a value; None when Redis is not there."""
        name = self._prefix + key
        return self._opened(name, self._ask(lambda: self._client.get(name)))

    def take(self, key: str) -> bytes | None:
        """Read and remove, atomically (GETDEL); None when Redis is not there."""
        name = self._prefix + key
        return self._opened(name, self._ask(lambda: self._client.getdel(name)))

    def drop(self, keys: Sequence[str]) -> None:
        """Forget values; if Redis is not there, their short lives end them."""
        if keys:
            self._ask(lambda: self._client.unlink(*(self._prefix + key for key in keys)))

    def claim_once(self, key: str, *, ttl: int, usable_since: datetime | None = None) -> bool:
        """True for the first caller within `ttl` seconds. Raises `EphemeralUnavailable` when Redis is not there.

        The first claim writes down when this Redis began: one that was emptied knows no earlier claim, and says no.
        """
        keys = [f"{self._prefix}claim:{key}", f"{self._prefix}claims-began"]
        usable = usable_since.timestamp() if usable_since else ""
        told = [ttl, self._clock().timestamp(), usable, REMEMBERED]
        claimed = self._ask(lambda: bool(self._claim(keys=keys, args=told)))
        if claimed is None:
            raise EphemeralUnavailable("redis does not answer")
        return claimed

    def admit(self, limits: Sequence[Limit], *, copy_key: str) -> Admission:
        """Count the request and read the copy in one script; without Redis, count in this process and tighter."""
        name = self._prefix + copy_key
        keys = [f"{self._prefix}limit:{limit.key}" for limit in limits] + [name]
        numbers = [number for limit in limits for number in (limit.most, limit.window)]
        answer = self._ask(lambda: self._script(keys=keys, args=numbers))
        if answer is None:
            tighter = [replace(limit, most=max(1, limit.most // TIGHTER)) for limit in limits]
            return self._alone.admit(tighter, copy_key=copy_key)
        wait_ms, copy = answer
        return Admission(allowed=not wait_ms, retry_after=-(-wait_ms // 1000), copy=self._opened(name, copy))

    def purge(self, *, now: datetime, limit: int) -> int:
        """Redis expires by itself; only this process's own counters are swept."""
        return self._alone.purge(now=now, limit=limit)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, question: Callable[[], Answer]) -> Answer | None:
        """Put a question to Redis, unless it was silent a moment ago; None when it does not answer."""
        now = self._clock()
        if self._away_until is not None and now < self._away_until:
            return None
        try:
            answer = question()
        except redis.RedisError as error:
            if self._away_until is None:
                logger.warning("redis does not answer", extra={"cause": type(error).__name__})
            self._away_until = now + PAUSE
            return None
        if self._away_until is not None:
            self._away_until = None
            logger.warning("redis answers again")
        return answer

    def _tag(self, name: str, value: bytes) -> bytes:
        """Bind a value to its key; lengths keep (`ab`, `c`) apart from (`a`, `bc`)."""
        said = len(name.encode()).to_bytes(4, "big") + name.encode() + value
        return hashlib.blake2b(said, key=self._tag_key, digest_size=TAG_BYTES).digest()

    def _opened(self, name: str, stored: bytes | str | None) -> bytes | None:
        if not isinstance(stored, bytes):
            return None
        tag, value = stored[:TAG_BYTES], stored[TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(name, value)):
            logger.error("redis returned a value that is not this key's")
            return None
        return value
