"""The contract of `Purge`: the memory store sweeps itself (see the ephemeral store's tests), SQL in bounded batches."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine, Table, func, insert, select

from broker.domain.audit import Topic, copies_gone
from broker.storage.engine import reading, writing
from broker.storage.schema import access_tokens, consumptions, grants, outbox, persons
from broker.storage.sql_outbox import SqlOutbox
from broker.storage.sql_purge import SqlPurge
from broker.storage.trail import insert_outbox
from tests.clock import FakeClock


def left(engine: Engine, table: Table) -> int:
    with reading(engine) as conn:
        return conn.execute(select(func.count()).select_from(table)).scalar_one()


def fill(engine: Engine, clock: FakeClock, number: int) -> None:
    """So many codes, tokens and outbox rows that end (or are told) at this instant."""
    now = clock()
    grant = {"id": "grt_1", "person_id": "prs_1", "client_id": "c", "sid": "s", "scope": [], "subject": "s"}
    life = {"issued_at": now - timedelta(minutes=5), "expires_at": now}
    with writing(engine) as conn:
        conn.execute(insert(persons).values(id="prs_1", created_at=now))
        conn.execute(insert(grants).values(claims=[], created_at=now, **grant))
        for n in range(number):
            conn.execute(insert(consumptions).values(digest=f"{n:064}", kind="code", payload={}, **life))
            conn.execute(insert(access_tokens).values(digest=f"{n:064}", grant_id="grt_1", **life))
        insert_outbox(conn, [copies_gone(Topic.TOKENS_REVOKED, key="g", digests=(), at=now) for _ in range(number)])
    box = SqlOutbox(engine)
    for entry in box.due(now=now, limit=number):
        box.done(entry.entry_id, now=now)


def test_what_is_over_goes_and_what_may_still_be_asked_for_stays(sql_engine: Engine, clock: FakeClock) -> None:
    fill(sql_engine, clock, 2)
    purge = SqlPurge(sql_engine)
    kept = []
    for age in (timedelta(0), timedelta(hours=2), timedelta(days=2), timedelta(days=8)):
        purge.purge(now=clock() + age, limit=10)
        kept.append([left(sql_engine, table) for table in (consumptions, access_tokens, outbox)])
    assert kept == [[2, 2, 2], [2, 0, 2], [0, 0, 2], [0, 0, 0]]


def test_what_was_not_told_is_never_swept(sql_engine: Engine, clock: FakeClock) -> None:
    with writing(sql_engine) as conn:
        insert_outbox(conn, [copies_gone(Topic.TOKENS_REVOKED, key="g", digests=(), at=clock())])
    assert SqlPurge(sql_engine).purge(now=clock() + timedelta(days=400), limit=10) == 0
    assert left(sql_engine, outbox) == 1


def test_each_batch_is_bounded(sql_engine: Engine, clock: FakeClock) -> None:
    fill(sql_engine, clock, 5)
    purge = SqlPurge(sql_engine)
    later = clock() + timedelta(days=30)
    assert [purge.purge(now=later, limit=2) for _ in range(4)] == [6, 6, 3, 0]
