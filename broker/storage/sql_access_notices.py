"""`AccessNotices` in SQL: what a person was told happened to their access."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Integer, Row, bindparam, select

from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.storage.engine import fetch
from broker.storage.lineage import OWNER, downwards
from broker.storage.schema import Instant, notices

_OF_PERSON = (
    select(notices)
    .where(notices.c.person_id.in_(downwards()))
    .order_by(notices.c.at.desc(), notices.c.id.desc())
    .limit(bindparam("most", type_=Integer))
)
_OF_DAY = (
    select(notices)
    .where(
        notices.c.person_id.in_(downwards()),
        notices.c.at >= bindparam("since", type_=Instant),
        notices.c.at <= bindparam("until", type_=Instant),
    )
    .order_by(notices.c.at, notices.c.id)
)


class SqlAccessNotices:
    """`AccessNotices` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of_person(self, person_id: str, *, limit: int) -> tuple[AccessNotice, ...]:
        """See `AccessNotices.of_person`."""
        rows = fetch(self._engine, _OF_PERSON, {"person": person_id, "most": limit})
        return tuple(_notice(person_id, row) for row in rows)

    def of_day(self, person_id: str, *, since: datetime, until: datetime) -> tuple[AccessNotice, ...]:
        """See `AccessNotices.of_day`."""
        living = str(next((row.id for row in fetch(self._engine, OWNER, {"person": person_id})), person_id))
        rows = fetch(self._engine, _OF_DAY, {"person": living, "since": since, "until": until})
        return tuple(_notice(person_id, row) for row in rows)


def _notice(person_id: str, row: Row[Any]) -> AccessNotice:
    return AccessNotice(person_id, NoticeKind(row.kind), row.at, dict(row.told), row.trace)
