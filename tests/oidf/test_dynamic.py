"""The modules of the Foundation's plan for dynamic registration: each client registers itself, then does its work.

What the plan lets a provider refuse is refused by name: request objects, which it does not take.
"""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.domain.keys import KeyTimes
from broker.domain.sessions import Device
from broker.protocol.oidc.key_care import KeyCare
from broker.wire.jose import FAPI_ALGS, jwks_from_json
from broker.wire.jose.verifying import verify_signature
from tests import oidf_plans
from tests.clock import FakeClock
from tests.fapi import jwks, key, signed
from tests.oidc_stand import ISSUER
from tests.registering import REDIRECT, Client, Registering, registering
from tests.web_stand import open_web

SECTOR = "https://secteur.example/adresses.json"
KEYS = "https://visiteur.example/jwks.json"
TIMES = KeyTimes(announced=timedelta(hours=1), active=timedelta(days=90), retiring=timedelta(days=1))
QUERY = f"{REDIRECT}?foo=bar"


def module(name: str) -> pytest.MarkDecorator:
    """The module of the plan that a test stands for."""
    return oidf_plans.module(oidf_plans.DYNAMIC, name)


@pytest.fixture(scope="module")
def at(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registering]:
    """One stand for the whole plan."""
    sqlite_url = f"sqlite:///{shutil.copy(sqlite_template, tmp_path_factory.mktemp('dynamic') / 'preau.sqlite')}"
    with registering(sqlite_url) as opened:
        yield opened


def decoded(token: str, *, part: int = 1) -> Any:
    body = token.split(".")[part]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def verified(at: Registering, token: str, alg: str, *, typ: str = "jwt") -> Any:
    """What a token says, under the keys that the provider publishes."""
    published = jwks_from_json(at.stand.call("GET", "/jwks").body)
    return verify_signature(token, published, algorithms=(alg,), types=frozenset({typ}))


def signing_client(at: Registering, **changes: Any) -> Client:
    """A client that signs with RS256, its keys at an address of its own."""
    at.documents.at[KEYS] = json.loads(jwks(key("RS256")))
    asked = {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": KEYS, **changes}
    return at.register(**asked).signing(key("RS256"))


# ---- discovery, the flow ------------------------------------------------------------------------------------------


@module("oidcc-discovery-endpoint-verification")
def test_the_metadata_tell_of_registration(at: Registering) -> None:
    told = at.stand.call("GET", "/.well-known/openid-configuration").json
    assert told["issuer"] == ISSUER
    assert told["registration_endpoint"] == f"{ISSUER}/register"
    assert {"RS256", "ES256"} <= set(told["id_token_signing_alg_values_supported"])
    assert {"RS256", "ES256"} <= set(told["userinfo_signing_alg_values_supported"])
    assert {"RS256", *FAPI_ALGS} == set(told["token_endpoint_auth_signing_alg_values_supported"])
    assert told["subject_types_supported"] == ["pairwise"]
    assert (told["request_parameter_supported"], told["request_uri_parameter_supported"]) == (False, False)
    assert all(told[name].startswith("https://") for name in told if name.endswith(("_endpoint", "_uri")))


@module("oidcc-server")
def test_a_client_that_registered_itself_signs_people_in(at: Registering) -> None:
    client = at.register()
    answer = client.authorize()
    assert answer.location.startswith(f"{REDIRECT}?")
    assert (answer.told["state"], answer.told["iss"]) == ("etat-1", ISSUER)
    tokens = client.redeem(answer.told["code"]).json
    told = decoded(tokens["id_token"])
    assert (told["iss"], told["aud"], told["nonce"]) == (ISSUER, client.client_id, "nonce-1")
    assert client.userinfo(tokens["access_token"]).json == {"sub": told["sub"]}, "and nothing else, of nobody"


@module("oidcc-idtoken-rs256")
def test_an_id_token_is_signed_by_rs256_unless_another_was_asked_for(at: Registering) -> None:
    for changes, alg in (({}, "RS256"), ({"id_token_signed_response_alg": "ES256"}, "ES256")):
        client = at.register(**changes)
        assert client.told["id_token_signed_response_alg"] == alg
        assert verified(at, client.tokens()["id_token"], alg)["aud"] == client.client_id


@module("oidcc-idtoken-unsigned")
def test_an_unsigned_id_token_cannot_be_registered(at: Registering) -> None:
    answer = at.post({"redirect_uris": [REDIRECT], "id_token_signed_response_alg": "none"})
    assert (answer.status, answer.json["error"]) == (400, "invalid_client_metadata")
    told = at.stand.call("GET", "/.well-known/openid-configuration").json
    assert "none" not in told["id_token_signing_alg_values_supported"]


@module("oidcc-userinfo-rs256")
@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_userinfo_is_signed_where_that_was_asked_for(at: Registering, alg: str) -> None:
    client = at.register(userinfo_signed_response_alg=alg)
    tokens = client.tokens()
    answer = client.userinfo(tokens["access_token"])
    assert (answer.status, answer.headers["content-type"]) == (200, "application/jwt")
    told = verified(at, answer.body.decode(), alg, typ="userinfo+jwt")
    assert told == {"iss": ISSUER, "aud": client.client_id, "sub": decoded(tokens["id_token"])["sub"]}


@module("oidcc-refresh-token")
def test_refresh_tokens_rotate_and_keep_the_subject(at: Registering) -> None:
    client = at.register(grant_types=["authorization_code", "refresh_token"])
    first = offline_tokens(client)
    renewed = client.ask_token({"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}).json
    before, after = decoded(first["id_token"]), decoded(renewed["id_token"])
    assert renewed["refresh_token"] != first["refresh_token"]
    assert [after[name] for name in ("iss", "sub", "aud", "auth_time")] == [
        before[name] for name in ("iss", "sub", "aud", "auth_time")
    ]
    other = at.register(grant_types=["authorization_code", "refresh_token"])
    stolen = other.ask_token({"grant_type": "refresh_token", "refresh_token": renewed["refresh_token"]})
    assert (stolen.status, stolen.json["error"]) == (400, "invalid_grant")


def offline_tokens(client: Client) -> Any:
    """Tokens with a refresh token: on the person's own device."""
    browser = client.at.stand.sign_in(device=Device.OWN)
    answer = client.authorize(browser, scope="openid offline_access", prompt="consent")
    return client.redeem(answer.told["code"]).json


# ---- redirect URIs ------------------------------------------------------------------------------------------------


@module("oidcc-ensure-redirect-uri-in-authorization-request")
@pytest.mark.parametrize("uris", [[REDIRECT], [REDIRECT, "https://visiteur.example/autre"]])
def test_a_request_names_its_redirect_uri(at: Registering, uris: list[str]) -> None:
    client = at.register(redirect_uris=uris)
    answer = client.authorize(redirect_uri=None)
    assert (answer.status, answer.location) == (400, "")
    assert "code" in client.authorize().told


@module("oidcc-redirect-uri-query-OK")
def test_a_registered_query_is_kept(at: Registering) -> None:
    client = at.register(redirect_uris=[QUERY])
    answer = client.authorize()
    assert answer.location.startswith(f"{QUERY}&")
    assert answer.told["foo"] == "bar"
    assert client.redeem(answer.told["code"]).status == 200


@pytest.mark.parametrize(
    ("registered", "used"),
    [
        pytest.param(QUERY, f"{REDIRECT}?foo=baz", marks=module("oidcc-redirect-uri-query-mismatch")),
        pytest.param(REDIRECT, QUERY, marks=module("oidcc-redirect-uri-query-added")),
    ],
)
def test_another_query_is_another_address(at: Registering, registered: str, used: str) -> None:
    client = at.register(redirect_uris=[registered])
    answer = client.authorize(redirect_uri=used)
    assert (answer.status, answer.location) == (400, "")
    assert "code" in client.authorize().told


@module("oidcc-redirect-uri-regfrag")
def test_a_fragment_is_not_registered(at: Registering) -> None:
    answer = at.post({"redirect_uris": [f"{REDIRECT}#foo=bar"]})
    assert (answer.status, answer.json["error"]) == (400, "invalid_redirect_uri")


# ---- keys ---------------------------------------------------------------------------------------------------------


@module("oidcc-registration-jwks-uri")
def test_keys_are_read_where_the_client_says(at: Registering) -> None:
    client = signing_client(at)
    assert client.told["jwks_uri"] == KEYS
    code = client.authorize().told["code"]
    assert client.redeem(code, aud=f"{ISSUER}/token").status == 200, "as OpenID Connect Core §9 names us"
    stranger = client.signing(key("RS256", name="stranger"))
    assert stranger.redeem(client.authorize().told["code"]).json["error"] == "invalid_client"


@module("oidcc-ensure-client-assertion-with-iss-aud-succeeds")
def test_an_assertion_for_the_issuer_is_taken(at: Registering) -> None:
    client = signing_client(at)
    assert client.redeem(client.authorize().told["code"], aud=ISSUER).status == 200
    assert client.redeem(client.authorize().told["code"], aud="https://autre.example").status == 401


@module("oidcc-refresh-token-rp-key-rotation")
def test_a_client_that_changes_its_key_goes_on(at: Registering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.protocol.oidc.client_keys.PAUSE", 0.0)
    client = signing_client(at, grant_types=["authorization_code", "refresh_token"])
    tokens, newer = offline_tokens(client), key("RS256", name="newer")
    at.documents.at[KEYS] = json.loads(jwks(newer))
    renewed = client.signing(newer).ask_token({"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]})
    assert renewed.status == 200
    withdrawn = client.ask_token({"grant_type": "refresh_token", "refresh_token": renewed.json["refresh_token"]})
    assert withdrawn.json["error"] == "invalid_client"


# ---- sectors ------------------------------------------------------------------------------------------------------


@module("oidcc-registration-sector-uri")
def test_clients_of_one_sector_know_a_person_by_one_subject(at: Registering) -> None:
    elsewhere = "https://ailleurs.example/retour"
    at.documents.at[SECTOR] = [REDIRECT, elsewhere]
    first = at.register(sector_identifier_uri=SECTOR, subject_type="pairwise")
    second = at.register(sector_identifier_uri=SECTOR, redirect_uris=[elsewhere])
    alone = at.register()
    subjects = [decoded(each.tokens()["id_token"])["sub"] for each in (first, second, alone)]
    assert first.told["sector_identifier_uri"] == SECTOR
    assert subjects[0] == subjects[1] != subjects[2]


@module("oidcc-registration-sector-bad")
def test_a_sector_that_does_not_name_the_address_is_refused(at: Registering) -> None:
    at.documents.at[SECTOR] = ["https://visiteur.example/une-autre"]
    answer = at.post({"redirect_uris": [REDIRECT], "sector_identifier_uri": SECTOR})
    assert (answer.status, answer.json["error"]) == (400, "invalid_client_metadata")


# ---- request objects ----------------------------------------------------------------------------------------------


def request_object(client: Client, *, by: Any = None, **claims: str) -> str:
    told = {"iss": client.client_id, "aud": ISSUER, "redirect_uri": REDIRECT, **claims}
    if by is not None:
        return signed({"alg": by.alg, "kid": by.kid}, told, by)
    head, body = (
        base64.urlsafe_b64encode(json.dumps(x).encode()).rstrip(b"=").decode() for x in ({"alg": "none"}, told)
    )
    return f"{head}.{body}."


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param("https://visiteur.example/demande.jwt", marks=module("oidcc-request-uri-unsigned")),
        pytest.param("https://visiteur.example/demande-rs256.jwt", marks=module("oidcc-request-uri-signed-rs256")),
    ],
)
def test_no_request_is_fetched(at: Registering, uri: str) -> None:
    client = at.register(request_uris=[uri])
    assert "request_uris" not in client.told, "what is not granted is not told"
    before = list(at.documents.asked)
    assert client.authorize(request_uri=uri).told["error"] == "request_uri_not_supported"
    assert at.documents.asked == before
    assert "code" in client.authorize().told


@module("oidcc-ensure-request-object-with-redirect-uri")
@pytest.mark.parametrize("by", [None, "RS256"])
def test_a_request_object_is_refused(at: Registering, by: str | None) -> None:
    client = at.register()
    shown = request_object(client, by=key(by) if by else None)
    assert client.authorize(request=shown).told["error"] == "request_not_supported"


# ---- what the sign-in page shows ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("member", "label"),
    [
        pytest.param("logo_uri", "Son logo", marks=module("oidcc-registration-logo-uri")),
        pytest.param("policy_uri", "Ses règles sur vos données", marks=module("oidcc-registration-policy-uri")),
        pytest.param("tos_uri", "Ses conditions d'utilisation", marks=module("oidcc-registration-tos-uri")),
    ],
)
def test_the_sign_in_page_leads_there(
    at: Registering, sqlite_url: str, clock: FakeClock, member: str, label: str
) -> None:
    """A link in words: an image of a stranger on this page could pass for another's, and would tell it who looks."""
    address = f"https://visiteur.example/{member}"
    client = at.register(**{member: address})
    assert client.told[member] == address
    page = sign_in_page(client, sqlite_url, clock)
    assert f'<a href="{address}" rel="noreferrer">{label}</a>' in page.text
    assert "<img" not in page.body
    assert label not in sign_in_page(at.register(), sqlite_url, clock).text


def sign_in_page(client: Client, sqlite_url: str, clock: FakeClock) -> Any:
    service = client.at.stand.register.current().by_client(client.client_id)
    assert service is not None
    with open_web(sqlite_url, clock, services=(service,)) as web:
        browser = web.client()
        return browser.get(browser.get(client.asks()).location)


# ---- keys of the provider -------------------------------------------------------------------------------------------


@module("oidcc-server-rotate-keys")
def test_a_new_key_signs_and_the_old_one_is_still_published(at: Registering) -> None:
    client, before = at.register(), published(at)
    token = client.tokens()["id_token"]
    care = KeyCare(at.stand.signer._vault, lambda: TIMES)
    care.announce(at.stand.clock())
    at.stand.signer.refresh()
    assert before < published(at), "announced before it signs"
    at.stand.clock.advance(TIMES.announced.total_seconds())
    for group in care.groups():
        assert care.rotate(group, now=at.stand.clock())
    at.stand.signer.refresh()
    newer = client.tokens()["id_token"]
    assert before < published(at)
    assert decoded(newer, part=0)["kid"] in published(at) - before
    assert verified(at, token, "RS256")["sub"] == verified(at, newer, "RS256")["sub"]


def published(at: Registering) -> set[str]:
    return {each["kid"] for each in at.stand.call("GET", "/jwks").json["keys"]}
