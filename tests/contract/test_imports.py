"""`ImportRuns` and `DirectoryStore` on every adapter: leases, chunks applied once, texts and instants unharmed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, Table, func, insert, select, update

from broker.domain.errors import ImportBusy, StorageUnavailable
from broker.domain.feed import FeedFault
from broker.domain.founding import AttachmentRow, FoundingPlan, Surroundings, Unattached
from broker.domain.imports import Batch, Chunk, ChunkPlan, ImportRun, ImportState, Lease, RecordRow, StagedRow
from broker.domain.people import RecordKind
from broker.domain.school import Level
from broker.storage import schema
from broker.storage.sql_imports import SqlImports
from broker.storage.sql_imports_lease import hold
from tests import builders

NOW = datetime(2026, 9, 8, 3, 0, 0, 123456, tzinfo=UTC)
RUN = ImportRun(
    import_id="imp_1",
    feed="99-2d",
    tenant="ac-test",
    academie="99",
    complete=True,
    checksum="c" * 64,
    made_on=date(2026, 9, 5),
    state=ImportState.STAGING,
    started_at=NOW,
    covers=frozenset({"pupil", "school"}),
)
MINE = Lease("me", NOW, NOW + timedelta(seconds=90))
OTHERS = Lease("other", NOW, NOW + timedelta(seconds=90))


@pytest.fixture
def imports(sql_engine: Engine) -> SqlImports:
    return SqlImports(sql_engine, is_gone=lambda holder: holder == "dead")


def begun(imports: SqlImports, run: ImportRun = RUN, lease: Lease = MINE) -> ImportRun:
    opened = imports.begin(run.feed, lease=lease, decide=lambda _history: run)
    assert opened is not None
    return opened


def staged(seq: int, key: str, *, phase: int = 1, kind: str = "pupil", op: str = "add", text: str = "{}") -> StagedRow:
    return StagedRow(phase, seq, key, kind, op, f"hash{key}", 0, text)


def applying(imports: SqlImports, *rows: StagedRow) -> ImportRun:
    """A run with these staged rows, about to be applied."""
    run = begun(imports)
    imports.stage(run, Batch(rows, (), len(rows)), lease=MINE)
    run = imports.settle(replace(run, state=ImportState.STAGED, staged=len(rows)), lease=MINE)
    return imports.settle(replace(run, state=ImportState.APPLYING, applied_at=NOW), lease=MINE)


class Planner:
    """Notes the chunks it is shown and adds a record for each row."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []

    def __call__(self, chunk: Chunk) -> ChunkPlan:
        self.chunks.append(chunk)
        plan = ChunkPlan(counts={"pupil_added": len(chunk.rows)})
        for row in chunk.rows:
            if row.kind != "school":
                plan.records_added[row.key] = record(row.key, content=row.payload)
        return plan

    def keys(self) -> list[list[str]]:
        return [[row.key for row in chunk.rows] for chunk in self.chunks]


def record(key: str, **fields: object) -> RecordRow:
    return RecordRow(
        id=f"99-2d:{key}",
        feed="99-2d",
        key=key,
        kind="pupil",
        academie="99",
        family_name="Martin",
        given_name="Léa",
        civility="",
        name_key="martin|lea|",
        birth_date=date(2012, 3, 14),
        ine="",
        content="{}",
        content_hash=f"hash{key}",
        seen_in="imp_1",
        first_seen_at=NOW,
        retired_at=None,
    )._replace(**fields)


def test_a_run_begun_is_found_again_as_it_was(imports: SqlImports) -> None:
    begun(imports)
    seen: list[ImportRun] = []

    def look(history: Sequence[ImportRun]) -> ImportRun:
        seen.extend(history)
        return history[0]

    imports.begin(RUN.feed, lease=MINE, decide=look)
    assert seen == [RUN]


OTHER_FEED = replace(RUN, import_id="imp_2", feed="99-1d")


@pytest.mark.parametrize("second", [RUN, OTHER_FEED], ids=["the same feed", "another feed"])
@pytest.mark.parametrize("state", [ImportState.STAGING, ImportState.STAGED, ImportState.APPLYING])
def test_while_a_living_holder_works_no_other_run_opens(
    imports: SqlImports, second: ImportRun, state: ImportState
) -> None:
    """Two that look for twins at the same time would each found a person for the same child."""
    run = begun(imports)
    run = imports.settle(replace(run, state=state, applied_at=NOW), lease=MINE)
    with pytest.raises(ImportBusy, match="run imp_1 of feed 99-2d is at work") as busy:
        begun(imports, second, lease=OTHERS)
    assert busy.value.code == "PRE-4003"
    imports.finish(replace(run, state=ImportState.DONE), lease=MINE, audit=())
    begun(imports, replace(second, import_id="imp_3"), lease=OTHERS)


@pytest.mark.parametrize("state", [ImportState.HELD, ImportState.SUPERSEDED])
def test_a_run_that_was_let_go_of_keeps_nobody_waiting(imports: SqlImports, state: ImportState) -> None:
    imports.settle(replace(begun(imports), state=state), lease=MINE)
    assert begun(imports, OTHER_FEED, lease=OTHERS).feed == OTHER_FEED.feed


def test_a_rehearsal_neither_waits_nor_keeps_anybody_waiting(imports: SqlImports) -> None:
    rehearsal = replace(RUN, state=ImportState.REHEARSAL)
    opened = [
        begun(imports, rehearsal),
        begun(imports, OTHER_FEED, lease=OTHERS),
        begun(imports, replace(rehearsal, import_id="imp_3")),
    ]
    assert len({run.import_id for run in opened}) == 3


@pytest.mark.parametrize("first", [Lease("dead", NOW, MINE.until), Lease("slow", NOW, NOW)], ids=["dead", "run out"])
def test_a_silent_holder_of_another_feed_loses_its_run_and_writes_no_more(imports: SqlImports, first: Lease) -> None:
    run = begun(imports, lease=first)
    begun(imports, OTHER_FEED, lease=OTHERS)
    with pytest.raises(ImportBusy, match="taken over"):
        imports.stage(run, Batch([], [], 1), lease=first)
    imports.finish(replace(OTHER_FEED, state=ImportState.DONE), lease=OTHERS, audit=())
    begun(imports, run, lease=first)
    imports.stage(run, Batch([], [], 1), lease=first)


@pytest.mark.parametrize("first", [Lease("dead", NOW, MINE.until), Lease("slow", NOW, NOW)], ids=["dead", "run out"])
def test_a_lease_of_the_dead_or_one_that_ran_out_is_taken_over(imports: SqlImports, first: Lease) -> None:
    run = begun(imports, lease=first)
    begun(imports, lease=OTHERS)
    imports.stage(run, Batch([staged(1, "1")], [], 1), lease=OTHERS)
    run = replace(run, staged=1)
    for write in (
        lambda: imports.stage(run, Batch([], [], 2), lease=first),
        lambda: imports.settle(run, lease=first),
        lambda: imports.apply(run, size=5, lease=first, plan=Planner()),
        lambda: imports.level_schools(run, lease=first, decide=lambda _codes: None),
        lambda: imports.finish(run, lease=first, audit=()),
    ):
        with pytest.raises(ImportBusy):
            write()
    assert imports.apply(run, size=5, lease=OTHERS, plan=Planner()) is not None


def test_a_batch_is_staged_once(imports: SqlImports) -> None:
    run = begun(imports)
    batch = Batch([staged(1, "1")], [FeedFault("f.xml", 3, "bad")], 1)
    imports.stage(run, batch, lease=MINE)
    with pytest.raises(ImportBusy):
        imports.stage(run, batch, lease=MINE)
    assert imports.faults(run, limit=10) == (FeedFault("f.xml", 3, "bad"),)


def test_faults_come_before_warnings_and_as_many_as_asked(imports: SqlImports) -> None:
    run = begun(imports)
    faults = [FeedFault("f.xml", 1, "odd", warning=True), FeedFault("f.xml", 2, "bad")]
    imports.stage(run, Batch([], faults, 2), lease=MINE)
    assert [fault.line for fault in imports.faults(run, limit=10)] == [2, 1]
    assert [fault.line for fault in imports.faults(run, limit=1)] == [2]


def test_chunks_follow_the_phases_and_never_mix_them(imports: SqlImports) -> None:
    rows = [staged(1, "a", phase=2, kind="guardian"), *(staged(seq, f"p{seq}") for seq in (2, 3, 4))]
    run = applying(imports, *rows, staged(5, "s", phase=0, kind="school"))
    planner = Planner()
    current = run
    while moved := imports.apply(current, size=2, lease=MINE, plan=planner):
        current = moved
    assert planner.keys() == [["s"], ["p2", "p3"], ["p4"], ["a"]]


def test_a_chunk_is_applied_once(imports: SqlImports, sql_engine: Engine) -> None:
    run = applying(imports, staged(1, "1"))
    assert imports.apply(run, size=5, lease=MINE, plan=Planner()) is not None
    with pytest.raises(ImportBusy):
        imports.apply(run, size=5, lease=MINE, plan=Planner())
    with sql_engine.connect() as conn:
        assert len(conn.execute(select(schema.records.c.id)).fetchall()) == 1


def test_a_chunk_that_fails_leaves_nothing(imports: SqlImports, sql_engine: Engine) -> None:
    run = applying(imports, staged(1, "1"))

    def fail(chunk: Chunk) -> ChunkPlan:
        Planner()(chunk)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        imports.apply(run, size=5, lease=MINE, plan=fail)
    assert imports.apply(run, size=5, lease=MINE, plan=Planner()) is not None


def test_rows_that_say_nothing_new_are_passed_over(imports: SqlImports) -> None:
    run = applied(imports, staged(1, "1"))
    imports.finish(replace(run, state=ImportState.DONE), lease=MINE, audit=())
    again = begun(imports, replace(RUN, import_id="imp_2", started_at=NOW + timedelta(days=1)))
    rows = [staged(1, "1"), staged(2, "2"), staged(3, "1", op="keep")]
    imports.stage(again, Batch(rows, (), 3), lease=MINE)
    planner = Planner()
    moved = imports.apply(replace(again, staged=3, applied_at=NOW), size=5, lease=MINE, plan=planner)
    assert planner.keys() == [["2"]]
    assert moved is not None
    assert moved.counts == {"pupil_added": 1, "unchanged": 1}
    stored = _history(imports)[0]
    assert (stored.counts, stored.phase, stored.cursor) == (moved.counts, 1, 3)


TRICKY = "tab\t newline\n return\r back\\slash \\N quote' \" é œ 漢 \u2028 end"


def test_any_text_and_instant_comes_back_as_it_was_written(imports: SqlImports, sql_engine: Engine) -> None:
    run = applying(imports, staged(1, "1", text=TRICKY))
    planner = Planner()
    imports.apply(run, size=5, lease=MINE, plan=planner)
    assert planner.chunks[0].rows[0].payload == TRICKY
    with sql_engine.connect() as conn:
        (row,) = conn.execute(select(schema.records)).fetchall()
    assert (row.content, row.first_seen_at, row.birth_date, row.retired_at) == (TRICKY, NOW, date(2012, 3, 14), None)


def applied(imports: SqlImports, *rows: StagedRow) -> ImportRun:
    """A run whose staged rows are all applied."""
    run = applying(imports, *rows)
    while moved := imports.apply(run, size=5, lease=MINE, plan=Planner()):
        run = moved
    return run


def found(imports: SqlImports, run: ImportRun, *, person: str) -> tuple[list[Unattached], list[Surroundings]]:
    seen: list[Unattached] = []
    around: list[Surroundings] = []

    def decide(_kind: RecordKind, records: Sequence[Unattached], surroundings: Surroundings) -> FoundingPlan:
        seen.extend(records)
        around.append(surroundings)
        plan = FoundingPlan(persons=[person])
        plan.attachments += [
            AttachmentRow(f"att_{r.record_id}", r.record_id, person, "attached", "own_record", "{}", None, "f", NOW)
            for r in records
        ]
        return plan

    while moved := imports.found(run, size=5, lease=MINE, decide=decide):
        run = moved
    return seen, around


def test_records_without_person_are_given_one_once(imports: SqlImports) -> None:
    run = applied(imports, staged(1, "1"), staged(2, "2"), staged(3, "1"))
    seen, _ = found(imports, run, person="prs_1")
    assert [one.record_id for one in seen] == ["99-2d:1", "99-2d:2"]


def test_a_founding_that_was_interrupted_goes_on_where_it_was(imports: SqlImports) -> None:
    run = applied(imports, *(staged(seq, str(seq)) for seq in range(1, 5)))
    shown: list[list[str]] = []

    def decide(_kind: RecordKind, records: Sequence[Unattached], _around: Surroundings) -> FoundingPlan:
        shown.append([one.record_id for one in records])
        return FoundingPlan(counts={"seen": len(records)})

    imports.found(run, size=2, lease=MINE, decide=decide)
    (taken_up,) = _history(imports)
    assert imports.apply(taken_up, size=2, lease=MINE, plan=Planner()) is None
    imports.found(taken_up, size=2, lease=MINE, decide=decide)
    assert shown == [["99-2d:1", "99-2d:2"], ["99-2d:3", "99-2d:4"]]
    (last,) = _history(imports)
    assert imports.found(last, size=2, lease=MINE, decide=decide) is None
    assert last.counts["seen"] == 4


def _history(imports: SqlImports) -> list[ImportRun]:
    seen: list[ImportRun] = []
    imports.begin(RUN.feed, lease=MINE, decide=seen.extend)
    return seen


class Joiner:
    """Joins a record to the person of another one; at the first look something else commits before it is written."""

    def __init__(self, engine: Engine, meanwhile: Callable[[Joiner, Connection], object]) -> None:
        self.engine = engine
        self.meanwhile = meanwhile
        self.looks = 0
        self.home, self.beside = builders.add_pupil(engine, "beside", feed=builders.FEED_1D)
        self.other = builders.add_person(engine)

    def __call__(self, _kind: RecordKind, records: Sequence[Unattached], _around: Surroundings) -> FoundingPlan:
        self.looks += 1
        row = schema.attachments.c
        with self.engine.begin() as conn:
            query = select(row.person_id).where(row.record_id == self.beside, row.state == "attached")
            person = conn.execute(query).scalar()
            if self.looks == 1:
                self.meanwhile(self, conn)
        if person is None:
            return FoundingPlan()
        beside = json.dumps({"other": self.beside})
        joined = AttachmentRow("att_1", records[0].record_id, person, "attached", "same_ine", beside, None, "f", NOW)
        return FoundingPlan(attachments=[joined])

    def set_beside(self, conn: Connection, **values: object) -> None:
        conn.execute(update(schema.attachments).where(schema.attachments.c.record_id == self.beside).values(**values))


def _merge(joiner: Joiner, conn: Connection) -> None:
    joiner.set_beside(conn, person_id=joiner.other)
    conn.execute(update(schema.persons).where(schema.persons.c.id == joiner.home).values(merged_into=joiner.other))


def _undo(joiner: Joiner, conn: Connection) -> None:
    """The record goes back to its own person; the one it was with lives on."""
    joiner.set_beside(conn, person_id=joiner.other)


def _freeze(joiner: Joiner, conn: Connection) -> None:
    joiner.set_beside(conn, state="frozen")


@pytest.mark.parametrize(
    ("meanwhile", "joined", "looks"),
    [(_merge, "other", 2), (_undo, "other", 2), (_freeze, "", 2), (lambda *_nothing: None, "home", 1)],
    ids=["merge", "undo", "freeze", "nothing"],
)
def test_what_commits_between_look_and_write_makes_it_look_again(
    imports: SqlImports, sql_engine: Engine, meanwhile: Callable[..., object], joined: str, looks: int
) -> None:
    run = applied(imports, staged(1, "1"))
    joiner = Joiner(sql_engine, meanwhile)
    assert imports.found(run, size=5, lease=MINE, decide=joiner) is not None
    with sql_engine.connect() as conn:
        found = conn.scalars(select(schema.attachments.c.person_id).where(schema.attachments.c.id == "att_1")).all()
    assert (found, joiner.looks) == ([getattr(joiner, joined)] if joined else [], looks)


def test_a_person_merged_away_for_good_is_never_joined(imports: SqlImports, sql_engine: Engine) -> None:
    run = applied(imports, staged(1, "1"))
    survivor = builders.add_person(sql_engine)
    gone = builders.add_person(sql_engine, merged_into=survivor)

    def join(_kind: RecordKind, records: Sequence[Unattached], _around: Surroundings) -> FoundingPlan:
        row = AttachmentRow("att_1", records[0].record_id, gone, "attached", "same_ine", "{}", None, "f", NOW)
        return FoundingPlan(attachments=[row])

    with pytest.raises(StorageUnavailable):
        imports.found(run, size=5, lease=MINE, decide=join)


def test_a_school_keeps_a_level_it_has_and_gets_one_it_lacks(imports: SqlImports, sql_engine: Engine) -> None:
    run = applying(imports, staged(1, "1"))
    imports.apply(run, size=5, lease=MINE, plan=Planner())
    for uai, level in (("9990002Y", None), ("9990003Z", Level.LYCEE)):
        builders.add_school(sql_engine, uai, level=level)
        with sql_engine.begin() as conn:
            enrolment = {"record_id": "99-2d:1", "uai": uai, "class_code": "", "since": NOW, "class_label": ""}
            conn.execute(insert(schema.enrolments).values(**enrolment, level_code="2116"))
    imports.level_schools(run, lease=MINE, decide=lambda codes: Level.COLLEGE if codes == {"2116": 1} else None)
    with sql_engine.connect() as conn:
        levels = dict(conn.execute(select(schema.schools.c.uai, schema.schools.c.level)).fetchall())
    assert levels == {"9990002Y": "college", "9990003Z": "lycee"}


def test_a_finished_run_leaves_no_staged_row_and_no_lease(imports: SqlImports, sql_engine: Engine) -> None:
    run = applying(imports, *(staged(seq, str(seq)) for seq in range(1, 9)))
    imports.finish(replace(run, state=ImportState.DONE, counts={"x": 1}), lease=MINE, audit=())
    with sql_engine.connect() as conn:
        assert conn.execute(select(schema.staged_rows.c.seq)).fetchall() == []
        (row,) = conn.execute(select(schema.imports)).fetchall()
    assert (row.state, row.holder, row.lease_until, row.counts) == ("done", "", None, {"x": 1})
    assert row.finished_at == NOW


def count(engine: Engine, table: Table) -> int:
    with engine.connect() as conn:
        return conn.execute(select(func.count()).select_from(table)).scalar_one()


def test_what_was_staged_by_halves_is_staged_again(imports: SqlImports, sql_engine: Engine) -> None:
    run = begun(imports, lease=Lease("dead", NOW, MINE.until))
    imports.stage(run, Batch([staged(1, "1")], [FeedFault("f.xml", 3, "bad")], 1), lease=replace(MINE, holder="dead"))
    again = imports.begin(RUN.feed, lease=MINE, decide=lambda history: history[0])
    assert again == run
    assert count(sql_engine, schema.staged_rows) == 0
    assert imports.faults(run, limit=5) == ()
    imports.stage(run, Batch([staged(1, "2")], [], 1), lease=MINE)


def test_a_dry_run_whose_process_died_is_forgotten(imports: SqlImports, sql_engine: Engine) -> None:
    rehearsal = begun(imports, replace(RUN, state=ImportState.REHEARSAL), lease=Lease("dead", NOW, MINE.until))
    batch = Batch([staged(1, "1")], [FeedFault("f.xml", 3, "bad")], 1)
    imports.stage(rehearsal, batch, lease=replace(MINE, holder="dead"))
    imports.begin(RUN.feed, lease=MINE, decide=lambda _history: None)
    assert [count(sql_engine, one) for one in (schema.imports, schema.staged_rows, schema.import_faults)] == [0, 0, 0]


@pytest.mark.services
def test_a_holder_that_writes_while_another_looks_keeps_its_run(postgres_engine: Engine) -> None:
    """Its lease had run out when the other one looked; the chunk it then wrote renewed it."""
    imports = SqlImports(postgres_engine, is_gone=lambda _holder: False)
    run = begun(imports, lease=Lease("slow", NOW, NOW))
    looked, waiting = threading.Event(), list[ImportRun | ImportBusy | None]()

    def look(history: Sequence[ImportRun]) -> ImportRun:
        looked.set()
        return history[0]

    def take_over() -> None:
        try:
            waiting.append(imports.begin(RUN.feed, lease=OTHERS, decide=look))
        except ImportBusy as busy:
            waiting.append(busy)

    with postgres_engine.begin() as conn:
        hold(conn, run, replace(MINE, holder="slow"), staged=1)
        thread = threading.Thread(target=take_over)
        thread.start()
        assert looked.wait(20)
    thread.join(20)
    (busy,) = waiting
    assert isinstance(busy, ImportBusy)
    imports.stage(replace(run, staged=1), Batch([], [], 2), lease=replace(MINE, holder="slow"))
