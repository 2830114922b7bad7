"""`Attachments` in SQL: the records of a person and what is proposed to it, for those who look after the directory."""

from __future__ import annotations

from sqlalchemy import Engine, and_, bindparam, or_, select

from broker.domain.identity import AttachmentView, EvidenceKind
from broker.domain.people import AttachmentState, RecordKind
from broker.storage.engine import fetch
from broker.storage.schema import attachments, records

_MINE = select(attachments.c.record_id).where(
    attachments.c.person_id == bindparam("person"), attachments.c.state == AttachmentState.ATTACHED.value
)
_OF_PERSON = (
    select(
        attachments.c.record_id,
        attachments.c.person_id,
        attachments.c.state,
        attachments.c.evidence_kind,
        attachments.c.at,
        attachments.c.score,
        records.c.kind,
        records.c.retired_at,
    )
    .join(records, records.c.id == attachments.c.record_id)
    .where(
        or_(
            attachments.c.person_id == bindparam("person"),
            and_(
                attachments.c.record_id.in_(_MINE.scalar_subquery()),
                attachments.c.state == AttachmentState.PROPOSED.value,
            ),
        )
    )
    .order_by(attachments.c.at, attachments.c.record_id, attachments.c.person_id)
)


class SqlAttachments:
    """`Attachments` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of_person(self, person_id: str) -> tuple[AttachmentView, ...]:
        """See `Attachments.of_person`."""
        rows = fetch(self._engine, _OF_PERSON, {"person": person_id})
        return tuple(
            AttachmentView(
                record_id=row.record_id,
                person_id=row.person_id,
                kind=RecordKind(row.kind),
                state=AttachmentState(row.state),
                evidence=EvidenceKind(row.evidence_kind),
                at=row.at,
                score=row.score,
                retired_at=row.retired_at,
            )
            for row in rows
        )
