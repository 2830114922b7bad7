"""Signing: claims in, compact token out."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping

from joserfc.jws import serialize_compact

from broker.wire.jose.keys import SIGNING_ALGS, PinnedRegistry, SigningKey

_REGISTRIES = {alg: PinnedRegistry(alg, strict=True) for alg in SIGNING_ALGS}


def sign(claims: Mapping[str, object], key: SigningKey, *, typ: str) -> str:
    """Sign claims as a compact JWS. `typ` keeps one kind of token from passing for another (RFC 8725 §3.11)."""
    header = {"alg": key.alg, "kid": key.kid, "typ": typ}
    payload = json.dumps(claims, separators=(",", ":"), ensure_ascii=False).encode()
    return serialize_compact(header, payload, key.key, registry=_REGISTRIES[key.alg])


def left_half_hash(token: str, *, alg: str = "ES256") -> str:
    """The `at_hash` of an access token: half of SHA-256, or of SHA-512 for EdDSA (OIDC Core §3.1.3.6, RFC 8032)."""
    whole = (hashlib.sha512 if alg == "EdDSA" else hashlib.sha256)(token.encode()).digest()
    return urlsafe_b64encode(whole[: len(whole) // 2]).rstrip(b"=").decode()
