"""The one module of the Foundation's Config plan: what the provider publishes of itself is whole, and true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.oidc_stand import ISSUER, Stand, open_stand, service
from tests.oidf_plans import CONFIG, module

ENDPOINTS = (
    "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "revocation_endpoint",
    "introspection_endpoint", "pushed_authorization_request_endpoint", "end_session_endpoint",
)  # fmt: skip
STANDARD_SCOPES = {"openid", "profile", "email", "address", "phone"}


@pytest.fixture
def stand(sqlite_url: str) -> Iterator[Stand]:
    with open_stand(sqlite_url, services=(service(signing_alg="RS256"),)) as opened:
        yield opened


@module(CONFIG, "oidcc-discovery-endpoint-verification")
@pytest.mark.spec("OIDC Discovery §3")
def test_the_metadata_is_whole_and_every_endpoint_of_it_exists(stand: Stand) -> None:
    answer = stand.call("GET", "/.well-known/openid-configuration")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    told = answer.json
    assert told["issuer"] == ISSUER
    for name in ENDPOINTS:
        parts = urlsplit(told[name])
        assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("https", "preau.example", "", "")
        assert stand.call("GET", parts.path).status != 404, name
    assert told["response_types_supported"] == ["code"]
    assert {"query", "form_post"} <= set(told["response_modes_supported"])
    assert {"authorization_code", "refresh_token"} <= set(told["grant_types_supported"])
    assert told["subject_types_supported"] == ["pairwise"]
    assert "RS256" in told["id_token_signing_alg_values_supported"]
    assert {"client_secret_basic", "client_secret_post"} <= set(told["token_endpoint_auth_methods_supported"])
    assert set(told["scopes_supported"]) >= STANDARD_SCOPES
    assert {"sub", "name", "email", "phone_number", "address"} <= set(told["claims_supported"])
    assert told["claims_parameter_supported"] is True
    assert (told["request_parameter_supported"], told["request_uri_parameter_supported"]) == (False, False)


@module(CONFIG, "oidcc-discovery-endpoint-verification")
def test_the_published_keys_are_public_and_each_has_a_name(stand: Stand) -> None:
    answer = stand.call("GET", "/jwks")
    keys = json.loads(answer.body)["keys"]
    assert {"ES256", "RS256"} <= {key["alg"] for key in keys}
    assert len({key["kid"] for key in keys}) == len(keys)
    assert all(key["use"] == "sig" and not key.keys() & {"d", "p", "q", "k"} for key in keys)
