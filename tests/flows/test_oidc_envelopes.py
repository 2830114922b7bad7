"""Answers signed or encrypted as a client registered it: read with the client's own keys, and by nobody else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from joserfc import jwe, jwt
from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry
from joserfc.jwk import ECKey, KeySet, RSAKey

from broker.domain.services import Encryption, Service
from broker.protocol.oidc import envelopes
from broker.services.register import Register
from broker.wire import jose
from broker.wire.jose import encrypting
from tests.oidc_stand import ISSUER, Answer, Stand, authorize_url, get_tokens, open_stand, service

pytestmark = pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
"""The library warns of the old name of EdDSA, and of a weak key that a test makes."""

EC, LATER = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
WAYS = [Encryption(alg, enc) for alg in jose.ENCRYPTION_ALGS for enc in jose.ENCRYPTION_ENCS]


@cache
def rsa() -> RSAKey:
    """Made by whoever needs it first: it takes a moment."""
    return RSAKey.generate_key(2048)


def key_for(way: Encryption) -> RSAKey | ECKey:
    return rsa() if way.alg == "RSA-OAEP-256" else EC


def jwks(*keys: RSAKey | ECKey, **more: str) -> str:
    told = [{**key.as_dict(private=False), "use": "enc", "kid": key.thumbprint(), **more} for key in keys]
    return json.dumps({"keys": told})


def client(**told: Any) -> Service:
    plain = service()
    return replace(plain, parties=(replace(plain.parties[0], jwks=jwks(rsa(), EC), **told),))


@pytest.fixture
def stand(sqlite_url: str) -> Iterator[Stand]:
    with open_stand(sqlite_url, services=(client(userinfo_alg="EdDSA"),)) as opened:
        yield opened


def register(stand: Stand, **told: Any) -> None:
    """Let the client be registered otherwise."""
    stand.register.value = Register((client(**told),))


def userinfo(stand: Stand) -> Answer:
    bearer = {"Authorization": "Bearer " + get_tokens(stand, stand.sign_in())["access_token"]}
    return stand.call("GET", "/userinfo", headers=bearer)


def opened(token: str, key: RSAKey | ECKey, way: Encryption) -> tuple[dict[str, Any], bytes]:
    """Header and content of what was encrypted, by this one way."""
    found = jwe.decrypt_compact(token, key, registry=JWERegistry(algorithms=[way.alg, way.enc]))
    assert found.plaintext is not None
    return dict(found.headers()), found.plaintext


def signed(stand: Stand, token: str, alg: str = "EdDSA") -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of what we signed, verified by the published keys."""
    found = jwt.decode(token, KeySet.import_key_set(stand.call("GET", "/jwks").json), algorithms=[alg])
    return dict(found.header), dict(found.claims)


@pytest.mark.spec("OIDC Core §5.3.2")
def test_userinfo_is_signed_and_says_by_whom_and_for_whom(stand: Stand) -> None:
    answer = userinfo(stand)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/jwt")
    assert answer.headers["cache-control"] == "no-store"
    header, claims = signed(stand, answer.body.decode())
    assert header["typ"] == "userinfo+jwt"
    assert (claims["iss"], claims["aud"], claims["name"]) == (ISSUER, "cantine", "Dominique Martin")
    register(stand)
    assert userinfo(stand).json == {name: told for name, told in claims.items() if name not in {"iss", "aud"}}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.alg}-{way.enc}")
def test_userinfo_is_encrypted_to_the_clients_key(stand: Stand, way: Encryption) -> None:
    register(stand, userinfo_encryption=way)
    answer = userinfo(stand)
    assert answer.headers["content-type"] == "application/jwt"
    header, content = opened(answer.body.decode(), key_for(way), way)
    assert header["kid"] == key_for(way).thumbprint()
    assert "cty" not in header, "nobody signed it"
    assert json.loads(content)["name"] == "Dominique Martin"


@pytest.mark.spec("RFC 7519 §5.2")
def test_userinfo_is_signed_and_then_encrypted(stand: Stand) -> None:
    register(stand, userinfo_alg="ES256", userinfo_encryption=WAYS[0])
    header, content = opened(userinfo(stand).body.decode(), rsa(), WAYS[0])
    assert header["cty"] == "JWT"
    assert signed(stand, content.decode(), "ES256")[1]["name"] == "Dominique Martin"


@pytest.mark.spec("OIDC Core §10.2")
@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.alg}-{way.enc}")
def test_an_id_token_is_signed_and_then_encrypted(stand: Stand, way: Encryption) -> None:
    register(stand, id_token_encryption=way)
    header, content = opened(get_tokens(stand, stand.sign_in())["id_token"], key_for(way), way)
    assert (header["alg"], header["enc"], header["cty"]) == (way.alg, way.enc, "JWT")
    assert signed(stand, content.decode(), "ES256")[1]["aud"] == "cantine"


def test_nobody_else_reads_it_and_what_was_changed_is_not_read(stand: Stand) -> None:
    way = Encryption("ECDH-ES", "A256GCM")
    register(stand, id_token_encryption=way)
    token = get_tokens(stand, stand.sign_in())["id_token"]
    parts = token.split(".")
    parts[3] = ("A" if parts[3][0] != "A" else "B") + parts[3][1:]
    for text, key in ((token, LATER), (".".join(parts), EC)):
        with pytest.raises((JoseError, ValueError)):
            opened(text, key, way)
    opened(token, EC, way)


def test_the_key_is_the_one_registered_now_and_is_read_once(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    way, told = Encryption("ECDH-ES", "A128GCM"), client()
    imported: list[object] = []
    real = encrypting.import_key
    monkeypatch.setattr(encrypting, "import_key", lambda jwk: imported.append(jwk) or real(jwk))
    for key in (EC, EC, LATER):
        party = replace(told.parties[0], jwks=jwks(key), id_token_encryption=way)
        stand.register.value = Register((replace(told, parties=(party,)),))
        opened(get_tokens(stand, stand.sign_in())["id_token"], key, way)
    assert len(imported) == 2, "a key is imported once for each key set, never once a request"


@pytest.mark.spec("RFC 8725 §3.11")
def test_signed_userinfo_is_no_id_token(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a hint it would say who is meant. Shown by giving it the type of an ID token."""
    browser = stand.sign_in()

    def hinted() -> dict[str, str]:
        bearer = {"Authorization": "Bearer " + get_tokens(stand, browser)["access_token"]}
        shown = stand.call("GET", "/userinfo", headers=bearer).body.decode()
        return stand.call("GET", authorize_url(prompt="none", id_token_hint=shown), browser=browser).told

    assert hinted()["error"] == "login_required"
    monkeypatch.setattr(envelopes, "USERINFO_TYP", "JWT")
    assert "code" in hinted()


def test_a_refusal_is_told_in_the_clear(stand: Stand) -> None:
    refused = stand.call("GET", "/userinfo", headers={"Authorization": "Bearer x"})
    assert (refused.status, refused.json["error"]) == (401, "invalid_token")


UNUSABLE: dict[str, Callable[[], str]] = {
    "for-signing": lambda: jwks(EC, use="sig"),
    "another-alg": lambda: jwks(EC, alg="ECDH-ES+A128KW"),
    "another-kind": lambda: jwks(rsa()),
    "private": lambda: json.dumps({"keys": [{**EC.as_dict(private=True), "use": "enc"}]}),
    "another-curve": lambda: jwks(ECKey.generate_key("P-384")),
    "no-keys": lambda: json.dumps({"keys": ["EC", None]}),
    "no-set": lambda: "[]",
}


@pytest.mark.parametrize("make", UNUSABLE.values(), ids=UNUSABLE)
def test_a_key_that_cannot_be_encrypted_to_is_not_taken(make: Callable[[], str]) -> None:
    with pytest.raises(jose.TokenRefused):
        jose.encryption_key(make(), alg="ECDH-ES")
    assert jose.encryption_key(jwks(rsa(), EC), alg="ECDH-ES").kid == EC.thumbprint()


def test_a_weak_key_is_not_encrypted_to() -> None:
    with pytest.raises(jose.TokenRefused):
        jose.encryption_key(jwks(RSAKey.generate_key(1024)), alg="RSA-OAEP-256")
    assert jose.encryption_key(jwks(rsa(), EC), alg="RSA-OAEP-256").kid == rsa().thumbprint()


def test_the_metadata_names_what_a_client_may_register(stand: Stand) -> None:
    told = stand.call("GET", "/.well-known/openid-configuration").json
    assert told["userinfo_signing_alg_values_supported"] == ["ES256", "EdDSA"]
    for what in ("userinfo", "id_token"):
        assert told[f"{what}_encryption_alg_values_supported"] == ["RSA-OAEP-256", "ECDH-ES"]
        assert told[f"{what}_encryption_enc_values_supported"] == ["A128GCM", "A256GCM"]
