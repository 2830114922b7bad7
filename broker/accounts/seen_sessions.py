"""Sessions that this very process saw a moment ago: whoever opens several services in a row is fetched once.

For acts alone that issue something: their own statement asks the database whether the session runs and is still this
person's, so that what ended elsewhere opens nothing, however lately it was seen here. Nothing that only reads may ask.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock

from broker.domain.sessions import Session

LONGEST = timedelta(seconds=2)
MOST_SEEN = 4096
"""Sessions that one process keeps in mind, the newest; some 2 kB each."""


class SeenSessions:
    """Sessions by the digest of their handle. None is kept beyond its own limits, and seeing it again adds nothing."""

    def __init__(self, *, most: int = MOST_SEEN) -> None:
        self._kept: OrderedDict[str, tuple[datetime, Session]] = OrderedDict()
        self._most = most
        self._lock = Lock()

    def find(self, handle_digest: str, *, now: datetime) -> Session | None:
        """The session as it was seen within the last two seconds, if it is not over by itself."""
        known = self._kept.get(handle_digest)
        return known[1] if known is not None and now < known[0] and known[1].is_live(now) else None

    def keep(self, session: Session, *, now: datetime) -> None:
        """Keep a session that was fetched just now."""
        with self._lock:
            self._kept[session.handle_digest] = now + LONGEST, session
            self._kept.move_to_end(session.handle_digest)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
