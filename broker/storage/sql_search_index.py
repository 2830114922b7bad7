"""Keeping the keys of the search up behind imports: which records were touched, and what each is found by now."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, select, text

from broker.domain.imports import ChunkPlan
from broker.domain.people import RecordKind
from broker.domain.search import class_key, name_keys, phone_keys
from broker.storage.engine import transact
from broker.storage.record_schools import places_of
from broker.storage.schema import guardianships, records, search_keys, search_pending
from broker.storage.sql_imports_bulk import among, insert_rows

_AT_ONCE = 1_000
_LONGEST = timedelta(seconds=20)
"""How long one turn of the chore may take: the worker has other things to tell."""


def touch_records(conn: Connection, plan: ChunkPlan) -> None:
    """Note which records a chunk of an import touches, in its own transaction: in one order, whoever runs it again."""
    touched = {*plan.records_added, *plan.records_changed, *plan.records_retired}
    touched.update(row.adult_record for row in (*plan.guardianships_added, *plan.guardianships_changed))
    touched.update(row.record_id for row in (*plan.enrolments_added, *plan.enrolments_changed))
    touched.update(row.record_id for row in (*plan.posts_added, *plan.posts_changed))
    insert_rows(conn, search_pending, ("record_id",), [(record_id,) for record_id in sorted(touched)])


class SqlSearchIndex:
    """Writes the keys of the records that wait."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def catch_up(self, _now: datetime) -> int:
        """Write keys until none waits or the turn is over; returns how many records were looked at. A chore."""
        end, done = monotonic() + _LONGEST.total_seconds(), 0
        while True:
            looked_at = transact(self._engine, refresh)
            done += looked_at
            if looked_at == 0 or monotonic() > end:
                return done


def refresh(conn: Connection) -> int:
    """Take the next records that wait, and write what each is found by now; returns how many they were."""
    _alone(conn)
    waiting = conn.execute(select(search_pending).order_by(search_pending.c.id).limit(_AT_ONCE)).fetchall()
    if waiting:
        conn.execute(delete(search_pending).where(search_pending.c.id.in_([row.id for row in waiting])))
        _rewrite(conn, _with_adults(conn, {row.record_id for row in waiting}))
    return len(waiting)


def _alone(conn: Connection) -> None:
    """One at a time: two that write the same record's keys would meet on them. Whoever searches goes on."""
    if conn.dialect.name == "postgresql":
        conn.execute(text("LOCK TABLE search_pending IN SHARE UPDATE EXCLUSIVE MODE"))


def _with_adults(conn: Connection, record_ids: set[str]) -> set[str]:
    """Guardians stand where their children do: a child that moves takes them along."""
    query = select(guardianships.c.adult_record).where(among(conn, guardianships.c.child_record, record_ids))
    return record_ids | set(conn.scalars(query))


def _rewrite(conn: Connection, record_ids: Collection[str]) -> None:
    columns = (records.c.id, records.c.kind, records.c.family_name, records.c.given_name, records.c.content)
    live = conn.execute(
        select(*columns).where(among(conn, records.c.id, record_ids), records.c.retired_at.is_(None))
    ).fetchall()
    places = places_of(conn, [row.id for row in live])
    at: dict[str, list[tuple[str, str]]] = {}
    for (record_id, uai), label in places.items():
        at.setdefault(record_id, []).append((uai, label))
    rows = [(uai, key, row.id) for row in live for uai, label in at.get(row.id, ()) for key in _keys(row, label)]
    conn.execute(delete(search_keys).where(among(conn, search_keys.c.record_id, record_ids)))
    insert_rows(conn, search_keys, ("uai", "key", "record_id"), rows)


def _keys(row: Any, class_label: str) -> Iterable[str]:
    told = json.loads(row.content) if row.kind == RecordKind.GUARDIAN.value else {}
    numbers = phone_keys(str(told.get("mobile", "")))
    return name_keys(row.family_name, row.given_name) | class_key(class_label) | numbers


def waiting(conn: Connection) -> int:
    """How many records wait to be looked at."""
    return int(conn.execute(select(func.count()).select_from(search_pending)).scalar_one())
