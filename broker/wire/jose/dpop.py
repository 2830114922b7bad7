"""DPoP proofs: that whoever calls holds the key that a token is bound to (RFC 9449 §4.3).

A proof brings its own public key, so its signature proves possession and nothing else: what counts is that the key's
thumbprint is the one that the token names. That a proof's `jti` is new is for the caller: it needs a store.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

from broker.wire.jose.claims import CLOCKS_APART, instant_of, jti_of
from broker.wire.jose.keys import FAPI_ALGS, Key, PinnedRegistry, VerifyingKey, import_key
from broker.wire.jose.refusals import Refusal, TokenRefused
from broker.wire.jose.verifying import Presented, check_alg, check_typ, open_signed, read_header

PROOF_TYPES = frozenset({"dpop+jwt"})
BEHIND = 60
"""Seconds that a proof is good for: it is made for one request."""
LARGEST_HEADER = 2048
"""Room for the RSA key of 4096 bits that a proof may carry."""
_OTHER_POINTERS = frozenset({"crit", "jku", "x5u", "x5c", "b64", "zip"})
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_REGISTRIES = {alg: PinnedRegistry(alg, strict=False, largest_header=LARGEST_HEADER) for alg in FAPI_ALGS}


@dataclass(frozen=True, slots=True)
class ProofFacts:
    """The request that a proof must be made for. `url` without query; `access_token` empty: none is shown."""

    method: str
    url: str
    now: float
    access_token: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that passed: thumbprint of its key (RFC 7638), its `jti`, and when it was made (seconds)."""

    jkt: str
    jti: str
    made_at: float


HeaderCheck = Callable[[Presented], None]
ProofCheck = Callable[[dict[str, Any], ProofFacts], None]


def check_no_other_key(proof: Presented) -> None:
    """Nothing points to a key but `jwk`, and nothing must be understood beyond this page (RFC 7515 §4.1.11)."""
    if proof.header.keys() & _OTHER_POINTERS:
        raise TokenRefused(Refusal.HEADER, "names another key or an extension")


def check_public(proof: Presented) -> None:
    """`jwk` is one key and holds nothing private (number 7): a key told to us is everybody's."""
    jwk = proof.header.get("jwk")
    if not isinstance(jwk, dict) or jwk.keys() & _PRIVATE:
        raise TokenRefused(Refusal.KEY, "no public key")


def check_method(claims: dict[str, Any], facts: ProofFacts) -> None:
    """`htm` is the method of this request (number 8)."""
    if claims.get("htm") != facts.method:
        raise TokenRefused(Refusal.HTM)


def check_address(claims: dict[str, Any], facts: ProofFacts) -> None:
    """`htu` is this address, whatever its query and fragment (number 9)."""
    if _without_query(claims.get("htu")) != facts.url:
        raise TokenRefused(Refusal.HTU)


def check_made_now(claims: dict[str, Any], facts: ProofFacts) -> None:
    """`iat` is now, as far as clocks agree (number 11). `nbf` and `exp` say nothing here."""
    if not facts.now - BEHIND <= instant_of(claims, "iat") <= facts.now + CLOCKS_APART:
        raise TokenRefused(Refusal.TIME, "iat")


def check_jti(claims: dict[str, Any], facts: ProofFacts) -> None:  # noqa: ARG001
    """`jti` is there: without one a replay could not be told."""
    jti_of(claims)


def check_token_hash(claims: dict[str, Any], facts: ProofFacts) -> None:
    """`ath` is the hash of the access token that comes with it (number 12): no proof serves another token."""
    if not facts.access_token:
        return
    stated = claims.get("ath")
    if not isinstance(stated, str) or not compare_digest(stated.encode(), _hash(facts.access_token).encode()):
        raise TokenRefused(Refusal.ATH)


PROOF_HEADER_CHECKS: tuple[HeaderCheck, ...] = (check_no_other_key, check_alg, check_typ, check_public)
PROOF_CHECKS: tuple[ProofCheck, ...] = (
    check_method,
    check_address,
    check_made_now,
    check_jti,
    check_token_hash,
)


def verify_proof(proof: str, *, method: str, url: str, now: datetime, access_token: str = "") -> Proof:
    """Check a DPoP proof for one request. Raises `TokenRefused`, and nothing else whatever it holds."""
    header = read_header(proof)
    for check in PROOF_HEADER_CHECKS:
        check(Presented(header, FAPI_ALGS, PROOF_TYPES))
    key = _key_of(header)
    claims = open_signed(proof, key, registry=_REGISTRIES[header["alg"]])
    facts = ProofFacts(method, url, now.timestamp(), access_token)
    for look in PROOF_CHECKS:
        look(claims, facts)
    return Proof(key.thumbprint(), claims["jti"], claims["iat"])


def _key_of(header: dict[str, Any]) -> Key:
    key = import_key({name: header["jwk"][name] for name in header["jwk"].keys() & {"kty", "crv", "x", "y", "n", "e"}})
    if key is None or not VerifyingKey("", "", key).fits(header["alg"]):
        raise TokenRefused(Refusal.KEY, "weak, or of another algorithm")
    return key


def _without_query(address: object) -> str:
    """Scheme and host in lower case, no query, no fragment (RFC 3986 §6.2.2); empty for what is no address.

    `urlsplit` would pass over blanks and line breaks round and in an address: with them it is another text.
    """
    if not isinstance(address, str) or not address.isprintable() or " " in address:
        return ""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path}"


def _hash(access_token: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(access_token.encode()).digest()).rstrip(b"=").decode()
