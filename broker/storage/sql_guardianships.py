"""Court restrictions in SQL: written between records, binding the persons behind them, whatever a feed says later.

Beside them what an administrator affirms of a right that feeds disagree about.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, bindparam, func, insert, or_, select, update

from broker.domain.audit import AuditEvent
from broker.domain.guardianship import Restriction, RightTold
from broker.domain.handles import Id, new_id
from broker.storage.copies import tell_sessions
from broker.storage.engine import fetch, transact
from broker.storage.lineage import lock_owners
from broker.storage.may_see import BINDING
from broker.storage.schema import attachments, guardianships, restrictions
from broker.storage.trail import insert_audit

_RECORDS = select(attachments.c.record_id).where(
    attachments.c.person_id == bindparam("person"), attachments.c.state.in_(BINDING)
)
_TOLD_OF = (
    select(
        *(guardianships.c[name] for name in ("adult_record", "child_record", "feed", "quality", "may_see")),
        func.coalesce(guardianships.c.given, guardianships.c.since).label("counts_from"),
        *(guardianships.c.withdrawn, guardianships.c.until),
    )
    .where(
        or_(guardianships.c.adult_record.in_(_RECORDS), guardianships.c.child_record.in_(_RECORDS)),
        or_(guardianships.c.until.is_(None), guardianships.c.withdrawn.is_not(None)),
    )
    .order_by(guardianships.c.child_record, guardianships.c.adult_record, guardianships.c.since)
)


class SqlGuardianships:
    """`Guardianships` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def restrict(self, *, adult_id: str, child_id: str, since: datetime, audit: AuditEvent) -> Restriction:
        """See `Guardianships.restrict`. Raises `LookupError` when either person has no record to write it on."""
        rows = transact(self._engine, lambda conn: _restrict(conn, adult_id, child_id, since=since, audit=audit))
        return Restriction(adult_id=rows[0], child_id=rows[1], since=since, until=None)

    def lift(self, *, adult_id: str, child_id: str, until: datetime, audit: AuditEvent) -> int:
        """See `Guardianships.lift`."""
        return transact(self._engine, lambda conn: _lift(conn, adult_id, child_id, until=until, audit=audit))

    def told_of(self, person_id: str) -> tuple[RightTold, ...]:
        """See `Guardianships.told_of`."""
        rows = fetch(self._engine, _TOLD_OF, {"person": person_id})
        return tuple(
            RightTold(
                adult_record=row.adult_record, child_record=row.child_record, feed=row.feed, quality=row.quality,
                may_see=row.may_see, given=row.counts_from, withdrawn=row.withdrawn, until=row.until,
            )
            for row in rows
        )  # fmt: skip

    def affirm(self, *, adult_id: str, child_id: str, at: datetime, audit: AuditEvent) -> int:
        """See `Guardianships.affirm`."""
        return transact(self._engine, lambda conn: _affirm(conn, adult_id, child_id, at=at, audit=audit))


def _restrict(conn: Connection, adult_id: str, child_id: str, *, since: datetime, audit: AuditEvent) -> tuple[str, str]:
    living = lock_owners(conn, (adult_id, child_id))
    adult, child = living[adult_id], living[child_id]
    rows = [
        {
            "id": new_id(Id.RESTRICTION),
            "adult_record": adult_record,
            "child_record": child_record,
            "since": since,
            "actor": audit.actor,
        }
        for adult_record in conn.execute(_records_of(adult)).scalars().all()
        for child_record in conn.execute(_records_of(child)).scalars().all()
    ]
    if not rows:
        raise LookupError("a restriction needs a record on either side")
    conn.execute(insert(restrictions), rows)
    insert_audit(conn, (audit,))
    return adult, child


def _lift(conn: Connection, adult_id: str, child_id: str, *, until: datetime, audit: AuditEvent) -> int:
    living = lock_owners(conn, (adult_id, child_id))
    lifted = conn.execute(
        update(restrictions)
        .where(
            restrictions.c.adult_record.in_(_records_of(living[adult_id])),
            restrictions.c.child_record.in_(_records_of(living[child_id])),
            or_(restrictions.c.until.is_(None), restrictions.c.until > until),
        )
        .values(until=until)
    )
    insert_audit(conn, (audit,))
    return lifted.rowcount


def _affirm(conn: Connection, adult_id: str, child_id: str, *, at: datetime, audit: AuditEvent) -> int:
    living = lock_owners(conn, (adult_id, child_id))
    affirmed = conn.execute(
        update(guardianships)
        .where(
            guardianships.c.adult_record.in_(_records_of(living[adult_id])),
            guardianships.c.child_record.in_(_records_of(living[child_id])),
            guardianships.c.until.is_(None),
            guardianships.c.may_see,
        )
        .values(given=at)
    )
    if affirmed.rowcount:
        tell_sessions(conn, [living[adult_id]], now=at)
        insert_audit(conn, (audit,))
    return affirmed.rowcount


def _records_of(person_id: str) -> Select[Any]:
    """Retired records too: the court speaks of the human, and a record may come back."""
    return select(attachments.c.record_id).where(attachments.c.person_id == person_id, attachments.c.state.in_(BINDING))
