"""Things of others that are used once, in SQL: one statement, whose unique key decides between two at once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, insert
from sqlalchemy.exc import IntegrityError

from broker.storage.engine import reading
from broker.storage.schema import consumptions

ASSERTION = "assertion"


class SqlConsumptions:
    """`Consumptions` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim_assertion(self, digest: str, *, now: datetime, until: datetime) -> bool:
        """See `Consumptions.claim_assertion`."""
        row = {"digest": digest, "kind": ASSERTION, "issued_at": now, "expires_at": until, "used_at": now}
        try:
            with reading(self._engine) as conn:  # one statement that stands alone: nothing else is to be undone with it
                conn.execute(insert(consumptions), row)
        except IntegrityError:
            return False
        return True
