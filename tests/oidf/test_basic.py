"""The modules of the Foundation's Basic and Form Post plans: one test a module, once by each response mode.

A mother signs in at a scripted source, on the whole broker; the two clients are such as the Foundation's suite
registers: RS256, no PKCE unless a module sends it, one by `client_secret_basic`, one by `client_secret_post`.
"""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from broker.storage.schema import records
from tests import builders
from tests.clock import FakeClock
from tests.oidc_stand import VERIFIER, challenge_of
from tests.oidf_plans import BASIC, FORM_POST, module
from tests.relying_party import SUITE, Rp, suite_client
from tests.web_stand import BASE, KEY, Client, WebStand, open_web

MODES = {"query": BASIC, "form_post": FORM_POST}
RS256 = "RS256"
STREET = "3 rue du Port 99100 VILLE-FICTIVE"
ON_RECORD = {"mail": "mere@example.org", "mobile": "+33639980001", "address": STREET, "postal_code": "99100"}
"""What the school knows of the mother beyond her name."""


@pytest.fixture(scope="module")
def clock() -> FakeClock:
    return FakeClock(builders.NOW)


@pytest.fixture(scope="module")
def stand(clock: FakeClock, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebStand]:
    """One stand for both plans, as the Foundation's suite runs them: every test signs in anew."""
    url = f"sqlite:///{shutil.copy(sqlite_template, tmp_path_factory.mktemp('basic') / 'preau.sqlite')}"
    services = (suite_client(), suite_client("suite-post", by_post=True))
    with open_web(url, clock, services=services) as opened:
        opened.add_mother("Léa")
        with opened.world.engine.begin() as conn:
            conn.execute(update(records).where(records.c.key == KEY).values(content=json.dumps(ON_RECORD)))
        yield opened


@pytest.fixture
def rp(stand: WebStand, mode: str) -> Rp:
    return Rp(stand, mode)


@pytest.fixture
def browser(stand: WebStand) -> Client:
    """A browser in which the mother has signed in, on a device of her own."""
    opened = stand.client()
    opened.sign_in(device="own")
    return opened


def both(*names: str) -> pytest.MarkDecorator:
    """Run a test once by each response mode, for these modules."""
    return pytest.mark.parametrize(
        "mode",
        [pytest.param(mode, marks=[module(plan, name) for name in names], id=mode) for mode, plan in MODES.items()],
    )


def each(argument: str, cases: dict[str, Any]) -> pytest.MarkDecorator:
    """Run a test once by each response mode and module, each with a value of its own."""
    return pytest.mark.parametrize(
        ("mode", argument),
        [
            pytest.param(mode, value, marks=module(plan, name), id=f"{mode}-{name.removeprefix('oidcc-')}")
            for mode, plan in MODES.items()
            for name, value in cases.items()
        ],
    )


# ---- requests that succeed ---------------------------------------------------------------------------------------

SUCCEED: dict[str, dict[str, str | None]] = {
    "oidcc-server": {},
    "oidcc-ensure-request-without-nonce-succeeds-for-code-flow": {"nonce": None},
    "oidcc-display-page": {"display": "page"},
    "oidcc-display-popup": {"display": "popup"},
    "oidcc-ui-locales": {"ui_locales": "se"},
    "oidcc-claims-locales": {"claims_locales": "se"},
    "oidcc-login-hint": {"login_hint": "mere@preau.example"},
    "oidcc-ensure-request-with-unknown-parameter-succeeds": {"extra": "foobar"},
}


@each("changes", SUCCEED)
def test_the_request_succeeds(rp: Rp, browser: Client, changes: dict[str, str | None]) -> None:
    answer = rp.authorize(browser, **changes)
    assert answer["state"] == "etat-1"
    tokens = rp.tokens(answer["code"])
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 300)
    claims = rp.id_claims(tokens)
    assert claims.get("nonce") == (None if "nonce" in changes else "nonce-1")
    assert rp.userinfo(tokens).json["sub"] == claims["sub"]


@both("oidcc-alternate-happy-flow")
def test_another_order_of_parameters_and_scopes_is_the_same_request(rp: Rp, browser: Client) -> None:
    asked = dict(reversed(rp.request(scope="phone address email profile openid").items()))
    tokens = rp.tokens(rp.sent(browser, asked)["code"])
    assert {"name", "email", "phone_number", "address"} <= rp.userinfo(tokens).json.keys()


@both("oidcc-ensure-request-with-valid-pkce-succeeds")
def test_a_client_that_sends_a_challenge_is_held_to_it(rp: Rp, browser: Client) -> None:
    challenge = {"code_challenge": challenge_of(VERIFIER), "code_challenge_method": "S256"}
    code = rp.authorize(browser, **challenge)["code"]
    assert rp.redeem(code, code_verifier=VERIFIER).status == 200
    for wrong in ({}, {"code_verifier": "w" * 43}):
        refused = rp.redeem(rp.authorize(browser, **challenge)["code"], **wrong)
        assert (refused.status, refused.json["error"]) == (400, "invalid_grant")


@both("oidcc-ensure-post-request-succeeds")
def test_a_request_may_come_by_post(rp: Rp, browser: Client) -> None:
    kept = browser.send("POST", "/authorize", form=rp.request())
    assert kept.status == 303
    assert rp.redeem(rp.read(browser.get(kept.location))["code"]).status == 200


@both("oidcc-ensure-request-with-acr-values-succeeds")
def test_an_acr_that_is_wished_for_is_answered_with_the_one_there_is(rp: Rp, browser: Client) -> None:
    tokens = rp.tokens(rp.authorize(browser, acr_values="1 2")["code"])
    assert rp.id_claims(tokens)["acr"]


@both("oidcc-claims-essential")
def test_a_claim_is_asked_for_by_name(rp: Rp, browser: Client) -> None:
    asked = '{"userinfo":{"name":{"essential":true}}}'
    plain, named = (rp.authorize(browser, scope="openid", **more)["code"] for more in ({}, {"claims": asked}))
    assert "name" not in rp.userinfo(rp.tokens(plain)).json
    assert rp.userinfo(rp.tokens(named)).json["name"] == "Dominique Martin"


# ---- ID tokens and clients ---------------------------------------------------------------------------------------


@both("oidcc-idtoken-signature")
def test_the_id_token_is_signed_with_rs256(rp: Rp, browser: Client) -> None:
    tokens = rp.tokens(rp.authorize(browser)["code"])
    assert rp.id_header(tokens)["alg"] == RS256
    assert rp.id_claims(tokens)["aud"] == SUITE


@both("oidcc-idtoken-unsigned")
def test_no_id_token_is_unsigned(rp: Rp, browser: Client) -> None:
    """No client can register it, so none is ever given one."""
    assert "none" not in rp.metadata()["id_token_signing_alg_values_supported"]
    id_token = rp.tokens(rp.authorize(browser)["code"])["id_token"]
    assert all(id_token.split("."))


@both("oidcc-server-client-secret-post")
def test_a_client_may_show_its_secret_in_the_form(stand: WebStand, mode: str, browser: Client) -> None:
    rp = Rp(stand, mode, "suite-post", by_post=True)
    assert rp.id_claims(rp.tokens(rp.authorize(browser)["code"]))["aud"] == "suite-post"
    refused = Rp(stand, mode, "suite-post").redeem(rp.authorize(browser)["code"])
    assert (refused.status, refused.json["error"]) == (401, "invalid_client")


# ---- who is signed in, and since when ----------------------------------------------------------------------------


@both("oidcc-prompt-none-not-logged-in")
def test_nobody_is_signed_in_and_nothing_may_be_shown(rp: Rp, stand: WebStand) -> None:
    assert rp.authorize(stand.client(), prompt="none") == {"error": "login_required", "state": "etat-1", "iss": BASE}


@both("oidcc-prompt-none-logged-in")
def test_who_is_signed_in_is_told_silently(rp: Rp, browser: Client, clock: FakeClock) -> None:
    first = rp.id_claims(rp.tokens(rp.authorize(browser)["code"]))
    clock.advance(1)
    again = rp.id_claims(rp.tokens(rp.authorize(browser, prompt="none")["code"]))
    assert (again["sub"], again["auth_time"]) == (first["sub"], first["auth_time"])


@both("oidcc-id-token-hint")
def test_a_hint_names_who_is_meant(rp: Rp, browser: Client) -> None:
    first = rp.tokens(rp.authorize(browser)["code"])
    again = rp.tokens(rp.authorize(browser, prompt="none", id_token_hint=first["id_token"])["code"])
    assert rp.id_claims(again)["sub"] == rp.id_claims(first)["sub"]
    forged = first["id_token"][:-8] + "AAAAAAAA"
    assert rp.authorize(browser, prompt="none", id_token_hint=forged)["error"] == "login_required"


LOGS_IN_ANEW = {"oidcc-prompt-login": {"prompt": "login"}, "oidcc-max-age-1": {"max_age": "1"}}


@each("asked", LOGS_IN_ANEW)
def test_a_fresh_login_is_asked_for(
    rp: Rp, stand: WebStand, browser: Client, clock: FakeClock, asked: dict[str, str]
) -> None:
    first = rp.id_claims(rp.tokens(rp.authorize(browser)["code"]))
    clock.advance(2)
    shown = browser.get(rp.address(**asked))
    assert (shown.status, shown.location.partition("?")[0]) == (303, "/connexion")
    departure = browser.get(shown.location).location
    assert departure.startswith("https://educonnect.example/login?")
    assert stand.world.upstreams["educonnect"].forced, "the source is to ask for the password again"
    back = browser.come_back(departure)
    second = rp.id_claims(rp.tokens(rp.read(browser.get(back.location))["code"]))
    assert second["sub"] == first["sub"]
    assert second["auth_time"] == first["auth_time"] + 2


@both("oidcc-max-age-10000")
def test_a_login_that_is_young_enough_does(rp: Rp, browser: Client, clock: FakeClock) -> None:
    first = rp.id_claims(rp.tokens(rp.authorize(browser, max_age="15000")["code"]))
    clock.advance(2)
    second = rp.id_claims(rp.tokens(rp.authorize(browser, max_age="10000")["code"]))
    assert (second["sub"], second["auth_time"]) == (first["sub"], first["auth_time"])


# ---- requests that are refused -----------------------------------------------------------------------------------


def unsigned(**claims: str) -> str:
    """A request object that nobody signed."""
    parts = ({"alg": "none"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts) + "."


REFUSED: dict[str, tuple[dict[str, str | None], str]] = {
    "oidcc-response-type-missing": ({"response_type": None}, "unsupported_response_type"),
    "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported": (
        {"request_uri": "https://suite.example/request.jwt"},
        "request_uri_not_supported",
    ),
    "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported": (
        {"request": unsigned(client_id=SUITE, state="inside")},
        "request_not_supported",
    ),
    "oidcc-ensure-request-object-with-redirect-uri": (
        {"request": unsigned(client_id=SUITE, redirect_uri="https://suite.example/autre")},
        "request_not_supported",
    ),
}


@each("fault", REFUSED)
def test_the_request_is_refused_at_the_client(
    rp: Rp, browser: Client, fault: tuple[dict[str, str | None], str]
) -> None:
    asked, error = fault
    assert rp.authorize(browser, **asked) == {"error": error, "state": "etat-1", "iss": BASE}
    assert "code" in rp.authorize(browser)


@both("oidcc-ensure-registered-redirect-uri")
def test_an_address_that_is_not_registered_is_not_gone_to(rp: Rp, browser: Client) -> None:
    page = browser.get(rp.address(redirect_uri="https://suite.example/autre"))
    assert (page.status, page.location, "suite.example" in page.body) == (400, "", False)
    assert "code" in rp.authorize(browser)


@each("wait", {"oidcc-codereuse": 0, "oidcc-codereuse-30seconds": 30})
def test_a_code_is_good_once(rp: Rp, browser: Client, clock: FakeClock, wait: int) -> None:
    code = rp.authorize(browser)["code"]
    tokens = rp.tokens(code)
    if wait:  # a copy of a token that was used lives as long
        assert rp.userinfo(tokens).status == 200
    clock.advance(wait)
    again = rp.redeem(code)
    assert (again.status, again.json["error"]) == (400, "invalid_grant")
    assert rp.userinfo(tokens).status == 401, "what it gave is taken back"


# ---- userinfo ----------------------------------------------------------------------------------------------------


@both("oidcc-userinfo-get")
def test_userinfo_answers_a_get(rp: Rp, browser: Client) -> None:
    tokens = rp.tokens(rp.authorize(browser)["code"])
    told = rp.userinfo(tokens)
    assert (told.status, told.header("Content-Type")) == (200, "application/json")
    assert told.json["sub"] == rp.id_claims(tokens)["sub"]


@both("oidcc-userinfo-post-header")
def test_userinfo_answers_a_post(rp: Rp, browser: Client) -> None:
    tokens = rp.tokens(rp.authorize(browser)["code"])
    assert rp.userinfo(tokens, method="POST").json == rp.userinfo(tokens).json


@both("oidcc-userinfo-post-body")
def test_userinfo_takes_the_token_in_a_form(rp: Rp, browser: Client) -> None:
    tokens = rp.tokens(rp.authorize(browser)["code"])
    form = {"access_token": tokens["access_token"]}
    assert rp.userinfo_by_form(form).json == rp.userinfo(tokens).json
    refused = rp.userinfo_by_form({"access_token": tokens["access_token"][:-4] + "AAAA"})
    assert (refused.status, refused.json["error"]) == (401, "invalid_token")
    twice = rp.userinfo(tokens, method="POST", form=form)
    assert (twice.status, twice.json["error"]) == (400, "invalid_request")
    assert rp.userinfo(tokens, method="POST", form={"other": "x"}).status == 200


# ---- scopes ------------------------------------------------------------------------------------------------------

PROFILE = {"name": "Dominique Martin", "given_name": "Dominique", "family_name": "Martin"}
EMAIL = {"email": "mere@example.org", "email_verified": False}
PHONE = {"phone_number": "+33639980001", "phone_number_verified": False}
ADDRESS = {"address": {"formatted": STREET, "postal_code": "99100"}, "postal_code": "99100"}
SCOPES: dict[str, tuple[str, dict[str, Any]]] = {
    "oidcc-scope-profile": ("openid profile", PROFILE),
    "oidcc-scope-email": ("openid email", EMAIL),
    "oidcc-scope-phone": ("openid phone", PHONE),
    "oidcc-scope-address": ("openid address", ADDRESS),
    "oidcc-scope-all": ("openid profile email phone address", {**PROFILE, **EMAIL, **PHONE, **ADDRESS}),
}


@each("asked", SCOPES)
@pytest.mark.spec("OIDC Core §5.4")
def test_a_scope_opens_its_claims_and_no_other(rp: Rp, browser: Client, asked: tuple[str, dict[str, Any]]) -> None:
    scope, expected = asked
    assert set(scope.split()) <= set(rp.metadata()["scopes_supported"])
    tokens = rp.tokens(rp.authorize(browser, scope=scope)["code"])
    assert rp.userinfo(tokens).json == {"sub": rp.id_claims(tokens)["sub"], **expected}
    assert not expected.keys() & rp.id_claims(tokens).keys(), "told at userinfo, where it is computed at every call"


# ---- renewal -----------------------------------------------------------------------------------------------------


@both("oidcc-refresh-token")
def test_a_refresh_token_renews_once_and_for_its_client_alone(rp: Rp, stand: WebStand, browser: Client) -> None:
    first = rp.tokens(rp.authorize(browser, scope="openid profile offline_access", prompt="consent")["code"])
    other = Rp(stand, rp.mode, "suite-post", by_post=True)
    second = rp.refresh(first["refresh_token"]).json
    assert second["refresh_token"] != first["refresh_token"], "rotated at each use"
    before, after = rp.id_claims(first), rp.id_claims(second)
    assert [after[name] for name in ("iss", "sub", "aud", "auth_time")] == [
        before[name] for name in ("iss", "sub", "aud", "auth_time")
    ]
    assert "nonce" not in after
    assert rp.userinfo(second).json == rp.userinfo(second).json
    foreign = other.refresh(second["refresh_token"])
    assert (foreign.status, foreign.json["error"]) == (400, "invalid_grant")
