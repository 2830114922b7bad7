"""The run's row as its lock: every write of an import moves it first, in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, update

from broker.domain.errors import ImportBusy
from broker.domain.feed import FeedFault
from broker.domain.imports import ImportRun, Lease
from broker.storage.schema import import_faults, imports
from broker.storage.sql_imports_bulk import insert_rows


def hold(conn: Connection, run: ImportRun, lease: Lease, *conditions: Any, **values: Any) -> None:
    """Renew the lease and write `values` on the run's row. Raises `ImportBusy` when another holder took it over."""
    statement = (
        update(imports)
        .where(imports.c.id == run.import_id, imports.c.holder == lease.holder, *conditions)
        .values({"lease_until": lease.until, **values})
    )
    if conn.execute(statement).rowcount != 1:
        raise ImportBusy(f"run {run.import_id} was taken over")


def insert_faults(conn: Connection, import_id: str, faults: Sequence[FeedFault]) -> None:
    """Write faults down for the operator."""
    rows = [(import_id, fault.file, fault.line, fault.reason, fault.warning) for fault in faults]
    insert_rows(conn, import_faults, ("import_id", "file", "line", "reason", "warning"), rows)
