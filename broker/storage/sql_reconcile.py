"""Persons for records that have none: reads what stands around a chunk of them, writes what was decided."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, func, literal, select, update
from sqlalchemy.orm import aliased

from broker.domain.founding import AttachmentRow, FoundingPlan, Likeness, Neighbour, PupilTwin, Surroundings, Unattached
from broker.domain.imports import FOUNDING, ImportRun, Lease
from broker.domain.people import RecordKind
from broker.domain.school import Level
from broker.storage.may_see import BINDING
from broker.storage.schema import attachments, enrolments, guardianships, persons, records, schools
from broker.storage.sql_contact_moves import note_joined
from broker.storage.sql_grounds import PersonMoved, grounds_of, write_changes
from broker.storage.sql_imports_bulk import among, insert_rows
from broker.storage.sql_imports_lease import move, next_keys, with_counts
from broker.storage.sql_ties import ties_of
from broker.storage.trail import insert_audit

Decide = Callable[[RecordKind, Sequence[Unattached], Surroundings], FoundingPlan]

_PUPIL, _GUARDIAN = RecordKind.PUPIL.value, RecordKind.GUARDIAN.value


@dataclass(frozen=True, slots=True)
class PreparedFounding:
    """Persons decided for a chunk of staged rows, and where the run stands once they are written."""

    moved: ImportRun
    plan: FoundingPlan
    keys: frozenset[str]
    numbers: frozenset[str]
    persons: frozenset[str]

    def concerns(self, later: PreparedFounding) -> bool:
        """Tell whether a later chunk must be prepared only after this one is written.

        Pupils of one INE look at each other, guardians at the persons of all pupils, and both chunks may have looked
        at one person.
        """
        return (
            self.moved.phase != later.moved.phase
            or not self.keys.isdisjoint(later.keys)
            or not self.numbers.isdisjoint(later.numbers)
            or not self.persons.isdisjoint(later.persons)
        )


def prepare_founding(conn: Connection, run: ImportRun, *, size: int, decide: Decide) -> PreparedFounding | None:
    """Read what the next staged rows brought and decide whose records these are; None when no row is left."""
    start = run if run.phase >= FOUNDING else replace(run, phase=FOUNDING, cursor=0)
    rows = next_keys(conn, start, phase=start.phase - FOUNDING, size=size)
    if not rows:
        return None
    plan, chunk, changed, around = FoundingPlan(), list[Unattached](), list[Unattached](), Surroundings()
    if rows[0].phase > 0:
        kind = RecordKind(rows[0].kind)
        compared = kind is RecordKind.GUARDIAN and _other_feeds(conn, run)
        chunk, changed = _written(conn, run, kind, [row.key for row in rows], compared=compared)
        around = replace(_surroundings(conn, run, kind, chunk, compared=compared), tied=ties_of(conn, run, chunk))
        if changed and kind is not RecordKind.STAFF:
            found = grounds_of(conn, kind, [one.record_id for one in changed])
            around = replace(
                around,
                belongings=found.belongings, beside=found.beside, ties=found.ties, purged=found.purged,
                tied_pairs=found.tied_pairs,
            )  # fmt: skip
        plan = decide(kind, chunk, around)
    looked_at = [*(one.person_id for one in around.belongings), *(twin.person_id for twin in around.twins)]
    looked_at += [one.person_id for one in around.tied if one.person_id]
    return PreparedFounding(
        moved=replace(with_counts(run, plan.counts), phase=rows[-1].phase + FOUNDING, cursor=rows[-1].seq),
        plan=plan,
        keys=frozenset(row.key for row in rows) | {one.other.partition(":")[2] for one in around.tied},
        numbers=frozenset(one.ine for one in (*chunk, *changed) if one.ine),
        persons=frozenset(looked_at),
    )


def _surroundings(
    conn: Connection, run: ImportRun, kind: RecordKind, chunk: Sequence[Unattached], *, compared: bool
) -> Surroundings:
    if kind is RecordKind.PUPIL and chunk:
        return Surroundings(twins=_twins(conn, chunk))
    if compared and chunk:
        return Surroundings(neighbours=_neighbours(conn, chunk), likenesses=_likenesses(conn, run, chunk))
    return Surroundings()


def write_founding(conn: Connection, run: ImportRun, prepared: PreparedFounding, *, lease: Lease) -> None:
    """Move the cursor, found the persons, attach the records.

    Raises `PersonMoved`: the chunk is to be prepared again.
    """
    move(conn, run, lease, to=prepared.moved)
    _write(conn, run, prepared.plan, now=lease.now)


def _write(conn: Connection, run: ImportRun, plan: FoundingPlan, *, now: datetime) -> None:
    _lock_persons(conn, plan)
    founded = set(plan.persons)
    joined = [row for row in plan.attachments if row.person_id not in founded]
    note_joined(conn, run, joined, now=now, hold=plan.contact_hold)
    insert_rows(conn, persons, ("id", "created_at"), [(person, run.applied_at) for person in plan.persons])
    insert_rows(conn, attachments, AttachmentRow._fields, plan.attachments)
    write_changes(conn, plan.changed, now=run.applied_at or run.started_at)
    insert_audit(conn, plan.audit)


def level_schools(conn: Connection, decide: Callable[[Mapping[str, int]], Level | None]) -> None:
    """Give schools without level the one of their pupils."""
    query = (
        select(enrolments.c.uai, enrolments.c.level_code, func.count())
        .join(schools, schools.c.uai == enrolments.c.uai)
        .where(schools.c.level.is_(None), enrolments.c.until.is_(None), enrolments.c.level_code != "")
        .group_by(enrolments.c.uai, enrolments.c.level_code)
    )
    codes: dict[str, dict[str, int]] = defaultdict(dict)
    for uai, code, count in conn.execute(query):
        codes[uai][code] = count
    for uai, counts in codes.items():
        level = decide(counts)
        if level is not None:
            conn.execute(update(schools).where(schools.c.uai == uai).values(level=level.value))


def _written(
    conn: Connection, run: ImportRun, kind: RecordKind, keys: Sequence[str], *, compared: bool
) -> tuple[list[Unattached], list[Unattached]]:
    """The records that this run wrote, in the order of the delivery: those of nobody, then those of somebody."""
    ids = list(dict.fromkeys(f"{run.feed}:{key}" for key in keys))
    table = records.c
    content = table.content if compared else literal("")
    query = select(table.id, table.name_key, table.given_name, table.birth_date, table.ine, content).where(
        among(conn, table.id, ids),
        table.seen_in == run.import_id,
        table.kind == kind.value,
        table.retired_at.is_(None),
    )
    found = {row[0]: Unattached._make(row) for row in conn.execute(query)}
    if not found:
        return [], []
    belongs = select(attachments.c.record_id).where(
        among(conn, attachments.c.record_id, list(found)), attachments.c.state.in_(BINDING)
    )
    owned = set(conn.scalars(belongs))
    written = [found[one] for one in ids if one in found]
    return [one for one in written if one.record_id not in owned], [one for one in written if one.record_id in owned]


def _other_feeds(conn: Connection, run: ImportRun) -> bool:
    """Tell whether any other feed has records: the two ends of an index, whatever the table's size.

    Not by EXISTS: believing that a third of the table answers, PostgreSQL reads all of it.
    """
    ends = select(
        select(func.min(records.c.feed)).scalar_subquery(), select(func.max(records.c.feed)).scalar_subquery()
    )
    return set(conn.execute(ends).one()) - {run.feed, None} != set()


def _twins(conn: Connection, chunk: Sequence[Unattached]) -> list[PupilTwin]:
    """Pupils with the same INE, retired ones too: a pupil who left one feed and came into another is one person.

    The chunk's own records belong to nobody yet, and mostly nobody else bears their numbers.
    """
    numbers = {one.ine for one in chunk if one.ine}
    if not numbers:
        return []
    bearing = select(records.c.id, records.c.ine, records.c.given_name, records.c.birth_date).where(
        among(conn, records.c.ine, numbers), records.c.ine != "", records.c.kind == _PUPIL
    )
    own = {one.record_id for one in chunk}
    others = {row.id: row for row in conn.execute(bearing) if row.id not in own}
    if not others:
        return []
    attached = select(attachments.c.record_id, attachments.c.person_id).where(
        among(conn, attachments.c.record_id, others), attachments.c.state == "attached"
    )
    homes = conn.execute(attached.order_by(attachments.c.record_id))
    return [PupilTwin(*others[home.record_id], home.person_id) for home in homes]


def _neighbours(conn: Connection, chunk: Sequence[Unattached]) -> list[Neighbour]:
    """Everybody beside those children of the chunk's adults whose person has a second record."""
    mine, other = aliased(attachments), aliased(attachments)
    children = (
        select(mine.c.person_id)
        .join(guardianships, guardianships.c.child_record == mine.c.record_id)
        .join(other, other.c.person_id == mine.c.person_id)
        .where(
            among(conn, guardianships.c.adult_record, [one.record_id for one in chunk]),
            guardianships.c.until.is_(None),
            mine.c.state == "attached",
            other.c.state == "attached",
            other.c.record_id != mine.c.record_id,
        )
        .distinct()
    )
    shared = list(conn.scalars(children))
    if not shared:
        return []
    child, adult, belongs = aliased(records), aliased(records), aliased(attachments)
    query = (
        select(
            mine.c.person_id,
            adult.c.id,
            adult.c.feed,
            adult.c.name_key,
            adult.c.civility,
            guardianships.c.link_code,
            belongs.c.person_id,
        )
        .join(child, child.c.id == mine.c.record_id)
        .join(guardianships, guardianships.c.child_record == mine.c.record_id)
        .join(adult, adult.c.id == guardianships.c.adult_record)
        .outerjoin(belongs, (belongs.c.record_id == adult.c.id) & (belongs.c.state == "attached"))
        .where(
            among(conn, mine.c.person_id, shared),
            mine.c.state == "attached",
            child.c.retired_at.is_(None),
            guardianships.c.until.is_(None),
            adult.c.retired_at.is_(None),
            adult.c.kind == _GUARDIAN,
        )
        # Of several shared children the first is told as evidence: the same one in every database.
        .order_by(child.c.id, adult.c.id)
    )
    return [Neighbour(*row) for row in conn.execute(query)]


def _likenesses(conn: Connection, run: ImportRun, chunk: Sequence[Unattached]) -> list[Likeness]:
    query = (
        select(records.c.id, records.c.feed, records.c.name_key, records.c.content, attachments.c.person_id)
        .join(attachments, (attachments.c.record_id == records.c.id) & (attachments.c.state == "attached"))
        .where(
            records.c.kind == _GUARDIAN,
            among(conn, records.c.name_key, {one.name_key for one in chunk}),
            records.c.feed != run.feed,
            records.c.retired_at.is_(None),
        )
        .order_by(records.c.id)
    )
    return [Likeness(*row) for row in conn.execute(query)]


def _lock_persons(conn: Connection, plan: FoundingPlan) -> None:
    """Keep the persons that records join or leave from being merged away meanwhile (SQLite has this one writer)."""
    concerned = {row.person_id for row in plan.attachments} | {row.person_id for row in plan.changed}
    joined = sorted(concerned - set(plan.persons))
    if not joined:
        return
    living = select(persons.c.merged_into).where(among(conn, persons.c.id, joined)).order_by(persons.c.id)
    if any(conn.scalars(living.with_for_update(read=True))) or _moved(conn, plan):
        raise PersonMoved


def _moved(conn: Connection, plan: FoundingPlan) -> bool:
    """Tell whether a record beside which this plan attaches another has meanwhile moved, or is contested now."""
    beside = {
        json.loads(row.evidence).get("other", ""): row.person_id for row in plan.attachments if row.state == "attached"
    }
    homes = select(attachments.c.record_id, attachments.c.person_id, attachments.c.state).where(
        among(conn, attachments.c.record_id, sorted(beside)), attachments.c.state.in_(BINDING)
    )
    return any((beside[row.record_id], "attached") != (row.person_id, row.state) for row in conn.execute(homes))
