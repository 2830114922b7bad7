"""Forced login and stolen returns: one browser's state, ticket or interaction is worth nothing in another browser.

Each refusal is followed by the same request with the one fault repaired, which goes through: the check that stopped it
is the one named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from broker.domain.errors import AlreadyUsed, LoginExpired, PreauError, UpstreamRefused
from broker.domain.handles import Handle, new_handle
from broker.federation import LoginRequest
from tests.clock import FakeClock
from tests.federations import Browser, World, open_world, ref


@pytest.fixture
def world(sqlite_url: str, clock: FakeClock) -> Iterator[World]:
    with open_world(sqlite_url, clock) as opened:
        opened.family("500101")
        opened.family("500202", uai="0990002B")
        for source in opened.upstreams.values():
            source.releases.update(victim=ref("500101"), attacker=ref("500202"))
        yield opened


def refused(browser: Browser, source: str, answer: object) -> type[PreauError]:
    with pytest.raises(PreauError) as caught:
        browser.arrive(source, answer)  # type: ignore[arg-type]
    return type(caught.value)


def test_the_attackers_finished_login_does_not_land_in_the_victims_browser(world: World) -> None:
    """Login CSRF: the victim would go on under the attacker's name, and link what is hers to him."""
    attacker, victim = world.browser(), world.browser()
    answer = world.upstreams["ent2"].sign_in(attacker.leave("ent2"), "attacker")
    victim.leave("ent2")
    assert refused(victim, "ent2", answer) is LoginExpired
    assert world.rows("accounts") == world.rows("sessions") == []
    victim.cookie = attacker.cookie  # the one check removed: the same return goes through
    assert victim.arrive("ent2", answer).session


def test_a_victim_without_any_cookie_is_not_led_into_a_login(world: World) -> None:
    attacker, victim = world.browser(), world.browser()
    answer = world.upstreams["ent2"].sign_in(attacker.leave("ent2"), "attacker")
    for cookie in ("", "pbr_", new_handle(Handle.SESSION)):
        victim.cookie = cookie
        assert refused(victim, "ent2", answer) is LoginExpired


def test_another_browsers_attempt_does_not_spend_the_state(world: World) -> None:
    attacker, victim = world.browser(), world.browser()
    answer = world.upstreams["ent2"].sign_in(victim.leave("ent2"), "victim")
    assert refused(attacker, "ent2", answer) is LoginExpired
    assert victim.arrive("ent2", answer).session


def test_a_ticket_stolen_on_its_way_opens_nothing_in_the_thiefs_own_login(world: World) -> None:
    """The thief's own state goes with the victim's ticket; a real source compares service URL or verifier."""
    thief, victim = world.browser(), world.browser()
    source = world.upstreams["ent2"]
    stolen = source.sign_in(victim.leave("ent2"), "victim")
    own = source.sign_in(thief.leave("ent2"), "attacker")
    mixed = replace(own, params={**stolen.params, "state": stolen.params["state"]})
    assert refused(thief, "ent2", mixed) is LoginExpired
    assert victim.arrive("ent2", stolen).session


def test_the_victims_spent_ticket_opens_nothing_for_the_thief_even_at_a_lax_source(world: World) -> None:
    thief, victim = world.browser(), world.browser()
    source = world.upstreams["ent2"]
    source.burns = False
    used = source.sign_in(victim.leave("ent2"), "victim")
    victim.arrive("ent2", used)
    own = source.sign_in(thief.leave("ent2"), "attacker")
    mixed = replace(own, params={**own.params, "ticket": used.params["ticket"]})
    assert refused(thief, "ent2", mixed) is AlreadyUsed
    assert len(world.rows("sessions")) == 1


def test_a_choice_made_in_one_browser_cannot_be_continued_in_another(world: World) -> None:
    attacker, victim = world.browser(), world.browser()
    interaction = attacker.begin(LoginRequest(resume="/acces"))
    for attempt in (world.federation.choices, world.federation.interaction):
        with pytest.raises(LoginExpired):
            attempt(interaction, browser=victim.cookie)
    with pytest.raises(LoginExpired):
        world.federation.depart(interaction, "ent2", browser=victim.cookie)
    assert world.federation.depart(interaction, "ent2", browser=attacker.cookie)


def test_an_answer_at_another_sources_callback_is_a_mix_up(world: World) -> None:
    """RFC 9700 §4.4: a hostile source must not have its answer judged as an honest one's."""
    browser = world.browser()
    answer = world.upstreams["ent1"].sign_in(browser.leave("ent1"), "attacker")
    world.upstreams["ent2"].tickets.update(world.upstreams["ent1"].tickets)
    assert refused(browser, "ent2", answer) is UpstreamRefused
    again = world.upstreams["ent2"].sign_in(browser.leave("ent2"), "attacker")
    assert browser.arrive("ent2", again).session


def test_the_same_login_name_at_two_sources_is_two_accounts(world: World) -> None:
    world.upstreams["ent1"].releases["victim"] = ()
    assert world.browser().sign_in("ent2", "victim").session
    with pytest.raises(PreauError):
        world.browser().sign_in("ent1", "victim")
    assert [row["issuer"] for row in world.rows("accounts")] == ["https://ent2.example"]


def test_login_names_that_differ_by_case_or_accent_are_different_people(world: World) -> None:
    world.browser().sign_in("ent2", "victim")
    for twin in ("Victim", "VICTIM", "victim ", "vıctim", "víctim"):
        with pytest.raises(PreauError):
            world.browser().sign_in("ent2", twin)
    assert len(world.rows("accounts")) == 1


def test_a_link_is_made_for_the_login_that_proved_it_and_no_other(world: World) -> None:
    """Keycloak CVE-2026-9087: a proof keyed too loosely was spent by a second upstream account."""
    world.browser().sign_in("ent2", "victim")
    (account,) = world.rows("accounts")
    assert account["subject"] == "victim"
    assert world.browser().sign_in("ent2", "attacker").session.person_id != account["person_id"]


def test_a_reload_of_the_return_is_let_through_to_the_very_session_it_opened(world: World) -> None:
    browser, thief = world.browser(), world.browser()
    answer = world.upstreams["ent2"].sign_in(browser.leave("ent2"), "victim")
    opened = browser.arrive("ent2", answer)
    again = browser.arrive("ent2", answer)
    assert (again.session_handle, again.session.sid) == (opened.session_handle, opened.session.sid)
    assert len(world.rows("sessions")) == 1
    thief.cookie = browser.cookie  # the browser's cookie alone, without the session's
    assert refused(thief, "ent2", answer) is LoginExpired
    thief.session_cookie = new_handle(Handle.SESSION)
    assert refused(thief, "ent2", answer) is LoginExpired


def test_a_reload_after_signing_out_does_not_sign_in_again(world: World) -> None:
    browser = world.browser()
    answer = world.upstreams["ent2"].sign_in(browser.leave("ent2"), "victim")
    opened = browser.arrive("ent2", answer)
    world.federation.sign_out(opened.session_handle, trace="t")
    assert refused(browser, "ent2", answer) is LoginExpired


def test_a_reload_a_minute_later_begins_again(world: World) -> None:
    browser = world.browser()
    answer = world.upstreams["ent2"].sign_in(browser.leave("ent2"), "victim")
    browser.arrive("ent2", answer)
    world.clock.advance(61)
    assert refused(browser, "ent2", answer) is LoginExpired
    assert browser.session() is not None


def test_nothing_that_is_stored_lets_its_reader_in(world: World) -> None:
    """A dump of the ephemeral store holds neither the browser's cookie nor a session's."""
    browser = world.browser()
    browser.leave("ent2")
    opened = browser.sign_in("ent2", "victim")
    dump = repr(vars(world.store))
    assert browser.cookie not in dump
    assert opened.session_handle not in dump
