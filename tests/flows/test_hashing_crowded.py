"""A full pool of hashes: whoever comes is told when to come back, nothing is counted, and others come in as ever."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from sqlalchemy import event, select

from broker.storage import schema
from tests.clock import FakeClock
from tests.flows.test_ways_in import OWN, activate, give_letter, sign_in, write_code
from tests.own_accounts import GOOD, TEST_COST, family
from tests.web_stand import WebStand, open_web


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock, own=OWN) as opened:
        opened.add_mother("Léa", school="Autre")
        yield opened


@pytest.fixture
def full(stand: WebStand) -> Iterator[Event]:
    """The pool, with as many at work and waiting as it takes, until the event is set."""
    assert stand.parts.ways_in is not None
    hashing, free = stand.parts.ways_in.activation.hashing, Event()
    places = TEST_COST.at_once + TEST_COST.waiting
    with ThreadPoolExecutor(places) as pool:
        held = [pool.submit(hashing._in_pool, lambda: free.wait(30)) for _ in range(places)]
        while hashing._places._value:  # type: ignore[attr-defined]
            pass
        yield free
        free.set()
        assert all(each.result(30) for each in held)


def rows(stand: WebStand) -> list[tuple[str, int]]:
    with stand.world.engine.connect() as conn:
        return [(row.key, row.tries) for row in conn.execute(select(schema.guesses)) if row.tries]


def test_who_finds_the_pool_full_is_told_when_to_come_back_and_nothing_counts(stand: WebStand, full: Event) -> None:
    client = stand.client()
    told = client.get(sign_in(client, "dominique.lefevre", GOOD).location)
    assert (told.status, told.header("Retry-After")) == (503, "10")
    assert rows(stand) == []
    with stand.world.engine.connect() as conn:
        assert "sign_in_refused" not in set(conn.scalars(select(schema.audit_events.c.action)))


def test_who_hammers_at_one_login_keeps_no_place_from_others(stand: WebStand) -> None:
    """A place is held while a guess is counted: who was told to wait is told so again without a look at anything."""
    while sign_in(stand.client(), "dominique.lefevre", "faux").status == 403:
        pass
    client, seen = stand.client(), []
    event.listen(stand.world.engine, "before_cursor_execute", lambda *told: seen.append(told[2]))
    assert sign_in(client, "dominique.lefevre", "faux").status == 429
    assert not [each for each in seen if "guesses" in each]


def test_others_come_in_by_their_source_meanwhile(stand: WebStand, full: Event) -> None:
    client = stand.client()
    client.sign_in()
    assert "Léa" in client.get("/").text


def test_once_there_is_room_everybody_comes_in(stand: WebStand, full: Event) -> None:
    full.set()
    activate(stand.client(), give_letter(stand, family(stand.world.engine, key="900")).code.written)
    assert sign_in(stand.client(), "dominique.lefevre", GOOD).status == 303


def test_a_letter_that_nobody_could_look_at_is_told_so_too_and_loses_no_try(stand: WebStand) -> None:
    mother = family(stand.world.engine, key="900")
    code = give_letter(stand, mother).code.written
    assert stand.parts.ways_in is not None
    places = stand.parts.ways_in.activation.hashing._places
    for _ in range(TEST_COST.at_once + TEST_COST.waiting):
        places.acquire()
    assert write_code(stand.client(), code).status == 503
    with stand.world.engine.connect() as conn:
        assert conn.scalar(select(schema.codes.c.tries)) == 0
