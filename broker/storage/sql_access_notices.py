"""`AccessNotices` in SQL: what a person was told happened to their access."""

from __future__ import annotations

from sqlalchemy import Engine, Integer, bindparam, select

from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.storage.engine import fetch
from broker.storage.lineage import downwards
from broker.storage.schema import notices

_OF_PERSON = (
    select(notices)
    .where(notices.c.person_id.in_(downwards()))
    .order_by(notices.c.at.desc(), notices.c.id.desc())
    .limit(bindparam("most", type_=Integer))
)


class SqlAccessNotices:
    """`AccessNotices` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of_person(self, person_id: str, *, limit: int) -> tuple[AccessNotice, ...]:
        """See `AccessNotices.of_person`."""
        rows = fetch(self._engine, _OF_PERSON, {"person": person_id, "most": limit})
        return tuple(AccessNotice(person_id, NoticeKind(row.kind), row.at, dict(row.told), row.trace) for row in rows)
