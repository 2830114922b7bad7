"""Imports in SQL: the runs of a feed, what is staged, and the difference to what is live.

A run's row is its lock: every write of a run first moves that row under its holder's name, in the same transaction,
so that a process which lost its lease writes nothing more, and a chunk is applied once or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, Row, case, delete, func, insert, select, text, tuple_, update

from broker.domain.audit import AuditEvent
from broker.domain.errors import ImportBusy, StorageUnavailable
from broker.domain.feed import FeedFault
from broker.domain.imports import (
    Batch,
    Chunk,
    ChunkPlan,
    ImportDifference,
    ImportRun,
    ImportState,
    Lease,
    StagedRow,
)
from broker.domain.school import Level
from broker.storage.engine import Contended, reading, transact
from broker.storage.schema import import_faults, imports, staged_rows
from broker.storage.sql_grounds import PersonMoved
from broker.storage.sql_imports_ahead import Ahead
from broker.storage.sql_imports_apply import PreparedChunk, prepare_chunk, retire_chunk, weigh, write_chunk
from broker.storage.sql_imports_bulk import among, insert_rows
from broker.storage.sql_imports_lease import hold, insert_faults
from broker.storage.sql_reconcile import (
    Decide,
    PreparedFounding,
    level_schools,
    prepare_founding,
    write_founding,
)
from broker.storage.trail import insert_audit

_HISTORY = 200
_DROP = 50_000
_ATTEMPTS = 4
_UNFINISHED = frozenset({ImportState.STAGING, ImportState.STAGED, ImportState.HELD, ImportState.APPLYING})
_WAITING = _UNFINISHED - {ImportState.APPLYING}

Plan = Callable[[Chunk], ChunkPlan]


class SqlImports:
    """Implements `ImportRuns` and `DirectoryStore`. `is_gone` tells whether a lease's holder is certainly dead."""

    def __init__(self, engine: Engine, *, is_gone: Callable[[str], bool]) -> None:
        self._engine = engine
        self._is_gone = is_gone
        self._chunks: Ahead[PreparedChunk] = Ahead()
        self._foundings: Ahead[PreparedFounding] = Ahead()

    # ---- ImportRuns --------------------------------------------------------------------------------------------

    def begin(
        self, feed: str, *, lease: Lease, decide: Callable[[Sequence[ImportRun]], ImportRun | None]
    ) -> ImportRun | None:
        """Open the run that `decide` chooses, under the lock of all imports."""
        leftovers: list[ImportRun] = []

        def work(conn: Connection) -> tuple[ImportRun | None, bool]:
            _lock_imports(conn)
            rows = {row.id: row for row in _history(conn, feed)}
            leftovers[:] = [_run(row) for row in rows.values() if self._is_leftover(row, lease.now)]
            chosen = decide([_run(row) for row in rows.values() if row.state != ImportState.REHEARSAL.value])
            if chosen is None:
                return None, False
            if chosen.state is not ImportState.REHEARSAL:
                self._dismiss_others(conn, chosen, lease)
                if chosen.import_id in rows:
                    return _take_up(conn, rows[chosen.import_id], lease), True
                leftovers.extend(_supersede(conn, feed))
            _insert(conn, chosen, lease)
            return chosen, False

        chosen, is_taken_up = transact(self._engine, work)
        for left in leftovers:
            self._drop_staged(left)
            if left.state is ImportState.REHEARSAL:
                transact(self._engine, partial(_forget, import_id=left.import_id))
        if chosen is not None and is_taken_up and chosen.state is ImportState.STAGING:
            self._drop_staged(chosen, lease)
        return chosen

    def stage(self, run: ImportRun, batch: Batch, *, lease: Lease) -> None:
        """Add staged rows and faults; the count of staged items moves in the same transaction."""

        def work(conn: Connection) -> None:
            hold(conn, run, lease, imports.c.staged == run.staged, staged=batch.staged)
            rows = [(run.import_id, *row) for row in batch.rows]
            insert_rows(conn, staged_rows, ("import_id", *StagedRow._fields), rows)
            insert_faults(conn, run.import_id, batch.faults)

        transact(self._engine, work)

    def settle(self, run: ImportRun, *, lease: Lease, audit: Sequence[AuditEvent] = ()) -> ImportRun:
        """Write what a step decided about the run; a held or superseded run is let go of."""

        def work(conn: Connection) -> None:
            values: dict[str, Any] = {
                "state": run.state.value,
                "complete": run.complete,
                "applied_at": run.applied_at,
                "counts": dict(run.counts),
            }
            if run.state in {ImportState.HELD, ImportState.SUPERSEDED}:
                values |= {"holder": "", "lease_until": None}
            hold(conn, run, lease, **values)
            if run.state in {ImportState.STAGED, ImportState.REHEARSAL}:
                _unhash_repeated(conn, run.import_id)
            insert_audit(conn, audit)

        transact(self._engine, work)
        return run

    def difference(self, run: ImportRun, *, plan: Plan, size: int) -> ImportDifference:
        """Compare what is staged with what is live."""
        with reading(self._engine) as conn:
            return weigh(conn, run, plan=plan, size=size)

    def finish(self, run: ImportRun, *, lease: Lease, audit: Sequence[AuditEvent]) -> None:
        """Close the run; then drop its staged rows, some at a time (what a kill leaves, the next `begin` drops)."""

        def work(conn: Connection) -> None:
            hold(
                conn,
                run,
                lease,
                state=run.state.value,
                counts=dict(run.counts),
                finished_at=lease.now,
                holder="",
                lease_until=None,
            )
            insert_audit(conn, audit)

        transact(self._engine, work)
        self._drop_staged(run)
        if run.state is ImportState.REHEARSAL:
            transact(self._engine, partial(_forget, import_id=run.import_id))

    def faults(self, run: ImportRun, *, limit: int) -> tuple[FeedFault, ...]:
        """The first faults of a run, errors before warnings."""
        query = (
            select(import_faults)
            .where(import_faults.c.import_id == run.import_id)
            .order_by(case((import_faults.c.warning, 1), else_=0), import_faults.c.id)
            .limit(limit)
        )
        with reading(self._engine) as conn:
            return tuple(FeedFault(row.file, row.line, row.reason, row.warning) for row in conn.execute(query))

    # ---- DirectoryStore ----------------------------------------------------------------------------------------

    def apply(self, run: ImportRun, *, size: int, lease: Lease, plan: Plan) -> ImportRun | None:
        """Apply the next chunk and move the cursor with it."""

        def prepare(at: ImportRun) -> PreparedChunk | None:
            with reading(self._engine) as conn:
                return prepare_chunk(conn, at, size=size, plan=plan)

        def write(prepared: PreparedChunk) -> None:
            transact(self._engine, lambda conn: write_chunk(conn, run, prepared, lease=lease))

        return self._chunks.step(run, prepare=prepare, write=write, full=size)

    def retire(self, run: ImportRun, *, size: int, lease: Lease, plan: Plan) -> ImportRun | None:
        """Retire the next records that the run did not bring."""
        return transact(self._engine, lambda conn: retire_chunk(conn, run, size=size, lease=lease, plan=plan))

    def found(self, run: ImportRun, *, size: int, lease: Lease, decide: Decide) -> ImportRun | None:
        """Give persons to the next records without one."""

        def prepare(at: ImportRun) -> PreparedFounding | None:
            with reading(self._engine) as conn:
                return prepare_founding(conn, at, size=size, decide=decide)

        def write(prepared: PreparedFounding) -> None:
            transact(self._engine, lambda conn: write_founding(conn, run, prepared, lease=lease))

        for _ in range(_ATTEMPTS):
            with suppress(PersonMoved):
                return self._foundings.step(run, prepare=prepare, write=write, full=size)
        raise StorageUnavailable("persons of this chunk do not come to rest")

    def level_schools(
        self, run: ImportRun, *, lease: Lease, decide: Callable[[Mapping[str, int]], Level | None]
    ) -> None:
        """Give a level to schools that the feed gave none."""

        def work(conn: Connection) -> None:
            hold(conn, run, lease)
            level_schools(conn, decide)

        transact(self._engine, work)

    # ---- inside ------------------------------------------------------------------------------------------------

    def _dismiss_others(self, conn: Connection, chosen: ImportRun, lease: Lease) -> None:
        """Make this the only import at work, of whichever feed: two that look for twins at once found both of them.

        A silent holder loses its run: should it wake, it writes nothing more. Raises `ImportBusy`.
        """
        held = select(imports).where(
            imports.c.state.in_([state.value for state in _UNFINISHED]), imports.c.holder != ""
        )
        rows = conn.execute(held).fetchall()
        for row in rows:
            if row.holder != lease.holder and row.lease_until > lease.now and not self._is_gone(row.holder):
                raise ImportBusy(f"run {row.id} of feed {row.feed} is at work")
        for row in rows:
            if row.id != chosen.import_id:
                _write_as_read(conn, row, holder="", lease_until=None)

    def _is_leftover(self, row: Row[Any], now: datetime) -> bool:
        """Tell whether a run may have left staged rows that nobody needs any more."""
        if row.state in {ImportState.DONE.value, ImportState.SUPERSEDED.value}:
            return bool(row.has_staged)
        silent = row.lease_until is None or row.lease_until <= now or self._is_gone(row.holder)
        return row.state == ImportState.REHEARSAL.value and silent

    def _drop_staged(self, run: ImportRun, lease: Lease | None = None) -> None:
        """Drop staged rows in steps: one transaction over a million rows would make every login wait.

        With a lease, only while it holds: rows of a run that goes on may be another process's by now.
        """
        at_once = lease is None and self._engine.dialect.name == "postgresql"
        if at_once and transact(self._engine, partial(_emptied, but_for=run)):
            return
        place = tuple_(staged_rows.c.phase, staged_rows.c.seq)
        mine = staged_rows.c.import_id == run.import_id
        some = select(staged_rows.c.phase, staged_rows.c.seq).where(mine).limit(_DROP)
        statement = delete(staged_rows).where(mine, place.in_(some))

        def step(conn: Connection) -> int:
            if lease is not None:
                hold(conn, run, lease)
            return conn.execute(statement).rowcount

        while transact(self._engine, step):
            pass


def _emptied(conn: Connection, *, but_for: ImportRun) -> bool:
    """Empty the table of staged rows at once (PostgreSQL) unless another run needs some; tells whether it did.

    A run is written before its first row: with the table locked, whose rows are there is known.
    """
    conn.execute(text("LOCK TABLE staged_rows IN ACCESS EXCLUSIVE MODE"))
    needed = [state.value for state in (*_UNFINISHED, ImportState.REHEARSAL)]
    others = select(imports.c.id).where(imports.c.state.in_(needed), imports.c.id != but_for.import_id).limit(1)
    if conn.execute(others).first() is not None:
        return False
    conn.execute(text("TRUNCATE staged_rows"))
    return True


def _lock_imports(conn: Connection) -> None:
    if conn.dialect.name == "postgresql":
        conn.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('imports', 0))"))


def _history(conn: Connection, feed: str) -> Sequence[Row[Any]]:
    staged = select(staged_rows.c.seq).where(staged_rows.c.import_id == imports.c.id).exists()
    query = (
        select(imports, staged.label("has_staged"))
        .where(imports.c.feed == feed)
        .order_by(imports.c.started_at.desc(), imports.c.finished_at.desc())
        .limit(_HISTORY)
    )
    return conn.execute(query).fetchall()


def _run(row: Row[Any]) -> ImportRun:
    return ImportRun(
        import_id=row.id,
        feed=row.feed,
        tenant=row.tenant,
        academie=row.academie,
        complete=row.complete,
        checksum=row.checksum,
        made_on=row.made_on,
        state=ImportState(row.state),
        started_at=row.started_at,
        covers=frozenset(row.covers),
        applied_at=row.applied_at,
        phase=row.phase,
        cursor=row.cursor,
        staged=row.staged,
        counts=row.counts,
    )


def _take_up(conn: Connection, row: Row[Any], lease: Lease) -> ImportRun:
    """Take an existing run under this lease; what was staged of it by halves is staged again, from the first item on.

    Counting on would trust that the same files give the same items in the same order: not when they come packed
    otherwise, nor when a newer version or other policies read them. A complete set would retire who fell between.
    """
    run = _run(row)
    if run.state is ImportState.STAGING:
        run = replace(run, staged=0)
        conn.execute(delete(import_faults).where(import_faults.c.import_id == run.import_id))
    _write_as_read(conn, row, holder=lease.holder, lease_until=lease.until, staged=run.staged)
    return run


def _write_as_read(conn: Connection, row: Row[Any], **values: Any) -> None:
    """Write on a run's row unless it moved since it was read: a holder whose lease ran out may just have written.

    Raises `Contended`: everything is looked at again (SQLite has this one writer).
    """
    names = ("state", "phase", "cursor", "staged", "holder", "lease_until")
    as_read = [imports.c[name].is_not_distinct_from(getattr(row, name)) for name in names]
    if conn.execute(update(imports).where(imports.c.id == row.id, *as_read).values(values)).rowcount != 1:
        raise Contended


def _insert(conn: Connection, run: ImportRun, lease: Lease) -> None:
    """Write a new run."""
    conn.execute(
        insert(imports).values(
            id=run.import_id,
            feed=run.feed,
            tenant=run.tenant,
            academie=run.academie,
            complete=run.complete,
            checksum=run.checksum,
            made_on=run.made_on,
            covers=sorted(run.covers),
            state=run.state.value,
            started_at=run.started_at,
            holder=lease.holder,
            lease_until=lease.until,
            counts={},
        )
    )


def _supersede(conn: Connection, feed: str) -> list[ImportRun]:
    """Leave runs that were staged but never applied; returns them."""
    where = [imports.c.feed == feed, imports.c.state.in_([state.value for state in _WAITING])]
    found = [_run(row) for row in conn.execute(select(imports).where(*where))]
    superseded = {"state": ImportState.SUPERSEDED.value, "holder": "", "lease_until": None}
    conn.execute(update(imports).where(*where).values(superseded))
    return found


def _unhash_repeated(conn: Connection, import_id: str) -> None:
    """Take the hash from rows whose key came more than once: all of them are looked at, in order, so the last wins.

    In two statements: PostgreSQL knows nothing yet of rows that were written a moment ago, and in one it compared each
    with each (nine seconds for five thousand).
    """
    repeated = (
        select(staged_rows.c.key)
        .where(staged_rows.c.import_id == import_id)
        .group_by(staged_rows.c.key)
        .having(func.count() > 1)
    )
    keys = conn.scalars(repeated).all()
    if not keys:
        return
    theirs = among(conn, staged_rows.c.key, keys)
    conn.execute(update(staged_rows).where(staged_rows.c.import_id == import_id, theirs).values(content_hash=""))


def _forget(conn: Connection, *, import_id: str) -> None:
    conn.execute(delete(import_faults).where(import_faults.c.import_id == import_id))
    conn.execute(delete(imports).where(imports.c.id == import_id))
