"""Killed with SIGKILL anywhere in any feed's import, the same command leads to the very state of a whole one.

Real processes run the real command (`tests/import_forks.py`); the states compared are whole databases, audit trail and
outbox included (`tests/whole_state.py`).
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Executable, delete, func, select, update

from broker.storage import schema
from tests import deliveries
from tests.certificates import ThrowAwayCa
from tests.conftest import needs
from tests.deliveries import Deliveries
from tests.directories import ent
from tests.import_forks import COMMIT, STATEMENT, Forks, forks
from tests.import_stand import KeptPostgres, KeptSqlite, Stand, stand
from tests.servers import Postgres
from tests.whole_state import State

FILES = ("aaf_1d", "aaf_2d", "onde", "siecle", "csv")
CHUNK = 4
INSIDE = 4
"""Kills tried between commits of one import. Such a process leaves what one killed at the next commit leaves, and a
database that has to clean up after it."""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def forking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with forks(tmp_path_factory.mktemp("forks"), chunk=CHUNK) as started:
        yield started


@pytest.fixture
def on_sqlite(forking: Forks, sqlite_template: Path, tmp_path: Path) -> Stand:
    database = KeptSqlite(tmp_path / "preau.sqlite")
    shutil.copy(sqlite_template, database.file)
    return stand(forking, database, tmp_path / "here")


@pytest.fixture
def on_postgres(forking: Forks, postgres_server: Postgres, postgres_template: str, tmp_path: Path) -> Iterator[Stand]:
    database = KeptPostgres(postgres_server, "killed")
    postgres_server.create(database.name, template=postgres_template)
    yield stand(forking, database, tmp_path / "here")
    for name in (database.name, f"{database.name}_kept"):
        postgres_server.drop(name)


@dataclass(frozen=True, slots=True)
class Whole:
    """What the second delivery does when nobody disturbs it, and how many commits staging takes."""

    state: State
    commits: int
    statements: int
    """About so many: what the thread ahead prepares in vain is prepared again."""
    staging: int


def undisturbed(here: Stand, told: Deliveries) -> Whole:
    before = here.state()
    ended = here.run(told.second)
    state = here.state()
    assert {name for name, rows in state.items() if rows != before[name]} >= {"records", "audit_events", "imports"}
    with here.engine() as engine, engine.connect() as conn:
        newest = select(schema.imports.c.staged).order_by(schema.imports.c.started_at.desc()).limit(1)
        batches = -(-conn.execute(newest).scalar_one() // CHUNK)
    assert ended.commits > batches + 8
    return Whole(state, ended.commits, ended.statements, staging=batches + 2)


def killed_once(here: Stand, told: Deliveries, number: int, what: str) -> State:
    """The second delivery on a fresh copy, killed once, then imported by the same command."""
    here.database.again()
    assert here.run(told.second, kill_before=number, what=what).was_killed
    here.run(told.second)
    return here.state()


def killed_at_every_commit(here: Stand, told: Deliveries, whole: Whole) -> State:
    """The second delivery, killed again and again: no process lives for more than one step.

    The first one ends with its staging, which is begun anew each time. Every other takes the run, takes one step, and
    dies before the commit after that; when a process got nowhere, later ones are given one commit more.
    """
    here.database.again()
    assert here.run(told.second, kill_before=whole.staging + 1).was_killed
    places, commits = [place_of_newest_run(here)], 3
    while here.run(told.second, kill_before=commits).was_killed:
        places.append(place_of_newest_run(here))
        commits += places[-1] == places[-2]
        assert len(places) < 2 * whole.commits, "no step is ever taken"
    assert len(set(places)) >= whole.commits - whole.staging - 5
    return here.state()


def place_of_newest_run(here: Stand) -> str:
    """How far the newest run got, whoever holds it."""
    run = schema.imports.c
    left = select(func.count()).where(schema.staged_rows.c.import_id == run.id).scalar_subquery()
    query = select(run.state, run.phase, run.cursor, run.counts, left).order_by(run.started_at.desc()).limit(1)
    with here.engine() as engine, engine.connect() as conn:
        return repr(conn.execute(query).one())


def inside(whole: Whole) -> list[int]:
    """Statements before which a process is killed, evenly from the first one to nearly the last."""
    return [1 + whole.statements * 9 // 10 * place // (INSIDE - 1) for place in range(INSIDE)]


def differing(state: State, whole: Whole) -> dict[str, dict[str, list[tuple[str, ...]]]]:
    """By table: the rows that only one of two states has, or both in another order."""
    return {
        name: {
            "here": [row for row in state[name] if row not in rows] or state[name],
            "whole": [row for row in rows if row not in state[name]],
        }
        for name, rows in whole.state.items()
        if state[name] != rows
    }


Differences = dict[str, dict[str, list[tuple[str, ...]]]]


def faults(here: Stand, told: Deliveries, whole: Whole) -> dict[str, Differences]:
    """By where the import was killed: in what it then ended otherwise than the undisturbed one."""
    found = {"at every commit": differing(killed_at_every_commit(here, told, whole), whole)}
    places = [(COMMIT, number) for number in range(1, whole.staging + 1)]
    places += [(COMMIT, whole.commits), *((STATEMENT, number) for number in inside(whole))]
    for what, number in places:
        found[f"{what} {number}"] = differing(killed_once(here, told, number, what), whole)
    return {place: rows for place, rows in found.items() if rows}


@pytest.mark.parametrize("kind", FILES)
def test_killed_anywhere_a_delivery_ends_in_the_same_state(on_sqlite: Stand, kind: str, tmp_path: Path) -> None:
    told = deliveries.of_kind(kind, tmp_path / "told")
    on_sqlite.know(told)
    assert faults(on_sqlite, told, undisturbed(on_sqlite, told)) == {}


@pytest.mark.services
def test_killed_anywhere_the_import_of_a_directory_ends_in_the_same_state(
    on_sqlite: Stand, throw_away_ca: ThrowAwayCa, tmp_path: Path
) -> None:
    needs("slapd")
    told = deliveries.of_ldap(tmp_path / "told")
    with ent(throw_away_ca) as server:
        on_sqlite.add_directory(server)
        on_sqlite.know(told)
        deliveries.change_directory(server)
        assert faults(on_sqlite, told, undisturbed(on_sqlite, told)) == {}


def test_what_was_staged_of_a_folder_is_not_counted_on_in_an_archive_of_it(on_sqlite: Stand, tmp_path: Path) -> None:
    """One delivery whatever its packing, but read in another order: whoever fell between would be retired."""
    told = deliveries.of_kind("aaf_2d", tmp_path / "told")
    on_sqlite.know(told)
    with tarfile.open(tmp_path / "packed.tgz", "w:gz") as archive:
        for file in sorted(Path(told.second[2]).iterdir(), reverse=True):
            archive.add(file, file.name)
    packed = replace(told, second=(*told.second[:2], str(tmp_path / "packed.tgz"), *told.second[3:]))
    whole = undisturbed(on_sqlite, packed)
    on_sqlite.database.again()
    assert on_sqlite.run(told.second, kill_before=whole.staging - 1).was_killed
    on_sqlite.run(packed.second)
    assert differing(on_sqlite.state(), whole) == {}


def test_the_comparison_sees_every_change(on_sqlite: Stand, tmp_path: Path) -> None:
    told = deliveries.of_kind("aaf_2d", tmp_path / "told")
    on_sqlite.know(told)
    whole = undisturbed(on_sqlite, told)
    on_sqlite.database.keep()
    spoilt: dict[str, Executable] = {
        "guardianships": update(schema.guardianships).values(pays=True),
        "attachments": update(schema.attachments).values(at=datetime(2026, 9, 1, tzinfo=UTC)),
        "outbox": delete(schema.outbox),
        "records": update(schema.records).values(seen_in="imp_another"),
        "audit_events": update(schema.audit_events).values(outcome="another"),
    }
    for table, statement in spoilt.items():
        on_sqlite.database.again()
        assert differing(on_sqlite.state(), whole) == {}
        with on_sqlite.engine() as engine, engine.begin() as conn:
            conn.execute(statement)
        assert list(differing(on_sqlite.state(), whole)) == [table]


@pytest.mark.services
@pytest.mark.parametrize("kind", ["aaf_2d", "siecle"])
def test_killed_at_every_commit_on_postgresql_it_ends_in_the_same_state(
    on_postgres: Stand, kind: str, tmp_path: Path
) -> None:
    told = deliveries.of_kind(kind, tmp_path / "told")
    on_postgres.know(told)
    whole = undisturbed(on_postgres, told)
    assert differing(killed_at_every_commit(on_postgres, told, whole), whole) == {}
    for number in inside(whole)[1:3]:
        assert (number, differing(killed_once(on_postgres, told, number, STATEMENT), whole)) == (number, {})
