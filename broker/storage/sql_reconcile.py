"""Persons for records that have none: reads what stands around a chunk of them, writes what was decided."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, func, literal, select, text, update
from sqlalchemy.orm import aliased

from broker.domain.imports import (
    FOUNDING,
    AttachmentRow,
    FoundingPlan,
    ImportRun,
    Lease,
    Likeness,
    Neighbour,
    PupilTwin,
    Surroundings,
    Unattached,
)
from broker.domain.people import RecordKind
from broker.domain.school import Level
from broker.storage.schema import attachments, enrolments, guardianships, persons, records, schools
from broker.storage.sql_imports_bulk import among, insert_rows
from broker.storage.sql_imports_lease import move, next_keys, with_counts
from broker.storage.trail import insert_audit

Decide = Callable[[RecordKind, Sequence[Unattached], Surroundings], FoundingPlan]

_PUPIL, _GUARDIAN = RecordKind.PUPIL.value, RecordKind.GUARDIAN.value
_BELONGS = ("attached", "frozen")


class PersonMoved(Exception):
    """A merge or an undo moved a person between the look and the write."""


@dataclass(frozen=True, slots=True)
class PreparedFounding:
    """Persons decided for a chunk of staged rows, and where the run stands once they are written."""

    moved: ImportRun
    plan: FoundingPlan
    keys: frozenset[str]
    numbers: frozenset[str]

    def concerns(self, later: PreparedFounding) -> bool:
        """Tell whether a later chunk must be prepared only after this one is written.

        Pupils of one INE look at each other, and guardians at the persons of all pupils.
        """
        return (
            self.moved.phase != later.moved.phase
            or not self.keys.isdisjoint(later.keys)
            or not self.numbers.isdisjoint(later.numbers)
        )


def prepare_founding(conn: Connection, run: ImportRun, *, size: int, decide: Decide) -> PreparedFounding | None:
    """Read what the next staged rows brought and decide whose records these are; None when no row is left."""
    start = run if run.phase >= FOUNDING else replace(run, phase=FOUNDING, cursor=0)
    rows = next_keys(conn, start, phase=start.phase - FOUNDING, size=size)
    if not rows:
        return None
    plan, chunk = FoundingPlan(), list[Unattached]()
    if rows[0].phase > 0:
        kind = RecordKind(rows[0].kind)
        compared = kind is RecordKind.GUARDIAN and _other_feeds(conn, run)
        chunk = _unattached(conn, run, kind, [row.key for row in rows], compared=compared)
        plan = decide(kind, chunk, _surroundings(conn, run, kind, chunk, compared=compared))
    return PreparedFounding(
        moved=replace(with_counts(run, plan.counts), phase=rows[-1].phase + FOUNDING, cursor=rows[-1].seq),
        plan=plan,
        keys=frozenset(row.key for row in rows),
        numbers=frozenset(one.ine for one in chunk if one.ine),
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
    _write(conn, run, prepared.plan)


def _write(conn: Connection, run: ImportRun, plan: FoundingPlan) -> None:
    _lock_persons(conn, plan)
    insert_rows(conn, persons, ("id", "created_at"), [(person, run.applied_at) for person in plan.persons])
    insert_rows(conn, attachments, AttachmentRow._fields, plan.attachments)
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


def _unattached(
    conn: Connection, run: ImportRun, kind: RecordKind, keys: Sequence[str], *, compared: bool
) -> list[Unattached]:
    """Those of the records that this run wrote and that belong to nobody, in the order of the delivery."""
    ids = list(dict.fromkeys(f"{run.feed}:{key}" for key in keys))
    belongs = select(attachments.c.record_id).where(
        among(conn, attachments.c.record_id, ids), attachments.c.state.in_(_BELONGS)
    )
    owned = set(conn.scalars(belongs))
    table = records.c
    content = table.content if compared else literal("")
    query = select(table.id, table.name_key, table.given_name, table.birth_date, table.ine, content).where(
        among(conn, table.id, [one for one in ids if one not in owned]),
        table.seen_in == run.import_id,
        table.kind == kind.value,
        table.retired_at.is_(None),
    )
    found = {row[0]: Unattached._make(row) for row in conn.execute(query)}
    return [found[one] for one in ids if one in found]


def _other_feeds(conn: Connection, run: ImportRun) -> bool:
    """Tell whether any other feed has records: the two ends of an index, whatever the table's size.

    Not by EXISTS: believing that a third of the table answers, PostgreSQL reads all of it.
    """
    ends = select(
        select(func.min(records.c.feed)).scalar_subquery(), select(func.max(records.c.feed)).scalar_subquery()
    )
    return set(conn.execute(ends).one()) - {run.feed, None} != set()


def _twins(conn: Connection, chunk: Sequence[Unattached]) -> list[PupilTwin]:
    """Pupils with the same INE, retired ones too: a pupil who left one feed and came into another is one person."""
    numbers = {one.ine for one in chunk if one.ine}
    if not numbers:
        return []
    query = (
        select(
            records.c.id,
            records.c.ine,
            records.c.given_name,
            records.c.birth_date,
            attachments.c.person_id,
        )
        .join(attachments, attachments.c.record_id == records.c.id)
        .join(persons, persons.c.id == attachments.c.person_id)
        .where(
            among(conn, records.c.ine, numbers),
            records.c.ine != "",
            records.c.kind == _PUPIL,
            attachments.c.state == "attached",
        )
        .order_by(records.c.id)
    )
    return [PupilTwin(*row) for row in conn.execute(query)]


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
        .order_by(mine.c.person_id, adult.c.id)
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
    """Keep the persons that records join from being merged away meanwhile (SQLite has one writer anyway)."""
    joined = {row.person_id for row in plan.attachments} - set(plan.persons)
    if not joined or conn.dialect.name != "postgresql":
        return
    rows = conn.execute(
        text("SELECT merged_into FROM persons WHERE id = ANY(:ids) ORDER BY id FOR SHARE"), {"ids": sorted(joined)}
    )
    if any(row.merged_into for row in rows) or _moved(conn, plan):
        raise PersonMoved


def _moved(conn: Connection, plan: FoundingPlan) -> bool:
    """Tell whether an undo has meanwhile moved a record beside which this plan attaches another."""
    beside = {
        json.loads(row.evidence).get("other", ""): row.person_id for row in plan.attachments if row.state == "attached"
    }
    homes = select(attachments.c.record_id, attachments.c.person_id).where(
        among(conn, attachments.c.record_id, sorted(beside)), attachments.c.state.in_(_BELONGS)
    )
    return any(beside[row.record_id] != row.person_id for row in conn.execute(homes))
