"""`Purge` in SQL: rows whose time is over and that nothing reads any more, in bounded batches."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Delete, Engine, Table, bindparam, delete, select

from broker.storage.engine import transact
from broker.storage.schema import access_tokens, consumptions, outbox

KEPT_CONSUMPTIONS = timedelta(days=1)
"""Beyond its expiry a code still has to be known as used: a late second use revokes what the first one yielded."""
KEPT_TOKENS = timedelta(hours=1)
KEPT_OUTBOX = timedelta(days=7)


def _sweep(table: Table, key: ColumnElement[object], over: ColumnElement[bool]) -> Delete:
    """Delete at most `most` rows; two sweepers share the work instead of waiting for each other."""
    victims = select(key).where(over).limit(bindparam("most")).with_for_update(skip_locked=True)
    return delete(table).where(key.in_(victims.scalar_subquery()))


_SWEEPS = (
    (_sweep(consumptions, consumptions.c.digest, consumptions.c.expires_at < bindparam("before")), KEPT_CONSUMPTIONS),
    (_sweep(access_tokens, access_tokens.c.digest, access_tokens.c.expires_at < bindparam("before")), KEPT_TOKENS),
    (_sweep(outbox, outbox.c.id, outbox.c.done_at < bindparam("before")), KEPT_OUTBOX),
)


class SqlPurge:
    """One short transaction for each kind: a purge never makes a login wait."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def purge(self, *, now: datetime, limit: int) -> int:
        """Delete at most `limit` rows of each kind; returns how many in all."""
        return sum(self._run(statement, before=now - kept, most=limit) for statement, kept in _SWEEPS)

    def _run(self, statement: Delete, *, before: datetime, most: int) -> int:
        return transact(self._engine, lambda conn: conn.execute(statement, {"before": before, "most": most}).rowcount)
