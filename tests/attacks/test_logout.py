"""Logout as a weapon: nobody is signed out by a link, led astray, or used to call inside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from broker.domain.errors import UpstreamUnavailable
from broker.protocol.oidc.end_session import EndSession, LogoutChecks
from broker.protocol.oidc.end_session_checks import (
    RETURN_CHECKS,
    SENDER_CHECKS,
    LogoutCheck,
    check_client_id,
    check_hint,
    check_return_uri,
)
from broker.wire.http import SESSION_COOKIE
from connectors.guarded import open_guarded
from tests.clock import FakeClock
from tests.logouts import GOODBYE, LogoutStand, end_session, is_signed_in, listening, open_logouts, suspend
from tests.web_stand import BASE, Client

ASKED = (303, "/deconnexion")


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[LogoutStand]:
    with open_logouts(sqlite_url, clock, listening("cahier")) as opened:
        yield opened


def asked(browser: Client, **parameters: str) -> bool:
    """Tell whether the request only led to the page that asks, and the session lives."""
    answer = end_session(browser, **parameters)
    return (answer.status, answer.location) == ASKED and is_signed_in(browser)


def test_a_link_on_any_page_signs_nobody_out(stand: LogoutStand) -> None:
    browser = stand.browser("cantine")
    assert asked(browser)
    assert asked(browser, client_id="cantine", post_logout_redirect_uri=GOODBYE, state="s", logout_hint="mere")
    assert asked(browser, id_token_hint="a.b.c")
    assert asked(browser, id_token_hint="x" * 20_000)


def test_the_hint_of_another_persons_session_ends_nothing_here(stand: LogoutStand) -> None:
    attacker = stand.browser()
    hint = stand.open(attacker)
    victim = stand.browser("cantine")
    assert asked(victim, id_token_hint=hint, post_logout_redirect_uri=GOODBYE)
    end_session(attacker, id_token_hint=hint, post_logout_redirect_uri=GOODBYE)
    assert is_signed_in(victim)
    assert not is_signed_in(attacker)


def test_a_hint_used_again_ends_no_later_session(stand: LogoutStand) -> None:
    browser = stand.browser()
    hint = stand.open(browser)
    end_session(browser, id_token_hint=hint)
    browser.sign_in()
    assert asked(browser, id_token_hint=hint, post_logout_redirect_uri=GOODBYE)


def test_the_hint_of_one_client_serves_no_other(stand: LogoutStand) -> None:
    browser = stand.browser()
    hint = stand.open(browser)
    assert asked(browser, id_token_hint=hint, client_id="cahier", post_logout_redirect_uri=GOODBYE)
    other = "https://cahier.example/au-revoir"
    answer = end_session(browser, id_token_hint=hint, client_id="cantine", post_logout_redirect_uri=other)
    assert answer.location == "/au-revoir"
    assert browser.get("/au-revoir").status == 200, "the address is another client's: nobody is led there"


def test_a_suspended_service_ends_nothing_and_nobody_is_sent_to_it(stand: LogoutStand) -> None:
    browser = stand.browser()
    hint = stand.open(browser)
    suspend(stand, "cantine")
    assert asked(browser, id_token_hint=hint, post_logout_redirect_uri=GOODBYE)
    browser.cookies.pop(SESSION_COOKIE)
    assert end_session(browser, id_token_hint=hint, post_logout_redirect_uri=GOODBYE).location == "/au-revoir"


def test_a_parameter_sent_twice_is_refused(stand: LogoutStand) -> None:
    browser = stand.browser()
    hint = stand.open(browser)
    twice = f"/end-session?id_token_hint={hint}&post_logout_redirect_uri={GOODBYE}&post_logout_redirect_uri=https://evil.example/"
    assert browser.get(twice).status == 400
    assert is_signed_in(browser)


ELSEWHERE = [
    "https://evil.example/", "https://cantine.example/au-revoir/", "https://cantine.example/au-revoir#", GOODBYE + "?",
    "https://cantine.example:443/au-revoir", "HTTPS://cantine.example/au-revoir", "https://CANTINE.example/au-revoir",
    "https://cantine.example@evil.example/au-revoir", "https://cantine.example\\@evil.example/au-revoir",
    "https://cantine.example.evil.example/au-revoir", "https://cantine.example/au-revoir/../x", "//evil.example/",
    "/\\evil.example", "javascript:alert(1)", "data:text/html,x", "https://cantine.example/au-revoir%0d%0aX: y",
    "https://cantine.example/%61u-revoir", " https://cantine.example/au-revoir", "https://cantine.example/retour",
]  # fmt: skip


def test_the_browser_is_led_to_no_address_but_the_registered_one(stand: LogoutStand) -> None:
    browser = stand.browser()
    hint = stand.open(browser)
    browser.cookies.pop(SESSION_COOKIE)  # signed out already: the answer leads straight on, or to our own page
    for uri in ELSEWHERE:
        answer = end_session(browser, id_token_hint=hint, post_logout_redirect_uri=uri)
        assert (answer.status, answer.location) == (303, "/au-revoir"), uri
    assert end_session(browser, id_token_hint=hint, post_logout_redirect_uri=GOODBYE).location == GOODBYE


@pytest.mark.parametrize(
    ("without", "parameters"),
    [
        (check_return_uri, {"post_logout_redirect_uri": "https://evil.example/"}),
        (check_client_id, {"client_id": "cahier", "post_logout_redirect_uri": GOODBYE}),
    ],
)
def test_without_its_check_the_attack_passes(
    stand: LogoutStand, without: LogoutCheck, parameters: dict[str, str]
) -> None:
    """What shows that the checks above are what stops them."""
    browser = stand.browser()
    parameters = {"id_token_hint": stand.open(browser), **parameters}
    browser.cookies.pop(SESSION_COOKIE)
    assert end_session(browser, **parameters).location == "/au-revoir"
    weakened = LogoutChecks(
        proof=tuple(check for check in SENDER_CHECKS if check is not without),
        leading_on=tuple(check for check in RETURN_CHECKS if check is not without),
    )
    routes = stand.web.door._routes
    for key, route in routes.items():
        owner: Any = getattr(route.answer, "__self__", None)
        if isinstance(owner, EndSession):
            routes[key] = replace(route, answer=getattr(replace(owner, checks=weakened), route.answer.__name__))
    assert end_session(browser, **parameters).location == parameters["post_logout_redirect_uri"]
    assert check_hint in weakened.proof


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/", "http://localhost:1/", "http://[::1]:1/", "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/", "http://192.168.0.1/", "http://[::ffff:127.0.0.1]:1/", "http://0.0.0.0:1/",
        "http://2130706433:1/", "http://0x7f.1:1/", "http://127.1:1/",
    ],
)  # fmt: skip
def test_no_logout_address_reaches_inside(url: str) -> None:
    outbound = open_guarded()
    with pytest.raises(UpstreamUnavailable, match=r"may not be called|no address"):
        outbound.post_form(url, body="logout_token=x", headers={})
    outbound.close()


def test_a_logout_token_that_a_service_leaks_signs_nobody_out(stand: LogoutStand) -> None:
    gone, browser = stand.browser("cantine"), stand.browser("cantine")
    end_session(gone, id_token_hint=stand.open(gone))
    stand.tell()
    (token,) = stand.listeners["cantine"].tokens
    assert asked(browser, id_token_hint=token, post_logout_redirect_uri=GOODBYE)
    assert stand.read(token)[1]["iss"] == BASE
