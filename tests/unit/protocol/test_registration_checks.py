"""What a client that registers itself may not have: each check is the only one that stops its vectors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from broker.domain.errors import InvalidClientMetadata, InvalidRedirectUri, ProtocolError, UpstreamUnavailable
from broker.protocol.oidc import registration_checks as checks
from broker.protocol.oidc.registration_checks import METADATA_CHECKS, Asked, MetadataCheck
from broker.protocol.oidc.registration_metadata import granted
from broker.wire.jose import private_jwk
from tests.fapi import jwks, key

URI = "https://visiteur.example/retour"
SECTOR = "https://secteur.example/adresses.json"
KEYS = "https://visiteur.example/jwks.json"
PUBLIC = json.loads(jwks(key()))
PRIVATE = {"keys": [json.loads(private_jwk(key()))]}
BOTH = {"keys": [*PUBLIC["keys"], *PRIVATE["keys"]]}
SIGNS = {"token_endpoint_auth_method": "private_key_jwt"}
DOCUMENTS = {
    SECTOR: json.dumps([URI]).encode(),
    KEYS: json.dumps(PUBLIC).encode(),
    "https://visiteur.example/prive.json": json.dumps(BOTH).encode(),
    "https://visiteur.example/page.html": b"<html>",
    "https://secteur.example/autres.json": json.dumps(["https://autre.example/"]).encode(),
    "https://secteur.example/objet.json": json.dumps({URI: True}).encode(),
    "https://secteur.example/nombres.json": json.dumps([1, [URI]]).encode(),
    "https://secteur.example/puits.json": b"[" * 100_000,
}

VECTORS: Mapping[MetadataCheck, tuple[Mapping[str, Any], ...]] = {
    checks.check_application_type: ({"application_type": "browser"},),
    checks.check_redirect_uris: (
        {"redirect_uris": []},
        {"redirect_uris": [URI, URI]},
        {"redirect_uris": ["http://visiteur.example/retour"]},
        {"redirect_uris": ["http://127.0.0.1/retour"]},
        {"redirect_uris": [f"{URI}#ici"]},
        {"redirect_uris": [f"{URI}#"]},
        {"redirect_uris": ["https://*.visiteur.example/retour"]},
        {"redirect_uris": ["https://visiteur.example@autre.example/"]},
        {"redirect_uris": ["https://visiteur.example/a/../retour"]},
        {"redirect_uris": ["javascript:alert(1)"]},
        {"redirect_uris": ["example.visiteur.app:/retour"]},
        {"redirect_uris": ["https:retour"]},
        {"application_type": "native", "redirect_uris": ["http://localhost/retour"]},
        {"application_type": "native", "redirect_uris": ["http://visiteur.example/retour"]},
        {"application_type": "native", "redirect_uris": ["visiteur:/retour"]},
    ),
    checks.check_response_types: (
        {"response_types": ["code", "token"]},
        {"response_types": ["id_token"]},
        {"response_types": ["code id_token"]},
        {"response_types": []},
    ),
    checks.check_grant_types: (
        {"grant_types": ["authorization_code", "implicit"]},
        {"grant_types": ["password"]},
        {"grant_types": ["refresh_token"]},
        {"grant_types": []},
        {"grant_types": ["authorization_code", "client_credentials"]},
    ),
    checks.check_auth_method: (
        {"token_endpoint_auth_method": "client_secret_jwt"},
        {"token_endpoint_auth_method": "none"},
        {"application_type": "native", "redirect_uris": ["example.visiteur:/r"], **SIGNS, "jwks": PUBLIC},
    ),
    checks.check_auth_alg: (
        {"token_endpoint_auth_signing_alg": "HS256"},
        {"token_endpoint_auth_signing_alg": "none"},
    ),
    checks.check_keys: (
        SIGNS,
        {**SIGNS, "jwks": PUBLIC, "jwks_uri": KEYS},
        {**SIGNS, "jwks": PRIVATE},
        {**SIGNS, "jwks": BOTH},
        {"jwks": {"keys": []}},
        {"jwks": "keys"},
        {"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}},
    ),
    checks.check_subject_type: ({"subject_type": "public"},),
    checks.check_algs: (
        {"id_token_signed_response_alg": "none"},
        {"id_token_signed_response_alg": "HS256"},
        {"userinfo_signed_response_alg": "none"},
        {"userinfo_signed_response_alg": "EdDSA"},
    ),
    checks.check_encryption: (
        {"id_token_encrypted_response_alg": "RSA-OAEP"},
        {"userinfo_encrypted_response_enc": "A256GCM"},
        {"request_object_encryption_alg": "RSA-OAEP"},
    ),
    checks.check_addresses: tuple(
        {name: uri}
        for name in ("client_uri", "logo_uri", "policy_uri", "tos_uri", "initiate_login_uri", "backchannel_logout_uri")
        for uri in ("http://visiteur.example/", "javascript:alert(1)", "https://visiteur.example/#ici", "data:,x")
    ),
    checks.check_logout: (
        {"post_logout_redirect_uris": ["http://visiteur.example/"]},
        {"post_logout_redirect_uris": [f"{URI}#ici"]},
        {"frontchannel_logout_uri": "https://autre.example/sortie"},
        {"frontchannel_logout_uri": "https://visiteur.example:8443/sortie"},
    ),
    checks.check_words: ({"client_name": "N" * 65},),
    checks.check_one_host: ({"redirect_uris": [URI, "https://ailleurs.example/retour"]},),
    checks.check_sector: tuple(
        {"sector_identifier_uri": f"https://secteur.example/{name}.json"}
        for name in ("autres", "objet", "nombres", "puits", "absent")
    ),
    checks.check_jwks_uri: (
        {"jwks_uri": "https://visiteur.example/absent.json"},
        {"jwks_uri": "https://visiteur.example/page.html"},
        {"jwks_uri": "https://visiteur.example/prive.json"},
    ),
}
SHAPES: tuple[Mapping[str, Any], ...] = (
    {"redirect_uris": URI},
    {"redirect_uris": [URI, 7]},
    {"redirect_uris": [f"{URI}/{place}" for place in range(17)]},
    {"redirect_uris": [URI + "x" * 512]},
    {"redirect_uris": [f"{URI}\u202e"]},
    {"client_name": ["Visiteur"]},
    {"client_name": "Vi\u202esiteur"},
    {"client_name": "Visi\x00teur"},
    {"client_name": "\ud800"},
    {"contacts": "moi@visiteur.example"},
    {"scope": ["openid"]},
    {"application_type": 1},
    {"token_endpoint_auth_method": {}},
    {"require_pushed_authorization_requests": "true"},
    {"dpop_bound_access_tokens": 1},
)
GOOD: tuple[Mapping[str, Any], ...] = (
    {},
    {"application_type": "native", "redirect_uris": ["http://127.0.0.1/retour"]},
    {"application_type": "native", "redirect_uris": ["example.visiteur.app:/retour"]},
    {**SIGNS, "jwks": PUBLIC},
    {**SIGNS, "jwks_uri": KEYS},
    {"sector_identifier_uri": SECTOR, "subject_type": "pairwise"},
    {"grant_types": ["authorization_code", "refresh_token"], "userinfo_signed_response_alg": "ES256"},
    {"initiate_login_uri": "https://visiteur.example/connexion", "request_uris": ["https://visiteur.example/x"]},
    {"frontchannel_logout_uri": "https://visiteur.example/sortie", "client_name": "Élève & Cie"},
)


def fetch(url: str) -> bytes:
    if url not in DOCUMENTS:
        raise UpstreamUnavailable("nothing there")
    return DOCUMENTS[url]


def asked(changes: Mapping[str, Any]) -> Asked:
    return Asked({"redirect_uris": [URI], **changes}, fetch)


def refusal(changes: Mapping[str, Any], *, without: MetadataCheck | None = None) -> ProtocolError | None:
    try:
        for check in METADATA_CHECKS:
            if check is not without:
                check(asked(changes))
    except ProtocolError as refused:
        return refused
    return None


def test_every_check_has_a_vector() -> None:
    assert set(METADATA_CHECKS) - set(VECTORS) == {checks.check_switches}, "whose vectors are shapes"


@pytest.mark.parametrize(
    ("check", "changes"),
    [
        pytest.param(check, changes, id=f"{check.__name__}-{place}")
        for check, vectors in VECTORS.items()
        for place, changes in enumerate(vectors)
    ],
)
def test_a_vector_is_stopped_by_its_check_and_by_no_other(check: MetadataCheck, changes: Mapping[str, Any]) -> None:
    refused = refusal(changes)
    expected = InvalidRedirectUri if check is checks.check_redirect_uris else InvalidClientMetadata
    assert type(refused) is expected
    assert refusal(changes, without=check) is None
    assert refused.cause.split()[0].rstrip(":") in {*changes, "redirect_uris", "jwks", "private_key_jwt"}


@pytest.mark.parametrize("changes", SHAPES, ids=range(len(SHAPES)))
def test_what_has_not_its_shape_is_refused_by_name(changes: Mapping[str, Any]) -> None:
    refused = refusal(changes)
    assert isinstance(refused, InvalidClientMetadata | InvalidRedirectUri)
    assert refused.cause.startswith(next(iter(changes)))


@pytest.mark.parametrize("changes", GOOD, ids=range(len(GOOD)))
def test_what_is_sound_is_granted(changes: Mapping[str, Any]) -> None:
    assert refusal(changes) is None
    told = granted(asked(changes))
    assert told["response_types"] == ["code"]
    known = changes.keys() - {"request_uris"}
    assert {name: told[name] for name in known} == {name: changes[name] for name in known}


@pytest.mark.parametrize(
    ("changes", "scope"),
    [
        ({}, "openid profile email address phone"),
        ({"grant_types": ["authorization_code", "refresh_token"]}, "openid profile email address phone offline_access"),
        ({"scope": "profile children birthdate directory schooling"}, "openid profile"),
        ({"scope": "openid offline_access"}, "openid"),
    ],
)
def test_only_the_standard_scopes_are_granted(changes: Mapping[str, Any], scope: str) -> None:
    assert granted(asked(changes))["scope"] == scope


def test_an_app_on_a_device_is_given_no_secret_unless_it_asks_for_one() -> None:
    app = {"application_type": "native", "redirect_uris": ["http://127.0.0.1/r"]}
    assert granted(asked(app))["token_endpoint_auth_method"] == "none"
    assert refusal({**app, "token_endpoint_auth_method": "client_secret_basic"}) is not None
