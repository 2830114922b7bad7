"""Which sources are known to be down: failures in a row, kept where they may vanish.

The store may be lost at any moment; then nothing is known to be down and no outage excuses anything. Sources that an
administrator closed are known from the database.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from broker.domain.clock import require_utc
from broker.domain.errors import UnavailableError
from broker.domain.ports import EphemeralStore
from policies import AssuranceTable

_REMEMBERED = 2
"""Times the longest outage: a record outlives the outage that policies allow, or a long one would begin anew."""
_SUSPECTS = "sources-down"
"""Names the sources whose record is worth reading: while all is well a request reads this one key alone."""


@dataclass(frozen=True, slots=True)
class Failures:
    """Failures of a source since its last success, oldest first, as many as make an outage.

    `down_since`: the first of those that made it known to be down; it stays until a success.
    """

    at: tuple[datetime, ...] = ()
    down_since: datetime | None = None

    def with_one(self, now: datetime, rules: AssuranceTable) -> Failures:
        """The record after one more failure."""
        most = int(rules.outage_failures)
        last = (*self.at, now)[-most:]
        is_down = len(last) == most and last[-1] - last[0] <= rules.outage_after
        return Failures(last, self.down_since or (last[0] if is_down else None))

    def known_down(self, now: datetime, rules: AssuranceTable) -> datetime | None:
        """Since when the source is known to be down; None when it is not, or when it is time to try it again."""
        if self.down_since is None or now - self.at[-1] > rules.outage_after:
            return None
        return self.down_since


@dataclass(frozen=True, slots=True)
class Availability:
    """What connectors met lately, source by source."""

    store: EphemeralStore

    def failed(self, source_id: str, rules: AssuranceTable, *, now: datetime) -> None:
        """Count a failure to reach a source."""
        seconds = int(rules.outage_longest.total_seconds()) * _REMEMBERED
        with suppress(UnavailableError):
            record = self._read(source_id).with_one(now, rules)
            self.store.put(_key(source_id), _encode(record), ttl=seconds)
            if record.down_since is not None:
                suspects = sorted({*self.suspects(), source_id})
                self.store.put(_SUSPECTS, " ".join(suspects).encode(), ttl=seconds)

    def succeeded(self, source_id: str) -> None:
        """Forget the failures of a source that answered."""
        with suppress(UnavailableError):
            self.store.drop([_key(source_id)])

    def suspects(self) -> frozenset[str]:
        """Sources that were known to be down at some time lately; none when the store is away."""
        with suppress(UnavailableError):
            return frozenset((self.store.get(_SUSPECTS) or b"").decode().split())
        return frozenset()

    def down_since(self, source_id: str, rules: AssuranceTable, *, now: datetime) -> datetime | None:
        """Since when a source is known to be down; None also when the store is away."""
        with suppress(UnavailableError):
            return self._read(source_id).known_down(now, rules)
        return None

    def _read(self, source_id: str) -> Failures:
        return _decode(self.store.get(_key(source_id)))


def _key(source_id: str) -> str:
    return f"failures:{source_id}"


def _encode(record: Failures) -> bytes:
    since = record.down_since.isoformat() if record.down_since else ""
    return json.dumps({"at": [moment.isoformat() for moment in record.at], "since": since}).encode()


def _decode(stored: bytes | None) -> Failures:
    """A record; an empty one when there is none, or when it cannot be read."""
    try:
        fields = json.loads(stored or b"")
        at, since = tuple(map(_instant, fields["at"])), fields["since"]
        return Failures(at, _instant(since) if since and at else None)
    except (ValueError, KeyError, TypeError):
        return Failures()


def _instant(text: str) -> datetime:
    return require_utc(datetime.fromisoformat(text))
