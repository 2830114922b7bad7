"""LR-03: one more login becomes somebody's only by two proofs of minutes, in one browser, asked for beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from broker.domain.errors import LinkAmbiguous, LinkUndone, PreauError, StepUpNeeded, UnknownPerson
from broker.domain.ports import Return
from broker.federation import LoginRequest
from tests.clock import FakeClock
from tests.federations import Browser, World, open_world, ref

MOTHER, FATHER, NOBODY = "aline", "bruno", "franceconnect-42"
RELIER = "/acces?fait=relie"


@pytest.fixture
def world(sqlite_url: str, clock: FakeClock) -> Iterator[World]:
    with open_world(sqlite_url, clock) as opened:
        for place, user in enumerate((MOTHER, FATHER)):
            opened.family(f"50010{place}", uai=f"099000{place}A")
            opened.upstreams["ent2"].releases[user] = ref(f"50010{place}")
        yield opened


def signed_in(world: World, user: str = MOTHER) -> Browser:
    browser = world.browser()
    browser.sign_in("ent2", user)
    return browser


def leave(browser: Browser, source: str = "educonnect") -> str:
    """Ask for the link; where the browser goes."""
    session = browser.session()
    assert session is not None
    federation = browser.world.federation
    return federation.begin_link(session, source, browser=browser.cookie, resume=RELIER).url


def proven(browser: Browser, left: str, user: str = NOBODY, source: str = "educonnect") -> Return:
    return browser.world.upstreams[source].sign_in(left, user)


def test_two_proofs_in_one_browser_make_one_person_of_two_logins(world: World) -> None:
    browser = signed_in(world)
    before = browser.session()
    assert before is not None
    arrival = browser.arrive("educonnect", proven(browser, leave(browser)))
    assert arrival.resume == RELIER
    assert arrival.session.person_id == before.person_id
    assert arrival.session.sid != before.sid
    again = world.browser().sign_in("educonnect", NOBODY)
    assert again.session.person_id == before.person_id
    assert [row["kind"] for row in world.rows("notices")] == ["link_created"]
    (event,) = [each for each in world.audit("link_created") if "beside" in each["detail"]]  # type: ignore[operator]
    assert event["subject"] == before.person_id


def test_a_login_that_nobody_asked_to_link_stays_a_strangers(world: World) -> None:
    browser = signed_in(world)
    with pytest.raises(UnknownPerson):
        browser.sign_in("educonnect", NOBODY, LoginRequest(prompt=frozenset({"login"})))


def test_a_proof_that_is_minutes_old_links_nothing(world: World, clock: FakeClock) -> None:
    """Whoever finds a session open, or stole one, has not proven anything."""
    browser = signed_in(world)
    clock.advance(timedelta(minutes=6))
    with pytest.raises(StepUpNeeded):
        leave(browser)


def test_the_first_proof_must_still_be_fresh_when_the_second_comes(world: World, clock: FakeClock) -> None:
    browser = signed_in(world)
    left = leave(browser)
    clock.advance(timedelta(minutes=6))
    with pytest.raises(StepUpNeeded):
        browser.arrive("educonnect", proven(browser, left))
    assert len(world.rows("accounts")) == 1


def test_somebody_else_who_signs_in_meanwhile_gets_nothing_of_it(world: World) -> None:
    """Two people, one browser: the wish was the mother's, the session is the father's now."""
    browser = signed_in(world)
    left = leave(browser)
    browser.sign_in("ent2", FATHER, LoginRequest(prompt=frozenset({"login"})))
    with pytest.raises(StepUpNeeded):
        browser.arrive("educonnect", proven(browser, left))
    assert len(world.rows("accounts")) == 2


def test_whoever_signed_out_meanwhile_links_nothing(world: World) -> None:
    browser = signed_in(world)
    left = leave(browser)
    world.federation.sign_out(browser.session_cookie or "", trace="t-test")
    with pytest.raises(StepUpNeeded):
        browser.arrive("educonnect", proven(browser, left))


def test_the_answer_of_another_browser_links_nothing(world: World) -> None:
    """Forced linking (A-03): the attacker's answer in the victim's browser, or the victim's in the attacker's."""
    victim, attacker = signed_in(world), signed_in(world, FATHER)
    left, other = leave(victim), leave(attacker)
    with pytest.raises(PreauError):
        victim.arrive("educonnect", proven(attacker, other))
    with pytest.raises(PreauError):
        attacker.arrive("educonnect", proven(victim, left))
    assert len(world.rows("accounts")) == 2


def test_the_answer_of_another_source_links_nothing(world: World) -> None:
    browser = signed_in(world)
    answer = proven(browser, leave(browser, "ent1"), source="ent1")
    with pytest.raises(PreauError):
        browser.arrive("educonnect", answer)


def test_an_answer_links_once(world: World) -> None:
    browser = signed_in(world)
    world.upstreams["educonnect"].burns = False
    answer = proven(browser, leave(browser))
    browser.arrive("educonnect", answer)
    stolen = signed_in(world, FATHER)
    with pytest.raises(PreauError):
        stolen.arrive("educonnect", answer)
    assert len({row["person_id"] for row in world.rows("accounts")}) == 2


def test_a_login_of_somebody_else_is_never_taken_from_them(world: World) -> None:
    """Also not by whoever learnt its password: unlinking it is its person's, or the desk's."""
    mother = signed_in(world)
    mother.arrive("educonnect", proven(mother, leave(mother)))
    father = signed_in(world, FATHER)
    with pytest.raises(LinkAmbiguous):
        father.arrive("educonnect", proven(father, leave(father)))
    owners = {row["subject"]: row["person_id"] for row in world.rows("accounts")}
    assert owners[NOBODY] == owners[MOTHER]


def test_a_pupil_links_nothing_alone(world: World) -> None:
    """LR-19: a grown-up's login would open a child's access."""
    world.upstreams["ent2"].releases["enfant"] = ref("9500100")
    child = signed_in(world, "enfant")
    with pytest.raises(LinkAmbiguous):
        child.arrive("educonnect", proven(child, leave(child)))


def test_a_link_is_undone_and_does_not_come_back_by_itself(world: World) -> None:
    browser = signed_in(world)
    arrival = browser.arrive("educonnect", proven(browser, leave(browser)))
    world.federation.undo(arrival.session, arrival.session.account_id, trace="t-test")
    with pytest.raises(LinkUndone):
        world.browser().sign_in("educonnect", NOBODY)
