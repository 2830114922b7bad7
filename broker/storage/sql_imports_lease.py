"""The run's row as its lock: every write of an import moves it first, in the same transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Column, Connection, Row, select, update

from broker.domain.errors import ImportBusy
from broker.domain.feed import FeedFault
from broker.domain.imports import ImportRun, Lease, StagedRow
from broker.storage.schema import import_faults, imports, staged_rows
from broker.storage.sql_imports_bulk import insert_rows

_STAGED = [staged_rows.c[name] for name in StagedRow._fields]


def hold(conn: Connection, run: ImportRun, lease: Lease, *conditions: Any, **values: Any) -> None:
    """Renew the lease and write `values` on the run's row. Raises `ImportBusy` when another holder took it over."""
    statement = (
        update(imports)
        .where(imports.c.id == run.import_id, imports.c.holder == lease.holder, *conditions)
        .values({"lease_until": lease.until, **values})
    )
    if conn.execute(statement).rowcount != 1:
        raise ImportBusy(f"run {run.import_id} was taken over")


def move(conn: Connection, run: ImportRun, lease: Lease, *, to: ImportRun) -> None:
    """Move the cursor and the counts of a run, once: `ImportBusy` when it no longer stands where `run` does."""
    here = (imports.c.phase == run.phase, imports.c.cursor == run.cursor)
    hold(conn, run, lease, *here, phase=to.phase, cursor=to.cursor, counts=dict(to.counts))


def next_staged(conn: Connection, run: ImportRun, *, phase: int, size: int) -> list[StagedRow]:
    """The next staged rows after `run.cursor` in `phase`, else the first of a later phase: never of two phases.

    What a chunk needs to know depends on its phase.
    """
    return [StagedRow._make(row) for row in _next_rows(conn, run, _STAGED, phase=phase, size=size)]


def next_keys(conn: Connection, run: ImportRun, *, phase: int, size: int) -> Sequence[Row[Any]]:
    """As `next_staged`, but only phase, seq, key and kind of each row."""
    return _next_rows(conn, run, _STAGED[:4], phase=phase, size=size)


def _next_rows(
    conn: Connection, run: ImportRun, columns: Sequence[Column[Any]], *, phase: int, size: int
) -> Sequence[Row[Any]]:
    base = select(*columns).where(staged_rows.c.import_id == run.import_id).limit(size)
    order = (staged_rows.c.phase, staged_rows.c.seq)
    here = base.where(staged_rows.c.phase == phase, staged_rows.c.seq > run.cursor).order_by(*order)
    rows = conn.execute(here).fetchall()
    if rows:
        return rows
    later = conn.execute(base.where(staged_rows.c.phase > phase).order_by(*order)).fetchall()
    return [row for row in later if row.phase == later[0].phase]


def with_counts(run: ImportRun, more: Mapping[str, int]) -> ImportRun:
    """The run with some counts raised."""
    return replace(run, counts=Counter(run.counts) + Counter(more))


def insert_faults(conn: Connection, import_id: str, faults: Sequence[FeedFault]) -> None:
    """Write faults down for the operator."""
    rows = [(import_id, fault.file, fault.line, fault.reason, fault.warning) for fault in faults]
    insert_rows(conn, import_faults, ("import_id", "file", "line", "reason", "warning"), rows)
