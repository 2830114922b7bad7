"""All that a database holds, so that two of them can be compared: every table, every column, all but chance.

Chance is in identifiers (a person goes by its records, a run by its feed and its turn), in numbers that a sequence gave
(their order is kept), and in the moments at which a clock was read. The instant that dates the facts of a run is none
of these moments: it must be the same wherever the run wrote, so it goes by the run's name. Any other instant stands as
it is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Table, select

from broker.storage import schema
from broker.storage.schema.columns import Auto, metadata

State = Mapping[str, list[tuple[str, ...]]]

_CLOCK_READ = frozenset(
    {
        ("imports", "started_at"),
        ("imports", "finished_at"),
        ("audit_events", "at"),
        ("contact_moves", "at"),
        ("contact_moves", "holds_until"),
        ("notices", "at"),
        ("outbox", "at"),
        ("outbox", "due_at"),
    }
)
"""A hold, and what is told of it, run from when they are written: in a run taken up days later too."""


def whole_state(engine: Engine) -> State:
    """Each table's rows, in the order they were written where it numbers them, else sorted."""
    with engine.connect() as conn:
        names = _names(conn)
        return {table.name: _rows(conn, table, names) for table in metadata.sorted_tables}


def _rows(conn: Connection, table: Table, names: Mapping[Any, str]) -> list[tuple[str, ...]]:
    numbered = [column for column in table.primary_key if column.type is Auto]
    rows = conn.execute(select(table).order_by(*table.primary_key)).fetchall()
    left_out = {column.name for column in numbered}
    found = [_plain(table.name, row, names, left_out) for row in rows]
    return found if numbered else sorted(found)


def _plain(table: str, row: Row[Any], names: Mapping[Any, str], left_out: set[str]) -> tuple[str, ...]:
    return tuple(
        f"{column}={_cell((table, column), value, names)!r}"
        for column, value in row._mapping.items()
        if column not in left_out
    )


def _cell(place: tuple[str, str], value: Any, names: Mapping[Any, str]) -> Any:
    if isinstance(value, dict):
        return {name: _cell(place, one, names) for name, one in sorted(value.items())}
    if isinstance(value, list):
        return [_cell(place, one, names) for one in value]
    if isinstance(value, str | datetime) and value in names:
        return names[value]
    return "a moment" if isinstance(value, datetime) and place in _CLOCK_READ else value


def _names(conn: Connection) -> Mapping[Any, str]:
    """Names of what chance named: persons, attachments, runs, and the instants that date the facts of runs."""
    belongings: dict[str, list[str]] = defaultdict(list)
    attached = {}
    for row in conn.execute(select(schema.attachments).order_by(schema.attachments.c.record_id)):
        if row.state != "proposed":
            belongings[row.person_id].append(row.record_id)
        attached[row.id] = row
    names: dict[Any, str] = {person: "person of " + "+".join(records) for person, records in belongings.items()}
    for attachment, row in attached.items():
        names[attachment] = f"{row.state}: {row.record_id} to {names.get(row.person_id, '?')}"
    turns: Counter[str] = Counter()
    for row in conn.execute(select(schema.imports).order_by(schema.imports.c.started_at)):
        turns[row.feed] += 1
        names[row.id] = f"run {turns[row.feed]} of {row.feed}"
        if row.applied_at is not None:
            names[row.applied_at] = f"when {names[row.id]} was applied"
    return names
