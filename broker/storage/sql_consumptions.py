"""Things of others that are used once, in SQL: one statement, whose unique key decides between two at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine, String, bindparam, insert, select
from sqlalchemy.exc import IntegrityError

from broker.storage.engine import reading
from broker.storage.hot import HotStatement, hot_of
from broker.storage.schema import Instant, consumptions

ASSERTION = "assertion"
_NOW = bindparam("now", type_=Instant)
_CLAIM = insert(consumptions).values(
    digest=bindparam("shown", type_=String),
    kind=ASSERTION,
    payload={},
    issued_at=_NOW,
    expires_at=bindparam("until", type_=Instant),
    used_at=_NOW,
)
_claimed = _CLAIM.returning(consumptions.c.digest).cte("claimed")
_CLAIM_AT_ONCE = select(_claimed.c.digest)


class SqlConsumptions:
    """`Consumptions` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._hot = hot_of(engine)
        if self._hot is not None:
            self._claiming = HotStatement(_CLAIM_AT_ONCE, engine)

    def claim_assertion(self, digest: str, *, now: datetime, until: datetime) -> bool:
        """See `Consumptions.claim_assertion`."""
        told = {"shown": digest, "now": now, "until": until}
        try:
            self._claim(told)
        except IntegrityError:
            return False
        return True

    def _claim(self, told: dict[str, Any]) -> None:
        if self._hot is not None:
            self._hot.first(self._claiming, told)
            return
        with reading(self._engine) as conn:  # one statement that stands alone: nothing else is to be undone with it
            conn.execute(_CLAIM, told)
