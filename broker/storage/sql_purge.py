"""`Purge` in SQL: what is over and nothing reads any more goes, in bounded batches: rows, and what undo needed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Delete,
    Engine,
    Select,
    Table,
    Update,
    bindparam,
    delete,
    null,
    or_,
    select,
    update,
)

from broker.storage.engine import transact
from broker.storage.schema import Instant, access_tokens, consumptions, merges, outbox

KEPT_CONSUMPTIONS = timedelta(days=1)
"""Beyond its expiry a code still has to be known as used: a late second use revokes what the first one yielded."""
KEPT_TOKENS = timedelta(hours=1)
KEPT_OUTBOX = timedelta(days=7)

_BEFORE = bindparam("before", type_=Instant)


def _sweep(table: Table, key: ColumnElement[object], over: ColumnElement[bool]) -> Delete:
    """Delete at most `most` rows; two sweepers share the work instead of waiting for each other."""
    return delete(table).where(key.in_(_bounded(key, over).scalar_subquery()))


def _bounded(key: ColumnElement[Any], over: ColumnElement[bool]) -> Select[Any]:
    return select(key).where(over).limit(bindparam("most")).with_for_update(skip_locked=True)


def _erase_pre_images() -> Update:
    """A merge that undo may still have to lift off first (a younger one stands on it) is kept until that one is old."""
    younger = merges.alias("younger")
    on_top = or_(younger.c.survivor == merges.c.survivor, younger.c.account_id == merges.c.account_id)
    still_needed = select(younger.c.id).where(on_top, younger.c.undone_at.is_(None), younger.c.at >= _BEFORE).exists()
    spent = or_(merges.c.undone_at.is_not(None), ~still_needed)
    over = (merges.c.at < _BEFORE) & merges.c.pre_image.is_not(None) & spent
    return update(merges).where(merges.c.id.in_(_bounded(merges.c.id, over).scalar_subquery())).values(pre_image=null())


_SWEEPS = (
    (_sweep(consumptions, consumptions.c.digest, consumptions.c.expires_at < _BEFORE), KEPT_CONSUMPTIONS),
    (_sweep(access_tokens, access_tokens.c.digest, access_tokens.c.expires_at < _BEFORE), KEPT_TOKENS),
    (_sweep(outbox, outbox.c.id, outbox.c.done_at < _BEFORE), KEPT_OUTBOX),
)
_ERASURE = _erase_pre_images()


class SqlPurge:
    """One short transaction for each kind: a purge never makes a login wait.

    `undo_for` is how long a merge can be undone by anybody (policies say); then what undo needs is erased.
    """

    def __init__(self, engine: Engine, *, undo_for: timedelta) -> None:
        self._engine = engine
        self._sweeps = (*_SWEEPS, (_ERASURE, undo_for))

    def purge(self, *, now: datetime, limit: int) -> int:
        """Delete, or empty, at most `limit` rows of each kind; returns how many in all."""
        return sum(self._run(statement, before=now - kept, most=limit) for statement, kept in self._sweeps)

    def _run(self, statement: Delete | Update, *, before: datetime, most: int) -> int:
        return transact(self._engine, lambda conn: conn.execute(statement, {"before": before, "most": most}).rowcount)
