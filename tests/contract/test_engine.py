"""The engine on every database: short transactions, one kind of failure, contention that ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, insert, select, text, update
from sqlalchemy.exc import IntegrityError, StatementError

from broker.domain.errors import StorageUnavailable
from broker.storage.engine import Contended, fetch, open_engine, reading, transact, writing
from broker.storage.schema import persons
from tests import builders as b
from tests.conftest import SERVICES
from tests.contract.deadlocks import attempts_of_two

NOW = b.NOW


def test_sqlite_is_opened_durable_checked_and_patient(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    wanted = {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2, "busy_timeout": 10000}
    with engine.connect() as conn:
        assert {name: conn.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted} == wanted
    engine.dispose()


def test_only_the_two_databases_are_opened() -> None:
    with pytest.raises(ValueError, match="mysql"):
        open_engine("mysql+pymysql://localhost/preau")


def test_a_write_is_all_or_nothing(sql_engine: Engine) -> None:
    def write_twice() -> None:
        with writing(sql_engine) as conn:
            conn.execute(insert(persons).values(id="prs_1", created_at=NOW))
            conn.execute(insert(persons).values(id="prs_1", created_at=NOW))

    with pytest.raises(IntegrityError):
        write_twice()
    assert fetch(sql_engine, select(persons), {}) == []
    with writing(sql_engine) as conn:
        conn.execute(insert(persons).values(id="prs_1", created_at=NOW))
    assert [row.id for row in fetch(sql_engine, select(persons), {})] == ["prs_1"]


def test_a_statement_in_a_reading_stands_alone(sql_engine: Engine) -> None:
    def write_and_fail() -> None:
        with reading(sql_engine) as conn:
            conn.execute(insert(persons).values(id="prs_1", created_at=NOW))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    assert len(fetch(sql_engine, select(persons), {})) == 1


def test_instants_come_back_aware_in_utc_and_naive_ones_are_refused(sql_engine: Engine) -> None:
    b.add_person(sql_engine, "prs_1", at=NOW)
    (row,) = fetch(sql_engine, select(persons.c.created_at), {})
    assert (row.created_at, row.created_at.utcoffset()) == (NOW, NOW.utcoffset())
    with pytest.raises(StatementError, match="naive"):
        b.add_person(sql_engine, at=datetime(2026, 9, 1))  # noqa: DTZ001


def test_a_foreign_key_is_enforced(sql_engine: Engine) -> None:
    with pytest.raises(IntegrityError):
        b.add_account(sql_engine, "prs_nobody")


def test_contended_work_runs_again_from_its_start(sql_engine: Engine) -> None:
    attempts: list[int] = []

    def work(conn: Connection) -> int:
        conn.execute(insert(persons).values(id="prs_1", created_at=NOW))
        attempts.append(1)
        if len(attempts) < 3:
            raise Contended
        return len(attempts)

    assert transact(sql_engine, work) == 3
    assert len(fetch(sql_engine, select(persons), {})) == 1


def test_contention_without_end_is_unavailability(sql_engine: Engine) -> None:
    def work(conn: Connection) -> None:
        raise Contended

    with pytest.raises(StorageUnavailable):
        transact(sql_engine, work)


def test_counting_in_many_threads_loses_nothing(sql_engine: Engine) -> None:
    b.add_person(sql_engine, "prs_1")
    with sql_engine.begin() as conn:
        conn.exec_driver_sql("CREATE TABLE tally (n INTEGER NOT NULL)")
        conn.exec_driver_sql("INSERT INTO tally VALUES (0)")

    def count(_: int) -> None:
        def work(conn: Connection) -> None:
            locked = select(persons.c.id).with_for_update()
            conn.execute(locked).fetchall()
            (n,) = conn.execute(text("SELECT n FROM tally")).one()
            conn.execute(text("UPDATE tally SET n = :n"), {"n": n + 1})

        transact(sql_engine, work)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(24)))
    assert fetch(sql_engine, text("SELECT n FROM tally"), {})[0].n == 24


@pytest.mark.parametrize("act", ["fetch", "reading", "writing", "transact"])
def test_a_database_that_cannot_be_reached_is_unavailable(tmp_path: Path, act: str) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'missing' / 'preau.sqlite'}")
    with pytest.raises(StorageUnavailable) as refused:
        _try(engine, act)
    assert refused.value.code == "PRE-5001"
    engine.dispose()


@SERVICES
@pytest.mark.parametrize("act", ["fetch", "reading", "writing", "transact"])
def test_a_server_that_does_not_listen_is_unavailable(act: str) -> None:
    engine = open_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(StorageUnavailable):
        _try(engine, act)
    engine.dispose()


def _try(engine: Engine, act: str) -> None:
    if act == "fetch":
        fetch(engine, select(persons), {})
    elif act == "transact":
        transact(engine, lambda conn: conn.execute(select(persons)))
    else:
        with {"reading": reading, "writing": writing}[act](engine) as conn:
            conn.execute(select(persons))


def test_the_text_of_a_database_error_names_nobody(sql_engine: Engine) -> None:
    add = insert(persons).values(id="prs_camille", created_at=NOW)
    with sql_engine.begin() as conn:
        conn.execute(add)
    with pytest.raises(IntegrityError) as caught, sql_engine.begin() as conn:
        conn.execute(add)
    assert "INSERT INTO persons" in str(caught.value)
    assert "camille" not in str(caught.value).replace(str(caught.value.orig), "")


@SERVICES
def test_a_read_survives_connections_that_died_in_the_pool(postgres_url: str) -> None:
    engine, other = open_engine(postgres_url), open_engine(postgres_url)
    assert fetch(engine, select(persons), {}) == []
    with other.begin() as conn:
        conn.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert fetch(engine, select(persons), {}) == []
    engine.dispose()
    other.dispose()


@SERVICES
def test_a_deadlock_is_run_again(postgres_engine: Engine) -> None:
    for person in ("prs_1", "prs_2"):
        b.add_person(postgres_engine, person)

    def touch(conn: Connection, person: str) -> None:
        conn.execute(update(persons).where(persons.c.id == person).values(created_at=NOW))

    assert max(attempts_of_two(partial(transact, postgres_engine), touch, "prs_1", "prs_2")) > 1


def test_a_full_pool_is_unavailable_not_a_hang(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url, pool_size=1)
    engine.pool._timeout = 0.1  # type: ignore[attr-defined]
    with engine.connect(), pytest.raises(StorageUnavailable):
        transact(engine, lambda conn: None)
    engine.dispose()
