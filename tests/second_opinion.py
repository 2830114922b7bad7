"""python-jose, in its one home: a second library that reads what joserfc signed, and signs what joserfc must read.

It never signs or judges anything in the product (DESIGN §9); in tests it is the opinion of somebody else's code. It
knows neither PS256 nor EdDSA.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jose import JWTError, jws, jwt
from jose.exceptions import JOSEError

from broker.wire.jose import SigningKey, public_jwk

ALGS = ("ES256", "RS256")
"""What both libraries know."""


class Refused(Exception):
    """The other library does not take this token."""


def mint(claims: dict[str, Any], by: SigningKey, **header: Any) -> str:
    """Sign as the other library writes it."""
    pem = by.key.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return str(jwt.encode(claims, pem.decode(), algorithm=by.alg, headers={"kid": by.kid, **header}))


def read(token: str, keys: dict[str, Any], *, algs: Sequence[str] = ALGS, **stated: Any) -> dict[str, Any]:
    """What the other library reads in a token, with the options `stated`. Raises `Refused`."""
    try:
        return dict(jwt.decode(token, keys, algorithms=list(algs), **stated))
    except (JWTError, JOSEError, ValueError, TypeError, RecursionError, OverflowError) as fault:
        raise Refused(type(fault).__name__) from fault


def takes_signature(token: str, by: SigningKey) -> bool:
    """Tell whether the other library finds the signature of this key good, whatever the token says."""
    try:
        jws.verify(token, json.loads(public_jwk(by)), algorithms=[by.alg])
    except (JOSEError, ValueError, TypeError, RecursionError, OverflowError):
        return False
    return True


def claimed(token: str) -> dict[str, Any]:
    """The header of a token, of which nothing is believed: which key and algorithm it says it was signed with."""
    return dict(jwt.get_unverified_header(token))
