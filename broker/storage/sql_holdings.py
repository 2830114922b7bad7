"""`Holdings` in SQL: the records attached to one person, with their text."""

from __future__ import annotations

from sqlalchemy import Engine, String, bindparam, select

from broker.domain.holdings import HeldRecord
from broker.domain.identity import EvidenceKind
from broker.domain.people import AttachmentState, RecordKind, Reference
from broker.storage.engine import fetch
from broker.storage.schema import attachments, imports, records

_RECORDS_OF = (
    select(
        records.c.feed,
        records.c.kind,
        records.c.academie,
        records.c.key,
        records.c.content,
        records.c.first_seen_at,
        records.c.retired_at,
        attachments.c.evidence_kind,
        attachments.c.at,
        imports.c.made_on,
        imports.c.applied_at,
    )
    .join(attachments, attachments.c.record_id == records.c.id)
    .outerjoin(imports, imports.c.id == records.c.seen_in)
    .where(
        attachments.c.person_id == bindparam("person", type_=String),
        # a proposed record may be another person's: it is nobody's until it is proven
        attachments.c.state == AttachmentState.ATTACHED.value,
    )
    .order_by(records.c.first_seen_at, records.c.id)
)


class SqlHoldings:
    """`Holdings` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def records_of(self, person_id: str) -> tuple[HeldRecord, ...]:
        """See `Holdings.records_of`."""
        return tuple(
            HeldRecord(
                feed=row.feed,
                kind=RecordKind(row.kind),
                reference=Reference(academie=row.academie, key=row.key),
                content=row.content,
                evidence=EvidenceKind(row.evidence_kind),
                attached_at=row.at,
                since=row.first_seen_at,
                retired_at=row.retired_at,
                told_on=row.made_on or (row.applied_at.date() if row.applied_at else None),
            )
            for row in fetch(self._engine, _RECORDS_OF, {"person": person_id})
        )
