"""Clients that registered themselves: nobody's browser is led to one, by whatever address of ours, before a yes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from broker.domain.services import SelfRegistered, Service
from broker.federation.agreements import Agreements
from broker.services.register import Register
from tests.clock import FakeClock
from tests.logouts import LogoutStand, end_session, listening, open_logouts, suspend
from tests.oidc_stand import VERIFIER, authorize_url, challenge_of
from tests.web_stand import Client

HOST = "visiteur.example"
START = f"https://{HOST}/connexion"
LEFT = f"https://{HOST}/au-revoir"


def stranger(clock: FakeClock, **changes: Any) -> Service:
    declared = listening("visiteur")
    party = replace(declared.parties[0], initiate_login_uri=START, **changes)
    registered = SelfRegistered(HOST, clock() + timedelta(days=30))
    return replace(declared, parties=(party,), registered=registered)


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[LogoutStand]:
    with open_logouts(sqlite_url, clock, stranger(clock), heard=()) as opened:
        yield opened


def asks(browser: Client, **changes: str) -> Any:
    """The client sends the browser."""
    asked = {"scope": "openid", "code_challenge": challenge_of(VERIFIER), **changes}
    return browser.get(authorize_url("visiteur", **asked))


def told(answer: Any) -> dict[str, str]:
    """What went back to the client; nothing where the browser stays here."""
    return dict(parse_qsl(urlsplit(answer.location).query)) if HOST in answer.location else {}


def question(browser: Client, **changes: str) -> tuple[Any, dict[str, str]]:
    """The page that asks, and the fields of its form."""
    answer = asks(browser, **changes)
    assert answer.location.startswith("/accord?")
    asked = browser.get(answer.location)
    return asked, {"csrf": asked.token, **dict(parse_qsl(urlsplit(answer.location).query))}


def say_yes(browser: Client, **changes: str) -> Any:
    """Say yes, and follow to what comes of it."""
    answer = browser.post("/accord", question(browser, **changes)[1])
    assert answer.location.startswith("/authorize/")
    return browser.get(answer.location)


def test_who_is_signed_in_is_asked_once_a_visit(stand: LogoutStand) -> None:
    browser = stand.browser()
    page, _ = question(browser)
    assert page.status == 200
    assert HOST in page.text
    assert "ne l'a pas vérifié" in page.text
    assert "code" in told(say_yes(browser, state="s"))
    assert "code" in told(asks(browser))
    assert "code" in told(asks(browser, prompt="none"))
    assert not told(asks(stand.browser())), "another visit, another yes"


def test_who_signs_in_for_it_is_asked_too_and_not_to_sign_in_again(stand: LogoutStand) -> None:
    browser = stand.web.client()
    left = browser.leave(target=asks(browser, prompt="login").location)
    resumed = browser.get(browser.come_back(left.location).location)
    assert resumed.location.startswith("/accord?")
    asked = browser.get(resumed.location)
    answer = browser.post("/accord", {"csrf": asked.token, **dict(parse_qsl(urlsplit(resumed.location).query))})
    assert "code" in told(browser.get(answer.location))


@pytest.mark.parametrize("wrong", [{"scope": "openid school"}, {"response_type": "token"}, {"max_age": "x"}])
def test_no_error_leads_away_before_a_yes(stand: LogoutStand, wrong: dict[str, str]) -> None:
    for browser in (stand.web.client(), stand.browser()):
        answer = asks(browser, **wrong)
        assert (answer.status >= 400, answer.location) == (True, "")
    say_yes(browser)
    assert told(asks(browser, **wrong))["error"]


def test_where_no_page_may_be_shown_it_learns_that_one_is_needed_and_no_more(stand: LogoutStand) -> None:
    assert told(asks(stand.browser(), prompt="none"))["error"] == "interaction_required"
    assert told(asks(stand.web.client(), prompt="none"))["error"] == "login_required"


def test_a_yes_is_for_the_addresses_that_were_named(stand: LogoutStand, clock: FakeClock) -> None:
    browser = stand.browser()
    say_yes(browser)
    moved = stranger(clock, redirect_uris=(f"https://{HOST}/retour", "https://autre.example/retour"))
    stand.web.register.value = Register((moved,))
    assert asks(browser).location.startswith("/accord?")


def test_nobody_else_says_yes_for_a_person(stand: LogoutStand) -> None:
    browser, attacker = stand.browser(), stand.browser()
    _, form = question(browser)
    for bad in ({**form, "csrf": ""}, {name: value for name, value in form.items() if name != "csrf"}):
        assert browser.post("/accord", bad).status >= 400
    assert browser.post("/accord", form, Origin="https://visiteur.example").status >= 400
    assert not told(asks(browser))
    taken = attacker.post("/accord", {**form, "csrf": question(attacker)[1]["csrf"]})
    assert not told(attacker.get(taken.location)), "what waits is taken up in its own browser alone"


@pytest.mark.parametrize(
    ("query", "status"),
    [("service=visiteur", 400), ("service=visiteur&i=x", 400), ("service=personne&i=x", 404), ("i=x", 404)],
)
def test_a_question_that_nobody_asked_is_no_page(stand: LogoutStand, query: str, status: int) -> None:
    assert stand.browser().get(f"/accord?{query}").status == status


def test_the_question_is_for_who_is_signed_in_and_for_a_client_that_stands(stand: LogoutStand) -> None:
    browser = stand.browser()
    _, form = question(browser)
    waiting = f"/accord?service=visiteur&i={form['i']}"
    assert stand.web.client().get(waiting).header("Location") != ""
    suspend(stand, "visiteur")
    assert browser.get(waiting).status == 403
    assert browser.post("/accord", form).status == 403


def test_no_login_is_begun_at_it_for_who_did_not_say_yes(stand: LogoutStand) -> None:
    browser = stand.browser()
    for anybody in (stand.web.client(), browser):
        assert (anybody.get("/start/visiteur").status, anybody.get("/start/visiteur").location) == (404, "")
    say_yes(browser)
    assert browser.get("/start/visiteur").location.startswith(START)


def test_a_hint_that_it_kept_leads_nobody_there(stand: LogoutStand) -> None:
    browser = stand.browser()
    say_yes(browser)
    hint = stand.open(browser, "visiteur")
    led = {"id_token_hint": hint, "post_logout_redirect_uri": LEFT}
    assert end_session(stand.web.client(), **led).location == "/au-revoir"
    assert end_session(browser, **led).location == "/au-revoir"
    assert browser.get("/au-revoir").location == LEFT, "the end of the session in which it was used"


def test_without_the_question_each_of_these_leads_there(stand: LogoutStand, monkeypatch: pytest.MonkeyPatch) -> None:
    """What shows that the question is what stops them."""
    monkeypatch.setattr(Agreements, "missing", lambda *_: False)
    browser = stand.browser()
    assert "code" in told(asks(browser))
    assert told(asks(stand.web.client(), response_type="token"))["error"]
    assert browser.get("/start/visiteur").location.startswith(START)


def test_no_page_of_the_portal_names_one(stand: LogoutStand) -> None:
    """A hundred strangers would drown what the school offers, on the home page and where it is explained."""
    browser = stand.browser()
    for path in ("/", "/pourquoi"):
        shown = browser.get(path)
        assert shown.status == 200
        assert "visiteur" not in shown.body
