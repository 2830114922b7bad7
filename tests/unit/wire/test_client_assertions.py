"""Every check of a client assertion has a claim that only it stops (RFC 7523 §3, FAPI 2.0 §5.3.2.1)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from broker.wire.jose import (
    FAPI_ALGS,
    Refusal,
    TokenRefused,
    claimed_client,
    claims,
    jwks_from_json,
    verify_client_assertion,
)
from tests.fapi import assertion, jwks, key, signed
from tests.oidc_stand import ISSUER

NOW = datetime(2026, 9, 14, 8, 0, 0, 250_000, tzinfo=UTC)
AT = int(NOW.timestamp())
US = "agents"
KEYS = jwks_from_json(jwks(*(key(alg) for alg in FAPI_ALGS), key("RS256")))


def verify(token: str) -> dict[str, Any]:
    return verify_client_assertion(token, KEYS, client_id=US, audiences=(ISSUER,), now=NOW)


VECTORS: tuple[tuple[claims.AssertionCheck, Refusal, dict[str, Any]], ...] = (
    *((claims.check_assertion_issuer, Refusal.ISS, {"iss": value}) for value in (..., "autre", None, [US], ISSUER)),
    *((claims.check_assertion_subject, Refusal.SUB, {"sub": value}) for value in (..., "autre", None, [US], "")),
    *(
        (claims.check_assertion_audience, Refusal.AUD, {"aud": value})
        for value in (..., US, [ISSUER], [ISSUER, "x"], ISSUER + "/", ISSUER + "/token", ISSUER.upper(), None)
    ),
    *(
        (claims.check_assertion_expiry, Refusal.TIME, {"exp": value})
        for value in (..., AT, AT - 300, AT + 316, str(AT + 60), True, None, [AT + 60])
    ),
    *((claims.check_assertion_begun, Refusal.TIME, {"nbf": value}) for value in (AT + 16, AT + 61, "x", None, True)),
    *((claims.check_assertion_begun, Refusal.TIME, {"iat": value}) for value in (AT + 16, AT + 61, "x", None, True)),
    *((claims.check_assertion_jti, Refusal.JTI, {"jti": value}) for value in (..., "", 1, None, "j" * 256, ["j"])),
)


@pytest.mark.spec("FAPI 2.0 Security Profile §5.4.1")
@pytest.mark.parametrize("alg", FAPI_ALGS)
def test_each_algorithm_of_the_profile_proves_its_client(alg: str) -> None:
    assert verify(assertion(US, now=NOW, by=key(alg)))["sub"] == US


@pytest.mark.parametrize(
    "change",
    [{"nbf": AT + 10}, {"iat": AT + 10}, {"iat": ...}, {"exp": AT + 300}, {"exp": AT + 1}, {"jti": "j" * 255}],
    ids=str,
)
def test_what_is_still_good_is_taken(change: dict[str, Any]) -> None:
    assert verify(assertion(US, now=NOW, **change))["iss"] == US


@pytest.mark.parametrize(
    ("check", "reason", "change"), VECTORS, ids=lambda value: getattr(value, "__name__", str(value))
)
def test_a_fault_is_stopped_by_its_check_and_by_no_other(
    monkeypatch: pytest.MonkeyPatch, check: claims.AssertionCheck, reason: Refusal, change: dict[str, Any]
) -> None:
    token = assertion(US, now=NOW, **change)
    with pytest.raises(TokenRefused) as refused:
        verify(token)
    assert refused.value.reason is reason
    monkeypatch.setattr(claims, "ASSERTION_CHECKS", tuple(c for c in claims.ASSERTION_CHECKS if c is not check))
    assert verify(token)


def test_every_check_has_a_vector() -> None:
    assert {check for check, _, _ in VECTORS} == set(claims.ASSERTION_CHECKS)


@pytest.mark.parametrize(
    ("by", "header", "reason"),
    [
        (key("RS256"), {}, Refusal.ALG),
        (key(), {"alg": "none"}, Refusal.ALG),
        (key(), {"alg": "HS256"}, Refusal.ALG),
        (key(), {"typ": "dpop+jwt"}, Refusal.TYP),
        (key(), {"typ": "at+jwt"}, Refusal.TYP),
        (key(), {"jwk": {}}, Refusal.HEADER),
        (key(), {"kid": "autre"}, Refusal.KEY),
        (key(name="une autre"), {"kid": key().kid}, Refusal.SIGNATURE),
        (key("ES256"), {"kid": key("EdDSA").kid}, Refusal.KEY),
    ],
)
def test_a_header_that_is_not_of_the_profile_is_refused(by: Any, header: dict[str, Any], reason: Refusal) -> None:
    with pytest.raises(TokenRefused) as refused:
        verify(assertion(US, now=NOW, by=by, header=header))
    assert refused.value.reason is reason


def test_whose_it_says_it_is_can_be_read_before_and_proves_nothing() -> None:
    assert claimed_client(assertion("n'importe qui", now=NOW)) == "n'importe qui"
    for broken in ("", "e30", "e30.e30.x", "a.b", signed({"alg": "ES256"}, {"sub": 3}, key())):
        with pytest.raises(TokenRefused):
            claimed_client(broken)
