"""`EphemeralStore` in Redis, for several processes and machines. Redis may vanish at any moment.

When it does: reads find nothing (the truth is in SQL, the person restarts a login at worst), writes are lost, volume
limits go on in this process and tighter, and a claim is refused, because two processes could both believe they are
first. For a second nobody tries again, so that a Redis that hangs does not slow every request down.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, TypeVar

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
SHARE = 1000
"""A process counts a thousandth of a limit at once, and then lets as many through without asking: a limit of thousands
is kept to a thousandth for each process, and one below a thousand to the very request."""
MOST_SPARE = 10_000
"""Counters that a process holds something of; beyond, all are let go and counted anew, which only limits sooner."""

_ADMIT = """
local wait, left = 0, 0
for i = 1, #KEYS - 1 do
  local step = tonumber(ARGV[3 * i])
  local count = redis.call('INCRBY', KEYS[i], step)
  if count == step then redis.call('EXPIRE', KEYS[i], ARGV[3 * i - 1]) end
  left = redis.call('PTTL', KEYS[i])
  if count > tonumber(ARGV[3 * i - 2]) then
    if left > wait then wait = left end
    if wait < 1 then wait = 1 end
  end
end
if wait > 0 then return {wait, false, 0} end
if KEYS[#KEYS] == '' then return {0, false, left} end
return {0, redis.call('GET', KEYS[#KEYS]), left}
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
        self._admit = _Script(self._client, _ADMIT)
        self._claim = self._client.register_script(_CLAIM)
        self._prefix = prefix
        self._tag_key = tag_key
        self._clock = clock
        self._alone = MemoryStore(clock)
        self._spare = Spare()
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
        """Count the request and read the copy in one script; without Redis, count in this process and tighter.

        Nothing is asked where no copy is (an empty key) and this process has counted ahead.
        """
        alone = limits[0] if len(limits) == 1 and not copy_key else None
        if alone is not None and self._spare.take(alone.key, now=self._clock()):
            return Admission(allowed=True, retry_after=0, copy=None)
        step = max(1, alone.most // SHARE) if alone is not None else 1
        name = self._prefix + copy_key if copy_key else ""
        keys = [f"{self._prefix}limit:{limit.key}" for limit in limits] + [name]
        numbers = [number for limit in limits for number in (limit.most, limit.window, step)]
        answer = self._ask(lambda: self._admit.run(keys, numbers))
        if answer is None:
            tighter = [replace(limit, most=max(1, limit.most // TIGHTER)) for limit in limits]
            return self._alone.admit(tighter, copy_key=copy_key)
        wait_ms, copy, left_ms = answer
        if alone is not None and step > 1 and not wait_ms:
            self._spare.put(alone.key, step - 1, until=self._clock() + timedelta(milliseconds=left_ms))
        return Admission(allowed=not wait_ms, retry_after=-(-wait_ms // 1000), copy=self._opened(name, copy))

    def purge(self, *, now: datetime, limit: int) -> int:
        """Redis expires by itself; only this process's own counters are swept."""
        return self._alone.purge(now=now, limit=limit)

    def close(self) -> None:
        """Close the connections."""
        self._admit.close()
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


class _Script:
    """A script that runs on every request, on connections kept for it.

    What redis-py does around a command costs more than the command.
    """

    def __init__(self, client: redis.Redis, text: str) -> None:
        self._pool = client.connection_pool
        self._text = text
        self._sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        self._idle: deque[Any] = deque()

    def run(self, keys: Sequence[str], args: Sequence[int]) -> Any:
        """Run it: one round trip. A connection found lost is opened anew once, as after a restart of Redis."""
        connection = self._taken()
        try:
            try:
                return self._told(connection, keys, args)
            except redis.ConnectionError:
                connection.disconnect()
                return self._told(connection, keys, args)
        except (redis.ConnectionError, redis.TimeoutError):
            connection.disconnect()  # an answer still under way must not be taken for the next one's
            raise
        finally:
            self._idle.append(connection)

    def _taken(self) -> Any:
        try:
            return self._idle.pop()
        except IndexError:
            return self._pool.make_connection()

    def _told(self, connection: Any, keys: Sequence[str], args: Sequence[int]) -> Any:
        try:
            connection.send_command("EVALSHA", self._sha, len(keys), *keys, *args)
            return connection.read_response()
        except redis.exceptions.NoScriptError:
            connection.send_command("EVAL", self._text, len(keys), *keys, *args)
            return connection.read_response()

    def close(self) -> None:
        """Close the connections that are kept."""
        while self._idle:
            self._idle.pop().disconnect()


class Spare:
    """Requests that this process has counted ahead in Redis and may let through within their window."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[int, datetime]] = {}
        self._lock = Lock()

    def put(self, key: str, count: int, *, until: datetime) -> None:
        """Keep what was counted ahead under a key."""
        with self._lock:
            if len(self._left) >= MOST_SPARE:
                self._left.clear()
            self._left[key] = count, until

    def take(self, key: str, *, now: datetime) -> bool:
        """Let one request through, if any is left."""
        with self._lock:
            left, until = self._left.get(key, (0, now))
            if not left or now >= until:
                return False
            self._left[key] = left - 1, until
            return True
