"""How many records a delivery would make contradict what joined them to a person: the mass-change guard asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, distinct, func, select
from sqlalchemy.orm import aliased

from broker.domain.founding import Stated
from broker.domain.identity import EvidenceKind
from broker.domain.imports import RecordRow
from broker.domain.people import AttachmentState, RecordKind
from broker.storage.schema import attachments, records
from broker.storage.sql_imports_bulk import among

_ATTACHED = AttachmentState.ATTACHED.value
_RESTING = (EvidenceKind.SAME_INE.value, EvidenceKind.SHARED_CHILD.value, EvidenceKind.DIRECTORY_TIE.value)
_STATED = (records.c.kind, records.c.given_name, records.c.civility, records.c.birth_date, records.c.ine)


def count_corrected(conn: Connection, changed: Iterable[RecordRow]) -> int:
    """Count records that will contradict one with which evidence joined them.

    Weighed against the other record, not against what this one said before: a number that is first left out and then
    stated anew is a correction too.
    """
    now = {one.id: _stated(one.kind, one.given_name, one.civility, one.birth_date, one.ine) for one in changed}
    if not now:
        return 0
    before = conn.execute(select(records.c.id, *_STATED).where(among(conn, records.c.id, now)))
    otherwise = [record_id for record_id, *facts in before if _stated(*facts) != now[record_id]]
    return _parted(conn, otherwise, now) if otherwise else 0


def _parted(conn: Connection, otherwise: Iterable[str], now: Mapping[str, Stated]) -> int:
    mine, theirs = aliased(attachments), aliased(attachments)
    query = (
        select(
            mine.c.record_id,
            theirs.c.record_id,
            *(mine.c.evidence_kind, mine.c.evidence, theirs.c.evidence_kind, theirs.c.evidence),
            *_STATED,
        )
        .join(theirs, theirs.c.person_id == mine.c.person_id)
        .join(records, records.c.id == theirs.c.record_id)
        .where(
            among(conn, mine.c.record_id, otherwise),
            theirs.c.record_id != mine.c.record_id,
            mine.c.state == _ATTACHED,
            theirs.c.state == _ATTACHED,
        )
    )
    parted = set()
    for one, other, kind, evidence, other_kind, other_evidence, *facts in conn.execute(query):
        beside = (kind in _RESTING and evidence.get("other") == other) or (
            other_kind in _RESTING and other_evidence.get("other") == one
        )
        if beside and now[one].contradicts(now.get(other) or _stated(*facts)):
            parted.add(one)
    return len(parted)


def count_joined(conn: Connection, feed: str) -> int:
    """Count records of a feed whose person has another one by evidence."""
    mine, resting = aliased(attachments), aliased(attachments)
    query = (
        select(func.count(distinct(mine.c.record_id)))
        .select_from(resting)
        .join(mine, mine.c.person_id == resting.c.person_id)
        .join(records, records.c.id == mine.c.record_id)
        .where(
            resting.c.state == _ATTACHED,
            resting.c.evidence_kind.in_(_RESTING),
            mine.c.state == _ATTACHED,
            records.c.feed == feed,
        )
    )
    return int(conn.execute(query).scalar_one())


def _stated(kind: str, given_name: str, civility: str, birth_date: object, ine: str) -> Stated:
    return Stated(given_name, "" if kind == RecordKind.PUPIL.value else civility, birth_date, ine)  # type: ignore[arg-type]
