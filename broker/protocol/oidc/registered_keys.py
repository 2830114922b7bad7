"""The public keys that a client registers by value, made anew from the members that we know (RFC 7517 §4, RFC 7518 §6).

They are a stranger's JSON, and are kept, told and read by every process: nothing of unknown shape or size goes along.
"""

from __future__ import annotations

from typing import Any

from broker.domain.errors import InvalidClientMetadata

MOST_KEYS = 16
LONGEST_MEMBER = 4096
"""Characters: an RSA modulus of 16384 bits has 2731, a certificate of one about as many as this."""
MOST_IN_LIST = 8
_TEXTS = ("kty", "kid", "use", "alg", "crv", "x", "y", "n", "e", "x5t", "x5t#S256")
_LISTS = ("key_ops", "x5c")
_PRIVATE = frozenset({"d", "k", "p", "q", "dp", "dq", "qi", "oth"})


def public_keys(jwks: object) -> dict[str, list[dict[str, Any]]]:
    """The JWK set again, of what we know of it. Raises `InvalidClientMetadata` for anything but public keys."""
    entries = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(entries, list) or not 0 < len(entries) <= MOST_KEYS:
        raise InvalidClientMetadata(f"jwks must be a JWK set of at most {MOST_KEYS} keys")
    return {"keys": [_public_key(entry) for entry in entries]}


def _public_key(entry: object) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise InvalidClientMetadata("jwks must hold JSON objects")
    if _PRIVATE & entry.keys():
        raise InvalidClientMetadata("jwks holds a private key: keep it, and make another")
    texts = {name: entry[name] for name in _TEXTS if name in entry}
    lists = {name: entry[name] for name in _LISTS if name in entry}
    if not all(map(_is_text, texts.values())) or not all(map(_is_list, lists.values())):
        raise InvalidClientMetadata("jwks holds a member that is not what RFC 7517 says, or too long")
    return texts | lists


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_MEMBER and value.isprintable()


def _is_list(value: object) -> bool:
    return isinstance(value, list) and len(value) <= MOST_IN_LIST and all(map(_is_text, value))
