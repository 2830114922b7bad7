"""`Outbox` in SQL: what is to be told once an act has committed. Taking an entry is one statement that leases it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, bindparam, exists, or_, select, update

from broker.domain.audit import OutboxEntry, OutboxRow, Topic
from broker.storage.engine import transact
from broker.storage.schema import outbox

LEASE = timedelta(minutes=1)
"""How long an entry is one worker's: a worker that dies leaves it to the others after that."""
CAUSE_LENGTH = 200

_ahead = outbox.alias("ahead")
_HELD = exists(
    select(_ahead.c.id).where(
        _ahead.c.lane == outbox.c.lane,
        _ahead.c.id < outbox.c.id,
        _ahead.c.done_at.is_(None),
        _ahead.c.due_at > bindparam("now"),
    )
)
"""An earlier row of its lane waits, for its next try or in the hands of another worker."""
_DUE = (
    select(outbox.c.id)
    .where(
        outbox.c.done_at.is_(None),
        outbox.c.due_at <= bindparam("now"),
        outbox.c.topic.in_(bindparam("topics", expanding=True)),
        or_(outbox.c.lane.is_(None), ~_HELD),
    )
    .order_by(outbox.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)  # SQLite has no such words and needs none: it writes one at a time
)
_TAKE = (
    update(outbox)
    .where(outbox.c.id.in_(_DUE.scalar_subquery()))
    .values(due_at=bindparam("leased_until"), attempts=outbox.c.attempts + 1)
    .returning(
        outbox.c.id, outbox.c.topic, outbox.c.key, outbox.c.payload, outbox.c.at, outbox.c.attempts, outbox.c.lane
    )
)
_DONE = (
    update(outbox)
    .where(outbox.c.id == bindparam("entry_id"), outbox.c.done_at.is_(None))
    .values(done_at=bindparam("now"), cause=bindparam("why"))
)
_RETRY = (
    update(outbox)
    .where(outbox.c.id == bindparam("entry_id"), outbox.c.done_at.is_(None))
    .values(due_at=bindparam("again_at"), cause=bindparam("why"))
)


def row_of(row: Row[Any]) -> OutboxRow:
    """A stored row as it was written."""
    return OutboxRow(Topic(row.topic), key=row.key, at=row.at, payload=row.payload, lane=row.lane or "")


class SqlOutbox:
    """Each entry is told at least once; a deliverer that was told twice must do no harm."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def due(self, *, now: datetime, limit: int, topics: Collection[Topic]) -> tuple[OutboxEntry, ...]:
        """Take due entries, oldest first; nobody else takes them within `LEASE`.

        One worker keeps the order of a lane; two at the same instant may share a lane's rows between them.
        """
        binds = {"now": now, "most": limit, "leased_until": now + LEASE, "topics": [topic.value for topic in topics]}
        rows = transact(self._engine, lambda conn: conn.execute(_TAKE, binds).all())
        entries = (
            OutboxEntry(
                entry_id=row.id,
                row=row_of(row),
                attempts=row.attempts,
            )
            for row in rows
        )
        return tuple(sorted(entries, key=lambda entry: entry.entry_id))

    def done(self, entry_id: int, *, now: datetime, cause: str = "") -> None:
        """Close an entry: told, or never to be told for this `cause`; the cause of an earlier wait is forgotten."""
        binds = {"entry_id": entry_id, "now": now, "why": cause[:CAUSE_LENGTH] or None}
        transact(self._engine, lambda conn: conn.execute(_DONE, binds))

    def retry(self, entry_id: int, *, due_at: datetime, cause: str) -> None:
        """Put an entry back for later; `cause` is for operators and is cut."""
        binds = {"entry_id": entry_id, "again_at": due_at, "why": cause[:CAUSE_LENGTH]}
        transact(self._engine, lambda conn: conn.execute(_RETRY, binds))
