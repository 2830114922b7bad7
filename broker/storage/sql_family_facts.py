"""`FamilyFacts` in SQL: birth dates that prove somebody beside a code, read through the one condition of may_see."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Engine, String, bindparam, select, union

from broker.domain.people import RecordKind
from broker.storage.engine import fetch
from broker.storage.may_see import ATTACHED, may_see
from broker.storage.schema import Instant, attachments, persons, records

_PERSON = bindparam("person", type_=String)
_seen = may_see(lambda column: column == _PERSON, bindparam("now", type_=Instant))

_CHILDREN = select(records.c.birth_date).join(_seen, _seen.c.child_record == records.c.id)
_OWN = (
    select(records.c.birth_date)
    .join(attachments, attachments.c.record_id == records.c.id)
    .join(persons, persons.c.id == attachments.c.person_id)
    .where(
        persons.c.id == _PERSON,
        persons.c.merged_into.is_(None),
        attachments.c.state == ATTACHED,
        records.c.retired_at.is_(None),
        records.c.kind.in_([RecordKind.PUPIL.value, RecordKind.STAFF.value]),
    )
)
_BIRTH_DATES = union(_CHILDREN, _OWN)


class SqlFamilyFacts:
    """`FamilyFacts` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def birth_dates(self, person_id: str, *, now: datetime) -> frozenset[date]:
        """See `FamilyFacts.birth_dates`. Who sees no child (any more) proves nothing by one."""
        rows = fetch(self._engine, _BIRTH_DATES, {"person": person_id, "now": now})
        return frozenset(row.birth_date for row in rows if row.birth_date is not None)
