"""The database: one engine for SQLite or PostgreSQL, autocommit reads, short write transactions, one kind of failure.

A transaction round a single read costs PostgreSQL five times the read, so reads are autocommit. A write on SQLite
begins with `BEGIN IMMEDIATE`: a deferred one could fail in its middle, when another writer came first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Executable, Row, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from broker.domain.errors import StorageUnavailable

T = TypeVar("T")

_ALONE = "preau_alone"
ATTEMPTS = 4
"""So often a transaction is run when others come first."""
RERUN = frozenset({"40001", "40P01"})
"""SQLSTATE of a serialization failure and of a deadlock: the transaction left nothing and may run again."""

_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=10000",
    # FULL, not NORMAL: in WAL mode NORMAL may lose the last commits at a power cut, and a lost commit is a code that
    # can be used twice or a revocation that never was. Imports pay for it once a chunk.
    "PRAGMA synchronous=FULL",
)
_POSTGRESQL_OPTIONS = (
    "-c timezone=UTC -c lock_timeout=5s -c idle_in_transaction_session_timeout=60s"
    # The server's default is a spinning disk's: with it a look-up of some thousand keys reads the whole table.
    " -c random_page_cost=1.1"
)


class Contended(Exception):
    """A concurrent writer came first; `transact` runs the work again from its start."""


def open_engine(url: str, *, pool_size: int = 10) -> Engine:
    """Open an engine with the settings that the adapters rely on. No connection is made yet.

    `url` is `sqlite:///…/preau.sqlite` or `postgresql+psycopg://…`; anything else raises `ValueError`.
    """
    # hidden: the text of a database error goes to logs, and its parameters are names and birth dates
    options: dict[str, Any] = {
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": 10,
        "hide_parameters": True,
    }
    backend = make_url(url).get_backend_name()
    if backend == "sqlite":
        engine = create_engine(url, **options)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if backend == "postgresql":
        connecting = {"connect_timeout": 3, "options": _POSTGRESQL_OPTIONS}
        return create_engine(url, connect_args=connecting, **options)
    raise ValueError(f"not a database this broker stores in: {backend}")


def _prepare_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver's own BEGIN is deferred; ours are explicit
    for pragma in _SQLITE_PRAGMAS:
        connection.execute(pragma)


def _begin_sqlite(conn: Connection) -> None:
    options = conn.get_execution_options()
    if not options.get(_ALONE) and options.get("isolation_level") != "AUTOCOMMIT":
        conn.exec_driver_sql("BEGIN IMMEDIATE")


def _autocommit(conn: Connection) -> Connection:
    """Let every statement stand alone. On SQLite the driver is so already; SQLAlchemy would add a PRAGMA a read."""
    if conn.dialect.name == "sqlite":
        return conn.execution_options(**{_ALONE: True})
    return conn.execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """An autocommit connection: to read, or for a write that is whole by itself, in one trip where others take three.

    Raises `StorageUnavailable` when the database does not answer.
    """
    with unavailable(), engine.connect() as conn:
        yield _autocommit(conn)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A write transaction: committed at the end of the block, rolled back on any exception.

    Raises `StorageUnavailable`. Use `transact` where two writers may meet on the same rows.
    """
    with unavailable(), engine.begin() as conn:
        yield conn


def fetch(engine: Engine, statement: Executable, binds: Mapping[str, Any]) -> Sequence[Row[Any]]:
    """Run one autocommit statement and return its rows; a connection found dead is replaced once."""
    try:
        with engine.connect() as conn:
            return _autocommit(conn).execute(statement, binds).fetchall()
    except PoolTimeout as error:
        raise StorageUnavailable("no connection free") from error
    except DBAPIError as error:
        if not error.connection_invalidated:
            with unavailable():
                raise
    with reading(engine) as conn:
        return conn.execute(statement, binds).fetchall()


def transact(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Run `work` in one transaction, again from its start when a concurrent writer made it impossible.

    Raises `StorageUnavailable` when the database does not answer or the contention does not end.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with engine.begin() as conn:
                return work(conn)
        except Contended as contention:
            if attempt == ATTEMPTS:
                raise StorageUnavailable("contention does not end") from contention
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in RERUN or attempt == ATTEMPTS:
                with unavailable():
                    raise
        except PoolTimeout as error:
            raise StorageUnavailable("no connection free") from error
    raise StorageUnavailable("contention does not end")


@contextmanager
def unavailable() -> Iterator[None]:
    """Turn a database that does not answer (or is read-only, full, locked) into `StorageUnavailable`."""
    try:
        yield
    except (OperationalError, InterfaceError, InternalError, PoolTimeout) as error:
        raise StorageUnavailable(type(error).__name__) from error
