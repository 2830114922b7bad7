"""LR-16: a walk that somebody else began, a session that was there before, two people at one browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clock import FakeClock
from tests.flows.test_ways_in import (
    OWN,
    activate,
    choose,
    fill,
    give_letter,
    handle_in,
    sign_in,
    write_birth_date,
    write_code,
)
from tests.own_accounts import GOOD, family
from tests.web_stand import WebStand, open_web

SESSION = "__Host-preau-session"
BROWSER = "__Host-preau-browser"


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock, own=OWN) as opened:
        yield opened


def test_a_walk_is_worth_nothing_in_another_browser_at_any_of_its_steps(stand: WebStand) -> None:
    owner, other = stand.client(), stand.client()
    handle = handle_in(write_code(owner, give_letter(stand, family(stand.world.engine)).code.written))
    token = other.get("/code").token
    birth = {"csrf": token, "c": handle, "jour": "7", "mois": "3", "annee": "2014"}
    assert other.post("/code/naissance", birth).status == 400
    write_birth_date(owner, handle)
    assert other.get(f"/code/passe?c={handle}").status == 400
    stolen = other.post("/code/passe", {"csrf": token, "c": handle, "passe": GOOD, "passe2": GOOD})
    assert stolen.location.startswith("/avis?c=PRE-2001")
    assert other.get(f"/code/pret?c={handle}").status == 400
    assert choose(owner, handle).location.startswith("/code/pret")
    assert other.get(f"/code/pret?c={handle}").status == 400


def test_the_same_walk_goes_on_where_the_browser_is_the_one_that_began_it(stand: WebStand) -> None:
    """It can fail: with the first browser's cookie the walk is the other's too."""
    owner, other = stand.client(), stand.client()
    handle = handle_in(write_code(owner, give_letter(stand, family(stand.world.engine)).code.written))
    other.cookies[BROWSER] = owner.cookies[BROWSER]
    assert other.get(f"/code/naissance?c={handle}").status == 200


def test_a_session_that_was_planted_is_not_the_one_that_opens(stand: WebStand) -> None:
    """Session fixation: the id changes at every change of privilege, and the old one is over."""
    attacker, victim = stand.client(), stand.client()
    family(stand.world.engine, key="502", given="Claude")
    mother = family(stand.world.engine)
    activate(attacker, give_letter(stand, mother).code.written)
    victim.cookies[SESSION] = planted = attacker.cookies[SESSION]
    activate(victim, give_letter(stand, mother).code.written)
    assert victim.cookies[SESSION] != planted
    assert stand.world.federation.sessions.unended(planted) is None


def test_of_two_people_at_one_browser_the_second_sees_nothing_of_the_first(stand: WebStand) -> None:
    client = stand.client()
    activate(client, give_letter(stand, family(stand.world.engine)).code.written)
    first = client.cookies[SESSION]
    assert "Inès" in client.get("/").text
    other = family(stand.world.engine, key="502", given="Claude")
    done = activate(client, give_letter(stand, other).code.written)
    assert "claude.lefevre" in client.get(done.location).text
    assert client.cookies[SESSION] != first
    assert stand.world.federation.session(first) is None
    stale = stand.client()
    stale.cookies[SESSION] = first
    assert "Inès" not in stale.get("/").text


def test_two_walks_at_one_browser_do_not_mix(stand: WebStand) -> None:
    client = stand.client()
    one = give_letter(stand, family(stand.world.engine)).code
    two = give_letter(stand, family(stand.world.engine, key="502", given="Claude")).code
    first, second = (handle_in(write_code(client, code.written)) for code in (one, two))
    write_birth_date(client, second)
    write_birth_date(client, first)
    assert "dominique.lefevre" in client.get(choose(client, first).location).text
    assert "claude.lefevre" in client.get(choose(client, second).location).text


def test_a_page_that_is_left_open_sets_no_second_secret(stand: WebStand) -> None:
    client = stand.client()
    handle = handle_in(write_code(client, give_letter(stand, family(stand.world.engine)).code.written))
    write_birth_date(client, handle)
    page = client.get(f"/code/passe?c={handle}")
    choose(client, handle)
    left_open = {"c": handle, "passe": "osier lagune tournevis", "passe2": "osier lagune tournevis"}
    again = fill(client, page, "/code/passe", **left_open)
    assert again.status in {303, 400}
    assert sign_in(stand.client(), "dominique.lefevre", GOOD).status == 303
