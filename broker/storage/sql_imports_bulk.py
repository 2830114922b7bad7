"""Rows by the thousand: COPY on PostgreSQL, the driver's own executemany on SQLite, both inside the transaction given.

Statement building costs more than writing at this volume, so these few functions go to the driver. Everything else
of an import is ordinary SQLAlchemy Core.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Connection, Table, Text, any_, bindparam, func, select

_COPY_ROWS = 2_000
"""Rows sent at once: each sending gives way to the thread that prepares the next chunk."""


def insert_rows(conn: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert tuples whose values follow `columns`. Instants are aware UTC; JSON columns take text."""
    if not rows:
        return
    names = ", ".join(f'"{name}"' for name in columns)
    if conn.dialect.name == "postgresql":
        _copy(conn, f'COPY "{table.name}" ({names}) FROM STDIN', rows)
        return
    marks = ", ".join("?" * len(columns))
    statement = f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})'  # noqa: S608 - names of our own schema
    _driver(conn).executemany(statement, map(_sqlite_row, rows))


def rewrite_rows(
    conn: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], *, key: int
) -> None:
    """Write tuples over the rows that have the same first `key` values. Few rows: what changed since last time."""
    if not rows:
        return
    keys, others = columns[:key], columns[key:]
    statement = (
        table.update()
        .where(*(table.c[name] == bindparam(f"k_{name}") for name in keys))
        .values({name: bindparam(f"v_{name}") for name in others})
    )
    binds = [f"k_{name}" for name in keys] + [f"v_{name}" for name in others]
    conn.execute(statement, [dict(zip(binds, row, strict=True)) for row in rows])


def among(conn: Connection, column: ColumnElement[Any], values: Iterable[str]) -> ColumnElement[bool]:
    """The condition that a column holds one of many values, as one parameter: no limit on their number."""
    if conn.dialect.name == "postgresql":
        return column == any_(bindparam(None, list(values), type_=ARRAY(Text), unique=True))
    listed = func.json_each(json.dumps(list(values))).table_valued("value")
    return column.in_(select(listed.c.value))


def _copy(conn: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Send rows in COPY's text format, written column by column: a column mostly needs no look at its single values."""
    with _driver(conn).cursor() as cursor, cursor.copy(statement) as copy:
        for start in range(0, len(rows), _COPY_ROWS):
            columns = map(_column_text, zip(*rows[start : start + _COPY_ROWS], strict=True))
            copy.write("\n".join(map("\t".join, zip(*columns, strict=True))) + "\n")


def _driver(conn: Connection) -> Any:
    return conn.connection.driver_connection


def _column_text(column: Sequence[Any]) -> Sequence[str]:
    """A column's values as COPY writes them."""
    if set(map(type, column)) == {str}:
        together = "".join(column)
        return [_escaped(value) for value in column] if any(map(together.__contains__, _UNSAFE)) else column
    return [_TEXT[type(value)](value) for value in column]


def _escaped(text: str) -> str:
    """A text in COPY's text format (PostgreSQL, COPY: File Formats). NUL cannot come from XML and is refused there."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


@lru_cache(maxsize=64)
def _instant(value: datetime) -> str:
    return value.isoformat()


_UNSAFE = "\\\t\n\r"

_TEXT: Mapping[type, Callable[[Any], str]] = {
    str: _escaped,
    type(None): lambda _value: "\\N",
    bool: lambda value: "t" if value else "f",
    int: str,
    float: repr,
    date: date.isoformat,
    datetime: _instant,
}


@lru_cache(maxsize=64)
def _sqlite_instant(value: datetime) -> str:
    """As `schema.Instant` stores it: UTC without zone, always with microseconds."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")


_PLAIN: Mapping[type, Callable[[Any], Any]] = {datetime: _sqlite_instant, date: date.isoformat}


def _sqlite_row(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple([_PLAIN[type(value)](value) if type(value) in _PLAIN else value for value in row])
