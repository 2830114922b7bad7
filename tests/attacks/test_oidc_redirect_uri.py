"""A redirect URI that is nearly the registered one, at every endpoint that takes one (RFC 9700 §2.1, §4.1).

Refused by a page and never by a redirect: a refusal that redirects would itself be the open door.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from broker.protocol.oidc.authorize import Authorize
from tests.oidc_stand import REDIRECT, Browser, Stand, authorization, basic, get_code, open_stand, redemption

GOOD = REDIRECT
MUTATIONS = (
    "https://cantine.example/retour/", "https://cantine.example/retour//", "https://cantine.example//retour",
    "https://cantine.example/Retour", "https://cantine.example/RETOUR", "https://Cantine.example/retour",
    "https://CANTINE.EXAMPLE/retour", "HTTPS://cantine.example/retour", "Https://cantine.example/retour",
    "http://cantine.example/retour", "http://cantine.example:443/retour", "https://cantine.example:443/retour",
    "https://cantine.example:/retour", "https://cantine.example:8443/retour", "https://cantine.example:0443/retour",
    "https://cantine.example./retour", "https://cantine.example../retour", "https://.cantine.example/retour",
    "https://cantine.example/retour?", "https://cantine.example/retour?x=1", "https://cantine.example/retour?code=x",
    "https://cantine.example/retour&x=1", "https://cantine.example/retour;x=1", "https://cantine.example/retour;",
    "https://cantine.example/retour#", "https://cantine.example/retour#x", "https://cantine.example/retour%23",
    "https://cantine.example/%72etour", "https://cantine.example/retou%72", "https://cantine.example%2Fretour",
    "https://cantine.example/retour%2F", "https://cantine.example/retour%00", "https://cantine.example/retour%20",
    "https://cantine.example/retour%0a", "https://cantine.example/retour%0d%0aLocation:%20https://evil.example",
    "https://cantine.example/./retour", "https://cantine.example/x/../retour", "https://cantine.example/retour/..",
    "https://cantine.example/retour/../../evil", "https://cantine.example/retour/..;/evil",
    "https://cantine.example/..;/retour", "https://cantine.example/retour/.", "https://cantine.example/retour/x",
    "https://cantine.example/retours", "https://cantine.example/retou", "https://cantine.example/", "https://cantine.example",
    "https://evil.example/retour", "https://cantine.example.evil.example/retour", "https://evil.example/cantine.example/retour",
    "https://evil.example?https://cantine.example/retour", "https://evil.example#https://cantine.example/retour",
    "https://evil.example\\@cantine.example/retour", "https://evil.example@cantine.example/retour",
    "https://cantine.example@evil.example/retour", "https://cantine.example:x@evil.example/retour",
    "https://cantine.example%40evil.example/retour", "https://cantine.example%2eevil.example/retour",
    "https://evil.example\\.cantine.example/retour", "https:\\\\cantine.example\\retour",
    "https:/cantine.example/retour",
    "https:///cantine.example/retour", "https:cantine.example/retour", "//cantine.example/retour", "/retour", "retour",
    "https://cantine.example/retour https://evil.example", "https://cantine.example/retour,https://evil.example",
    " https://cantine.example/retour", "https://cantine.example/retour ", "https://c\u0430ntine.example/retour",
    "https://cantine\u3002example/retour", "https://cantine.example\u2215retour", "https://xn--cantine-.example/retour",
    "https://\uff43antine.example/retour", "https://cantine.example/reto\u00fcr", "https://127.0.0.1/retour",
    "https://[::ffff:127.0.0.1]/retour", "https://2130706433/retour", "javascript:alert(1)//cantine.example/retour",
    "data:text/html,https://cantine.example/retour", "app.cantine://retour", "urn:ietf:wg:oauth:2.0:oob", "*",
    "https://*.example/retour", "https://bourses.example/retour", "null", "undefined",
)  # fmt: skip

Asked = Callable[[Stand, Browser, str], Any]


def by_get(stand: Stand, browser: Browser, uri: str) -> Any:
    return stand.call("GET", "/authorize?" + urlencode(authorization(redirect_uri=uri)), browser=browser)


def by_post(stand: Stand, browser: Browser, uri: str) -> Any:
    return stand.call("POST", "/authorize", form=authorization(redirect_uri=uri), browser=browser)


def with_another_fault(stand: Stand, browser: Browser, uri: str) -> Any:
    """A request that is wrong in a way that would otherwise be told to the client."""
    asked = authorization(redirect_uri=uri, response_type="token", scope="email")
    return stand.call("GET", "/authorize?" + urlencode(asked), browser=browser)


def silently(stand: Stand, browser: Browser, uri: str) -> Any:
    return stand.call("GET", "/authorize?" + urlencode(authorization(redirect_uri=uri, prompt="none")))


@pytest.fixture
def stand(sqlite_url: str) -> Iterator[Stand]:
    with open_stand(sqlite_url) as opened:
        yield opened


def test_the_corpus_is_large_and_holds_no_doubles() -> None:
    assert len(set(MUTATIONS)) == len(MUTATIONS) >= 60
    assert GOOD not in MUTATIONS


@pytest.mark.spec("RFC 9700 §2.1")
@pytest.mark.parametrize("ask", [by_get, by_post, with_another_fault, silently])
def test_no_mutation_is_ever_redirected_to(stand: Stand, ask: Asked) -> None:
    browser = stand.sign_in()
    for uri in MUTATIONS:
        answer = ask(stand, browser, uri)
        assert (answer.status, answer.location) == (400, ""), uri
        assert answer.body in {b"PRE-3002", b"PRE-3003"}, uri
    assert by_get(stand, browser, GOOD).told["code"]


def test_the_exact_comparison_is_what_stops_them(stand: Stand) -> None:
    """Without it, every mutation that is text at all is redirected to: nothing else stands in the way."""
    open_door = stand.rebuilt(_without_target_checks)
    browser = stand.sign_in()
    reached = [uri for uri in MUTATIONS if by_get(open_door, browser, uri).status == 303]
    assert reached == list(MUTATIONS)


def _without_target_checks(endpoint: Any) -> Any:
    if not isinstance(endpoint, Authorize):
        return endpoint
    return replace(endpoint, checks=replace(endpoint.checks, target=()))


@pytest.mark.spec("RFC 6749 §4.1.3")
def test_no_mutation_redeems_a_code(stand: Stand) -> None:
    browser = stand.sign_in()
    for uri in MUTATIONS:
        code = get_code(stand, browser)
        answer = stand.call("POST", "/token", headers=basic(), form=redemption(code, redirect_uri=uri))
        assert answer.json["error"] in {"invalid_grant", "invalid_request"}, uri
    good = redemption(get_code(stand, browser))
    assert stand.call("POST", "/token", headers=basic(), form=good).status == 200


@pytest.mark.parametrize(
    "asked", [f"{GOOD}&redirect_uri=https://evil.example/", "https://evil.example/&redirect_uri=" + GOOD]
)
def test_two_redirect_uris_are_none(stand: Stand, asked: str) -> None:
    query = urlencode(authorization(redirect_uri=None)) + "&redirect_uri=" + asked
    answer = stand.call("GET", "/authorize?" + query, browser=stand.sign_in())
    assert (answer.status, answer.location, answer.body) == (400, "", b"PRE-3002")


def test_an_absent_redirect_uri_is_not_guessed(stand: Stand) -> None:
    answer = stand.call("GET", "/authorize?" + urlencode(authorization(redirect_uri=None)), browser=stand.sign_in())
    assert (answer.status, answer.body) == (400, b"PRE-3002")


@pytest.mark.spec("RFC 6749 §3.1.2.4")
@pytest.mark.parametrize("client_id", [None, "inconnu", "cantine%00", "CANTINE"])
def test_an_unknown_client_is_told_by_a_page(stand: Stand, client_id: str | None) -> None:
    answer = stand.call("GET", "/authorize?" + urlencode(authorization(client_id=client_id)), browser=stand.sign_in())
    assert (answer.status, answer.location, answer.body) == (400, "", b"PRE-3001")


def test_a_line_break_in_state_reaches_no_header(stand: Stand) -> None:
    query = urlencode(authorization(state=None)) + "&state=x%0d%0aSet-Cookie:%20a=b"
    answer = stand.call("GET", "/authorize?" + query, browser=stand.sign_in())
    assert (answer.status, answer.body) == (400, b"PRE-3003")
