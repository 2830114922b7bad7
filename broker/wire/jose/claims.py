"""Claims of ID tokens (OIDC Core §3.1.3.7) and client assertions (RFC 7523 §3), checked after the signature."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwt import JWTClaimsRegistry

from broker.wire.jose.keys import FAPI_ALGS, SIGNING_ALGS, KeySet
from broker.wire.jose.refusals import Refusal, TokenRefused
from broker.wire.jose.signing import left_half_hash
from broker.wire.jose.verifying import SignedClaims, read_unverified, verify_signature

ID_TOKEN_TYPES = frozenset({"", "jwt"})
"""Providers write `JWT` or nothing; `logout+jwt`, `at+jwt` and the like are other tokens."""
ACCESS_TOKEN_TYPES = frozenset({"at+jwt", "application/at+jwt"})
LONGEST_SUBJECT = 255


@dataclass(frozen=True, slots=True)
class Expected:
    """What this ID token must say. `nonce` None: none was sent. `access_token` empty: none came with it."""

    issuer: str
    audience: str
    nonce: str | None
    now: int
    leeway: int
    access_token: str = ""


ClaimCheck = Callable[[dict[str, Any], Expected], None]


def check_times(claims: dict[str, Any], expected: Expected) -> None:
    """`exp` and `iat` are there, are finite numbers, and hold now; `nbf` too when it is there."""
    registry = JWTClaimsRegistry(
        now=expected.now, leeway=expected.leeway, exp={"essential": True}, iat={"essential": True}
    )
    times: dict[str, Any] = {name: claims[name] for name in ("exp", "iat", "nbf") if name in claims}
    try:
        registry.validate(times)
    except JoseError as fault:
        raise TokenRefused(Refusal.TIME, type(fault).__name__) from fault


def check_issuer(claims: dict[str, Any], expected: Expected) -> None:
    """`iss` is our issuer as one string: a list that holds it is somebody else's token."""
    if claims.get("iss") != expected.issuer:
        raise TokenRefused(Refusal.ISS)


def check_audience(claims: dict[str, Any], expected: Expected) -> None:
    """`aud` is us, or a list of texts that names us."""
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if not all(isinstance(one, str) for one in named) or expected.audience not in named:
        raise TokenRefused(Refusal.AUD)


def check_authorized_party(claims: dict[str, Any], expected: Expected) -> None:
    """`azp` is us when it is there, and it is there when `aud` names several."""
    audience = claims.get("aud")
    several = isinstance(audience, list) and len(audience) > 1
    if (several or "azp" in claims) and claims.get("azp") != expected.audience:
        raise TokenRefused(Refusal.AZP)


def check_subject(claims: dict[str, Any], expected: Expected) -> None:  # noqa: ARG001
    """`sub` is a text of 1 to 255 characters without control characters."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
        raise TokenRefused(Refusal.SUB)


def check_nonce(claims: dict[str, Any], expected: Expected) -> None:
    """`nonce` is the one that was sent with this login."""
    if expected.nonce is None:
        return
    nonce = claims.get("nonce")
    if not expected.nonce or not isinstance(nonce, str):
        raise TokenRefused(Refusal.NONCE)
    if not compare_digest(nonce.encode(), expected.nonce.encode()):
        raise TokenRefused(Refusal.NONCE)


def check_access_token_hash(claims: dict[str, Any], expected: Expected) -> None:
    """`at_hash`, when both it and an access token are there, is that token's (fails closed: CVE-2026-28498)."""
    if "at_hash" not in claims or not expected.access_token:
        return
    stated = claims["at_hash"]
    if not isinstance(stated, str) or not compare_digest(
        stated.encode(), left_half_hash(expected.access_token).encode()
    ):
        raise TokenRefused(Refusal.AT_HASH)


ID_TOKEN_CHECKS: tuple[ClaimCheck, ...] = (
    check_times,
    check_issuer,
    check_audience,
    check_authorized_party,
    check_subject,
    check_nonce,
    check_access_token_hash,
)


def verify_id_token(  # noqa: PLR0913 (each is a fact that the caller must state)
    token: str,
    keys: KeySet,
    *,
    issuer: str,
    audience: str,
    nonce: str | None,
    now: datetime,
    leeway: int,
    algorithms: Collection[str],
    access_token: str = "",
) -> SignedClaims:
    """Check an ID token of an upstream provider. `leeway` in seconds. Raises `TokenRefused`."""
    claims = verify_signature(token, keys, algorithms=algorithms, types=ID_TOKEN_TYPES)
    expected = Expected(issuer, audience, nonce, int(now.timestamp()), leeway, access_token)
    for check in ID_TOKEN_CHECKS:
        check(claims, expected)
    return SignedClaims(claims)


def verify_userinfo(
    token: str, keys: KeySet, *, issuer: str, audience: str, algorithms: Collection[str]
) -> SignedClaims:
    """Check claims that an upstream provider signed at its userinfo endpoint (OIDC Core §5.3.2).

    `iss` and `aud` are to be the provider and us; they may hold no time of their own: they answer a call of this very
    moment. Whose they are is for the caller to compare with the ID token. Raises `TokenRefused`.
    """
    claims = verify_signature(token, keys, algorithms=algorithms, types=ID_TOKEN_TYPES)
    expected = Expected(issuer, audience, None, 0, 0)
    for check in (check_issuer, check_audience, check_subject):
        check(claims, expected)
    return SignedClaims(claims)


def verify_id_token_hint(token: str, keys: KeySet, *, issuer: str, audience: str) -> SignedClaims:
    """Check an ID token of ours that comes back as a hint; its time may be over (OIDC Core §3.1.2.1)."""
    claims = verify_signature(token, keys, algorithms=SIGNING_ALGS, types=ID_TOKEN_TYPES)
    expected = Expected(issuer, audience, None, 0, 0)
    for check in (check_issuer, check_audience, check_subject):
        check(claims, expected)
    return SignedClaims(claims)


def verify_own_access_token(token: str, keys: KeySet, *, issuer: str) -> SignedClaims:
    """Check an access token of ours (RFC 9068 §4) for whichever API `aud` names. Raises `TokenRefused`.

    Whether it was taken back, and its time, are for the caller: its `jti` leads to its row.
    """
    claims = verify_signature(token, keys, algorithms=SIGNING_ALGS, types=ACCESS_TOKEN_TYPES)
    expected = Expected(issuer, "", None, 0, 0)
    for check in (check_issuer, check_subject):
        check(claims, expected)
    return SignedClaims(claims)


def verify_own_id_token(token: str, keys: KeySet, *, issuer: str) -> SignedClaims:
    """Check an ID token of ours for whichever client `aud` names; its time may be over (RP-Initiated Logout §2, §4).

    The caller decides what that client may do with it. Raises `TokenRefused`, also for a logout token.
    """
    claims = verify_signature(token, keys, algorithms=SIGNING_ALGS, types=ID_TOKEN_TYPES)
    expected = Expected(issuer, "", None, 0, 0)
    for check in (check_issuer, check_subject):
        check(claims, expected)
    if not isinstance(claims.get("aud"), str):
        raise TokenRefused(Refusal.AUD, "not one client's")
    return SignedClaims(claims)


# ---- client assertions -------------------------------------------------------------------------------------------

ASSERTION_TYPES = frozenset({"", "jwt", "client-authentication+jwt"})
LONGEST_ASSERTION = 300
"""Seconds that an assertion may still be good for: its `jti` is kept as long."""
CLOCKS_APART = 15
"""Seconds a client's clock may be ahead: ten must be taken, sixty must not (FAPI 2.0 Security Profile §5.3.2.1)."""
LONGEST_JTI = 255


@dataclass(frozen=True, slots=True)
class AssertionFacts:
    """Whose assertion it must be, for whom (any of `audiences`), and when it is looked at (seconds)."""

    client_id: str
    audiences: Collection[str]
    now: float


AssertionCheck = Callable[[dict[str, Any], AssertionFacts], None]


def check_assertion_issuer(claims: dict[str, Any], facts: AssertionFacts) -> None:
    """`iss` is the client (RFC 7523 §3 number 1)."""
    if claims.get("iss") != facts.client_id:
        raise TokenRefused(Refusal.ISS)


def check_assertion_subject(claims: dict[str, Any], facts: AssertionFacts) -> None:
    """`sub` is the client (RFC 7523 §3 number 2B)."""
    if claims.get("sub") != facts.client_id:
        raise TokenRefused(Refusal.SUB)


def check_assertion_audience(claims: dict[str, Any], facts: AssertionFacts) -> None:
    """`aud` is us as one text: a list could be meant for another server too (FAPI 2.0 §5.3.2.1)."""
    audience = claims.get("aud")
    if not isinstance(audience, str) or audience not in facts.audiences:
        raise TokenRefused(Refusal.AUD)


def check_assertion_expiry(claims: dict[str, Any], facts: AssertionFacts) -> None:
    """`exp` is there, ahead, and near (RFC 7523 §3 number 4)."""
    exp = instant_of(claims, "exp")
    if not facts.now < exp <= facts.now + LONGEST_ASSERTION + CLOCKS_APART:
        raise TokenRefused(Refusal.TIME, "exp")


def check_assertion_begun(claims: dict[str, Any], facts: AssertionFacts) -> None:
    """`nbf` and `iat`, when they are there, lie no further ahead than clocks are apart (RFC 7523 §3 numbers 5, 6)."""
    for name in ("nbf", "iat"):
        if name in claims and not instant_of(claims, name) <= facts.now + CLOCKS_APART:
            raise TokenRefused(Refusal.TIME, name)


def check_assertion_jti(claims: dict[str, Any], facts: AssertionFacts) -> None:  # noqa: ARG001
    """`jti` is there: without one a replay could not be told (RFC 7523 §3 number 7)."""
    jti_of(claims)


ASSERTION_CHECKS: tuple[AssertionCheck, ...] = (
    check_assertion_issuer,
    check_assertion_subject,
    check_assertion_audience,
    check_assertion_expiry,
    check_assertion_begun,
    check_assertion_jti,
)


def claimed_client(assertion: str) -> str:
    """Which client an assertion says it is from, unverified: whose key to look for. Raises `TokenRefused`."""
    client_id = read_unverified(assertion).get("sub")
    if not isinstance(client_id, str):
        raise TokenRefused(Refusal.SUB)
    return client_id


def verify_client_assertion(
    assertion: str,
    keys: KeySet,
    *,
    client_id: str,
    audiences: Collection[str],
    now: datetime,
    algorithms: Collection[str] = FAPI_ALGS,
) -> SignedClaims:
    """Check a client's assertion under its own keys. That its `jti` is new is for the caller. Raises `TokenRefused`.

    `audiences`: our names, of which it must state one.
    """
    claims = verify_signature(assertion, keys, algorithms=algorithms, types=ASSERTION_TYPES)
    for check in ASSERTION_CHECKS:
        check(claims, AssertionFacts(client_id, audiences, now.timestamp()))
    return SignedClaims(claims)


def instant_of(claims: dict[str, Any], name: str) -> float:
    """A claim that is a number of seconds. Raises `TokenRefused` (TIME)."""
    value = claims.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TokenRefused(Refusal.TIME, name)
    return value


def jti_of(claims: dict[str, Any]) -> str:
    """The name of this one token. Raises `TokenRefused` (JTI)."""
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= LONGEST_JTI:
        raise TokenRefused(Refusal.JTI)
    return jti
