"""A window of ten minutes is open at one screen: what another browser, a planted number or an emptied store gains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
import redis
from sqlalchemy import Engine, select

from broker.accounts import screens as screens_module
from broker.accounts.screens import Screens
from broker.domain.errors import WindowNotOpen
from broker.domain.handles import Handle, new_handle
from broker.domain.sessions import Device
from broker.federation import Caller, GuessGate, WaysIn
from broker.storage import schema
from broker.storage.redis_store import RedisStore
from broker.storage.sql_guesses import SqlGuesses
from tests import builders as b
from tests.clock import FakeClock
from tests.desks import BORN as CHILD_BORN
from tests.desks import HERE
from tests.desks import family as family_here
from tests.federations import build_world
from tests.flows.test_desk import AGENTS, DESK, PAPER, act, agent
from tests.flows.test_ways_in import (
    ANOTHER_DAY,
    OWN,
    born,
    choose,
    come_in,
    fill,
    handle_in,
    number_on,
    open_window,
)
from tests.own_accounts import BORN, CODES, family, open_ways_in, window
from tests.web_stand import Client, WebStand, open_web

KEY = b"k" * 32
BROWSER = "__Host-preau-browser"


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock, own=OWN, agents=AGENTS) as opened:
        yield opened


def screens_of(stand: WebStand) -> Screens:
    assert stand.parts.ways_in is not None
    return stand.parts.ways_in.screens


def bound_by(stand: WebStand, number: str) -> str:
    return screens_of(stand).bound_by(number, window=CODES.window_life, now=stand.world.clock())


def tries(engine: Engine) -> list[int]:
    with engine.connect() as conn:
        return list(conn.execute(select(schema.codes.c.tries)).scalars())


# ---- another browser ------------------------------------------------------------------------------------------------


def test_another_browser_gets_nothing_by_a_name_and_a_birth_date(stand: WebStand) -> None:
    """The gap there was: whoever knew both was in, from anywhere."""
    owner, thief = stand.client(), stand.client()
    open_window(stand, owner, family(stand.world.engine))
    for fields in ({}, {"nom": "Lefevre", "prenom": "Dominique"}):
        tried = fill(thief, thief.get("/code/ouvert"), "/code/ouvert", i="", **fields, **born(BORN))
        assert (tried.status, tried.location) == (409, "")
    assert tries(stand.world.engine) == [0], "nor does a stranger use up the guesses of the owner"
    assert come_in(owner).status == 303


def test_the_number_of_another_browser_is_worth_nothing_wherever_it_is_written(stand: WebStand) -> None:
    owner, thief = stand.client(), stand.client()
    number = open_window(stand, owner, family(stand.world.engine))
    token = thief.get("/code/ouvert").token
    for name in ("numero", "number", "bound", "c"):
        form = {"csrf": token, "i": "", name: number, **born(BORN)}
        assert thief.post("/code/ouvert", form).status == 409, name
        assert thief.post(f"/code/ouvert?{name}={number}", {"csrf": token, "i": "", **born(BORN)}).status == 409, name
    assert tries(stand.world.engine) == [0]


def test_a_thief_at_a_screen_of_their_own_still_needs_the_familys_knowledge(stand: WebStand) -> None:
    """An agent who opens it for a thief: three dates of some five thousand, and the person is told."""
    b.add_school(stand.world.engine, HERE)
    mother = family_here(stand.world.engine, "1", name="Khadidja BENSALEM", child="Inès")
    thief = stand.client()
    assert act(agent(stand, DESK), mother, "fenetre", numero=number_on(thief), **PAPER).status == 303
    for days in range(1, 4):
        assert come_in(thief, day=CHILD_BORN + timedelta(days=days)).status == 403
    assert come_in(thief, day=CHILD_BORN).status == 409
    assert [row["person_id"] for row in stand.world.rows("notices")] == [mother]


# ---- numbers that are planted, left behind or shared ----------------------------------------------------------------


def test_no_number_can_be_planted_in_somebodys_browser(stand: WebStand) -> None:
    """Whatever a page of an attacker's sends along, the browser shows what was drawn for it here."""
    attacker, victim = stand.client(), stand.client()
    planted = number_on(attacker)
    for name in ("numero", "number", "n", "i"):
        victim.get(f"/code/ouvert?{name}={planted}")
    victim.cookies["preau-browser"] = attacker.cookies[BROWSER]
    shown = number_on(victim)
    assert shown != planted
    window(stand.world.engine, family(stand.world.engine), bound_by(stand, shown))
    assert come_in(attacker).status == 409
    assert come_in(victim).status == 303


def sign_in_and_leave(stand: WebStand, client: Client) -> None:
    stand.add_mother("Inès")
    client.sign_in()
    asked = client.get("/deconnexion")
    client.post("/deconnexion", {"csrf": asked.token, "suite": "connexion"})


def test_a_number_is_gone_once_somebody_signed_out_there_also_for_who_copied_its_cookie(stand: WebStand) -> None:
    shared, copied = stand.client(), stand.client()
    number = number_on(shared)
    copied.cookies[BROWSER] = shared.cookies[BROWSER]
    assert number_on(copied) == number, "it can fail: the cookie is the browser"
    sign_in_and_leave(stand, shared)
    assert bound_by(stand, number) == ""
    assert number_on(shared) not in {number, number_on(copied)}


def test_a_number_is_gone_once_a_session_there_was_left_alone_too_long(stand: WebStand, clock: FakeClock) -> None:
    shared = stand.client()
    stand.add_mother("Inès")
    shared.sign_in()
    number = number_on(shared)
    clock.advance(timedelta(minutes=21))
    assert bound_by(stand, number), "it can fail: the number alone would last longer"
    assert shared.get("/toujours-la").location.startswith("/au-revoir")
    assert bound_by(stand, number) == ""


def test_the_next_person_at_a_screen_asks_for_a_number_of_their_own(stand: WebStand) -> None:
    """And comes to no window of the one before, even with that family's knowledge."""
    screen = stand.client()
    number = open_window(stand, screen, family(stand.world.engine))
    fill(screen, screen.get("/code/ouvert"), "/code/ouvert", i="", autre="1")
    assert bound_by(stand, number) == ""
    assert come_in(screen).status == 409
    assert tries(stand.world.engine) == [0]


def test_a_number_is_used_once(stand: WebStand) -> None:
    screen, mother = stand.client(), family(stand.world.engine)
    number = open_window(stand, screen, mother)
    led = come_in(screen)
    choose(screen, handle_in(led))
    assert bound_by(stand, number) == ""
    with stand.world.engine.connect() as conn:
        (used,) = conn.execute(select(schema.codes.c.used_at)).scalars()
    assert used is not None
    assert come_in(screen).status == 409


def test_a_number_that_is_nobodys_is_a_clear_fault_and_no_window(
    stand: WebStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = number_on(stand.client())
    monkeypatch.setattr(screens_module, "new_digits", lambda: taken)
    fault = stand.client().get("/code/ouvert")
    assert (fault.status, "PRE-5004" in fault.text) == (503, True)
    assert taken not in fault.text


# ---- an emptied store -----------------------------------------------------------------------------------------------


@pytest.fixture
def ways(sql_engine: Engine, redis_url: str, clock: FakeClock) -> Iterator[WaysIn]:
    """The ways in on a real Redis, beside either database."""
    clock.set(b.NOW)
    with closing(RedisStore(redis_url, clock, tag_key=KEY)) as store:
        opened = open_ways_in(build_world(sql_engine, store, clock), GuessGate(SqlGuesses(sql_engine), KEY), OWN)
        yield opened
        opened.behind.close()
        opened.activation.hashing.close()


def somebody() -> Caller:
    return Caller(new_handle(Handle.BROWSER), Device.SHARED, "", "192.0.2.1", "fr", "trace")


def opened_for(ways: WaysIn, engine: Engine, person: str, me: Caller) -> None:
    number = ways.number(me)
    window(engine, person, ways.screens.bound_by(number, window=CODES.window_life, now=ways.federation.clock()))


def empty(redis_url: str) -> None:
    with closing(redis.Redis.from_url(redis_url)) as client:
        client.flushall()


def test_an_emptied_store_means_a_new_number_and_a_new_window(ways: WaysIn, sql_engine: Engine, redis_url: str) -> None:
    me, mother = somebody(), family(sql_engine)
    opened_for(ways, sql_engine, mother, me)
    before = ways.number(me)
    empty(redis_url)
    assert ways.screens.bound_by(before, window=CODES.window_life, now=ways.federation.clock()) == ""
    assert ways.number(me) != before
    with pytest.raises(WindowNotOpen):
        ways.by_window(BORN, "/", me)
    opened_for(ways, sql_engine, mother, me)
    assert ways.by_window(BORN, "/", me)


def test_whoever_is_given_the_same_digits_after_that_comes_to_no_window_of_before(
    ways: WaysIn, sql_engine: Engine, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    me, thief = somebody(), somebody()
    opened_for(ways, sql_engine, family(sql_engine), me)
    number = ways.number(me)
    empty(redis_url)
    monkeypatch.setattr(screens_module, "new_digits", lambda: number)
    assert ways.number(thief) == number
    with pytest.raises(WindowNotOpen):
        ways.by_window(BORN, "/", thief)
    assert tries(sql_engine) == [0]


def test_it_gives_no_guess_back(ways: WaysIn, sql_engine: Engine, redis_url: str) -> None:
    """Guesses are the window's, in the database; the number that led to it is gone."""
    me = somebody()
    opened_for(ways, sql_engine, family(sql_engine), me)
    with pytest.raises(Exception, match="unknown, wrong"):
        ways.by_window(ANOTHER_DAY, "/", me)
    empty(redis_url)
    for _ in range(5):
        with pytest.raises(WindowNotOpen):
            ways.by_window(BORN, "/", me)
    assert tries(sql_engine) == [1]
