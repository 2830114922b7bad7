"""The gate every token passes before a claim of it is read: size, encoding, header, algorithm, type, key, signature.

The order is the defence. Nothing in a token chooses how it is checked: algorithms are the caller's list, the key comes
from the caller's set, and headers that point to keys elsewhere are refused unread (RFC 8725 §3.1, §3.2, §3.10).
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, NewType, NoReturn

from joserfc.errors import JoseError
from joserfc.jws import deserialize_compact

from broker.wire.jose.keys import VERIFYING_ALGS, Key, KeySet, PinnedRegistry
from broker.wire.jose.refusals import Refusal, TokenRefused

SignedClaims = NewType("SignedClaims", dict[str, Any])
"""Proof type: claims whose signature and registered claims were checked. Only `wire.jose.claims` makes one."""

LARGEST_TOKEN = 16 * 1024
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_POINTERS = frozenset({"crit", "jku", "jwk", "x5u", "x5c", "b64", "zip"})
LARGEST_HEADER = 512
_REGISTRIES = {alg: PinnedRegistry(alg, strict=False, largest_header=LARGEST_HEADER) for alg in VERIFYING_ALGS}


@dataclass(frozen=True, slots=True)
class Presented:
    """A token taken apart, nothing of it believed yet."""

    header: dict[str, Any]
    algorithms: Collection[str]
    types: Collection[str]


HeaderCheck = Callable[[Presented], None]


def check_no_pointers(token: Presented) -> None:
    """Refuse headers that bring or point to keys, and extensions that must be understood (RFC 7515 §4.1.11)."""
    if token.header.keys() & _POINTERS:
        raise TokenRefused(Refusal.HEADER, "brings its own key or an extension")


def check_alg(token: Presented) -> None:
    """Take only an algorithm of the caller's list."""
    if token.header.get("alg") not in token.algorithms:
        raise TokenRefused(Refusal.ALG)


def check_typ(token: Presented) -> None:
    """Take only a type of the caller's list; an absent type is the empty word."""
    typ = token.header.get("typ", "")
    if not isinstance(typ, str) or typ.lower() not in token.types:
        raise TokenRefused(Refusal.TYP)


HEADER_CHECKS: tuple[HeaderCheck, ...] = (check_no_pointers, check_alg, check_typ)


def verify_signature(
    token: str, keys: KeySet, *, algorithms: Collection[str], types: Collection[str]
) -> dict[str, Any]:
    """Check a compact JWS and return its payload, whose claims are still to be checked.

    `types` in lower case. Raises `TokenRefused`, and nothing else whatever the token holds.
    """
    if not algorithms or not VERIFYING_ALGS.issuperset(algorithms) or isinstance(algorithms, str):
        raise ValueError("the caller pins asymmetric algorithms")
    header = read_header(token)
    for check in HEADER_CHECKS:
        check(Presented(header, algorithms, types))
    key = keys.find(kid=header.get("kid", ""), alg=header["alg"])
    return open_signed(token, key.key, registry=_REGISTRIES[header["alg"]])


def read_header(token: str) -> dict[str, Any]:
    """The header of a token, of which nothing is believed yet. Raises `TokenRefused`."""
    return _strict_object(_segments(token)[0], Refusal.HEADER)


def read_unverified(token: str) -> dict[str, Any]:
    """The payload before its signature is checked: only to find whose key it must be checked with."""
    return _strict_object(_segments(token)[1], Refusal.PAYLOAD)


def open_signed(token: str, key: Key, *, registry: PinnedRegistry) -> dict[str, Any]:
    """Check the signature under one key and one algorithm, and return the payload. Raises `TokenRefused`."""
    try:
        signed = deserialize_compact(token, key, registry=registry)
    except (JoseError, ValueError, TypeError, RecursionError) as fault:
        raise TokenRefused(Refusal.SIGNATURE, type(fault).__name__) from fault
    return _strict_object(signed.payload, Refusal.PAYLOAD)


def _segments(token: str) -> list[bytes]:
    """Cut and decode; one text only for each token, so padding and spare bits are refused."""
    if len(token) > LARGEST_TOKEN:
        raise TokenRefused(Refusal.SIZE)
    if not _COMPACT.fullmatch(token):
        raise TokenRefused(Refusal.ENCODING)
    return [_decode(part) for part in token.split(".")]


def _decode(part: str) -> bytes:
    try:
        decoded = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError as fault:
        raise TokenRefused(Refusal.ENCODING) from fault
    if urlsafe_b64encode(decoded).rstrip(b"=").decode() != part:
        raise TokenRefused(Refusal.ENCODING, "spare bits")
    return decoded


def _strict_object(document: bytes, reason: Refusal) -> dict[str, Any]:
    """Parse a JSON object: UTF-8, no name twice, no NaN, no depth that breaks the parser."""
    try:
        content = json.loads(document.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as fault:
        raise TokenRefused(reason, type(fault).__name__) from fault
    if not isinstance(content, dict):
        raise TokenRefused(reason, "not an object")
    return content


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a name comes twice")
    return content


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("not a number")
