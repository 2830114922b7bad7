"""Signing: claims in, compact token out."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping

from joserfc.jws import JWSRegistry, serialize_compact

from broker.wire.jose.keys import SIGNING_ALGS, SigningKey

_REGISTRIES = {alg: JWSRegistry(algorithms=[alg]) for alg in SIGNING_ALGS}


def sign(claims: Mapping[str, object], key: SigningKey, *, typ: str) -> str:
    """Sign claims as a compact JWS. `typ` keeps one kind of token from passing for another (RFC 8725 §3.11)."""
    header = {"alg": key.alg, "kid": key.kid, "typ": typ}
    payload = json.dumps(claims, separators=(",", ":"), ensure_ascii=False).encode()
    return serialize_compact(header, payload, key.key, registry=_REGISTRIES[key.alg])


def left_half_hash(token: str) -> str:
    """The `at_hash` of an access token for the 256-bit algorithms used here (OIDC Core §3.1.3.6)."""
    return urlsafe_b64encode(hashlib.sha256(token.encode()).digest()[:16]).rstrip(b"=").decode()
