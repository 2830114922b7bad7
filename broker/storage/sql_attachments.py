"""`Attachments` in SQL: the records of a person, what is proposed to it, and what the desk decides of frozen ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, bindparam, insert, or_, select, update

from broker.domain.acts import JudgeRecord
from broker.domain.founding import judged_facts
from broker.domain.handles import Id, new_id
from broker.domain.identity import AttachmentView, EvidenceKind
from broker.domain.people import AttachmentState, RecordKind
from broker.storage.engine import Contended, fetch, transact
from broker.storage.lineage import lock_owners, lock_tree, owner
from broker.storage.may_see import BINDING
from broker.storage.schema import attachments, persons, records
from broker.storage.sql_grounds import belongings_of, beside_of, strayed, tell_concerned
from broker.storage.sql_merge import follow_records, part_ways
from broker.storage.sql_sessions import end_sessions
from broker.storage.trail import insert_audit

_FROZEN, _ATTACHED = AttachmentState.FROZEN.value, AttachmentState.ATTACHED.value
_VIEW = select(
    attachments.c.record_id,
    attachments.c.person_id,
    attachments.c.state,
    attachments.c.evidence_kind,
    attachments.c.at,
    attachments.c.score,
    records.c.kind,
    records.c.retired_at,
).join(records, records.c.id == attachments.c.record_id)
_MINE = select(attachments.c.record_id).where(
    attachments.c.person_id == bindparam("person"), attachments.c.state == _ATTACHED
)
_OF_PERSON = _VIEW.where(
    or_(
        attachments.c.person_id == bindparam("person"),
        and_(
            attachments.c.record_id.in_(_MINE.scalar_subquery()),
            attachments.c.state == AttachmentState.PROPOSED.value,
        ),
    )
).order_by(attachments.c.at, attachments.c.record_id, attachments.c.person_id)
_ALL_FROZEN = _VIEW.where(attachments.c.state == _FROZEN).order_by(attachments.c.at, attachments.c.record_id)


class SqlAttachments:
    """`Attachments` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of_person(self, person_id: str) -> tuple[AttachmentView, ...]:
        """See `Attachments.of_person`."""
        return tuple(map(_view, fetch(self._engine, _OF_PERSON, {"person": person_id})))

    def frozen(self) -> tuple[AttachmentView, ...]:
        """See `Attachments.frozen`."""
        return tuple(map(_view, fetch(self._engine, _ALL_FROZEN, {})))

    def thaw(self, act: JudgeRecord) -> str:
        """See `Attachments.thaw`."""
        return transact(self._engine, lambda conn: _thaw(conn, act))

    def split(self, act: JudgeRecord) -> str:
        """See `Attachments.split`."""
        return transact(self._engine, lambda conn: _split(conn, act))


def _view(row: Row[Any]) -> AttachmentView:
    return AttachmentView(
        record_id=row.record_id,
        person_id=row.person_id,
        kind=RecordKind(row.kind),
        state=AttachmentState(row.state),
        evidence=EvidenceKind(row.evidence_kind),
        at=row.at,
        score=row.score,
        retired_at=row.retired_at,
    )


def _thaw(conn: Connection, act: JudgeRecord) -> str:
    seen = _binding(conn, act.record_id)
    lock_owners(conn, [seen.person_id])
    row = _binding(conn, act.record_id)
    if row.person_id != seen.person_id:
        raise Contended("the record moved")
    if row.state != _FROZEN:
        raise LookupError(f"record {act.record_id} is not frozen")
    _warm(conn, act, (row.person_id,))
    looked_at = _looked_at(conn, row)
    _set(conn, row.id, state=_ATTACHED, evidence={**_without_doubt(row.evidence), **_judged(act), **looked_at})
    tell_concerned(conn, [row.person_id], now=act.now)
    insert_audit(conn, [replace(act.audit, subject=row.person_id)])
    return str(row.person_id)


def _split(conn: Connection, act: JudgeRecord) -> str:
    seen = _binding(conn, act.record_id)
    living, tree = lock_tree(conn, seen.person_id)
    row = _binding(conn, act.record_id)
    if row.person_id not in tree:
        raise Contended("the record moved")
    other = row.evidence.get("other", "")
    if not other and "settled" not in row.evidence:
        raise LookupError(f"record {act.record_id} was not joined to its person by evidence of a feed")
    alone = _found_alone(conn, act, row)
    family = tree | {alone}
    if not part_ways(conn, family, at=act.now):
        for each in _frozen_along(conn, act, tree):
            _set(conn, each.id, person_id=alone)
        follow_records(conn, family)
    _warm(conn, act, family)
    if owner(conn, alone) == owner(conn, living):
        raise LookupError(f"a login has proven that {act.record_id} and {other} are one person's: undo that link first")
    end_sessions(conn, strayed(family), now=act.now, why="record_split")
    tell_concerned(conn, family, now=act.now)
    insert_audit(conn, [replace(act.audit, subject=living, detail={**act.audit.detail, "into": alone})])
    return owner(conn, alone)


def _found_alone(conn: Connection, act: JudgeRecord, row: Row[Any]) -> str:
    """A person for the record; the attachment that was stays in the books with its evidence."""
    alone = new_id(Id.PERSON)
    conn.execute(insert(persons).values(id=alone, created_at=act.now))
    ended = update(attachments).where(attachments.c.id == row.id)
    conn.execute(ended.values(state=AttachmentState.UNDONE.value, ended_at=act.now))
    conn.execute(
        insert(attachments).values(
            id=new_id(Id.ATTACHMENT),
            record_id=act.record_id,
            person_id=alone,
            state=_ATTACHED,
            evidence_kind=EvidenceKind.OWN_RECORD.value,
            evidence={"left": row.person_id, **_judged(act)},
            actor=act.audit.actor,
            at=act.now,
        )
    )
    return alone


def _looked_at(conn: Connection, row: Row[Any]) -> dict[str, str]:
    """The facts that this verdict is about: it holds as long as they do."""
    mine = {one.record_id: one for one in belongings_of(conn, [row.person_id])}
    one, other = mine[row.record_id], mine.get(row.evidence.get("other", ""))
    if other is None:
        return {}
    return judged_facts(one, other, beside_of(conn, [one.record_id, other.record_id]))


def _warm(conn: Connection, act: JudgeRecord, person_ids: Collection[str]) -> None:
    """Attach again what was frozen only because it came along with this record."""
    for row in _frozen_along(conn, act, person_ids):
        _set(conn, row.id, state=_ATTACHED, evidence=_without_doubt(row.evidence))


def _frozen_along(conn: Connection, act: JudgeRecord, person_ids: Collection[str]) -> list[Any]:
    query = select(attachments.c.id, attachments.c.evidence).where(
        attachments.c.person_id.in_(person_ids), attachments.c.state == _FROZEN
    )
    return [row for row in conn.execute(query) if row.evidence.get("frozen") == act.record_id]


def _set(conn: Connection, attachment_id: str, **values: Any) -> None:
    conn.execute(update(attachments).where(attachments.c.id == attachment_id).values(**values))


def _binding(conn: Connection, record_id: str) -> Any:
    found = conn.execute(
        select(attachments).where(attachments.c.record_id == record_id, attachments.c.state.in_(BINDING))
    ).one_or_none()
    if found is None:
        raise LookupError(f"record {record_id} belongs to no person")
    return found


def _without_doubt(evidence: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in evidence.items() if name not in {"frozen", "unheld"}}


def _judged(act: JudgeRecord) -> dict[str, str]:
    return {"judged": act.audit.actor, "judged_at": act.now.isoformat(), "reason": act.reason}
