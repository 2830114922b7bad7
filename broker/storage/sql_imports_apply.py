"""One chunk of an import: read what stands, ask for the plan, write it, move the cursor, all in one transaction."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, literal, or_, select

from broker.domain.imports import (
    Chunk,
    ChunkPlan,
    EnrolmentRow,
    GuardianshipRow,
    ImportDifference,
    ImportRun,
    KindDifference,
    KnownRecord,
    Lease,
    Op,
    PostFactRow,
    StagedRow,
)
from broker.domain.people import RecordKind
from broker.domain.school import ine_is_plausible
from broker.storage.schema import enrolments, guardianships, records, school_keys, staff_posts, staged_rows
from broker.storage.sql_corrections import count_corrected, count_joined
from broker.storage.sql_imports_bulk import among
from broker.storage.sql_imports_lease import move, next_staged, with_counts
from broker.storage.sql_imports_write import write_plan
from broker.storage.sql_ties import tied_to_known

Plan = Callable[[Chunk], ChunkPlan]

_SCHOOL = "school"
_RECORD_COLUMNS = (
    records.c.id,
    records.c.key,
    records.c.kind,
    records.c.content,
    records.c.content_hash,
    records.c.first_seen_at,
    records.c.retired_at,
)


@dataclass(frozen=True, slots=True)
class PreparedChunk:
    """A chunk read and decided, and where the run stands once it is written."""

    moved: ImportRun
    plan: ChunkPlan
    keys: frozenset[str]

    def concerns(self, later: PreparedChunk) -> bool:
        """Tell whether a later chunk must be prepared only after this one is written.

        Pupils need their schools; otherwise a chunk depends on nothing but the records it speaks of.
        """
        return self.moved.phase == 0 or not self.keys.isdisjoint(later.keys)


def prepare_chunk(conn: Connection, run: ImportRun, *, size: int, plan: Plan) -> PreparedChunk | None:
    """Read the next staged rows of one phase and decide on them; None when all were looked at."""
    rows = next_staged(conn, run, phase=run.phase, size=size)
    if not rows:
        return None
    looked_at = look_at(conn, run, rows)
    decided = plan(looked_at.chunk)
    counted = with_counts(run, {**decided.counts, "unchanged": looked_at.unchanged})
    moved = replace(counted, phase=rows[-1].phase, cursor=rows[-1].seq)
    return PreparedChunk(moved, decided, frozenset(row.key for row in rows))


def write_chunk(conn: Connection, run: ImportRun, prepared: PreparedChunk, *, lease: Lease) -> None:
    """Move the cursor and write what was decided."""
    move(conn, run, lease, to=prepared.moved)
    write_plan(conn, run, prepared.plan, now=lease.now)


def retire_chunk(conn: Connection, run: ImportRun, *, size: int, lease: Lease, plan: Plan) -> ImportRun | None:
    """Retire the next live records, then schools, that a complete run did not bring; None when there is none."""
    gone = [
        StagedRow(0, 0, row.key, row.kind, Op.DELETE.value, "", 0, "")
        for row in conn.execute(unseen_records(run).order_by(records.c.key).limit(size))
    ]
    if not gone and _SCHOOL in run.covers:
        gone = [
            StagedRow(0, 0, key, _SCHOOL, Op.DELETE.value, "", 0, "")
            for key in conn.scalars(unseen_schools(run).limit(size))
        ]
    if not gone:
        return None
    decided = plan(look_at(conn, run, gone).chunk)
    counted = with_counts(run, decided.counts)
    move(conn, run, lease, to=counted)
    write_plan(conn, run, decided, now=lease.now)
    return counted


def weigh(conn: Connection, run: ImportRun, *, plan: Plan, size: int) -> ImportDifference:
    """What applying the staged rows would change. Reads only; memory holds one chunk."""
    live = _live(conn, run)
    if not any(live.values()):
        return _first_import(conn, run)
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    counts: Counter[str] = Counter()
    position = replace(run, phase=0, cursor=0)
    while rows := next_staged(conn, position, phase=position.phase, size=size):
        position = replace(position, phase=rows[-1].phase, cursor=rows[-1].seq)
        looked_at = look_at(conn, run, rows)
        for kind, tally in looked_at.tallies.items():
            kinds[kind].update(tally)
        decided = plan(looked_at.chunk)
        counts.update(decided.counts)
        counts["guardianships_joined"] += _beside_known(conn, run, decided)
        counts["joined_corrected"] += count_corrected(conn, decided.records_changed.values())
    for kind, tally in kinds.items():
        tally["removed"] += counts[f"{kind}_replaced"]
    fallen = 0
    if run.complete:
        unseen = unseen_records(run).subquery()
        for kind, count in conn.execute(select(unseen.c.kind, func.count()).group_by(unseen.c.kind)):
            kinds[kind]["removed"] += count
        if _SCHOOL in run.covers:
            schools = unseen_schools(run).subquery()
            kinds[_SCHOOL]["removed"] += conn.execute(select(func.count()).select_from(schools)).scalar_one()
        fallen = conn.execute(
            select(func.count())
            .select_from(guardianships.join(unseen, unseen.c.id == guardianships.c.child_record))
            .where(guardianships.c.until.is_(None))
        ).scalar_one()
    return ImportDifference(
        kinds={name: KindDifference(**kinds[name], live_before=live.get(name, 0)) for name in {*kinds, *live}},
        guardianships_before=_open_guardianships(conn, run),
        guardianships_added=counts["guardianships_added"],
        guardianships_widened=counts["guardianships_widened"],
        guardianships_altered=counts["guardianships_altered"],
        guardianships_ended=counts["guardianships_ended"] + fallen,
        guardianships_joined=counts["guardianships_joined"],
        joined_corrected=counts["joined_corrected"],
        joined_before=count_joined(conn, run.feed) if counts["joined_corrected"] else 0,
        contacts_changed=counts["contacts_changed"],
    )


def _beside_known(conn: Connection, run: ImportRun, plan: ChunkPlan) -> int:
    """Guardianships over new records of children known by their INE or by a directory's word: they open those too."""
    fresh = {one.id: one.ine for one in plan.records_added.values() if one.kind == RecordKind.PUPIL.value}
    if not fresh:
        return 0
    bears = select(records.c.ine).where(
        among(conn, records.c.ine, {ine for ine in fresh.values() if ine_is_plausible(ine)}),
        records.c.kind == RecordKind.PUPIL.value,
        records.c.retired_at.is_(None),
    )
    numbers = set(conn.scalars(bears))
    known = {one for one, ine in fresh.items() if ine in numbers} | tied_to_known(conn, run, fresh, plan.ties)
    return sum(row.child_record in known for row in plan.guardianships_added)


# ---- reading ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LookedAt:
    """A chunk of the rows that may change something, and how many of each kind do what."""

    chunk: Chunk
    tallies: Mapping[str, Counter[str]]

    @property
    def unchanged(self) -> int:
        """Rows that say nothing new."""
        return sum(tally["unchanged"] for tally in self.tallies.values())


def look_at(conn: Connection, run: ImportRun, rows: Sequence[StagedRow]) -> LookedAt:
    """Load what stands of the records that `rows` speak of; rows that say nothing new are left out."""
    if rows[0].kind == _SCHOOL:
        changing, tallies = _sort_out(rows, _known_schools(conn, run, rows))
        return LookedAt(Chunk(rows=changing, known={}), tallies)
    found = _known_records(conn, run, rows)
    changing, tallies = _sort_out(rows, {row.key: (row.content_hash, row.retired_at) for row in found})
    keys = {row.key for row in changing}
    standing = {row.id: _known(row) for row in found if row.key in keys}
    facts_of = list(standing)
    since = run.applied_at
    chunk = Chunk(
        rows=changing,
        known=standing,
        guardianships=[
            *_facts(conn, guardianships, GuardianshipRow, "child_record", facts_of, since),
            *_until_they_left(conn, [one.record_id for one in standing.values() if one.retired], since),
        ],
        enrolments=_facts(conn, enrolments, EnrolmentRow, "record_id", facts_of, since),
        posts=_facts(conn, staff_posts, PostFactRow, "record_id", facts_of, since),
        schools=_schools(conn, run) if changing else {},
    )
    return LookedAt(chunk, tallies)


def _sort_out(
    rows: Sequence[StagedRow], known: Mapping[str, tuple[str, datetime | None]]
) -> tuple[list[StagedRow], dict[str, Counter[str]]]:
    changing: list[StagedRow] = []
    tallies: dict[str, Counter[str]] = defaultdict(Counter)
    counted: set[str] = set()
    for row in rows:
        before = known.get(row.key)
        live = before is not None and before[1] is None
        if row.op == Op.KEEP:
            what = "unchanged"
        elif row.op == Op.DELETE:
            what = "removed" if live else "unchanged"
        elif not live:
            what = "added"
        else:
            same = before is not None and before[0] == row.content_hash and row.content_hash != ""
            what = "unchanged" if same else "changed"
        if what != "unchanged":
            changing.append(row)
        if row.key not in counted:
            counted.add(row.key)
            tallies[row.kind][what] += 1
    return changing, tallies


def _known_schools(
    conn: Connection, run: ImportRun, rows: Sequence[StagedRow]
) -> dict[str, tuple[str, datetime | None]]:
    query = select(school_keys.c.key, school_keys.c.content_hash, school_keys.c.retired_at).where(
        school_keys.c.feed == run.feed, among(conn, school_keys.c.key, {row.key for row in rows})
    )
    return {row.key: (row.content_hash, row.retired_at) for row in conn.execute(query)}


def _known_records(conn: Connection, run: ImportRun, rows: Sequence[StagedRow]) -> list[Row[Any]]:
    ids = {f"{run.feed}:{row.key}" for row in rows}
    return list(conn.execute(select(*_RECORD_COLUMNS).where(among(conn, records.c.id, ids))))


def _known(row: Row[Any]) -> KnownRecord:
    return KnownRecord(
        record_id=row.id,
        key=row.key,
        kind=row.kind,
        content=row.content,
        first_seen_at=row.first_seen_at,
        retired=row.retired_at is not None,
    )


def _facts(
    conn: Connection, table: Any, row_type: Any, column: str, record_ids: Sequence[str], since: datetime | None
) -> list[Any]:
    if not record_ids:
        return []
    stands = table.c.until.is_(None)
    query = select(*(table.c[name] for name in row_type._fields)).where(
        among(conn, table.c[column], record_ids), stands if since is None else or_(stands, table.c.since == since)
    )
    return [row_type(*row) for row in conn.execute(query)]


def _until_they_left(conn: Connection, retired: Sequence[str], since: datetime | None) -> list[GuardianshipRow]:
    """The relations of pupils who left that stood until then: should they be back, what is missing was taken back."""
    if not retired:
        return []
    query = (
        select(*(guardianships.c[name] for name in GuardianshipRow._fields))
        .join(records, records.c.id == guardianships.c.child_record)
        .where(among(conn, records.c.id, retired), guardianships.c.until == records.c.retired_at)
    )
    rows = [GuardianshipRow._make(row) for row in conn.execute(query)]
    return [row for row in rows if since not in {row.until, row.since}]


def _schools(conn: Connection, run: ImportRun) -> dict[str, str]:
    query = select(school_keys.c.key, school_keys.c.uai).where(
        school_keys.c.feed == run.feed, school_keys.c.retired_at.is_(None)
    )
    return {row.key: row.uai for row in conn.execute(query)}


def unseen_records(run: ImportRun) -> Select[Any]:
    """Live records of the kinds that the set covers, which it does not bring."""
    kinds = sorted(run.covers - {_SCHOOL})
    return select(records.c.id, records.c.key, records.c.kind).where(
        records.c.feed == run.feed,
        records.c.retired_at.is_(None),
        records.c.kind.in_(kinds),
        ~_staged(run, records.c.key, records.c.kind),
    )


def unseen_schools(run: ImportRun) -> Select[Any]:
    """Live school keys that the set does not bring."""
    return select(school_keys.c.key).where(
        school_keys.c.feed == run.feed,
        school_keys.c.retired_at.is_(None),
        ~_staged(run, school_keys.c.key, literal(_SCHOOL)),
    )


def _staged(run: ImportRun, key: ColumnElement[str], kind: ColumnElement[str]) -> ColumnElement[bool]:
    """A school and a pupil may bear one key: only a row of the record's own kind says that it is still there."""
    same = (staged_rows.c.key == key) & (staged_rows.c.kind == kind)
    return select(staged_rows.c.seq).where(staged_rows.c.import_id == run.import_id, same).exists()


def _live(conn: Connection, run: ImportRun) -> dict[str, int]:
    people = select(records.c.kind, func.count().label("n")).where(
        records.c.feed == run.feed, records.c.retired_at.is_(None)
    )
    found = {row.kind: row.n for row in conn.execute(people.group_by(records.c.kind))}
    schools = select(func.count()).where(school_keys.c.feed == run.feed, school_keys.c.retired_at.is_(None))
    return {**found, _SCHOOL: conn.execute(schools).scalar_one()}


def _open_guardianships(conn: Connection, run: ImportRun) -> int:
    query = select(func.count()).where(guardianships.c.feed == run.feed, guardianships.c.until.is_(None))
    return conn.execute(query).scalar_one()


def _first_import(conn: Connection, run: ImportRun) -> ImportDifference:
    query = (
        select(staged_rows.c.kind, func.count(staged_rows.c.key.distinct()), func.sum(staged_rows.c.relations))
        .where(staged_rows.c.import_id == run.import_id, staged_rows.c.op.in_([Op.ADD.value, Op.MODIFY.value]))
        .group_by(staged_rows.c.kind)
    )
    found = conn.execute(query).fetchall()
    return ImportDifference(
        kinds={kind: KindDifference(added=count) for kind, count, _ in found},
        guardianships_added=sum(int(relations or 0) for _, _, relations in found),
    )
