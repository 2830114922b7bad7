"""Persons for records that have none: reads what stands around a chunk of them, writes what was decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Connection, exists, func, or_, select, text, update
from sqlalchemy.orm import aliased

from broker.domain.imports import (
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
from broker.storage.engine import Contended
from broker.storage.schema import attachments, enrolments, guardianships, persons, records, schools
from broker.storage.sql_imports_bulk import among, insert_rows
from broker.storage.sql_imports_lease import hold
from broker.storage.trail import insert_audit

_BELONGS = ("attached", "frozen")


def found_chunk(
    conn: Connection,
    run: ImportRun,
    *,
    after: str,
    kind: RecordKind,
    size: int,
    lease: Lease,
    decide: Callable[[Sequence[Unattached], Surroundings], FoundingPlan],
) -> tuple[str, Mapping[str, int]] | None:
    """Give persons to the next unattached records of a kind that this run wrote; None when there is none left."""
    hold(conn, run, lease)
    found = _unattached(conn, run, kind=kind, after=after, size=size)
    if not found:
        return None
    plan = decide([one for _, one in found], _surroundings(conn, run, kind, [one for _, one in found]))
    _lock_persons(conn, plan)
    now = run.applied_at
    insert_rows(conn, persons, ("id", "created_at"), [(person, now) for person in plan.persons])
    insert_rows(conn, attachments, AttachmentRow._fields, plan.attachments)
    insert_audit(conn, plan.audit)
    return found[-1][0], plan.counts


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
    conn: Connection, run: ImportRun, *, kind: RecordKind, after: str, size: int
) -> list[tuple[str, Unattached]]:
    belongs = exists().where(attachments.c.record_id == records.c.id, attachments.c.state.in_(_BELONGS))
    query = (
        select(records)
        .where(
            records.c.feed == run.feed,
            records.c.kind == kind.value,
            records.c.key > after,
            records.c.seen_in == run.import_id,
            records.c.retired_at.is_(None),
            ~belongs,
        )
        .order_by(records.c.key)
        .limit(size)
    )
    return [
        (
            row.key,
            Unattached(
                record_id=row.id,
                feed=row.feed,
                kind=row.kind,
                name_key=row.name_key,
                family_name=row.family_name,
                given_name=row.given_name,
                civility=row.civility,
                birth_date=row.birth_date,
                ine=row.ine,
                content=row.content,
            ),
        )
        for row in conn.execute(query)
    ]


def _surroundings(conn: Connection, run: ImportRun, kind: RecordKind, chunk: Sequence[Unattached]) -> Surroundings:
    if kind is RecordKind.PUPIL:
        return Surroundings(twins=_twins(conn, chunk))
    if kind is RecordKind.GUARDIAN and _other_feeds(conn, run):
        return Surroundings(neighbours=_neighbours(conn, chunk), likenesses=_likenesses(conn, run, chunk))
    return Surroundings()


def _other_feeds(conn: Connection, run: ImportRun) -> bool:
    """Tell whether any other feed has records: two look-ups at the ends of an index, whatever the table's size."""
    below = select(records.c.id).where(records.c.feed < run.feed).exists()
    above = select(records.c.id).where(records.c.feed > run.feed).exists()
    return bool(conn.execute(select(or_(below, above))).scalar_one())


def _twins(conn: Connection, chunk: Sequence[Unattached]) -> list[PupilTwin]:
    """Pupils with the same INE, retired ones too: a pupil who left one feed and came into another is one person."""
    numbers = {one.ine for one in chunk if one.ine}
    if not numbers:
        return []
    query = (
        select(
            records.c.id,
            records.c.feed,
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
            records.c.kind == RecordKind.PUPIL.value,
            attachments.c.state == "attached",
            persons.c.quarantined_at.is_(None),
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
            adult.c.kind == RecordKind.GUARDIAN.value,
        )
        .order_by(mine.c.person_id, adult.c.id)
    )
    return [Neighbour(*row) for row in conn.execute(query)]


def _likenesses(conn: Connection, run: ImportRun, chunk: Sequence[Unattached]) -> list[Likeness]:
    query = (
        select(records.c.id, records.c.feed, records.c.name_key, records.c.content, attachments.c.person_id)
        .join(attachments, (attachments.c.record_id == records.c.id) & (attachments.c.state == "attached"))
        .where(
            records.c.kind == "guardian",
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
    if any(row.merged_into for row in rows):
        raise Contended
