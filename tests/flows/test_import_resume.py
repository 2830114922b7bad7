"""Killed anywhere, an import that is started again ends in the very state of one that was never interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from broker.directory import ImportRules
from broker.domain.errors import ImportHeld
from broker.storage import schema
from broker.storage.engine import open_engine
from tests import aaf
from tests.clock import FakeClock
from tests.imports import FATHER, FEED_1D, MOTHER, Desk, export

ROOT = Path(__file__).parents[2]
RULES = ImportRules(chunk=20, mass_change_percent=100.0)
INE = ("990000001EB", "990000002EA", "990000003DK", "990000004DJ", "990000005DH")


def _first(folder: Path) -> Path:
    """A small town of two schools, with pupils that 1D knows too."""
    adults = [aaf.guardian("500101", mobile="0639980001"), aaf.guardian("500102", given="Goulven", title="M.")]
    return aaf.write_set(
        folder,
        day="20260901",
        EtabEducNat=[aaf.school(), aaf.school("9003", "9990003Z", "LGT$HENRI IV$PORT-FICTIF", "LYCEE")],
        Eleve=[
            [aaf.pupil(str(n), MOTHER, FATHER, ine=INE[n] if n < 5 else "", school=f"900{2 + n % 2}") for n in part]
            for part in (range(25), range(25, 48))
        ],
        PersRelEleve=[*adults, *(aaf.guardian(str(600000 + n), given=f"Prénom {n}") for n in range(30))],
        PersEducNat=[aaf.staff(str(300000 + n), "9002$ENS$X", "9003$DOC$X") for n in range(12)],
    )


def _second(folder: Path) -> Path:
    """A week later: rights withdrawn and given, a school and some people gone, others new, one key twice."""
    adults = [aaf.guardian("500101", mobile="0639980009"), aaf.guardian("500102", given="Goulven", title="M.")]
    numbers = (*INE[:3], "990000006DG", "990000007DF", *[""] * 35)  # two joined by a slip are corrected
    pupils = [aaf.pupil(str(n), MOTHER, *([FATHER] if n % 3 else []), ine=numbers[n]) for n in range(40)]
    new = [aaf.pupil(str(n), "600003$50$0$1$0$0", MOTHER) for n in range(100, 115)]
    return aaf.write_set(
        folder,
        day="20260908",
        EtabEducNat=[aaf.school(name="CLG$DES CHENES$PORT-FICTIF")],
        Eleve=[[*pupils, aaf.pupil("7", FATHER, given="Zoé")], [*new, aaf.pupil("116", born="31/02/2012")]],
        PersRelEleve=[*adults, *(aaf.guardian(str(600000 + n), given=f"Prénom {n}") for n in range(2, 33))],
        PersEducNat=[aaf.staff(str(300000 + n), "9002$DIR$X") for n in range(3, 14)],
    )


def _primary(folder: Path) -> Path:
    pupils = [
        aaf.pupil_1d(str(400000 + n), "610777$10", "610778$20", ine=INE[n], given="Maëlys", born="14/03/2012")
        for n in range(5)
    ]
    adults = [aaf.guardian("610777", degree="1D", mobile="0639980001"), aaf.guardian("610778", degree="1D", title="M.")]
    return aaf.write_set(folder, degree="1D", day="20260901", Eleve=pupils, PersRelEleve=adults)


class Town:
    """The three deliveries, and the state a directory ends in that takes them without interruption."""

    def __init__(self, folder: Path) -> None:
        self.primary, self.first, self.second = (
            _primary(folder / "1d"),
            _first(folder / "first"),
            _second(folder / "second"),
        )

    def prepare(self, engine: Engine) -> Desk:
        """A directory that knows the 1D feed and the first 2D delivery."""
        desk = Desk(engine, FakeClock(), RULES)
        desk.run(self.primary, feed=FEED_1D)
        desk.run(self.first)
        return desk


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path / "town")


class Crash(BaseException):
    """The process ends here; nobody catches it."""


@contextmanager
def crash_before_commit(engine: Engine, number: int) -> Iterator[None]:
    """End everything just before the `number`th commit."""
    seen = 0

    def count(_conn: object) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            raise Crash

    event.listen(engine, "commit", count)
    try:
        yield
    finally:
        event.remove(engine, "commit", count)


@contextmanager
def counting_commits(engine: Engine) -> Iterator[Callable[[], int]]:
    seen = 0

    def count(_conn: object) -> None:
        nonlocal seen
        seen += 1

    event.listen(engine, "commit", count)
    try:
        yield lambda: seen
    finally:
        event.remove(engine, "commit", count)


@contextmanager
def cloned(engine: Engine, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A copy of a prepared database, gone afterwards."""
    if engine.dialect.name == "sqlite":
        target = Path(str(engine.url.database)).with_name("copy.sqlite")
        for left in target.parent.glob("copy.sqlite*"):
            left.unlink()
        target.write_bytes(Path(str(engine.url.database)).read_bytes())
        copy = open_engine(f"sqlite:///{target}")
        yield copy
        copy.dispose()
        return
    server = request.getfixturevalue("postgres_server")
    name = f"{engine.url.database}_copy"
    copy = open_engine(server.create(name, template=str(engine.url.database)))
    yield copy
    copy.dispose()
    server.drop(name)


@pytest.mark.timeout(300)
def test_a_crash_before_any_commit_changes_nothing_in_the_end(
    sql_engine: Engine, town: Town, request: pytest.FixtureRequest
) -> None:
    """Every commit of the second delivery, one after the other; every fourth on PostgreSQL."""
    start = town.prepare(sql_engine).clock()
    with sql_engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        if sql_engine.dialect.name == "sqlite":
            conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    sql_engine.dispose()
    with cloned(sql_engine, request) as whole, counting_commits(whole) as commits:
        assert Desk(whole, FakeClock(start), RULES).run(town.second).state == "done"
        total = commits()
        expected = export(whole)
        assert [row[2] for row in expected["attachments"]].count("frozen") == 2
    assert total > 20
    every = 1 if sql_engine.dialect.name == "sqlite" else 4  # what differs there is in tests/flows/test_import_killed
    for number in range(1, total + 1, every):
        with cloned(sql_engine, request) as engine:
            _crash_and_resume(engine, town, start=FakeClock(start), number=number)
            assert export(engine) == expected, f"crash before commit {number}"


def _crash_and_resume(engine: Engine, town: Town, *, start: FakeClock, number: int) -> None:
    desk = Desk(engine, start, RULES)
    with crash_before_commit(engine, number), pytest.raises(Crash):
        desk.run(town.second)
    start.advance(timedelta(hours=-1))  # the same instant again, so that the two states can be compared whole
    assert desk.run(town.second).state in {"done", "nothing_to_do"}


@pytest.mark.timeout(300)
def test_killed_at_every_tenth_chunk_a_real_process_ends_in_the_same_state(
    sqlite_url: str, town: Town, tmp_path: Path
) -> None:
    engine = open_engine(sqlite_url)
    start = town.prepare(engine).clock()
    engine.dispose()
    source = Path(sqlite_url.removeprefix("sqlite:///"))
    prepared = source.read_bytes()

    def fresh(name: str) -> str:
        (tmp_path / name).write_bytes(prepared)
        return f"sqlite:///{tmp_path / name}"

    whole = fresh("whole.sqlite")
    assert _import(whole, town, start=start.isoformat(), kill_before=0) == 0
    expected = _state(whole)
    url, halfway = fresh("killed.sqlite"), []
    for tenth in count(10, 10):
        if _import(url, town, start=start.isoformat(), kill_before=tenth) != -signal.SIGKILL:
            break
        halfway.append(_state(url))
        assert _import(url, town, start=start.isoformat(), kill_before=0) == 0
        assert _state(url) == expected, f"killed before commit {tenth}"
        url = fresh(f"killed at {tenth}.sqlite")
    assert len(halfway) >= 3
    assert expected not in halfway[:-1]


def _state(url: str) -> dict[str, list[object]]:
    engine = open_engine(url)
    try:
        return export(engine)
    finally:
        engine.dispose()


def _import(url: str, town: Town, *, start: str, kill_before: int) -> int:
    """Import the second delivery in a process of its own, killed before a commit; returns how it ended."""
    command = [sys.executable, "-m", "tests.import_process", url, str(town.second), start, str(kill_before)]
    # A killed process cannot finish its coverage data: it measures none.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=100, env=environment)
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr.decode()
    return done.returncode


def test_an_import_that_was_interrupted_says_that_it_was_taken_up(sqlite_url: str, town: Town) -> None:
    engine = open_engine(sqlite_url)
    desk = town.prepare(engine)
    with crash_before_commit(engine, 14), pytest.raises(Crash):
        desk.run(town.second)
    assert desk.run(town.second).resumed
    engine.dispose()


def test_a_newer_delivery_first_finishes_what_was_begun(sqlite_url: str, town: Town, tmp_path: Path) -> None:
    engine = open_engine(sqlite_url)
    desk = town.prepare(engine)
    with crash_before_commit(engine, 14), pytest.raises(Crash):
        desk.run(town.second)
    newer = aaf.write_set(tmp_path / "newer", mode="Delta", day="20260909", Eleve=[aaf.pupil("999", MOTHER)])
    report = desk.run(newer)
    assert (report.state, report.counts) == ("done", {"pupil_added": 1, "guardianships_added": 1, "persons_founded": 1})
    states = [state for (state,) in desk.rows(schema.imports, "state")]
    assert states == ["done"] * 4
    assert "116" not in [key for (key,) in desk.rows(schema.records, "key")]
    assert "114" in [key for (key,) in desk.rows(schema.records, "key")]
    engine.dispose()


def test_an_interrupted_staging_gives_way_to_a_complete_set_and_not_to_a_delta(
    sqlite_url: str, town: Town, tmp_path: Path
) -> None:
    engine = open_engine(sqlite_url)
    desk = town.prepare(engine)
    with crash_before_commit(engine, 3), pytest.raises(Crash):
        desk.run(town.second)
    delta = aaf.write_set(tmp_path / "delta", mode="Delta", day="20260909", Eleve=[aaf.pupil("999", MOTHER)])
    with pytest.raises(ImportHeld, match="was begun"):
        desk.run(delta)
    newer = Town(tmp_path / "newer").second
    for file in newer.iterdir():
        file.rename(newer / file.name.replace("20260908", "20260910"))
    assert desk.run(newer).state == "done"
    assert sorted(state for (state,) in desk.rows(schema.imports, "state")) == ["done", "done", "done", "superseded"]
    assert desk.rows(schema.staged_rows, "seq") == []
    engine.dispose()
