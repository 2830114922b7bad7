"""The contract of `Purge`: the memory store sweeps itself (see the ephemeral store's tests), SQL in bounded batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, Table, func, insert, select

from broker.domain.audit import Topic, copies_gone
from broker.domain.errors import UndoTooLate
from broker.domain.identity import AccountState
from broker.storage.engine import reading, writing
from broker.storage.schema import access_tokens, consumptions, grants, merges, outbox, persons
from broker.storage.sql_links import SqlLinks
from broker.storage.sql_outbox import SqlOutbox
from broker.storage.sql_people import SqlPeople
from broker.storage.sql_purge import SqlPurge
from broker.storage.sql_sessions import SqlSessions
from broker.storage.trail import insert_outbox
from tests import builders as b
from tests.clock import FakeClock
from tests.contract.acts import UNDO_FOR, opening, proof, undoing
from tests.retention import shipped_spans


def undoable() -> Mapping[str, timedelta]:
    """As shipped, but a merge can be undone as long as a person may."""
    return {**shipped_spans(), "merge_pre_images": UNDO_FOR}


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
        insert_outbox(conn, [copies_gone(key="g", digests=(), at=now) for _ in range(number)])
    box = SqlOutbox(engine)
    for entry in box.due(now=now, limit=number, topics=tuple(Topic)):
        box.done(entry.entry_id, now=now)


def test_what_is_over_goes_and_what_may_still_be_asked_for_stays(sql_engine: Engine, clock: FakeClock) -> None:
    fill(sql_engine, clock, 2)
    purge = SqlPurge(sql_engine, kept=shipped_spans)
    kept = []
    for age in (timedelta(0), timedelta(hours=2), timedelta(days=2), timedelta(days=8)):
        purge.purge(now=clock() + age, limit=10)
        kept.append([left(sql_engine, table) for table in (consumptions, access_tokens, outbox)])
    assert kept == [[2, 2, 2], [2, 0, 2], [0, 0, 2], [0, 0, 0]]


def test_what_was_not_told_is_never_swept(sql_engine: Engine, clock: FakeClock) -> None:
    with writing(sql_engine) as conn:
        insert_outbox(conn, [copies_gone(key="g", digests=(), at=clock())])
    assert SqlPurge(sql_engine, kept=shipped_spans).purge(now=clock() + timedelta(days=400), limit=10) == 0
    assert left(sql_engine, outbox) == 1


def kept_pre_images(engine: Engine) -> list[bool]:
    with reading(engine) as conn:
        return list(conn.execute(select(merges.c.pre_image.is_not(None)).order_by(merges.c.id)).scalars())


def test_what_undo_needs_is_erased_when_its_time_is_over_and_undo_then_refuses(sql_engine: Engine) -> None:
    survivor, absorbed = b.add_person(sql_engine), b.add_person(sql_engine)
    act = opening(survivor, link=proof(survivor, absorbed))
    SqlSessions(sql_engine, b.HINTS).open(act)
    purge, links = SqlPurge(sql_engine, kept=undoable), SqlLinks(sql_engine, undo_for=UNDO_FOR)
    undo = replace(undoing(act.session.account_id, survivor, at=b.NOW + UNDO_FOR), undo_since=b.NOW)
    purge.purge(now=b.NOW + UNDO_FOR, limit=10)
    assert kept_pre_images(sql_engine) == [True]
    purge.purge(now=b.NOW + UNDO_FOR + timedelta(seconds=1), limit=10)
    assert kept_pre_images(sql_engine) == [False]
    with pytest.raises(UndoTooLate):
        links.undo(undo)
    assert SqlPeople(sql_engine).owner(absorbed) == survivor
    found = links.account(act.link.key) if act.link else None
    assert found is not None
    assert found.state is AccountState.LINKED


def test_an_old_merge_is_kept_whole_while_a_younger_one_on_it_can_be_undone(sql_engine: Engine) -> None:
    survivor, first, second = (b.add_person(sql_engine) for _ in range(3))
    port, links = SqlSessions(sql_engine, b.HINTS), SqlLinks(sql_engine, undo_for=UNDO_FOR)
    act = opening(survivor, link=proof(survivor, first))
    port.open(act)
    later = b.NOW + 4 * UNDO_FOR
    port.open(opening(survivor, act.session.account_id, link=proof(survivor, second, at=later), at=later))
    purge = SqlPurge(sql_engine, kept=undoable)
    purge.purge(now=later + UNDO_FOR, limit=10)
    assert kept_pre_images(sql_engine) == [True, True]
    links.undo(undoing(act.session.account_id, survivor, at=later + UNDO_FOR))
    assert [SqlPeople(sql_engine).owner(person) for person in (first, second)] == [first, second]
    purge.purge(now=later + 2 * UNDO_FOR, limit=10)
    assert kept_pre_images(sql_engine) == [False, False]


def test_pre_images_are_erased_in_bounded_batches(sql_engine: Engine) -> None:
    people = [b.add_person(sql_engine) for _ in range(4)]
    SqlSessions(sql_engine, b.HINTS).open(opening(people[0], link=proof(*people)))
    purge = SqlPurge(sql_engine, kept=undoable)
    later = b.NOW + 2 * UNDO_FOR
    erased = []
    for _ in range(3):
        purge.purge(now=later, limit=2)
        erased.append(kept_pre_images(sql_engine).count(False))
    assert erased == [2, 3, 3]


def test_each_batch_is_bounded(sql_engine: Engine, clock: FakeClock) -> None:
    fill(sql_engine, clock, 5)
    purge = SqlPurge(sql_engine, kept=shipped_spans)
    later = clock() + timedelta(days=30)
    assert [purge.purge(now=later, limit=2) for _ in range(4)] == [6, 6, 3, 0]
