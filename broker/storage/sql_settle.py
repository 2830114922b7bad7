"""What a purge forgets proved what it proved: joins that rested on it are settled before it goes.

Otherwise the next look at a person would take what was forgotten for what was taken back, and freeze a family.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from broker.domain.audit import Action, AuditEvent
from broker.domain.founding import Belonging, children_in_common, judged_facts
from broker.domain.identity import EvidenceKind
from broker.domain.people import AttachmentState
from broker.storage.may_see import BINDING
from broker.storage.schema import attachments, guardianships, imports
from broker.storage.sql_grounds import belongings_of, beside_of
from broker.storage.sql_imports_bulk import among
from broker.storage.trail import insert_audit

_ATTACHED = AttachmentState.ATTACHED.value
_SHARED_CHILD = EvidenceKind.SHARED_CHILD.value
_RESTING = frozenset({EvidenceKind.SAME_INE.value, _SHARED_CHILD, EvidenceKind.DIRECTORY_TIE.value})
_OF_THE_OTHER = frozenset({"other", "judged_on", "judged_children"})


@contextmanager
def settling_records(conn: Connection, record_ids: Sequence[str], now: datetime) -> Iterator[None]:
    """Settle what rests on these records, and on the relations to them, while they are forgotten."""
    facts = guardianships.c
    beside = select(facts.adult_record).where(among(conn, facts.child_record, record_ids)).distinct()
    concerned = {*record_ids, *conn.scalars(beside)}
    with _settling(conn, concerned, frozenset(record_ids), now=now):
        yield


@contextmanager
def settling_relations(conn: Connection, keys: Sequence[tuple[str, str, datetime]], now: datetime) -> Iterator[None]:
    """Settle what rests on these relations (adult, child, since) while they are forgotten."""
    with _settling(conn, {adult for adult, _, _ in keys}, frozenset(), now=now):
        yield


@contextmanager
def _settling(conn: Connection, concerned: Collection[str], gone: frozenset[str], *, now: datetime) -> Iterator[None]:
    joins = [one for one in _joins(conn, concerned) if one.row.record_id not in gone]
    before = _shared(conn, joins)
    yield
    after = _shared(conn, joins)
    today = now.date().isoformat()
    settled = []
    for one in joins:
        record_id = one.row.record_id
        evidence = _kept(one, gone, before.get(record_id), after.get(record_id), today=today)
        if evidence != one.row.evidence:
            conn.execute(update(attachments).where(attachments.c.id == one.row.id).values(evidence=evidence))
            settled.append(one.row)
    insert_audit(conn, _told(conn, settled, now))


@dataclass(frozen=True, slots=True)
class _Join:
    """A record that stands by evidence, and the one beside it."""

    row: Belonging
    other: Belonging


@dataclass(frozen=True, slots=True)
class _Shared:
    """Whether the two still have a child in common, and what a human's verdict on that would be about."""

    any: bool
    judged: str


def _kept(
    join: _Join, gone: frozenset[str], before: _Shared | None, after: _Shared | None, *, today: str
) -> Mapping[str, str]:
    evidence = join.row.evidence
    if join.other.record_id in gone:
        kept = {name: text for name, text in evidence.items() if name not in _OF_THE_OTHER}
        return {**kept, "settled": today}
    if before is None or after is None or before == after:
        return evidence
    verdict = {"judged_children": after.judged} if evidence.get("judged_children") == before.judged else {}
    return {**evidence, **verdict, **({"settled": today} if before.any and not after.any else {})}


def _joins(conn: Connection, concerned: Collection[str]) -> list[_Join]:
    """What stands by evidence in or beside these records. What is in doubt already is left to the desk."""
    home = select(attachments.c.person_id).where(
        among(conn, attachments.c.record_id, concerned), attachments.c.state.in_(BINDING)
    )
    persons = list(conn.scalars(home.distinct()))
    rows = {one.record_id: one for one in belongings_of(conn, persons)} if persons else {}
    return [
        _Join(one, other)
        for one in rows.values()
        if one.state == _ATTACHED
        and one.evidence_kind in _RESTING
        and "unheld" not in one.evidence
        and (other := rows.get(one.evidence.get("other", "")))
        and not {one.record_id, other.record_id}.isdisjoint(concerned)
    ]


def _shared(conn: Connection, joins: Sequence[_Join]) -> dict[str, _Shared]:
    pairs = [one for one in joins if one.row.evidence_kind == _SHARED_CHILD]
    if not pairs:
        return {}
    beside = beside_of(conn, sorted({row.record_id for one in pairs for row in (one.row, one.other)}))
    return {
        one.row.record_id: _Shared(
            bool(children_in_common(one.row.record_id, one.other.record_id, beside)),
            judged_facts(one.row, one.other, beside)["judged_children"],
        )
        for one in pairs
    }


def _told(conn: Connection, settled: Sequence[Belonging], now: datetime) -> list[AuditEvent]:
    """One event for each tenant, with how many."""
    if not settled:
        return []
    feeds = {one.feed for one in settled}
    runs = select(imports.c.feed, imports.c.tenant).where(among(conn, imports.c.feed, feeds)).distinct()
    tenants = {row.feed: row.tenant for row in conn.execute(runs)}
    counts = Counter(tenants.get(one.feed, "") for one in settled)
    return [
        AuditEvent(tenant, now, Action.JOINS_SETTLED, "purge", detail={"joins": str(number)})
        for tenant, number in sorted(counts.items())
    ]
