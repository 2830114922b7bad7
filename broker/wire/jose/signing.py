"""Signing: claims in, compact token out."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from functools import lru_cache

from broker.wire.jose.keys import SIGNING_ALGS, PinnedRegistry, SigningKey

_REGISTRIES = {alg: PinnedRegistry(alg, strict=True) for alg in SIGNING_ALGS}


def sign(claims: Mapping[str, object], key: SigningKey, *, typ: str) -> str:
    """Sign claims as a compact JWS. `typ` keeps one kind of token from passing for another (RFC 8725 §3.11)."""
    told = f"{_header(key.alg, key.kid, typ)}.{_encoded(claims)}"
    signature = _REGISTRIES[key.alg].get_alg(key.alg).sign(told.encode(), key.key)
    return f"{told}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@lru_cache(maxsize=64)
def _header(alg: str, kid: str, typ: str) -> str:
    """The first part of a token: the same for all that a key signs of a kind, so it is checked and written once."""
    header = {"alg": alg, "kid": kid, "typ": typ}
    _REGISTRIES[alg].check_header(header)
    return _encoded(header)


def _encoded(part: Mapping[str, object]) -> str:
    text = json.dumps(part, separators=(",", ":"), ensure_ascii=False)
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def left_half_hash(token: str, *, alg: str = "ES256") -> str:
    """The `at_hash` of an access token: half of SHA-256, or of SHA-512 for EdDSA (OIDC Core §3.1.3.6, RFC 8032)."""
    whole = (hashlib.sha512 if alg == "EdDSA" else hashlib.sha256)(token.encode()).digest()
    return urlsafe_b64encode(whole[: len(whole) // 2]).rstrip(b"=").decode()
