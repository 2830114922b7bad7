"""Every check of a DPoP proof has a proof that only it stops (RFC 9449 §4.3)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc.jwk import ECKey

from broker.wire.jose import FAPI_ALGS, Proof, Refusal, SigningKey, TokenRefused, dpop, verify_proof, verifying
from tests.fapi import ath, jwk_of, key, proof
from tests.oidc_stand import ISSUER

NOW = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
TOKEN = "pat_" + "x" * 43
HERE = ISSUER + "/userinfo"
MINE = key(name="dpop")
PRIVATE = dict(MINE.key.as_dict(private=True))


def verify(shown: str, *, access_token: str = TOKEN) -> Proof:
    return verify_proof(shown, method="GET", url=HERE, now=NOW, access_token=access_token)


def made(header: dict[str, Any] | None = None, by: SigningKey = MINE, **changes: Any) -> str:
    return proof("GET", "/userinfo", now=NOW, by=by, header=header, **{"ath": ath(TOKEN), **changes})


@pytest.mark.spec("FAPI 2.0 Security Profile §5.4.1")
@pytest.mark.parametrize("alg", FAPI_ALGS)
def test_a_good_proof_names_its_key(alg: str) -> None:
    shown = verify(made(by=key(alg), jti="j1"))
    assert shown == Proof(key(alg).kid, "j1", AT)


@pytest.mark.parametrize(
    "change",
    [
        {"htu": HERE + "?a=b"}, {"htu": HERE + "#f"}, {"htu": "HTTPS://PREAU.example/userinfo"},
        {"iat": AT - 60}, {"iat": AT + 10}, {"nbf": AT + 900}, {"exp": AT - 900}, {"nonce": "n"},
    ],
    ids=str,
)  # fmt: skip
def test_what_says_nothing_else_is_taken(change: dict[str, Any]) -> None:
    assert verify(made(**change)).jkt == MINE.kid
    assert verify(made(ath=...), access_token="").jkt == MINE.kid
    assert verify(made({"kid": "a name that nobody asks for"})).jkt == MINE.kid


HEADERS: tuple[tuple[Any, Refusal, dict[str, Any]], ...] = (
    *(
        (dpop.check_no_other_key, Refusal.HEADER, {name: value})
        for name, value in (("jku", HERE), ("x5u", HERE), ("x5c", ["x"]), ("zip", "DEF"))
    ),
    *((verifying.check_typ, Refusal.TYP, {"typ": typ}) for typ in (..., "JWT", "dpop", "")),
    *((dpop.check_public, Refusal.KEY, {"jwk": {**jwk_of(MINE), name: "AA"}}) for name in ("d", "p", "dq", "k")),
    (dpop.check_public, Refusal.KEY, {"jwk": PRIVATE}),
)
CLAIMS: tuple[tuple[Any, Refusal, dict[str, Any]], ...] = (
    *((dpop.check_method, Refusal.HTM, {"htm": value}) for value in (..., "POST", "get", None, ["GET"])),
    *(
        (dpop.check_address, Refusal.HTU, {"htu": value})
        for value in (..., ISSUER, ISSUER + "/token", HERE + "/", "http://preau.example/userinfo", None, 1, "https://[")
    ),
    *((dpop.check_made_now, Refusal.TIME, {"iat": value}) for value in (AT - 61, AT + 16, AT + 61)),
    *((dpop.check_jti, Refusal.JTI, {"jti": value}) for value in ("j" * 256, "")),
    *((dpop.check_token_hash, Refusal.ATH, {"ath": value}) for value in (..., ath("x"), TOKEN, None, 1, "é")),
)


@pytest.mark.parametrize(("check", "reason", "header"), HEADERS, ids=lambda value: getattr(value, "__name__", None))
def test_a_header_is_stopped_by_its_check_and_by_no_other(
    monkeypatch: pytest.MonkeyPatch, check: Any, reason: Refusal, header: dict[str, Any]
) -> None:
    shown = made(header)
    with pytest.raises(TokenRefused) as refused:
        verify(shown)
    assert refused.value.reason is reason
    kept = tuple(each for each in dpop.PROOF_HEADER_CHECKS if each is not check)
    monkeypatch.setattr(dpop, "PROOF_HEADER_CHECKS", kept)
    assert verify(shown)


@pytest.mark.parametrize(("check", "reason", "change"), CLAIMS, ids=lambda value: getattr(value, "__name__", None))
def test_a_claim_is_stopped_by_its_check_and_by_no_other(
    monkeypatch: pytest.MonkeyPatch, check: Any, reason: Refusal, change: dict[str, Any]
) -> None:
    shown = made(**change)
    with pytest.raises(TokenRefused) as refused:
        verify(shown)
    assert refused.value.reason is reason
    monkeypatch.setattr(dpop, "PROOF_CHECKS", tuple(each for each in dpop.PROOF_CHECKS if each is not check))
    assert verify(shown)


def test_every_check_has_a_vector() -> None:
    assert {check for check, _, _ in HEADERS} == set(dpop.PROOF_HEADER_CHECKS) - {verifying.check_alg}
    assert {check for check, _, _ in CLAIMS} == set(dpop.PROOF_CHECKS)


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize(
    ("header", "by", "reason"),
    [
        ({"typ": None}, MINE, Refusal.TYP),
        ({"typ": 1}, MINE, Refusal.TYP),
        ({"alg": "none"}, MINE, Refusal.ALG),
        ({"alg": "HS256"}, MINE, Refusal.ALG),
        ({"alg": "RS256"}, key("RS256"), Refusal.ALG),
        ({"alg": ["ES256"]}, MINE, Refusal.ALG),
        ({"jwk": ...}, MINE, Refusal.KEY),
        ({"jwk": [jwk_of(MINE)]}, MINE, Refusal.KEY),
        ({"jwk": {}}, MINE, Refusal.KEY),
        ({"jwk": {"kty": "oct", "k": "AA"}}, MINE, Refusal.KEY),
        ({"jwk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}, MINE, Refusal.KEY),
        ({"jwk": ECKey.generate_key("P-384").as_dict(private=False)}, MINE, Refusal.KEY),
        ({"jwk": {"kty": "RSA", "n": "_" * 171, "e": "AQAB"}, "alg": "PS256"}, MINE, Refusal.KEY),
        ({"jwk": jwk_of(key("EdDSA"))}, MINE, Refusal.KEY),
        ({"jwk": jwk_of(key(name="une autre"))}, MINE, Refusal.SIGNATURE),
        ({"pad": "x" * 2048}, MINE, Refusal.SIGNATURE),
    ],
)
def test_a_key_that_proves_nothing_is_refused(header: dict[str, Any], by: SigningKey, reason: Refusal) -> None:
    with pytest.raises(TokenRefused) as refused:
        verify(made(header, by))
    assert refused.value.reason is reason


@pytest.mark.parametrize("change", [{"iat": ...}, {"iat": "x"}, {"iat": True}, {"iat": None}, {"jti": ...}, {"jti": 1}])
def test_a_proof_without_a_time_or_a_name_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused):
        verify(made(**change))


@pytest.mark.parametrize("shown", ["", "x", "a.b.c", "e30.e30.e30", "é.é.é", made() + "," + made(), made() + "="])
def test_what_is_no_single_proof_is_refused(shown: str) -> None:
    """Two DPoP headers reach us joined by a comma (RFC 9449 §4.3 number 1)."""
    with pytest.raises(TokenRefused):
        verify(shown)
