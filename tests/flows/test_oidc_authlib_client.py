"""Somebody else's relying party, Authlib's, walks the whole flow against our door and believes what it gets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

from broker.domain.services import TokenAuthMethod
from tests.oidc_stand import (
    ISSUER,
    REDIRECT,
    SECRET,
    Browser,
    Stand,
    open_stand,
    service,
)

VERIFIER = "authlib-draws-its-own-verifier-of-48-characters-xx"


@pytest.fixture(params=["ES256", "RS256"])
def stand(request: pytest.FixtureRequest, sqlite_url: str) -> Iterator[Stand]:
    with open_stand(sqlite_url, services=(service(signing_alg=request.param),)) as opened:
        yield opened


def client(stand: Stand) -> OAuth2Client:
    return OAuth2Client(
        "cantine", SECRET, scope="openid profile children", redirect_uri=REDIRECT, code_challenge_method="S256",
        token_endpoint_auth_method=TokenAuthMethod.BASIC.value,
        transport=httpx.WSGITransport(app=stand.door, raise_app_exceptions=True), base_url=ISSUER,
    )  # fmt: skip


@pytest.mark.spec("OIDC Core §3.1")
def test_authlib_signs_its_user_in_with_what_discovery_says(stand: Stand) -> None:
    with client(stand) as party:
        metadata = party.request("GET", f"{ISSUER}/.well-known/openid-configuration", withhold_token=True).json()
        url, state = party.create_authorization_url(
            metadata["authorization_endpoint"], code_verifier=VERIFIER, nonce="n-authlib"
        )
        landed = stand.call("GET", url, browser=stand.sign_in())
        tokens = party.fetch_token(
            metadata["token_endpoint"], authorization_response=landed.location, state=state, code_verifier=VERIFIER
        )
        claims = _verified(party, metadata, tokens["id_token"], tokens["access_token"], now=stand.clock().timestamp())
        told = party.get(metadata["userinfo_endpoint"]).json()
    assert told["sub"] == claims["sub"]
    assert told["given_name"] == "Dominique"
    assert len(told["children"]) == 2


def _verified(
    party: OAuth2Client, metadata: dict[str, Any], id_token: str, access_token: str, *, now: float
) -> dict[str, Any]:
    keys = KeySet.import_key_set(party.request("GET", metadata["jwks_uri"], withhold_token=True).json())
    decoded = jwt.decode(id_token, keys, algorithms=metadata["id_token_signing_alg_values_supported"])
    claims = CodeIDToken(
        decoded.claims,
        decoded.header,
        {"iss": {"essential": True, "value": ISSUER}, "aud": {"essential": True, "value": "cantine"}},
        {"nonce": "n-authlib", "client_id": "cantine", "access_token": access_token},
    )
    claims.validate(now=int(now), leeway=0)
    return dict(claims)


def test_authlib_is_told_when_its_secret_is_wrong(stand: Stand) -> None:
    with client(stand) as party:
        party.client_secret = "x" * 50
        browser: Browser = stand.sign_in()
        url, state = party.create_authorization_url(f"{ISSUER}/authorize", code_verifier=VERIFIER, nonce="n")
        landed = stand.call("GET", url, browser=browser)
        with pytest.raises(Exception, match="invalid_client"):
            party.fetch_token(
                f"{ISSUER}/token", authorization_response=landed.location, state=state, code_verifier=VERIFIER
            )


def test_the_signing_algorithm_is_the_one_the_client_registered(stand: Stand) -> None:
    alg = stand.services[0].parties[0].signing_alg
    document = stand.call("GET", "/.well-known/openid-configuration").json
    assert alg in document["id_token_signing_alg_values_supported"]
    assert stand.signer.ring().key(alg).alg == alg
    assert replace(stand).services == stand.services
