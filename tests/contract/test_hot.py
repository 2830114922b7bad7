"""Transactions of hot statements: all or nothing, run again where others were first, and no line is left in one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from psycopg.errors import SerializationFailure
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, bindparam, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from broker.domain.errors import StorageUnavailable
from broker.storage.engine import ATTEMPTS, fetch
from broker.storage.hot import Hot, HotStatement, Run, hot_of
from broker.storage.schema import Instant, persons
from tests.builders import NOW, add_person
from tests.conftest import SERVICES
from tests.contract.deadlocks import attempts_of_two

pytestmark = SERVICES

ONE, TWO = "prs_1", "prs_2"
LATER = NOW + timedelta(days=1)


@pytest.fixture
def hot(postgres_engine: Engine) -> Hot:
    found = hot_of(postgres_engine)
    assert found is not None
    return found


@pytest.fixture
def adding(postgres_engine: Engine) -> HotStatement:
    row = {"id": bindparam("person", type_=persons.c.id.type), "created_at": bindparam("now", type_=Instant)}
    return HotStatement(insert(persons).values(row).returning(persons.c.id), postgres_engine)


@pytest.fixture
def touching(postgres_engine: Engine) -> HotStatement:
    row = {"id": bindparam("person", type_=persons.c.id.type), "created_at": bindparam("now", type_=Instant)}
    told = insert(persons).values(row)
    upsert = told.on_conflict_do_update(index_elements=[persons.c.id], set_={"created_at": told.excluded.created_at})
    return HotStatement(upsert.returning(persons.c.id), postgres_engine)


def known(engine: Engine) -> set[str]:
    return {row.id for row in fetch(engine, select(persons), {})}


def add(statement: HotStatement, *people: str) -> Any:
    def work(run: Run) -> list[str]:
        return [row.id for person in people for row in run(statement, {"person": person, "now": NOW})]

    return work


def test_what_is_done_is_there_with_what_it_returned(hot: Hot, postgres_engine: Engine, adding: HotStatement) -> None:
    assert hot.transact(add(adding, ONE, TWO)) == [ONE, TWO]
    assert known(postgres_engine) == {ONE, TWO}


def test_a_fault_of_the_work_leaves_nothing_and_the_line_can_be_used(
    hot: Hot, postgres_engine: Engine, adding: HotStatement
) -> None:
    def fail(run: Run) -> None:
        add(adding, ONE)(run)
        raise LookupError

    with pytest.raises(LookupError):
        hot.transact(fail)
    assert [line.connection.pgconn.transaction_status for line in hot._idle] == [TransactionStatus.IDLE]
    hot.transact(add(adding, TWO))
    assert known(postgres_engine) == {TWO}


def test_a_broken_rule_leaves_nothing(hot: Hot, postgres_engine: Engine, adding: HotStatement) -> None:
    with pytest.raises(IntegrityError):
        hot.transact(add(adding, ONE, ONE))
    assert known(postgres_engine) == set()


def test_a_deadlock_is_run_again(hot: Hot, postgres_engine: Engine, touching: HotStatement) -> None:
    for person in (ONE, TWO):
        add_person(postgres_engine, person)

    def touch(run: Run, person: str) -> None:
        run(touching, {"person": person, "now": LATER})

    assert max(attempts_of_two(hot.transact, touch, ONE, TWO)) > 1


def test_contention_that_does_not_end_is_unavailable(hot: Hot) -> None:
    attempts: list[int] = []

    def work(run: Run) -> None:
        attempts.append(len(attempts))
        raise SerializationFailure

    with pytest.raises(StorageUnavailable):
        hot.transact(work)
    assert len(attempts) == ATTEMPTS


def test_a_line_that_died_in_the_pile_is_replaced(hot: Hot, postgres_engine: Engine, adding: HotStatement) -> None:
    hot.transact(add(adding, ONE))
    kill_others(postgres_engine)
    hot.transact(add(adding, TWO))
    assert known(postgres_engine) == {ONE, TWO}


def test_a_server_that_goes_in_the_middle_is_unavailable_and_nothing_is_done_twice(
    hot: Hot, postgres_engine: Engine, adding: HotStatement
) -> None:
    attempts: list[int] = []

    def work(run: Run) -> None:
        attempts.append(1)
        add(adding, ONE)(run)
        kill_others(postgres_engine)
        add(adding, TWO)(run)

    with pytest.raises(StorageUnavailable):
        hot.transact(work)
    assert (attempts, known(postgres_engine), len(hot._idle)) == ([1], set(), 0)


def kill_others(engine: Engine) -> None:
    with engine.connect() as conn:
        conn.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
