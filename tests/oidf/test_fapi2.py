"""The modules of the Foundation's FAPI 2.0 Security Profile plan (private_key_jwt, DPoP), one test a module.

They stand for what the Foundation's own suite checks of a provider, on the real door and a real database.
"""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from broker.domain.school import Level
from broker.domain.sessions import Device
from broker.wire.http import BROWSER_COOKIE
from tests import oidf_plans
from tests.fapi import FapiClient, assertion, ath, fapi_service, fapi_stand, jwk_of, key, proof
from tests.oidc_stand import ISSUER, Answer, Browser, Stand, authorization, authorize_url

OTHER_KEY = key(name="another")
OFFLINE = ("offline_access",)
SCOPE = "openid offline_access"


def module(name: str) -> pytest.MarkDecorator:
    """The module of the plan that a test stands for."""
    return oidf_plans.module(oidf_plans.FAPI2, f"fapi2-security-profile-final-{name}")


@pytest.fixture(scope="module")
def stand(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """One stand for the whole plan, as the Foundation's suite runs it: every test signs in anew."""
    sqlite_url = f"sqlite:///{shutil.copy(sqlite_template, tmp_path_factory.mktemp('fapi2') / 'preau.sqlite')}"
    services = (fapi_service("cantine", key(), key("RS256"), more_scopes=OFFLINE), fapi_service("bourses"))
    with fapi_stand(sqlite_url, *services) as opened:
        yield opened


@pytest.fixture
def client(stand: Stand) -> FapiClient:
    return FapiClient(stand)


def said(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["error"]


def works(client: FapiClient) -> bool:
    """The whole flow succeeds: a refusal before was for its one fault."""
    return client.userinfo(client.redeem(client.code()).json["access_token"]).status == 200


# ---- the flow ----------------------------------------------------------------------------------------------------


@module("discovery-end-point-verification")
def test_the_metadata_tells_of_what_the_profile_needs(stand: Stand) -> None:
    told = stand.call("GET", "/.well-known/openid-configuration").json
    assert told["pushed_authorization_request_endpoint"] == f"{ISSUER}/par"
    assert "private_key_jwt" in told["token_endpoint_auth_methods_supported"]
    assert told["response_types_supported"] == ["code"]
    assert told["code_challenge_methods_supported"] == ["S256"]
    for algs in ("token_endpoint_auth_signing_alg_values_supported", "dpop_signing_alg_values_supported"):
        assert set(told[algs]) == {"ES256", "PS256", "EdDSA"}
    assert told["authorization_response_iss_parameter_supported"] is True


@module("happy-flow")
def test_two_clients_get_tokens_of_their_own(stand: Stand, client: FapiClient) -> None:
    other = FapiClient(stand, "bourses")
    answers = [each.authorize(stand.sign_in()) for each in (client, other)]
    assert all(answer.told["iss"] == ISSUER and answer.told["state"] == "etat-1" for answer in answers)
    tokens = [each.redeem(answer.told["code"]).json for each, answer in zip((client, other), answers, strict=True)]
    assert [token["token_type"] for token in tokens] == ["DPoP", "DPoP"]
    people = [each.userinfo(t["access_token"]).json["sub"] for each, t in zip((client, other), tokens, strict=True)]
    assert people[0] != people[1], "each service knows the person by its own subject"


@module("user-rejects-authentication")
def test_a_refusal_comes_back_as_access_denied(sqlite_url: str) -> None:
    """Nobody is asked for consent here: who may not use the service is what says no."""
    closed = replace(fapi_service("cantine"), levels=frozenset({Level.LYCEE}))
    with fapi_stand(sqlite_url, closed) as stand:
        answer = FapiClient(stand).authorize(stand.sign_in())
    assert answer.location.startswith("https://cantine.example/retour?")
    assert answer.told == {"error": "access_denied", "state": "etat-1", "iss": ISSUER}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"state": None}, marks=module("ensure-authorization-request-without-state-success")),
        pytest.param({"nonce": None}, marks=module("ensure-authorization-request-without-nonce-success")),
        pytest.param({"nonce": "n" * 64}, marks=module("ensure-authorization-request-with-64-char-nonce-success")),
        pytest.param({"nonce": "n" * 384}, marks=module("ensure-authorization-request-with-long-nonce")),
        pytest.param({"state": "s" * 1000}, marks=module("ensure-authorization-request-with-long-state")),
        pytest.param({"scope": "children openid profile"}, marks=module("ensure-other-scope-order-succeeds")),
        pytest.param(
            {"claims": '{"userinfo":{"name":{"essential":true}}}'},
            marks=module("test-claims-parameter-identity-claims"),
        ),
        pytest.param({}, marks=module("par-without-duplicate-parameters")),
    ],
)
def test_the_pushed_request_succeeds(client: FapiClient, changes: dict[str, Any]) -> None:
    answer = client.authorize(client.stand.sign_in(), client.uri(**changes))
    assert answer.told.get("state") == authorization(**changes).get("state")
    redeemed = client.redeem(answer.told["code"])
    assert redeemed.status == 200
    assert "name" in client.userinfo(redeemed.json["access_token"]).json or "scope" in changes


@module("ensure-different-nonce-inside-and-outside-request-object")
def test_a_nonce_outside_counts_for_nothing(client: FapiClient) -> None:
    answer = client.authorize(client.stand.sign_in(), client.uri(nonce="inside"), nonce="outside")
    token = client.redeem(answer.told["code"]).json["id_token"]
    assert id_claims(token)["nonce"] == "inside"


@pytest.mark.parametrize(
    ("inside", "outside", "told"),
    [
        pytest.param(
            "inside", "outside", "inside", marks=module("ensure-different-state-inside-and-outside-request-object")
        ),
        pytest.param(None, "outside", None, marks=module("state-only-outside-request-object-not-used")),
    ],
)
def test_a_state_outside_counts_for_nothing(
    client: FapiClient, inside: str | None, outside: str, told: str | None
) -> None:
    answer = client.authorize(client.stand.sign_in(), client.uri(state=inside), state=outside)
    assert answer.told.get("state") == told


def id_claims(token: str) -> Any:
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


# ---- what may be pushed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param(
            {"redirect_uri": None}, "invalid_request", marks=module("ensure-request-object-without-redirect-uri-fails")
        ),
        pytest.param(
            {"redirect_uri": None}, "invalid_request", marks=module("ensure-redirect-uri-in-authorization-request")
        ),
        pytest.param(
            {"redirect_uri": "https://autre.example/"},
            "invalid_request",
            marks=module("ensure-registered-redirect-uri"),
        ),
        pytest.param(
            {"redirect_uri": "https://cantine.example/retour?x=1"},
            "invalid_request",
            marks=module("plain-fapi-tolerate-unregistered-redirect-uri"),
        ),
        pytest.param(
            {"response_type": "code id_token"},
            "unsupported_response_type",
            marks=module("ensure-response-type-code-idtoken-fails"),
        ),
        pytest.param(
            {"response_type": "token"}, "unsupported_response_type", marks=module("ensure-response-type-token-fails")
        ),
        pytest.param(
            {"code_challenge": None, "code_challenge_method": None},
            "invalid_request",
            marks=module("par-ensure-pkce-required"),
        ),
        pytest.param({"code_challenge_method": "plain"}, "invalid_request", marks=module("par-plain-pkce-rejected")),
        pytest.param(
            {"request_uri": "urn:ietf:params:oauth:request_uri:ppu_x"},
            "invalid_request",
            marks=module("par-authorization-request-containing-request_uri-form-param"),
        ),
    ],
)
def test_a_faulty_request_is_not_taken(client: FapiClient, changes: dict[str, Any], error: str) -> None:
    assert said(client.push(**changes)) == (400, error)
    assert client.push().status == 201


@module("ensure-unsigned-authorization-request-without-using-par-fails")
def test_a_request_that_was_not_pushed_is_refused(client: FapiClient) -> None:
    browser = client.stand.sign_in()
    answer = client.stand.call("GET", authorize_url(), browser=browser)
    assert (answer.told["error"], "code" in answer.told) == ("invalid_request", False)
    assert "code" in client.authorize(browser).told


@module("par-attempt-invalid-http-method")
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_requests_are_pushed_by_post_alone(stand: Stand, method: str) -> None:
    answer = stand.call(method, "/par?" + urlencode(authorization()))
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


# ---- the handle --------------------------------------------------------------------------------------------------


@module("par-ensure-reused-request-uri-prior-to-auth-completion-succeeds")
def test_a_handle_may_be_used_again_until_it_is_answered(client: FapiClient) -> None:
    uri, browser = client.uri(), Browser()
    assert client.authorize(browser, uri).location.startswith("/connexion?")
    asked = client.authorize(browser, uri)
    cookie = browser.cookies[BROWSER_COOKIE]
    resume = client.stand.federation.choices(asked.told["i"], browser=cookie).resume
    client.stand.clock.advance(100)  # the login took longer than the handle lives
    answer = client.stand.call("GET", resume, browser=client.stand.sign_in(browser=browser))
    assert client.redeem(answer.told["code"]).status == 200


@module("par-attempt-reuse-request_uri")
def test_a_handle_is_answered_once(client: FapiClient) -> None:
    uri, browser = client.uri(), client.stand.sign_in()
    assert "code" in client.authorize(browser, uri).told
    again = client.authorize(browser, uri)
    assert (again.status, again.body) == (400, b"PRE-3018")


@module("par-attempt-to-use-expired-request_uri")
def test_a_handle_ends(client: FapiClient) -> None:
    pushed = client.push().json
    assert pushed["expires_in"] == 90
    browser = client.stand.sign_in()
    client.stand.clock.advance(91)
    assert client.authorize(browser, pushed["request_uri"]).body == b"PRE-3018"
    assert "code" in client.authorize(browser).told


@module("par-attempt-to-use-request_uri-for-different-client")
def test_a_handle_is_of_the_client_that_pushed(stand: Stand, client: FapiClient) -> None:
    uri, browser = client.uri(), stand.sign_in()
    assert FapiClient(stand, "bourses").authorize(browser, uri).body == b"PRE-3018"
    assert "code" in client.authorize(browser, uri).told


# ---- the client's assertion --------------------------------------------------------------------------------------

BAD_ASSERTIONS = {
    "ensure-client-assertion-with-exp-is-5-minutes-in-past-fails": lambda now: {"exp": int(now.timestamp()) - 300},
    "ensure-client-assertion-with-wrong-aud-fails": lambda _: {"aud": "https://autre.example"},
    "ensure-client-assertion-with-no-sub-fails": lambda _: {"sub": ...},
    "par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails": (
        lambda now: {"nbf": int(now.timestamp()) + 61}
    ),
    "par-test-array-as-audience-fails": lambda _: {"aud": [ISSUER]},
    "par-test-par-endpoint-url-as-audience-fails": lambda _: {"aud": f"{ISSUER}/par"},
    "par-test-token-endpoint-url-as-audience-fails": lambda _: {"aud": f"{ISSUER}/token"},
    "ensure-signed-client-assertion-with-RS256-fails": lambda _: {"by": key("RS256")},
}


@pytest.mark.parametrize("fault", [pytest.param(make, marks=module(n), id=n) for n, make in BAD_ASSERTIONS.items()])
def test_a_faulty_assertion_proves_nothing(client: FapiClient, fault: Any) -> None:
    code = client.code()
    shown = assertion("cantine", now=client.now, **fault(client.now))
    assert said(client.push(shown=shown)) == (401, "invalid_client")
    assert said(client.redeem(code, shown=shown)) == (401, "invalid_client")
    assert client.redeem(code).status == 200, "nothing was spent"


@module("ensure-client-assertion-in-token-endpoint")
def test_without_an_assertion_nobody_asks(client: FapiClient) -> None:
    code = client.code()
    assert said(client.redeem(code, shown="")) == (401, "invalid_client")
    assert said(client.redeem(code, shown="", client_id="cantine")) == (401, "invalid_client")
    assert said(client.push(shown="")) == (401, "invalid_client")
    assert client.redeem(code).status == 200


@module("par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted")
def test_a_clock_eight_seconds_ahead_is_borne(client: FapiClient) -> None:
    ahead = int(client.now.timestamp()) + 8
    assert client.push(shown=assertion("cantine", now=client.now, nbf=ahead, iat=ahead)).status == 201


@module("ensure-client-id-in-token-endpoint")
def test_a_client_id_of_another_is_refused(client: FapiClient) -> None:
    code = client.code()
    assert said(client.redeem(code, client_id="bourses")) == (401, "invalid_client")
    assert client.redeem(code, client_id="cantine").status == 200


# ---- the code ----------------------------------------------------------------------------------------------------


@module("ensure-authorization-code-is-bound-to-client")
def test_a_code_is_its_clients_alone(stand: Stand, client: FapiClient) -> None:
    code = client.code()
    assert said(FapiClient(stand, "bourses").redeem(code)) == (400, "invalid_grant")
    assert client.redeem(code).status == 200


@module("attempt-reuse-authorization-code-after-one-second")
def test_a_code_is_good_once(client: FapiClient) -> None:
    code = client.code()
    token = client.redeem(code).json["access_token"]
    client.stand.clock.advance(1)
    assert said(client.redeem(code)) == (400, "invalid_grant")
    assert said(client.userinfo(token)) == (401, "invalid_token"), "and what it gave is taken back"
    assert works(client)


@module("ensure-token-endpoint-fails-with-expired-auth-code")
def test_a_code_is_good_for_a_minute(client: FapiClient) -> None:
    code = client.code()
    client.stand.clock.advance(61)
    assert said(client.redeem(code)) == (400, "invalid_grant")
    assert works(client)


@pytest.mark.parametrize(
    "verifier",
    [
        pytest.param(None, marks=module("ensure-pkce-code-verifier-required")),
        pytest.param("w" * 43, marks=module("incorrect-pkce-code-verifier-rejected")),
    ],
)
def test_a_code_needs_its_verifier(client: FapiClient, verifier: str | None) -> None:
    assert said(client.redeem(client.code(), code_verifier=verifier)) == (400, "invalid_grant")
    assert works(client)


# ---- DPoP --------------------------------------------------------------------------------------------------------


@module("access-token-type-header-case-sensitivity")
@pytest.mark.parametrize("scheme", ["DPoP", "dpop", "DPOP"])
def test_the_scheme_has_no_case(client: FapiClient, scheme: str) -> None:
    token = client.redeem(client.code()).json["access_token"]
    assert client.userinfo(token, scheme=scheme).status == 200


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda at: {"iat": at - 10}, marks=module("ensure-dpopproof-with-iat-10seconds-before-succeeds")),
        pytest.param(lambda at: {"iat": at + 10}, marks=module("ensure-dpopproof-with-iat-10seconds-after-succeeds")),
        pytest.param(lambda at: {"nbf": at + 300, "exp": at - 300}, marks=module("check-dpop-proof-nbf-exp")),
    ],
)
def test_clocks_may_differ_and_other_times_say_nothing(client: FapiClient, change: Any) -> None:
    told = change(int(client.now.timestamp()))
    redeemed = client.redeem(client.code(), dpop=proof("POST", "/token", now=client.now, **told))
    assert client.userinfo(redeemed.json["access_token"], **told).status == 200


@module("ensure-mismatched-dpop-jkt-fails")
def test_a_key_named_and_another_proven_is_refused_where_it_is_pushed(client: FapiClient) -> None:
    headers = client.header("POST", "/par")
    assert said(client.push(headers=headers, dpop_jkt=OTHER_KEY.kid)) == (400, "invalid_dpop_proof")
    assert client.push(headers=client.header("POST", "/par"), dpop_jkt=client.dpop.kid).status == 201


def bound_by_proof(client: FapiClient) -> dict[str, Any]:
    return {"headers": client.header("POST", "/par")}


def bound_by_name(client: FapiClient) -> dict[str, Any]:
    return {"dpop_jkt": client.dpop.kid}


@pytest.mark.parametrize(
    "bound",
    [
        pytest.param(bound_by_proof, marks=module("ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt")),
        pytest.param(bound_by_name, marks=module("ensure-token-endpoint-fails-with-mismatched-dpop-jkt")),
    ],
)
def test_a_code_that_is_bound_is_redeemed_with_its_key_alone(client: FapiClient, bound: Any) -> None:
    code = client.code(**bound(client))
    answer = client.redeem(code, dpop=proof("POST", "/token", now=client.now, by=OTHER_KEY))
    assert said(answer) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "bound",
    [
        pytest.param(bound_by_proof, marks=module("ensure-dpopproof-at-par-endpoint-binding-success")),
        pytest.param(bound_by_name, marks=module("ensure-dpop-auth-code-binding-success")),
    ],
)
def test_a_code_that_is_bound_is_redeemed_with_its_key(client: FapiClient, bound: Any) -> None:
    redeemed = client.redeem(client.code(**bound(client)))
    assert client.userinfo(redeemed.json["access_token"]).status == 200


@module("ensure-holder-of-key-required")
def test_no_tokens_without_a_key(client: FapiClient) -> None:
    code = client.code()
    assert said(client.redeem(code, dpop="")) == (400, "invalid_dpop_proof")
    assert client.redeem(code).json["token_type"] == "DPoP"


@module("dpop-negative-tests")
@pytest.mark.parametrize(
    "fault",
    [
        {"header": {"typ": "jwt"}},
        {"header": {"typ": ...}},
        {"header": {"alg": "none"}},
        {"header": {"jwk": ...}},
        {"header": {"jwk": {**jwk_of(key(name="dpop")), "d": "AA"}}},
        {"by": OTHER_KEY},
        {"htm": "POST"},
        {"htm": ...},
        {"htu": ISSUER + "/token"},
        {"htu": ...},
        {"ath": "x" * 43},
        {"ath": ...},
        {"jti": ...},
        {"iat": ...},
        {"iat": 1},
    ],
    ids=lambda fault: next(iter(fault)),
)
def test_a_faulty_proof_opens_nothing(client: FapiClient, fault: dict[str, Any]) -> None:
    token = client.redeem(client.code()).json["access_token"]
    holder = FapiClient(client.stand, dpop=fault.pop("by", client.dpop))
    answer = holder.userinfo(token, **fault)
    assert said(answer) == (401, "invalid_dpop_proof")
    assert answer.headers["www-authenticate"].startswith('DPoP realm="preau", algs="ES256 PS256 EdDSA"')
    assert client.userinfo(token).status == 200


@module("dpop-negative-tests")
def test_a_proof_is_good_once_and_a_bound_token_never_without(client: FapiClient) -> None:
    token = client.redeem(client.code()).json["access_token"]
    once = proof("GET", "/userinfo", now=client.now, ath=ath(token))
    assert client.userinfo(token, dpop=once).status == 200
    assert said(client.userinfo(token, dpop=once)) == (401, "invalid_dpop_proof")
    assert said(client.userinfo(token, dpop="")) == (401, "invalid_dpop_proof")
    assert said(client.userinfo(token, scheme="Bearer")) == (401, "invalid_token")
    assert said(client.userinfo(token, scheme="Bearer", dpop="")) == (401, "invalid_token")


@module("refresh-token")
def test_a_refresh_token_is_its_clients_and_its_keys(stand: Stand, client: FapiClient) -> None:
    first = client.redeem(client.code(stand.sign_in(device=Device.OWN), scope=SCOPE)).json
    assert said(FapiClient(stand, "bourses").refresh(first["refresh_token"])) == (400, "invalid_grant")
    second = client.refresh(first["refresh_token"]).json
    assert second["token_type"] == "DPoP"
    assert id_claims(second["id_token"])["sub"] == id_claims(first["id_token"])["sub"]
    assert client.userinfo(second["access_token"]).status == 200
    foreign = FapiClient(stand, dpop=OTHER_KEY)
    assert said(foreign.refresh(second["refresh_token"])) == (400, "invalid_grant")
