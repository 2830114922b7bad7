"""Two imports at once, of one feed or of two: one waits or is refused, and never does one write between the other.

Real processes on both databases, the first one stopped where it stands (SIGSTOP): a holder as slow as can be.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from broker.storage import schema
from tests import deliveries
from tests.conftest import SQL_PARAMS
from tests.deliveries import Deliveries, Words
from tests.import_forks import Ended, Forks, forks
from tests.import_stand import KeptPostgres, KeptSqlite, Stand, stand
from tests.whole_state import State

SAME, OTHER = "the same feed", "another feed"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def forking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with forks(tmp_path_factory.mktemp("forks"), chunk=4) as started:
        yield started


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Deliveries:
    return deliveries.of_kind("aaf_2d", tmp_path_factory.mktemp("told"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Words:
    """A later delivery of the feed that `told` knew before."""
    return deliveries.of_kind("aaf_1d", tmp_path_factory.mktemp("other")).second


@pytest.fixture(scope="module", params=SQL_PARAMS)
def here(
    request: pytest.FixtureRequest, forking: Forks, told: Deliveries, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stand]:
    """An installation on each database that knows both feeds."""
    folder = tmp_path_factory.mktemp("here")
    if request.param == "sqlite":
        file = KeptSqlite(folder / "preau.sqlite")
        shutil.copy(request.getfixturevalue("sqlite_template"), file.file)
        one = stand(forking, file, folder / "installed")
        one.know(told)
        yield one
        return
    server = request.getfixturevalue("postgres_server")
    database = KeptPostgres(server, "at_once")
    server.create(database.name, template=request.getfixturevalue("postgres_template"))
    one = stand(forking, database, folder / "installed")
    one.know(told)
    yield one
    for name in (database.name, f"{database.name}_kept"):
        server.drop(name)


@pytest.fixture(scope="module")
def in_turn(here: Stand, told: Deliveries, other: Words) -> Mapping[str, State]:
    """The states that a second import after the first leads to, and how often the first one rests."""
    found = {}
    for name, second in ((SAME, told.second), (OTHER, other)):
        here.database.again()
        here.run(told.second)
        here.run(second)
        found[name] = here.state()
    assert found[SAME] != found[OTHER]
    return found


@pytest.fixture
def rests(here: Stand, told: Deliveries) -> list[int]:
    """Places between two transactions of the first import, from its staging to its founding."""
    here.database.again()
    total = here.run(told.second).rests
    here.database.again()
    return [total // 5, 4 * total // 5]


def refused(ended: Ended) -> str:
    assert ended.status == 1, ended.said
    return ended.said.strip().splitlines()[-1]


def acts(here: Stand) -> list[tuple[str, str]]:
    """Starts and ends of imports, in the order of the audit trail, of those at once."""
    events = schema.audit_events.c
    query = select(events.actor, events.action).where(events.action.like("import_%")).order_by(events.id)
    with here.engine() as engine, engine.connect() as conn:
        return [(row.actor, row.action) for row in conn.execute(query)][4:]


FIRST = [("feed:99-2d", "import_started"), ("feed:99-2d", "import_finished")]
SECOND = [("feed:99-1d", "import_started"), ("feed:99-1d", "import_finished")]


def test_while_one_is_at_work_the_other_is_refused_and_writes_nothing(
    here: Stand, told: Deliveries, other: Words, rests: list[int], in_turn: Mapping[str, State]
) -> None:
    for place in rests:
        here.database.again()
        first = here.stopped(told.second, before=place)
        before = here.state()
        for second in (told.second, other):
            told_why = refused(here.start(second).ended())
            assert told_why.startswith("preau: PRE-4003: run imp_"), told_why
            assert told_why.endswith("of feed 99-2d is at work")
        assert here.state() == before
        first.send(signal.SIGCONT)
        assert first.ended().status == 0
        assert acts(here) == FIRST
        here.run(other)
        assert here.state() == in_turn[OTHER]


@pytest.mark.parametrize("which", [SAME, OTHER])
def test_who_waits_gets_his_turn_when_the_first_is_done(
    here: Stand, told: Deliveries, other: Words, rests: list[int], in_turn: Mapping[str, State], which: str
) -> None:
    first = here.stopped(told.second, before=rests[1])
    second = here.start((*(told.second if which == SAME else other), "--wait"))
    first.send(signal.SIGCONT)
    assert (first.ended().status, second.ended().status) == (0, 0)
    assert acts(here) == (FIRST if which == SAME else FIRST + SECOND)
    assert here.state() == in_turn[which]


def test_two_that_start_at_once_come_one_after_the_other(
    here: Stand, told: Deliveries, other: Words, in_turn: Mapping[str, State]
) -> None:
    """Whichever is first: its end is written before the other's beginning, and nobody is founded twice."""
    for words in ((told.second, other), (other, told.second)):
        here.database.again()
        started = [here.start((*one, "--wait")) for one in words]
        ended = [one.ended() for one in started]
        assert [one.status for one in ended] == [0, 0], [one.said for one in ended]
        assert acts(here) in (FIRST + SECOND, SECOND + FIRST)
        if acts(here) == FIRST + SECOND:
            assert here.state() == in_turn[OTHER]


@pytest.mark.parametrize("which", [SAME, OTHER])
def test_a_killed_holder_keeps_nobody_waiting(
    here: Stand, told: Deliveries, other: Words, rests: list[int], in_turn: Mapping[str, State], which: str
) -> None:
    """Its lease has nearly ninety seconds to run, but its process is known to be dead."""
    for place in rests:
        here.database.again()
        first = here.stopped(told.second, before=place)
        first.send(signal.SIGKILL)
        assert first.ended().was_killed
        if which == OTHER:
            here.run(other)
            assert acts(here)[-2:] == SECOND
        here.run(told.second)
        if which == SAME:
            assert acts(here) == FIRST
            here.run(other)
            assert here.state() == in_turn[OTHER]


def test_a_holder_whose_lease_ran_out_writes_nothing_more(
    here: Stand, told: Deliveries, rests: list[int], in_turn: Mapping[str, State]
) -> None:
    for place in rests:
        here.database.again()
        first = here.stopped(told.second, before=place)
        with here.engine() as engine, engine.begin() as conn:  # as if it had stood still for ninety seconds
            long_ago = update(schema.imports).where(schema.imports.c.holder != "")
            conn.execute(long_ago.values(lease_until=datetime(2026, 1, 1, tzinfo=UTC)))
        here.run(told.second)
        assert here.state() == in_turn[SAME]
        first.send(signal.SIGCONT)
        assert refused(first.ended()).endswith("was taken over")
        assert here.state() == in_turn[SAME]
        assert acts(here) == FIRST
