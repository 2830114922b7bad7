"""The contract of `Outbox`, run on SQLite and PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

from sqlalchemy import Engine, select

from broker.domain.audit import OutboxRow, Topic, copies_gone, copies_named
from broker.storage.engine import reading, writing
from broker.storage.schema import outbox
from broker.storage.sql_outbox import SqlOutbox
from broker.storage.trail import insert_outbox
from tests.clock import FakeClock

WORKERS = 4


def rows(clock: FakeClock, number: int) -> tuple[OutboxRow, ...]:
    return tuple(copies_gone(key=f"prs_{n}", digests=(f"{n:064x}", "f" * 64), at=clock()) for n in range(number))


def fill(engine: Engine, told: tuple[OutboxRow, ...]) -> None:
    with writing(engine) as conn:
        insert_outbox(conn, told)


def test_a_row_comes_out_as_it_went_in(sql_engine: Engine, clock: FakeClock) -> None:
    told = rows(clock, 1)
    fill(sql_engine, told)
    (entry,) = SqlOutbox(sql_engine).due(now=clock(), limit=10, topics=tuple(Topic))
    assert entry.row == told[0]
    assert entry.attempts == 1
    assert copies_named(entry.row) == (f"{0:064x}", "f" * 64)


def test_a_taken_entry_is_not_taken_again_within_a_minute(sql_engine: Engine, clock: FakeClock) -> None:
    box = SqlOutbox(sql_engine)
    fill(sql_engine, rows(clock, 1))
    assert box.due(now=clock(), limit=10, topics=tuple(Topic))
    clock.advance(59)
    assert not box.due(now=clock(), limit=10, topics=tuple(Topic))
    clock.advance(1)
    (again,) = box.due(now=clock(), limit=10, topics=tuple(Topic))
    assert again.attempts == 2


def test_the_oldest_come_first_and_no_more_than_asked(sql_engine: Engine, clock: FakeClock) -> None:
    box = SqlOutbox(sql_engine)
    fill(sql_engine, rows(clock, 5))
    first = box.due(now=clock(), limit=3, topics=tuple(Topic))
    second = box.due(now=clock(), limit=3, topics=tuple(Topic))
    assert [entry.row.key for entry in first + second] == [f"prs_{n}" for n in range(5)]
    assert len(first) == 3


def test_what_is_not_due_yet_waits(sql_engine: Engine, clock: FakeClock) -> None:
    fill(sql_engine, rows(clock, 1))
    assert not SqlOutbox(sql_engine).due(now=clock() - timedelta(seconds=1), limit=10, topics=tuple(Topic))


def test_a_told_entry_is_over(sql_engine: Engine, clock: FakeClock) -> None:
    box = SqlOutbox(sql_engine)
    fill(sql_engine, rows(clock, 1))
    (entry,) = box.due(now=clock(), limit=10, topics=tuple(Topic))
    box.done(entry.entry_id, now=clock())
    box.retry(entry.entry_id, due_at=clock(), cause="came late")
    clock.advance(timedelta(days=1))
    assert not box.due(now=clock(), limit=10, topics=tuple(Topic))


def test_an_entry_put_back_waits_for_its_time_and_says_why(sql_engine: Engine, clock: FakeClock) -> None:
    box = SqlOutbox(sql_engine)
    fill(sql_engine, rows(clock, 1))
    (entry,) = box.due(now=clock(), limit=10, topics=tuple(Topic))
    box.retry(entry.entry_id, due_at=clock() + timedelta(seconds=5), cause="x" * 1000)
    clock.advance(4)
    assert not box.due(now=clock(), limit=10, topics=tuple(Topic))
    clock.advance(1)
    assert [again.attempts for again in box.due(now=clock(), limit=10, topics=tuple(Topic))] == [2]
    with reading(sql_engine) as conn:
        assert conn.execute(select(outbox.c.cause)).scalar_one() == "x" * 200


def test_workers_at_the_same_instant_never_take_the_same_entry(sql_engine: Engine, clock: FakeClock) -> None:
    fill(sql_engine, rows(clock, 40))
    box = SqlOutbox(sql_engine)
    gate = Barrier(WORKERS)

    def work(_: int) -> list[int]:
        gate.wait()
        return [entry.entry_id for _ in range(5) for entry in box.due(now=clock(), limit=4, topics=tuple(Topic))]

    with ThreadPoolExecutor(WORKERS) as pool:
        taken = [entry_id for ids in pool.map(work, range(WORKERS)) for entry_id in ids]
    assert len(taken) == 40
    assert len(set(taken)) == 40
