"""What one chunk shall write: delivered rows and what stands of their records in, a plan out. Pure.

Used three times with the same result: to apply a chunk, to retire what a complete set did not bring, and to tell
beforehand what an import would change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from broker.directory.content import (
    content_hash,
    decode_person,
    decode_school,
    encode_person,
    merged,
    name_key_of,
)
from broker.directory.guard import CONTACTS
from broker.directory.identity_change import is_another_person
from broker.directory.record_facts import Circumstances, enrolment_changes, guardianship_changes, post_changes
from broker.directory.staging import SCHOOL
from broker.domain.audit import Action, AuditEvent
from broker.domain.contacts import ContactMove, contacts_in
from broker.domain.feed import PERSON_FIELDS, FeedFault, PersonRecord, Tie
from broker.domain.imports import (
    Chunk,
    ChunkPlan,
    EnrolmentRow,
    GuardianshipRow,
    KnownRecord,
    Op,
    PostFactRow,
    RecordRow,
    SchoolRow,
    StagedRow,
)
from broker.domain.people import RecordKind

_NAMED = frozenset({"family", "given"})


@dataclass(slots=True)
class _Standing:
    """What a record has become after the rows seen so far; `record` is None once it is gone."""

    known: KnownRecord | None
    kind: RecordKind
    record: PersonRecord | None
    content: str
    digest: str = ""
    """Hash of `content` where the delivery came with it."""
    left: bool = False
    """Whether the feed withdrew it, before or in these very rows."""


@dataclass(slots=True)
class _Facts:
    """What stands of the chunk's records, by record."""

    guardianships: dict[str, list[GuardianshipRow]]
    enrolments: dict[str, list[EnrolmentRow]]
    posts: dict[str, list[PostFactRow]]


def plan_chunk(chunk: Chunk, around: Circumstances) -> ChunkPlan:
    """Decide what the chunk writes. Rows of one key are folded in their order; facts follow the final state."""
    plan = ChunkPlan(contact_hold=around.contact_hold)
    standing: dict[str, _Standing] = {}
    for row in chunk.rows:
        if row.kind == SCHOOL:
            _school(row, plan, around)
        elif row.op != Op.KEEP:
            _fold(row, chunk, standing, plan, around)
    facts = _by_record(chunk)
    for key, state in standing.items():
        _write(key, state, facts, chunk, plan, around)
    return plan


def _school(row: StagedRow, plan: ChunkPlan, around: Circumstances) -> None:
    if row.op == Op.KEEP:
        return
    if row.op == Op.DELETE:
        plan.schools_retired.append(row.key)
        plan.schools.pop(row.key, None)
        plan.count("schools_retired")
        return
    school = decode_school(row.payload, key=row.key)
    plan.schools[row.key] = SchoolRow(
        uai=school.uai,
        name=school.name,
        level=school.level.value if school.level else None,
        kind=school.kind,
        academie=around.academie,
        commune=school.commune,
        contract=school.contract,
        key=row.key,
        content_hash=row.content_hash,
        classes=tuple((one.code, one.label) for one in school.classes),
    )
    if row.key in plan.schools_retired:
        plan.schools_retired.remove(row.key)
    plan.count("schools_written")


def _fold(row: StagedRow, chunk: Chunk, standing: dict[str, _Standing], plan: ChunkPlan, around: Circumstances) -> None:
    state = standing.get(row.key)
    known = state.known if state else chunk.known.get(f"{around.feed}:{row.key}")
    kind = RecordKind(row.kind)
    if known is not None and known.kind != row.kind:
        _fault(plan, row, f"the key of a {known.kind} comes back as that of a {row.kind}: left as it was")
        return
    if state is not None and state.kind is not kind:
        _fault(plan, row, f"one key for a {state.kind} and for a {row.kind}: the second was left out")
        return
    if state is None:
        state = _Standing(known, kind, None, known.content if known else "", left=known is not None and known.retired)
    if row.op == Op.DELETE:
        state.record, state.content, state.left = None, state.content if known else "", True
        standing[row.key] = state
        return
    change = decode_person(row.payload, kind=kind, key=row.key)
    content, digest = row.payload, row.content_hash
    if change.stated != PERSON_FIELDS:
        before = state.record or (decode_person(state.content, kind=kind, key=row.key) if state.content else None)
        if before is None and not change.stated >= _NAMED:
            _fault(plan, row, "a change of some attributes of a record that is not known")
            return
        change = merged(before, change)
        content, digest = encode_person(change), ""
    state.record, state.content, state.digest = change, content, digest
    standing[row.key] = state


def _write(key: str, state: _Standing, facts: _Facts, chunk: Chunk, plan: ChunkPlan, around: Circumstances) -> None:
    record_id = f"{around.feed}:{key}"
    if state.record is None:
        _retire(record_id, state, facts, plan, around)
        return
    if state.known is not None and is_another_person(state.known, state.record, left=state.left):
        _keep_apart(record_id, state, facts, plan, around)
        return
    unresolved = _write_facts(record_id, state, facts, chunk, plan, around)
    _write_record(record_id, state, plan, around, settled=not unresolved)


def _keep_apart(record_id: str, state: _Standing, facts: _Facts, plan: ChunkPlan, around: Circumstances) -> None:
    """A key given to somebody else: nobody inherits rights by it, and the school must resolve it.

    A pupil who did not leave stays as he was. A guardian does not: children name him by the key alone, and those of
    the other person are already beside it.
    """
    reason = f"record {record_id.partition(':')[2]}: the key comes back for another person: not applied"
    plan.faults.append(FeedFault("", 0, reason, kind=state.kind.value))
    plan.count("faults")
    if state.left or state.kind is RecordKind.GUARDIAN:
        plan.count(f"{state.kind.value}_replaced", int(not state.left))
        _retire(record_id, state, facts, plan, around)


def _write_record(record_id: str, state: _Standing, plan: ChunkPlan, around: Circumstances, *, settled: bool) -> None:
    record, known = state.record, state.known
    if record is None:
        return
    row = RecordRow(
        id=record_id,
        feed=around.feed,
        key=record.key,
        kind=record.kind.value,
        academie=around.academie,
        family_name=record.name.family,
        given_name=record.name.given,
        civility=record.name.civility,
        name_key=name_key_of(record.name),
        birth_date=record.birth_date,
        ine=record.ine,
        content=state.content,
        # Without hash the record is looked at again at the next delivery: its school may have come by then.
        content_hash=_hash(state, around) if settled else "",
        seen_in=around.import_id,
        first_seen_at=known.first_seen_at if known else around.now,
        retired_at=None,
    )
    if record.ties or (known and '"ties":' in known.content):
        plan.ties[record_id] = tuple((_tied_to(one, around.feed), one.nature) for one in record.ties)
    if known is None:
        plan.records_added[record_id] = row
        plan.count(f"{record.kind.value}_added")
        return
    plan.records_changed[record_id] = row
    if known.retired:
        plan.touched.add(record_id)
        plan.count(f"{record.kind.value}_returned")
    elif known.content != state.content:
        plan.count(f"{record.kind.value}_changed")
    _note_contacts(record_id, known, state.content, plan)


def _note_contacts(record_id: str, known: KnownRecord, content: str, plan: ChunkPlan) -> None:
    """A number or address that is another now, not one that is only written otherwise."""
    if known.content == content:
        return
    kind = RecordKind(known.kind)
    before, after = (contacts_in(text, kind=kind) for text in (known.content, content))
    moves = [
        ContactMove(record_id, channel.value, before[channel], after[channel])
        for channel in before
        if before[channel] != after[channel]
    ]
    plan.contact_moves += moves
    plan.count(CONTACTS, int(any(move.was and move.value for move in moves)))


def _tied_to(tie: Tie, feed: str) -> str:
    return tie.other if "$" in tie.other else f"{feed}:{tie.other}"


def _hash(state: _Standing, around: Circumstances) -> str:
    return state.digest or content_hash(state.content, in_charge_sees=around.in_charge_sees)


def _write_facts(
    record_id: str, state: _Standing, facts: _Facts, chunk: Chunk, plan: ChunkPlan, around: Circumstances
) -> int:
    """Facts of a live record; returns how many schools it names that the feed does not know."""
    record = state.record
    if record is None or record.kind is RecordKind.GUARDIAN:
        return 0
    if record.kind is RecordKind.STAFF:
        posts, unknown = post_changes(record, record_id, facts.posts.get(record_id, ()), chunk.schools, around)
        plan.posts_added += posts.inserted
        plan.posts_changed += posts.rewritten
        return _count_unknown(record.key, unknown, plan)
    guardianships = guardianship_changes(record, record_id, facts.guardianships.get(record_id, ()), around)
    plan.guardianships_added += guardianships.inserted
    plan.guardianships_changed += guardianships.rewritten
    if state.known is None:
        plan.count("guardianships_added", len(guardianships.began))
    else:
        _note(plan, around, "widened", guardianships.began)
        _note(plan, around, "altered", guardianships.altered)
        _note(plan, around, "ended", guardianships.ended)
    enrolments, unknown = enrolment_changes(
        record, record_id, facts.enrolments.get(record_id, ()), chunk.schools, around
    )
    plan.enrolments_added += enrolments.inserted
    plan.enrolments_changed += enrolments.rewritten
    return _count_unknown(record.key, unknown, plan)


def _count_unknown(key: str, schools: set[str], plan: ChunkPlan) -> int:
    for school in sorted(schools):
        if f"unknown_school:{school}" not in plan.counts:
            reason = f"school {school}, named by {key} and perhaps others, is not known yet"
            plan.faults.append(FeedFault("", 0, reason, warning=True))
        plan.count(f"unknown_school:{school}")
    return len(schools)


def _retire(record_id: str, state: _Standing, facts: _Facts, plan: ChunkPlan, around: Circumstances) -> None:
    if state.known is None or state.known.retired:
        return
    plan.records_retired.append(record_id)
    plan.touched.add(record_id)
    plan.count(f"{state.kind.value}_retired")
    now = around.now
    ended = [row for row in facts.guardianships.get(record_id, ()) if row.until is None]
    plan.guardianships_changed += [row._replace(until=now) for row in ended]
    _note(plan, around, "ended", ended)
    plan.enrolments_changed += [
        row._replace(until=now) for row in facts.enrolments.get(record_id, ()) if row.until is None
    ]
    plan.posts_changed += [row._replace(until=now) for row in facts.posts.get(record_id, ()) if row.until is None]


def _note(plan: ChunkPlan, around: Circumstances, change: str, rows: Iterable[GuardianshipRow]) -> None:
    """A right over a child already known began, changed or fell: audited one by one, sessions told."""
    for row in rows:
        plan.count(f"guardianships_{change}")
        plan.touched.add(row.adult_record)
        plan.audit.append(
            AuditEvent(
                tenant=around.tenant,
                at=around.now,
                action=Action.GUARDIANSHIP_CHANGED,
                actor=f"feed:{around.feed}",
                subject=row.child_record,
                outcome=change,
                trace=around.import_id,
                detail={"adult": row.adult_record, "quality": row.quality, "link": row.link_code},
            )
        )


def _fault(plan: ChunkPlan, row: StagedRow, reason: str) -> None:
    plan.faults.append(FeedFault("", 0, f"record {row.key}: {reason}", kind=row.kind, key=row.key))
    plan.count("faults")


def _by_record(chunk: Chunk) -> _Facts:
    facts = _Facts(defaultdict(list), defaultdict(list), defaultdict(list))
    for guardianship in chunk.guardianships:
        facts.guardianships[guardianship.child_record].append(guardianship)
    for enrolment in chunk.enrolments:
        facts.enrolments[enrolment.record_id].append(enrolment)
    for post in chunk.posts:
        facts.posts[post.record_id].append(post)
    return facts
