"""The port `Ledger` on every database: a line a person, service, set of claims and day, before anything is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select, update
from sqlalchemy.exc import IntegrityError

from broker.domain.errors import StorageUnavailable
from broker.domain.released import Release, release_of
from broker.domain.services import ClaimName
from broker.storage.engine import open_engine
from broker.storage.schema import persons, releases
from broker.storage.sql_ledger import SqlLedger
from tests import builders as b
from tests.contract.statements import statements

NOW = b.NOW
TODAY = NOW.date()


@pytest.fixture
def ledger(sql_engine: Engine) -> SqlLedger:
    return SqlLedger(sql_engine)


@pytest.fixture
def line(sql_engine: Engine) -> Release:
    """A line of a person who exists."""
    person, _ = b.add_guardian(sql_engine, "1")
    return release_of(person, "cantine", claims=frozenset({ClaimName.GIVEN_NAME, ClaimName.CHILDREN}), at=NOW)


def count(engine: Engine) -> int:
    with engine.connect() as conn:
        return int(conn.execute(select(func.count()).select_from(releases)).scalar_one())


def test_a_line_says_the_subject_and_the_claims_in_order(ledger: SqlLedger, line: Release) -> None:
    ledger.note(line)
    assert line.claims == ("sub", "children", "given_name")
    assert ledger.of_person(line.person_id, since=TODAY) == (line,)
    assert ledger.of_service("cantine", since=TODAY) == (line,)


def test_a_set_of_claims_is_written_once_a_day(sql_engine: Engine, ledger: SqlLedger, line: Release) -> None:
    later = replace(line, at=NOW + timedelta(hours=3))
    for one in (line, later, replace(line, claims=("given_name", "sub", "children"))):
        ledger.note(one)
        SqlLedger(sql_engine).note(one)
    assert ledger.of_person(line.person_id, since=TODAY) == (line,)


@pytest.mark.parametrize("change", ["day", "claims", "service"])
def test_another_day_set_or_service_is_another_line(
    sql_engine: Engine, ledger: SqlLedger, line: Release, change: str
) -> None:
    other = {
        "day": replace(line, at=NOW + timedelta(days=1)),
        "claims": replace(line, claims=("sub",)),
        "service": replace(line, service_id="bourses"),
    }[change]
    ledger.note(line)
    ledger.note(other)
    assert count(sql_engine) == 2


def test_the_day_is_that_of_utc(line: Release) -> None:
    assert replace(line, at=datetime(2026, 9, 14, 23, 59, tzinfo=UTC)).day.isoformat() == "2026-09-14"
    assert replace(line, at=datetime(2026, 9, 15, 0, 0, tzinfo=UTC)).day.isoformat() == "2026-09-15"


def test_a_repeat_the_same_day_asks_the_database_nothing(sql_engine: Engine, ledger: SqlLedger, line: Release) -> None:
    with statements(sql_engine) as seen:
        ledger.note(line)
    assert [alone for _, alone in seen] == [True]
    with statements(sql_engine) as seen:
        ledger.note(replace(line, at=NOW + timedelta(hours=1)))
    assert seen == []


def test_what_is_remembered_is_bounded_and_a_forgotten_line_is_written_again(sql_engine: Engine, line: Release) -> None:
    small = SqlLedger(sql_engine, most=2)
    one, two, three = (replace(line, service_id=name) for name in ("one", "two", "three"))
    for each in (one, two, one, three):
        small.note(each)
    with statements(sql_engine) as seen:
        small.note(one)
        small.note(three)
        small.note(two)
    assert len(seen) == 1
    assert count(sql_engine) == 3


def test_many_at_once_write_one_line(sql_engine: Engine, line: Release) -> None:
    ledgers = [SqlLedger(sql_engine) for _ in range(8)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda one: one.note(line), ledgers))
    assert count(sql_engine) == 1


def test_what_could_not_be_written_is_not_remembered(sql_engine: Engine, ledger: SqlLedger, line: Release) -> None:
    unknown = replace(line, person_id="prs_nobody")
    for _ in range(2):
        with pytest.raises(IntegrityError):
            ledger.note(unknown)
    assert count(sql_engine) == 0


def test_a_ledger_that_does_not_answer_says_so(line: Release) -> None:
    nowhere = SqlLedger(open_engine("sqlite:////nonexistent/preau.sqlite"))
    with pytest.raises(StorageUnavailable):
        nowhere.note(line)


def test_lines_come_newest_first_and_no_older_than_asked(ledger: SqlLedger, line: Release) -> None:
    for days in (0, 1, 2):
        ledger.note(replace(line, at=NOW - timedelta(days=days)))
    found = ledger.of_person(line.person_id, since=TODAY - timedelta(days=1))
    assert [one.day for one in found] == [TODAY, TODAY - timedelta(days=1)]
    assert [one.day for one in ledger.of_service("cantine", since=TODAY)] == [TODAY]
    assert ledger.of_service("bourses", since=TODAY) == ()


def test_after_a_merge_a_person_reads_the_lines_of_both(sql_engine: Engine, ledger: SqlLedger, line: Release) -> None:
    other, _ = b.add_guardian(sql_engine, "2")
    ledger.note(line)
    assert ledger.of_person(other, since=TODAY) == ()
    with sql_engine.begin() as conn:
        conn.execute(update(persons).where(persons.c.id == line.person_id).values(merged_into=other))
    assert ledger.of_person(other, since=TODAY) == (line,)
