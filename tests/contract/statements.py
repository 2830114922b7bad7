"""Counts what reaches the database, and whether each statement stands alone (autocommit) or inside a transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, event

from broker.storage.hot import HotStatement, Line


@contextmanager
def statements(engine: Engine) -> Iterator[list[tuple[str, bool]]]:
    """Collect (SQL text, autocommit) of every statement executed meanwhile."""
    seen: list[tuple[str, bool]] = []

    def note(conn: Connection, _cursor: Any, statement: str, *_rest: Any) -> None:
        driver: Any = conn.connection.dbapi_connection
        alone = driver.autocommit if engine.dialect.name == "postgresql" else not driver.in_transaction
        seen.append((statement, alone))

    run = Line.run

    def note_hot(line: Line, statement: HotStatement, binds: list[bytes | None]) -> Any:
        seen.append((statement.text, line.connection.pgconn.transaction_status == TransactionStatus.IDLE))
        return run(line, statement, binds)

    event.listen(engine, "before_cursor_execute", note)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Line, "run", note_hot)
            yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def without_fsync(engine: Engine) -> Engine:
    """Let thousands of small SQLite transactions not wait for the disk: these tests are about rules, not power cuts."""

    def relax(driver: Any, _entry: Any) -> None:
        driver.execute("PRAGMA synchronous=OFF")

    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", relax)
    return engine
