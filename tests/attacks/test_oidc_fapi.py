"""Stolen assertions, proofs, handles and bound tokens (A-14): each is worth nothing to who did not make it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any
from urllib.parse import urlencode

import pytest

from broker.domain.errors import EphemeralUnavailable
from broker.domain.handles import Handle, new_handle
from broker.domain.services import ClientKind, TokenAuthMethod
from broker.protocol.oidc import authorize_checks, client_auth, token_checks
from broker.protocol.oidc.authorize import Authorize, AuthorizeChecks
from broker.protocol.oidc.pushed import Push, PushedRequests
from broker.protocol.oidc.token import Token
from broker.storage.memory_store import MemoryStore
from broker.storage.sql_purge import SqlPurge
from broker.wire.http import BROWSER_COOKIE, SESSION_COOKIE
from tests.fapi import FapiClient, assertion, ath, fapi_service, fapi_stand, key, proof
from tests.oidc_stand import Answer, Browser, Stand, authorization, authorize_url, basic, service
from tests.retention import shipped_spans

RACERS = 6
THIEF = key(name="thief")
BROWSER_CLIENT: dict[str, Any] = {
    "auth_method": TokenAuthMethod.NONE, "kind": ClientKind.BROWSER, "origins": ("https://carte.example",),
    "par": False, "jwks": "",
}  # fmt: skip


@pytest.fixture
def stand(sqlite_url: str) -> Iterator[Stand]:
    services = (fapi_service("cantine"), service("bourses"), fapi_service("carte", **BROWSER_CLIENT))
    with fapi_stand(sqlite_url, *services) as opened:
        yield opened


@pytest.fixture
def client(stand: Stand) -> FapiClient:
    return FapiClient(stand)


def said(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["error"]


# ---- assertions --------------------------------------------------------------------------------------------------


@pytest.mark.spec("RFC 7523 §3")
def test_an_assertion_seen_once_opens_no_other_endpoint(client: FapiClient) -> None:
    shown = assertion("cantine", now=client.now)
    assert client.push(shown=shown).status == 201
    code = client.code()
    assert said(client.redeem(code, shown=shown)) == (401, "invalid_client")
    for path in ("/revoke", "/introspect"):
        form = {**client.credentials(shown), "token": "pat_x"}
        assert said(client.stand.call("POST", path, form=form)) == (401, "invalid_client")
    assert client.redeem(code).status == 200


def test_of_many_that_show_one_assertion_at_once_one_is_believed(client: FapiClient) -> None:
    shown, gate = assertion("cantine", now=client.now), Barrier(RACERS)

    def push(_: int) -> int:
        gate.wait()
        return client.push(shown=shown).status

    with ThreadPoolExecutor(RACERS) as pool:
        assert sorted(pool.map(push, range(RACERS))) == [201, *[401] * (RACERS - 1)]


def test_the_check_of_the_assertion_is_what_stops_a_stranger(client: FapiClient) -> None:
    def lax(endpoint: Any) -> Any:
        kept = tuple(c for c in client_auth.CREDENTIALS_CHECKS if c is not client_auth.check_assertion)
        return replace(endpoint, credentials_checks=kept) if isinstance(endpoint, Token) else endpoint

    code = client.code()
    forged = assertion("cantine", now=client.now, by=THIEF, header={"kid": client.by.kid})
    assert said(client.redeem(code, shown=forged)) == (401, "invalid_client")
    assert FapiClient(client.stand.rebuilt(lax)).redeem(code, shown=forged).status == 200


# ---- pushed requests ---------------------------------------------------------------------------------------------


@pytest.mark.spec("RFC 9126 §4")
def test_nothing_beside_a_handle_changes_what_was_pushed(client: FapiClient) -> None:
    outside = {
        "redirect_uri": "https://voleur.example/",
        "scope": "openid",
        "code_challenge": "x" * 43,
        "state": "autre",
    }
    answer = client.authorize(client.stand.sign_in(), client.uri(), **outside)
    assert answer.location.startswith("https://cantine.example/retour?")
    assert answer.told["state"] == "etat-1"
    assert client.redeem(answer.told["code"]).json["scope"] == "openid profile school children"


@pytest.mark.parametrize("shown", ["ppu_x", "", "prq_" + "x" * 43, "ppu_" + "x" * 43, "../../x"])
def test_a_handle_that_was_guessed_is_a_page(client: FapiClient, shown: str) -> None:
    uri = "urn:ietf:params:oauth:request_uri:" + shown
    assert client.authorize(client.stand.sign_in(), uri).body == b"PRE-3018"


def test_a_handle_comes_by_post_too_and_is_answered_to_the_get(client: FapiClient) -> None:
    asked = {"client_id": "cantine", "request_uri": client.uri()}
    posted = client.stand.call("POST", "/authorize", form=asked)
    answer = client.stand.call("GET", posted.location, browser=client.stand.sign_in())
    assert client.redeem(answer.told["code"]).status == 200


def test_two_windows_of_one_request_give_one_code(client: FapiClient) -> None:
    """The store forgets an answered request; SQL refuses even where it did not."""
    uri = client.uri()
    windows = [
        client.stand.call("POST", "/authorize", form={"client_id": "cantine", "request_uri": uri}).location
        for _ in range(2)
    ]
    browser = client.stand.sign_in()
    answers = [client.stand.call("GET", window, browser=browser) for window in windows]
    assert ["code" in answer.told for answer in answers] == [True, False]


def begun_again(client: FapiClient, uri: str, *, times: int) -> tuple[Browser, str]:
    """A login of a pushed request that is begun again and again, each time a minute before it ends."""
    stand, browser = client.stand, Browser({BROWSER_COOKIE: new_handle(Handle.BROWSER)})
    answer = client.authorize(browser, uri)
    for _ in range(times):
        stand.clock.advance(timedelta(minutes=14))
        answer = stand.call("GET", waiting(stand, browser, answer), browser=browser)
    return browser, waiting(stand, browser, answer) if "i=" in answer.location else answer.body.decode()


def waiting(stand: Stand, browser: Browser, answer: Answer) -> str:
    """The path that takes up the request for which this login was begun."""
    login = answer.location.partition("i=")[2]
    return stand.federation.interactions.find(login, browser=browser.cookies[BROWSER_COOKIE]).request.resume


def test_a_pushed_request_ends_however_often_its_login_is_begun_again(client: FapiClient) -> None:
    assert begun_again(client, client.uri(), times=2)[1] == "PRE-3018"

    def patient(endpoint: Any) -> Any:
        if isinstance(endpoint, Push | Authorize):
            return replace(endpoint, pushed=replace(endpoint.pushed, waits=lambda: timedelta(days=1)))
        return endpoint

    lax = FapiClient(client.stand.rebuilt(patient))
    assert begun_again(lax, lax.uri(), times=9)[1].startswith("/authorize/"), "nothing else would have ended it"


def test_a_second_window_gives_no_second_code_for_as_long_as_it_can_come_back(client: FapiClient) -> None:
    """What is remembered of an answered request is swept away only when nothing of it can come back any more."""
    uri, stand, browser = client.uri(), client.stand, Browser({BROWSER_COOKIE: new_handle(Handle.BROWSER)})
    begun = client.authorize(browser, uri)
    assert "code" in client.authorize(stand.sign_in(), uri).told
    stand.clock.advance(timedelta(minutes=14))
    begun = stand.call("GET", waiting(stand, browser, begun), browser=browser)
    stand.clock.advance(timedelta(minutes=3))
    SqlPurge(stand.engine, kept=shipped_spans).purge(now=stand.clock(), limit=99)
    browser.cookies[SESSION_COOKIE] = stand.sign_in().cookies[SESSION_COOKIE]
    answer = stand.call("GET", waiting(stand, browser, begun), browser=browser)
    assert "code" not in answer.told


def test_a_request_that_could_not_be_kept_is_not_promised(client: FapiClient) -> None:
    class Away(MemoryStore):
        def put(self, *_: object, **__: object) -> None:
            """Lose it, as a Redis that is away does."""

    def lose(endpoint: Any) -> Any:
        lost = PushedRequests(Away(client.stand.clock), lambda: timedelta(seconds=90), timedelta)
        return replace(endpoint, pushed=lost) if isinstance(endpoint, Push) else endpoint

    assert FapiClient(client.stand.rebuilt(lose)).push().status == 503
    assert client.push().status == 201


def test_the_check_for_pushing_is_what_stops_an_open_request(client: FapiClient) -> None:
    def lax(endpoint: Any) -> Any:
        kept = tuple(c for c in authorize_checks.AUTHORIZE_CHECKS if c is not authorize_checks.check_pushed)
        return replace(endpoint, checks=AuthorizeChecks(request=kept)) if isinstance(endpoint, Authorize) else endpoint

    browser = client.stand.sign_in()
    assert client.stand.call("GET", authorize_url(), browser=browser).told["error"] == "invalid_request"
    assert "code" in client.stand.rebuilt(lax).call("GET", authorize_url(), browser=browser).told


@pytest.mark.spec("RFC 9126 §2")
def test_who_may_push_is_asked_as_at_the_token_endpoint(stand: Stand) -> None:
    form = authorization("bourses")
    assert said(stand.call("POST", "/par", form=form)) == (401, "invalid_client")
    pushed = stand.call("POST", "/par", headers=basic("bourses"), form=form)
    assert pushed.status == 201
    assert pushed.headers["cache-control"] == "no-store"
    query = urlencode({"client_id": "bourses", "request_uri": pushed.json["request_uri"]})
    assert "code" in stand.call("GET", "/authorize?" + query, browser=stand.sign_in()).told


# ---- proofs and bound tokens -------------------------------------------------------------------------------------


@pytest.mark.spec("RFC 9449 §7.2")
def test_a_stolen_bound_token_opens_nothing_also_when_a_copy_of_it_is_kept(client: FapiClient) -> None:
    token = client.redeem(client.code()).json["access_token"]
    thief = FapiClient(client.stand, dpop=THIEF)
    assert client.userinfo(token).status == 200, "from now on a copy answers for it"
    assert said(thief.userinfo(token)) == (401, "invalid_dpop_proof")
    assert said(client.userinfo(token, scheme="Bearer")) == (401, "invalid_token")
    assert said(client.userinfo(token, dpop="")) == (401, "invalid_dpop_proof")
    assert client.userinfo(token).status == 200


@pytest.mark.spec("RFC 9449 §11.1")
def test_a_stolen_bound_token_opens_nothing_in_a_form_either(client: FapiClient) -> None:
    """No proof goes with a form: the token comes under no scheme that could say that it is bound."""
    token = client.redeem(client.code()).json["access_token"]
    refused = client.stand.call("POST", "/userinfo", form={"access_token": token})
    assert (refused.status, refused.json["error"]) == (401, "invalid_token")
    proven = client.stand.call(
        "POST", "/userinfo", form={"access_token": token}, headers=client.header("POST", "/userinfo", ath=ath(token))
    )
    assert (proven.status, proven.json["error"]) == (401, "invalid_token")


def test_a_replayed_proof_is_refused_also_right_after_a_restart(client: FapiClient) -> None:
    code = client.code()
    seen = proof("POST", "/token", now=client.now)
    assert client.redeem(code, dpop=seen).status == 200
    assert said(client.redeem(client.code(), dpop=seen)) == (400, "invalid_dpop_proof")
    client.stand.clock.advance(5)
    restarted = FapiClient(with_store(client.stand, MemoryStore(client.stand.clock)))
    assert said(restarted.redeem(client.code(), dpop=seen)) == (400, "invalid_dpop_proof")
    client.stand.clock.advance(16)
    assert restarted.redeem(client.code()).status == 200, "soon every fresh proof is younger than the store"


def with_store(stand: Stand, store: Any) -> Stand:
    def change(endpoint: Any) -> Any:
        proofs = getattr(endpoint, "proofs", None)
        return replace(endpoint, proofs=replace(proofs, store=store)) if proofs else endpoint

    return stand.rebuilt(change)


def test_while_nobody_can_tell_a_replay_no_proof_is_taken(client: FapiClient) -> None:
    class Away(MemoryStore):
        def claim_once(self, *_: object, **__: object) -> bool:
            raise EphemeralUnavailable

    code = client.code()
    answer = FapiClient(with_store(client.stand, Away(client.stand.clock))).redeem(code)
    assert (answer.status, answer.json["error"]) == (503, "temporarily_unavailable")
    assert client.redeem(code).status == 200, "and nothing was spent"


def test_the_check_of_the_key_is_what_holds_a_code_to_it(client: FapiClient) -> None:
    def lax(endpoint: Any) -> Any:
        if not isinstance(endpoint, Token):
            return endpoint
        way = endpoint.ways["authorization_code"]
        kept = tuple(check for check in way.checks if check is not token_checks.check_key)
        return replace(endpoint, ways={**endpoint.ways, "authorization_code": replace(way, checks=kept)})

    stolen = proof("POST", "/token", now=client.now, by=THIEF)
    assert said(client.redeem(client.code(dpop_jkt=client.dpop.kid), dpop=stolen)) == (400, "invalid_grant")
    again = proof("POST", "/token", now=client.now, by=THIEF)
    code = client.code(dpop_jkt=client.dpop.kid)
    assert FapiClient(client.stand.rebuilt(lax)).redeem(code, dpop=again).status == 200


@pytest.mark.spec("RFC 9449 §6.2")
def test_introspection_tells_which_key_a_token_is_bound_to(client: FapiClient) -> None:
    token = client.redeem(client.code()).json["access_token"]
    form = {**client.credentials(), "token": token}
    told = client.stand.call("POST", "/introspect", form=form).json
    assert (told["token_type"], told["cnf"]) == ("DPoP", {"jkt": client.dpop.kid})
    assert client.stand.call("POST", "/revoke", form={**client.credentials(), "token": token}).status == 200
    client.stand.clock.advance(31)
    assert said(client.userinfo(token)) == (401, "invalid_token")


def test_a_bearer_token_gains_nothing_by_a_proof(stand: Stand) -> None:
    token = stand.call(
        "POST", "/token", headers=basic("bourses"),
        form={
            "grant_type": "authorization_code", "code_verifier": "v" * 43, "redirect_uri": "https://bourses.example/retour",
            "code": stand.call("GET", authorize_url("bourses"), browser=stand.sign_in()).told["code"],
        },
    ).json  # fmt: skip
    assert token["token_type"] == "Bearer"
    shown = proof("GET", "/userinfo", now=stand.clock(), ath=ath(token["access_token"]))
    by_proof = {"Authorization": f"DPoP {token['access_token']}", "DPoP": shown}
    assert said(stand.call("GET", "/userinfo", headers=by_proof)) == (401, "invalid_token")
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    assert stand.call("GET", "/userinfo", headers=bearer).status == 200


def test_a_page_may_bind_its_tokens_to_a_key_of_its_own(stand: Stand) -> None:
    """A client in a browser keeps no secret, but a key that no script can read out (Web Crypto)."""
    page = FapiClient(stand, "carte")
    ask = {"Origin": "https://carte.example", "Access-Control-Request-Method": "POST"}
    allowed = stand.call("OPTIONS", "/token", headers=ask).headers["access-control-allow-headers"]
    assert "dpop" in allowed
    code = stand.call("GET", authorize_url("carte"), browser=stand.sign_in()).told["code"]
    assert said(page.redeem(code, shown="", client_id="carte", dpop="")) == (400, "invalid_dpop_proof")
    token = page.redeem(code, shown="", client_id="carte").json
    assert token["token_type"] == "DPoP"
    assert page.userinfo(token["access_token"]).status == 200
