"""What the OpenID Foundation's Basic OP and Config OP modules check, named by module, as far as the provider goes.

Every client here sends PKCE, as the broker demands; the Foundation's own suite runs against the real server elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from joserfc import jws
from joserfc.jwk import KeySet

from tests.oidc_stand import (
    ISSUER,
    POST,
    SECRET,
    Browser,
    Stand,
    authorization,
    authorize_url,
    basic,
    get_code,
    get_tokens,
    open_stand,
    redemption,
    service,
)

SERVICES = (service(signing_alg="RS256"), service("bourses", auth_method=POST))


@pytest.fixture
def stand(sqlite_url: str) -> Iterator[Stand]:
    with open_stand(sqlite_url, services=SERVICES) as opened:
        yield opened


SUCCEEDS: dict[str, dict[str, str | None]] = {
    "oidcc-server": {},
    "oidcc-alternate-happy-flow": {"scope": "children openid school profile"},
    "oidcc-ensure-request-without-nonce-succeeds-for-code-flow": {"nonce": None},
    "oidcc-display-page": {"display": "page"},
    "oidcc-display-popup": {"display": "popup"},
    "oidcc-ui-locales": {"ui_locales": "se"},
    "oidcc-claims-locales": {"claims_locales": "se"},
    "oidcc-login-hint": {"login_hint": "bob@preau.example"},
    "oidcc-prompt-none-logged-in": {"prompt": "none"},
    "oidcc-max-age-10000": {"max_age": "10000"},
    "oidcc-ensure-request-with-unknown-parameter-succeeds": {"extra": "foobar"},
    "oidcc-ensure-request-with-acr-values-succeeds": {"acr_values": "1 2"},
    "oidcc-ensure-request-with-valid-pkce-succeeds": {},
    "oidcc-claims-essential": {"claims": '{"userinfo":{"name":{"essential":true}}}'},
}


@pytest.mark.parametrize("module", SUCCEEDS)
def test_the_request_succeeds(stand: Stand, module: str) -> None:
    code = get_code(stand, stand.sign_in(), **SUCCEEDS[module])
    tokens = stand.call("POST", "/token", headers=basic(), form=redemption(code))
    assert tokens.status == 200
    assert tokens.json["id_token"]


REFUSED: dict[str, tuple[dict[str, str | None], str]] = {
    "oidcc-response-type-missing": ({"response_type": None}, "unsupported_response_type"),
    "oidcc-request-uri-unsigned": ({"request_uri": "https://cantine.example/r"}, "request_uri_not_supported"),
    "oidcc-unsigned-request-object": ({"request": "e30.e30."}, "request_not_supported"),
    "oidcc-ensure-request-object-with-redirect-uri": ({"request": "e30.e30.x"}, "request_not_supported"),
}


@pytest.mark.parametrize("module", REFUSED)
def test_the_request_is_refused_at_the_client(stand: Stand, module: str) -> None:
    asked, error = REFUSED[module]
    told = stand.call("GET", authorize_url(**asked), browser=stand.sign_in()).told
    assert told == {"error": error, "state": "etat-1", "iss": ISSUER}


def test_oidcc_prompt_none_not_logged_in(stand: Stand) -> None:
    assert stand.call("GET", authorize_url(prompt="none")).told["error"] == "login_required"


def test_oidcc_ensure_registered_redirect_uri(stand: Stand) -> None:
    answer = stand.call("GET", authorize_url(redirect_uri="https://cantine.example/retour?x=y"))
    assert (answer.status, answer.location) == (400, "")


def test_oidcc_ensure_post_request_succeeds(stand: Stand) -> None:
    posted = stand.call("POST", "/authorize", form=authorization())
    assert "code" in stand.call("GET", posted.location, browser=stand.sign_in()).told


def test_oidcc_idtoken_signature_and_unsigned(stand: Stand) -> None:
    id_token = get_tokens(stand, stand.sign_in())["id_token"]
    keys = KeySet.import_key_set(stand.call("GET", "/jwks").json)
    assert jws.deserialize_compact(id_token, keys, algorithms=["RS256"]).headers()["alg"] == "RS256"


def test_oidcc_userinfo_get_and_post_header(stand: Stand) -> None:
    bearer = {"Authorization": "Bearer " + get_tokens(stand, stand.sign_in())["access_token"]}
    got, posted = (stand.call(method, "/userinfo", headers=bearer) for method in ("GET", "POST"))
    assert got.json == posted.json


def test_oidcc_server_client_secret_post(stand: Stand) -> None:
    form = redemption(
        get_code(stand, stand.sign_in(), "bourses"), redirect_uri="https://bourses.example/retour",
        client_id="bourses", client_secret=SECRET,
    )  # fmt: skip
    assert stand.call("POST", "/token", form=form).status == 200


def test_oidcc_max_age_1_and_prompt_login(stand: Stand) -> None:
    browser = stand.sign_in()
    stand.clock.advance(2)
    for ask in ({"max_age": "1"}, {"prompt": "login"}):
        assert stand.call("GET", authorize_url(**ask), browser=browser).location.startswith("/connexion")


@pytest.mark.parametrize("wait", [0, 30])
def test_oidcc_codereuse_and_codereuse_30seconds(stand: Stand, wait: int) -> None:
    code = get_code(stand, stand.sign_in())
    first = stand.call("POST", "/token", headers=basic(), form=redemption(code)).json
    stand.clock.advance(wait)
    assert stand.call("POST", "/token", headers=basic(), form=redemption(code)).json["error"] == "invalid_grant"
    bearer = {"Authorization": "Bearer " + first["access_token"]}
    assert stand.call("GET", "/userinfo", headers=bearer).status == 401


def test_oidcc_discovery_endpoint_verification(stand: Stand) -> None:
    document = stand.call("GET", "/.well-known/openid-configuration").json
    assert document["issuer"] == ISSUER
    assert "RS256" in document["id_token_signing_alg_values_supported"]
    for name in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"):
        assert document[name].startswith("https://")
    for name in ("response_types_supported", "subject_types_supported", "scopes_supported", "claims_supported"):
        assert document[name]


def test_a_request_of_other_parameter_order_is_the_same_request(stand: Stand) -> None:
    query = urlencode(list(reversed(authorization().items())))
    browser: Browser = stand.sign_in()
    assert "code" in stand.call("GET", "/authorize?" + query, browser=browser).told
