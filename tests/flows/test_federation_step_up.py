"""Where somebody is led who is signed in but must prove more: sources that can, that answer, that they know."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from broker.domain.errors import PageNotFound, UpstreamUnavailable
from broker.domain.identity import AccountState
from broker.federation import LoginRequest, SignInChoices
from policies import Assurance
from tests.builders import add_account
from tests.clock import FakeClock
from tests.federations import Browser, World, open_world, ref

CAREFUL = LoginRequest(requires=Assurance.STANDARD)


@pytest.fixture
def world(sqlite_url: str, clock: FakeClock) -> Iterator[World]:
    with open_world(sqlite_url, clock, {"ent2": Assurance.LOW}) as opened:
        opened.upstreams["ent2"].releases["aline"] = ref("500101")
        yield opened


@pytest.fixture
def mother(world: World) -> str:
    return world.family("500101")[0]


def signed_in(world: World) -> Browser:
    browser = world.browser()
    browser.sign_in("ent2", "aline")
    return browser


def choices(browser: Browser, request: LoginRequest = CAREFUL) -> SignInChoices:
    handle = browser.begin(request)
    return browser.world.federation.choices(handle, browser=browser.cookie, session=browser.session())


def test_only_sources_that_prove_enough_are_offered_for_more_proof(world: World, mother: str) -> None:
    found = choices(signed_in(world))
    assert (found.source_ids, found.straight, found.step_up) == (("educonnect", "ent1"), "", True)
    plain = choices(signed_in(world), LoginRequest())
    assert (plain.done, plain.step_up) == (True, False)


@pytest.mark.parametrize(
    ("state", "straight"),
    [(AccountState.LINKED, "ent1"), (AccountState.UNDONE, ""), (AccountState.TOMBSTONED, "")],
)
def test_where_the_person_signs_in_already_is_gone_to_without_a_question(
    world: World, mother: str, state: AccountState, straight: str
) -> None:
    add_account(world.engine, mother, source_id="ent1", state=state)
    assert choices(signed_in(world)).straight == straight


def test_a_source_that_is_down_is_not_gone_to_while_another_answers(world: World, mother: str) -> None:
    add_account(world.engine, mother, source_id="ent1")
    browser = signed_in(world)
    world.upstreams["ent1"].fails = UpstreamUnavailable("silence")
    for _ in range(5):
        with pytest.raises(UpstreamUnavailable):
            world.browser().leave("ent1")
    found = choices(browser)
    assert (found.source_ids, found.straight, found.down) == (("educonnect",), "educonnect", {"ent1"})


def test_a_failure_on_the_way_back_counts_as_one_on_the_way_out(world: World, mother: str) -> None:
    browser = signed_in(world)
    for _ in range(5):
        answer = world.upstreams["ent1"].sign_in(browser.leave("ent1"), "aline")
        world.upstreams["ent1"].fails = UpstreamUnavailable("silence")
        with pytest.raises(UpstreamUnavailable):
            browser.arrive("ent1", answer)
        world.upstreams["ent1"].fails = None
    assert world.federation.ways(now=world.clock()).down == {"ent1"}


def test_no_source_that_proves_too_little_takes_a_login_that_needs_more(world: World, mother: str) -> None:
    browser = signed_in(world)
    handle = browser.begin(CAREFUL)
    assert world.federation.depart(handle, "educonnect", browser=browser.cookie)
    with pytest.raises(PageNotFound):
        world.federation.depart(handle, "ent2", browser=browser.cookie)
