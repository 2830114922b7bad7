"""`SmsCounts` in SQL: a row for each school and day."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Date, Engine, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from broker.storage.engine import fetch, transact
from broker.storage.schema import sms_counts

_OF_DAYS = (
    select(sms_counts.c.uai, func.sum(sms_counts.c.segments).label("segments"))
    .where(sms_counts.c.day.between(bindparam("first", type_=Date), bindparam("last", type_=Date)))
    .group_by(sms_counts.c.uai)
    .order_by(sms_counts.c.uai)
)


class SqlSmsCounts:
    """`SmsCounts` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        dialect: Any = postgresql if engine.dialect.name == "postgresql" else sqlite
        fresh = dialect.insert(sms_counts)
        self._add = fresh.on_conflict_do_update(
            index_elements=[sms_counts.c.uai, sms_counts.c.day],
            set_={"segments": sms_counts.c.segments + fresh.excluded.segments},
        )

    def add(self, uai: str, day: date, segments: int) -> None:
        """See `SmsCounts.add`."""
        row = {"uai": uai, "day": day, "segments": segments}
        transact(self._engine, lambda conn: conn.execute(self._add, row))

    def of_days(self, first: date, last: date) -> dict[str, int]:
        """See `SmsCounts.of_days`."""
        return {row.uai: int(row.segments) for row in fetch(self._engine, _OF_DAYS, {"first": first, "last": last})}
