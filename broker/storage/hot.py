"""Hot statements on PostgreSQL: compiled once, prepared once a connection, run by libpq itself in autocommit.

What SQLAlchemy and the driver's cursors do for each execution (a connection out of the pool and back, its isolation
set and reset, types and names of every column looked up, a long text parsed for its placeholders) costs more than the
rest of a hot request; here nothing is left but the statement. The statements are written in SQLAlchemy Core all the
same, and nothing else may be run this way.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

import psycopg
from psycopg import errors, pq
from sqlalchemy import JSON, Boolean, Engine, Integer, Select, event
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.types import TypeEngine

from broker.domain.errors import StorageUnavailable
from broker.storage.engine import ATTEMPTS, RERUN
from broker.storage.schema import Instant

T = TypeVar("T")

_PLACEHOLDER = re.compile(r"%\((\w+)\)s|%%")
_SETTINGS = (
    "SET DateStyle TO 'ISO', 'YMD'; SET client_encoding TO 'UTF8'"
    # Planning one of these costs fifteen times its execution, and look-ups by key are planned alike for any value.
    "; SET plan_cache_mode TO 'force_generic_plan'"
)
"""Values travel as texts, and mean the same whatever the server's own settings are; a statement is planned once."""
_DONE = frozenset({pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK})


_JSON = json.JSONEncoder(check_circular=False)


class HotStatement:
    """A statement with its text, its constants and the type of its rows, ready to be run any number of times."""

    def __init__(self, statement: Select[*tuple[Any, ...]] | ReturningInsert[*tuple[Any, ...]], engine: Engine) -> None:
        compiled = statement.compile(dialect=engine.dialect)
        columns = list(statement.exported_columns)
        needed = [bind.key for bind in compiled.binds.values() if bind.required]
        expanded = compiled.construct_expanded_state(dict.fromkeys(needed), escape_names=False)
        places: dict[str, int] = {}

        def placed(match: re.Match[str]) -> str:
            return f"${places.setdefault(match[1], len(places) + 1)}" if match[1] else "%"

        self.text = _PLACEHOLDER.sub(placed, expanded.statement)
        self._binds = tuple((name, _written(expanded.parameters[name])) for name in places)
        self._row: Any = NamedTuple("HotRow", [(str(column.key), Any) for column in columns])  # type: ignore[misc]
        self._readers = tuple(_reader(column.type) for column in columns)
        self._places = range(len(columns))

    def binds(self, told: Mapping[str, Any]) -> list[bytes | None]:
        """What libpq is given, in the order of the text: what this execution is told, else the constants."""
        return [_written(told[name]) if name in told else constant for name, constant in self._binds]

    def first(self, answer: pq.abc.PGresult) -> Any | None:
        """The first row of an answer by the names of its columns, or None."""
        return self._at(0, answer) if answer.ntuples else None

    def rows(self, answer: pq.abc.PGresult) -> list[Any]:
        """All rows of an answer, each by the names of its columns."""
        return [self._at(number, answer) for number in range(answer.ntuples)]

    def _at(self, number: int, answer: pq.abc.PGresult) -> Any:
        texts = [answer.get_value(number, place) for place in self._places]
        return self._row._make(
            [None if text is None else read(text) for text, read in zip(texts, self._readers, strict=True)]
        )


class Line:
    """A connection, and the statements that it has prepared."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self._prepared: dict[HotStatement, bytes] = {}

    @property
    def is_dead(self) -> bool:
        """Tell whether the server is gone."""
        return self.connection.pgconn.status != pq.ConnStatus.OK

    def run(self, statement: HotStatement, binds: list[bytes | None]) -> pq.abc.PGresult:
        """One round trip (one more when the statement is new here). Raises what the server refused."""
        name = self._prepared.get(statement)
        if name is None:
            name = f"hot_{len(self._prepared)}".encode()
            self._checked(self.connection.pgconn.prepare(name, statement.text.encode()))
            self._prepared[statement] = name
        return self._checked(self.connection.pgconn.exec_prepared(name, binds))  # type: ignore[arg-type]  # None is NULL

    def rows(self, statement: HotStatement, told: Mapping[str, Any]) -> list[Any]:
        """Run a statement and return all its rows."""
        return statement.rows(self.run(statement, statement.binds(told)))

    def say(self, word: bytes) -> None:
        """Begin, commit or roll back a transaction."""
        self._checked(self.connection.pgconn.exec_(word))

    def leave(self) -> None:
        """Roll back a transaction that was not committed, if there is one."""
        if self.connection.pgconn.transaction_status != pq.TransactionStatus.IDLE:
            with suppress(psycopg.Error):
                self.say(b"ROLLBACK")

    def _checked(self, answer: pq.abc.PGresult) -> pq.abc.PGresult:
        if answer.status in _DONE:
            return answer
        if self.is_dead:
            raise psycopg.OperationalError("the server is gone")
        state = (answer.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
        with suppress(KeyError):
            raise errors.lookup(state)(state)
        raise psycopg.DatabaseError(state)


Run = Callable[[HotStatement, Mapping[str, Any]], list[Any]]
"""Runs a statement with what it is told and returns its rows."""


class Hot:
    """Connections for hot statements: as many as threads ask at once, beside those of the engine's pool."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._idle: deque[Line] = deque()
        event.listen(engine, "engine_disposed", self._end)

    def first(self, statement: HotStatement, told: Mapping[str, Any]) -> Any | None:
        """Run a statement and return its first row, or None.

        Raises `StorageUnavailable` when the database does not answer or gives up, `IntegrityError` for a broken rule.
        What may have been carried out is not tried again.
        """
        line = self._taken()
        try:
            return statement.first(line.run(statement, statement.binds(told)))
        except (psycopg.OperationalError, psycopg.InternalError) as fault:
            raise StorageUnavailable(type(fault).__name__) from fault
        except psycopg.IntegrityError as fault:
            raise IntegrityError(type(fault).__name__, None, fault) from fault
        finally:
            self._give_back(line)

    def read(self, statement: HotStatement, told: Mapping[str, Any]) -> Any | None:
        """Run a statement that only reads; a connection found dead is replaced once."""
        with suppress(StorageUnavailable):
            return self.first(statement, told)
        return self.first(statement, told)

    def transact(self, work: Callable[[Run], T]) -> T:
        """`engine.transact` for hot statements: `work` runs them, all in one transaction, again when others were first.

        Raises `StorageUnavailable` when the database does not answer or the contention does not end, `IntegrityError`
        for a broken rule, and whatever `work` raises.
        """
        for attempt in range(1, ATTEMPTS + 1):
            line = self._begun()
            try:
                found = work(line.rows)
                line.say(b"COMMIT")
            except (psycopg.OperationalError, psycopg.InternalError) as fault:
                if fault.sqlstate not in RERUN or attempt == ATTEMPTS:
                    raise StorageUnavailable(type(fault).__name__) from fault
            except psycopg.IntegrityError as fault:
                raise IntegrityError(type(fault).__name__, None, fault) from fault
            else:
                return found
            finally:
                self._give_back(line)
        raise StorageUnavailable("contention does not end")

    def _begun(self) -> Line:
        """A line with a transaction; one found dead is replaced once, since nothing was done on it yet."""
        for take in (self._taken, self._opened):
            line = take()
            with suppress(psycopg.OperationalError):
                line.say(b"BEGIN")
                return line
            self._give_back(line)
        raise StorageUnavailable("no transaction begins")

    def _taken(self) -> Line:
        try:
            return self._idle.pop()
        except IndexError:
            return self._opened()

    def _give_back(self, line: Line) -> None:
        line.leave()
        if not line.is_dead:
            self._idle.append(line)
            return
        line.connection.close()
        self._drop_idle()  # a server that went away took them all

    def _opened(self) -> Line:
        """A connection made as the engine makes its own, then kept apart from its pool."""
        try:
            fairy = self._engine.raw_connection()
        except (DBAPIError, PoolTimeout) as fault:
            raise StorageUnavailable(type(fault).__name__) from fault
        connection: Any = fairy.driver_connection
        fairy.detach()
        connection.autocommit = True
        try:
            connection.execute(_SETTINGS)
        except psycopg.OperationalError as fault:
            connection.close()
            raise StorageUnavailable(type(fault).__name__) from fault
        return Line(connection)

    def _end(self, engine: Engine) -> None:
        _OF_ENGINE.pop(engine, None)  # it holds its engine: nothing else would let go of either
        self._drop_idle()

    def _drop_idle(self) -> None:
        with suppress(IndexError):
            while True:
                self._idle.pop().connection.close()


_OF_ENGINE: WeakKeyDictionary[Engine, Hot] = WeakKeyDictionary()


def hot_of(engine: Engine) -> Hot | None:
    """The connections for hot statements beside an engine, the same for every adapter; None on SQLite."""
    if engine.dialect.name != "postgresql":
        return None
    known = _OF_ENGINE.get(engine)
    return known or _OF_ENGINE.setdefault(engine, Hot(engine))


def _written(value: Any) -> bytes | None:
    """A value as the text that the statement casts; a list or an object is JSON. Raises `ValueError` for a NUL."""
    if value is None:
        return None
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("a NUL: libpq would take what stands before it for the whole")
        return value.encode()
    if isinstance(value, datetime | date):
        return value.isoformat().encode()
    return _JSON.encode(value).encode()


def _reader(kind: TypeEngine[Any]) -> Callable[[bytes], Any]:
    """How the text of a column becomes a value."""
    if isinstance(kind, Instant):
        return lambda text: datetime.fromisoformat(text.decode())
    if isinstance(kind, JSON):
        return json.loads
    if isinstance(kind, Integer):
        return int
    return (lambda text: text == b"t") if isinstance(kind, Boolean) else bytes.decode
