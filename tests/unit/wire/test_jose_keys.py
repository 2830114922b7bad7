"""Keys as objects: made, written, read back; and that joserfc lives in one room."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from joserfc.jwk import RSAKey

from broker.wire.jose import (
    SIGNING_ALGS,
    TokenRefused,
    export_jwks,
    generate_key,
    jwks_from_json,
    parse_signing_key,
    private_jwk,
    public_jwk,
)

BROKER = Path(__file__).parents[3] / "broker"
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi"}


@pytest.mark.parametrize("alg", SIGNING_ALGS)
def test_a_key_survives_being_written_and_read(alg: str) -> None:
    key = generate_key(alg)
    again = parse_signing_key(private_jwk(key), alg=alg)
    assert (again.kid, again.alg) == (key.kid, alg)
    assert repr(key).count("key=") == 0


@pytest.mark.parametrize("alg", SIGNING_ALGS)
def test_what_is_published_holds_nothing_private(alg: str) -> None:
    jwk = json.loads(public_jwk(generate_key(alg)))
    assert not PRIVATE_MEMBERS & jwk.keys()
    assert (jwk["alg"], jwk["use"]) == (alg, "sig")


def test_our_rsa_keys_have_three_thousand_bits() -> None:
    key = generate_key("RS256").key
    assert key.public_key.key_size == 3072


def test_a_published_set_is_read_back() -> None:
    keys = [generate_key("ES256"), generate_key("ES256")]
    found = jwks_from_json(export_jwks(public_jwk(key) for key in keys))
    assert all(found.has(key.kid) for key in keys)
    assert not found.has("autre")
    assert found.find(kid=keys[1].kid, alg="ES256").kid == keys[1].kid


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("jwk", [b"", b"{}", b"[]", b"null"])
def test_what_is_no_private_key_is_refused(jwk: bytes) -> None:
    with pytest.raises(TokenRefused):
        parse_signing_key(jwk, alg="ES256")


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_a_weak_or_public_or_wrong_private_key_is_refused() -> None:
    weak = json.dumps(RSAKey.generate_key(1024).as_dict(private=True)).encode()
    good = private_jwk(generate_key("ES256"))
    for jwk, alg in (
        (weak, "RS256"),
        (public_jwk(generate_key("ES256")).encode(), "ES256"),
        (good, "RS256"),
        (good, "HS256"),
    ):
        with pytest.raises(TokenRefused):
            parse_signing_key(jwk, alg=alg)


@pytest.mark.parametrize("alg", ["none", "HS256", "ES512", ""])
def test_no_key_is_made_for_an_algorithm_we_do_not_sign_with(alg: str) -> None:
    with pytest.raises(ValueError, match="algorithm"):
        generate_key(alg)


def test_the_proof_of_a_verification_is_made_in_one_place() -> None:
    makers = [path.name for path in BROKER.rglob("*.py") if "SignedClaims(" in path.read_text("utf-8")]
    assert makers == ["claims.py"]
