"""Killed with SIGKILL anywhere in any feed's import, the same command leads to the very state of a whole one.

Real processes run the real command (`tests/import_forks.py`); the states compared are whole databases, audit trail and
outbox included (`tests/whole_state.py`).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

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
INSIDE = 5
"""Kills between two commits that are tried of one import; a process killed there leaves what one killed at the next
commit leaves, and a database that has to clean up."""

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
def on_postgres(
    forking: Forks, postgres_server: Postgres, postgres_template: str, tmp_path: Path
) -> Iterator[Stand]:
    database = KeptPostgres(postgres_server, "killed")
    postgres_server.create(database.name, template=postgres_template)
    yield stand(forking, database, tmp_path / "here")
    for name in (database.name, f"{database.name}_kept"):
        postgres_server.drop(name)


@dataclass(frozen=True, slots=True)
class Whole:
    """What the second delivery does when nobody disturbs it."""

    state: State
    commits: int
    statements: int


def undisturbed(here: Stand, told: Deliveries) -> Whole:
    before = here.state()
    ended = here.run(told.second)
    whole = Whole(here.state(), ended.commits, ended.statements)
    assert whole.state != before
    assert whole.commits > 12
    return whole


def kill_and_resume(here: Stand, told: Deliveries, number: int, *, what: str = COMMIT) -> State:
    """The second delivery on a fresh copy, killed once, then imported by the same command."""
    here.database.again()
    assert here.run(told.second, kill_before=number, what=what).was_killed
    here.run(told.second)
    return here.state()


def spread(total: int, count: int) -> list[int]:
    """So many numbers from 1 to a total, evenly."""
    return sorted({1 + (total - 1) * place // (count - 1) for place in range(count)})


def differing(here: Stand, told: Deliveries, whole: Whole, *, commits: range) -> dict[str, dict[str, object]]:
    """Where the state differs from that of the whole import, by place of the kill; nothing, that is."""
    places = [(COMMIT, number) for number in commits]
    places += [(STATEMENT, number) for number in spread(whole.statements, INSIDE)]
    found = {}
    for what, number in places:
        state = kill_and_resume(here, told, number, what=what)
        if state != whole.state:
            changed = {table: (state[table], rows) for table, rows in whole.state.items() if state[table] != rows}
            found[f"{what} {number}"] = changed
    return found


@pytest.mark.parametrize("kind", FILES)
def test_killed_before_any_commit_of_a_delivery_it_ends_in_the_same_state(
    on_sqlite: Stand, kind: str, tmp_path: Path
) -> None:
    told = deliveries.of_kind(kind, tmp_path / "told")
    on_sqlite.know(told)
    whole = undisturbed(on_sqlite, told)
    assert differing(on_sqlite, told, whole, commits=range(1, whole.commits + 1)) == {}
