"""JOSE: key forms, algorithms, headers, claims and encodings, at each of the four gates where a token of others comes.

A vector is a token that must be refused. `check` is the one check that stops it: with that taken out it gets in. None:
what stops it is no entry of a list (the key, the signature, the encoding).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from types import ModuleType
from typing import Any

from broker.wire.jose import (
    FAPI_ALGS,
    SIGNING_ALGS,
    SigningKey,
    claims,
    dpop,
    jwks_from_json,
    left_half_hash,
    verify_client_assertion,
    verify_id_token,
    verify_own_id_token,
    verify_proof,
    verifying,
)
from broker.wire.jose.keys import PinnedRegistry
from tests.fapi import ath, jwk_of, jwks, key, signed
from tests.oidc_stand import ISSUER

NOW = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
US, NONCE, ACCESS = "preau", "nonce-1", "pat_" + "x" * 43
HERE = ISSUER + "/userinfo"
INFINITY = float("inf")
KEYS = jwks_from_json(jwks(*(key(alg) for alg in SIGNING_ALGS)))
Check = Callable[..., None]
Lists = tuple[tuple[ModuleType, str], ...]


@dataclass(frozen=True, slots=True)
class Gate:
    """Where tokens of one kind come in: a good one, how it is verified, and the lists of its checks."""

    name: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    verify: Callable[[str], object]
    checks: Mapping[str, Check]
    lists: Lists
    optional: frozenset[str] = frozenset()
    algs: Sequence[str] = FAPI_ALGS


@dataclass(frozen=True, slots=True)
class Vector:
    """A token that must be refused at a gate."""

    id: str
    gate: Gate
    token: str
    check: Check | None = None


def _id_token(token: str) -> object:
    return verify_id_token(
        token, KEYS, issuer=ISSUER, audience=US, nonce=NONCE, now=NOW, leeway=30, algorithms=["ES256"],
        access_token=ACCESS,
    )  # fmt: skip


ID_CHECKS = {
    "iss": claims.check_issuer, "aud": claims.check_audience, "sub": claims.check_subject, "exp": claims.check_times,
    "iat": claims.check_times, "nonce": claims.check_nonce, "at_hash": claims.check_access_token_hash,
    "azp": claims.check_authorized_party,
}  # fmt: skip
HEADERS: Lists = ((verifying, "HEADER_CHECKS"),)
_ID = {
    "iss": ISSUER, "aud": US, "sub": "sujet", "exp": AT + 300, "iat": AT, "nonce": NONCE,
    "at_hash": left_half_hash(ACCESS), "azp": US,
}  # fmt: skip
_ASSERTION = {"iss": US, "sub": US, "aud": ISSUER, "exp": AT + 60, "iat": AT, "nbf": AT, "jti": "a1"}
_PROOF = {"htm": "GET", "htu": HERE, "iat": AT, "jti": "p1", "ath": ath(ACCESS)}
_PLAIN = {"alg": "ES256", "kid": key().kid, "typ": "JWT"}

GATES = (
    Gate("id_token", _PLAIN, _ID, _id_token, ID_CHECKS, (*HEADERS, (claims, "ID_TOKEN_CHECKS")),
         optional=frozenset({"at_hash", "azp"}), algs=("ES256",)),
    Gate("hint", _PLAIN, _ID, lambda token: verify_own_id_token(token, KEYS, issuer=ISSUER),
         {"iss": claims.check_issuer, "sub": claims.check_subject}, HEADERS, algs=SIGNING_ALGS),
    Gate("assertion", _PLAIN, _ASSERTION,
         lambda token: verify_client_assertion(token, KEYS, client_id=US, audiences=(ISSUER,), now=NOW),
         {"iss": claims.check_assertion_issuer, "sub": claims.check_assertion_subject,
          "aud": claims.check_assertion_audience, "exp": claims.check_assertion_expiry,
          "iat": claims.check_assertion_begun, "nbf": claims.check_assertion_begun,
          "jti": claims.check_assertion_jti},
         (*HEADERS, (claims, "ASSERTION_CHECKS")), optional=frozenset({"iat", "nbf"})),
    Gate("proof", {"alg": "ES256", "typ": "dpop+jwt", "jwk": jwk_of(key())}, _PROOF,
         lambda token: verify_proof(token, method="GET", url=HERE, now=NOW, access_token=ACCESS),
         {"htm": dpop.check_method, "htu": dpop.check_address, "iat": dpop.check_made_now, "jti": dpop.check_jti,
          "ath": dpop.check_token_hash},
         ((dpop, "PROOF_HEADER_CHECKS"), (dpop, "PROOF_CHECKS"))),
)  # fmt: skip


def good(gate: Gate) -> str:
    """A token that gets in."""
    return signed(gate.header, gate.claims, key())


# ---- claims --------------------------------------------------------------------------------------------------------

ODD: Mapping[str, Any] = {
    "absent": ..., "null": None, "empty": "", "list": [], "object": {}, "true": True, "false": False, "zero": 0,
    "minus": -1, "half": 1.5, "texts": ["x"], "nested": [["x"]], "nul": "te\u0000xte", "newline": "te\nxte",
    "infinity": INFINITY, "huge": 10**30,
}  # fmt: skip
"""No claim of any gate may be one of these; what a claim may be besides is told by `_near`."""
_TIMES = frozenset({"exp", "iat", "nbf"})
LONGEST = 255


def claim_vectors(gate: Gate) -> Iterator[Vector]:
    """Every claim that is checked, absent, of another type, or nearly right."""
    for name, check in gate.checks.items():
        for label, value in {**ODD, **_near(gate, name)}.items():
            if not _is_fine(gate, name, value):
                yield Vector(f"{gate.name}/claim/{name}/{label}", gate, _made(gate, {name: value}), check)


def _near(gate: Gate, name: str) -> dict[str, Any]:
    """What is nearly the good value."""
    right = gate.claims[name]
    if name in _TIMES:
        return {
            "text": str(right),
            "in a list": [right],
            "past": AT - 10_000,
            "future": AT + 10_000,
            "date": "2026-09-14",
        }
    near = {
        "in a list": [right], "in an object": {right: right}, "upper": right.upper(), "blank after": right + " ",
        "blank before": " " + right, "newline after": right + "\n", "nul after": right + "\u0000",
        "prefix": right[:-1], "longer": right + "x", "twice": right * 2, "slash": right + "/", "dot": right + ".",
        "quoted": f'"{right}"', "full width": right[:-1] + chr(ord(right[-1]) + 0xFEE0), "long": "x" * 300,
        "percent": "%" + right, "with another": [right, "x"], "other": "autre",
    }  # fmt: skip
    return {label: value for label, value in near.items() if value != right}


def _is_fine(gate: Gate, name: str, value: Any) -> bool:
    """What the rules of this gate do allow."""
    if value is ...:
        return name in gate.optional
    if name in _TIMES:
        return _time_is_fine(gate, name, value)
    shaped = isinstance(value, str) and 0 < len(value) <= LONGEST
    return {
        "aud": gate.name == "id_token" and value in ([US], [US, "x"]),  # and `azp` says that it is for us
        "sub": gate.name in {"id_token", "hint"} and shaped and value.isprintable(),
        "jti": shaped,
    }.get(name, False)


def _time_is_fine(gate: Gate, name: str, value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if name == "exp":
        return AT < value <= AT + 315 if gate.name == "assertion" else value > AT
    return value <= AT + 15 if gate.name != "proof" else AT - 60 <= value <= AT + 15


def _made(gate: Gate, changes: Mapping[str, Any]) -> str:
    """`1e999` is JSON that Python reads as infinity, and writes otherwise."""
    told = {name: value for name, value in {**gate.claims, **changes}.items() if value is not ...}
    return _raw(gate.header, json.dumps(told).replace("Infinity", "1e999"))


def doubled_vectors(gate: Gate) -> Iterator[Vector]:
    """A claim told twice: two readers could each believe another one."""
    for name, value in gate.claims.items():
        for label, other in (("same", value), ("null", None), ("other", "autre")):
            for order in ("first", "last"):
                pair = [(name, other), (name, value)] if order == "first" else [(name, value), (name, other)]
                members = [*((k, v) for k, v in gate.claims.items() if k != name), *pair]
                body = "{" + ",".join(f"{json.dumps(k)}:{json.dumps(v)}" for k, v in members) + "}"
                yield Vector(f"{gate.name}/doubled/{name}/{label}/{order}", gate, _raw(gate.header, body))


# ---- headers -------------------------------------------------------------------------------------------------------

POINTERS: Mapping[str, Sequence[Any]] = {
    "jku": ("https://evil.example/jwks", ISSUER + "/jwks", "", None, []), "x5u": ("https://evil.example/x", "", None),
    "x5c": (["MIIB"], [], None), "zip": ("DEF", "", None), "b64": (True, False, None),
    "crit": (["x"], ["b64"], ["exp"], [], None, "x"),
}  # fmt: skip
BAD_TYPES = (
    "logout+jwt", "at+jwt", "JOSE", "JWS", "secevent+jwt", "JWT2", "jwt ", " JWT", "token-introspection+jwt", None, 1,
    True, ["JWT"], {}, "application/jwt",
)  # fmt: skip
BAD_ALGS = (
    "none", "None", "NONE", "nOnE", "HS256", "HS384", "HS512", "ES256K", "ES384", "ES512", "RS384", "RS512", "RS1",
    "PS384", "es256", "ES256 ", "", None, 1, True, ["ES256"], {"alg": "ES256"}, ..., "dir", "RSA-OAEP", "A128KW",
)  # fmt: skip


def header_vectors(gate: Gate) -> Iterator[Vector]:
    """Headers that bring keys or extensions, types of other tokens, algorithms that nobody listed."""
    pointers = verifying.check_no_pointers if gate.name != "proof" else dpop.check_no_other_key
    for name, values in POINTERS.items():
        for number, value in enumerate(values):
            # joserfc refuses `crit` and `b64` of itself, and what is of no sense: two stop those.
            check = pointers if value and name not in {"crit", "b64"} else None
            yield _headed(gate, f"pointer/{name}/{number}", {name: value}, check)
    for number, typ in enumerate((*BAD_TYPES, "dpop+jwt" if gate.name != "proof" else "JWT")):
        check = verifying.check_typ if isinstance(typ, str) else None
        yield _headed(gate, f"typ/{number}/{typ}", {"typ": typ}, verifying.check_typ if check else None)
    for number, alg in enumerate(BAD_ALGS):
        yield _headed(gate, f"alg/{number}/{'absent' if alg is ... else alg}", {"alg": alg})


def _headed(gate: Gate, label: str, changes: Mapping[str, Any], check: Check | None = None) -> Vector:
    return Vector(f"{gate.name}/{label}", gate, signed({**gate.header, **changes}, gate.claims, key()), check)


def off_list_vectors(gate: Gate) -> Iterator[Vector]:
    """Validly signed, with an algorithm that we know and this gate does not take."""
    for alg in SIGNING_ALGS:
        if alg not in gate.algs:
            by = key(alg)
            header = {**gate.header, "alg": alg, **({"jwk": jwk_of(by)} if gate.name == "proof" else {"kid": by.kid})}
            # a proof's registries know no other algorithm: there two stop it
            check = verifying.check_alg if gate.name in {"id_token", "assertion"} else None
            yield Vector(f"{gate.name}/off list/{alg}", gate, signed(header, gate.claims, by), check)


# ---- keys ----------------------------------------------------------------------------------------------------------


@cache
def key_forms() -> Mapping[str, bytes]:
    """A public key in every form in which somebody once took it for a shared secret (CVE-2024-33663 and its kin)."""
    forms = {"empty": b"", "kid": key().kid.encode()}
    for alg in ("ES256", "RS256"):
        public = key(alg).key
        told = json.dumps(jwk_of(key(alg)))
        pem = public.as_bytes(encoding="PEM", private=False)
        forms |= {
            f"{alg} pem": pem, f"{alg} pem stripped": pem.strip(), f"{alg} pem crlf": pem.replace(b"\n", b"\r\n"),
            f"{alg} der": public.as_bytes(encoding="DER", private=False), f"{alg} set": jwks(key(alg)).encode(),
            f"{alg} jwk": told.encode(), f"{alg} jwk compact": told.replace(" ", "").encode(),
        }  # fmt: skip
    return forms


MACS = (("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512"), ("ES256", "sha256"), ("RS256", "sha256"))


def confusion_vectors(gate: Gate) -> Iterator[Vector]:
    """HMAC keyed with what is public, under every name of an algorithm."""
    body = _segment(json.dumps(dict(gate.claims)))
    for form, secret in key_forms().items():
        for alg, digest in (
            ("HS256", "sha256"),
            ("HS384", "sha384"),
            ("HS512", "sha512"),
            ("ES256", "sha256"),
            ("RS256", "sha256"),
        ):
            head = _segment(json.dumps({**gate.header, "alg": alg}))
            mac = hmac.new(secret, f"{head}.{body}".encode(), getattr(hashlib, digest)).digest()
            yield Vector(f"{gate.name}/hmac/{form}/{alg}", gate, f"{head}.{body}.{_segment(mac)}")


NO_JWKS = (..., None, "", [], {}, [jwk_of(key())], {"kty": "oct", "k": "AA"}, {"kty": "EC"})
NO_KIDS = ("autre", "../etc/passwd", "' OR 1=1", "x" * 200, key().kid + " ", 1, None, [], {}, True)


def key_vectors(gate: Gate) -> Iterator[Vector]:
    """Keys that are not the one that is named, and names that name none."""
    for alg in SIGNING_ALGS:
        for told in SIGNING_ALGS:
            by, named = key(alg, "eve"), key(told)
            brought = {"jwk": jwk_of(named)} if gate.name == "proof" else {"kid": named.kid}
            token = signed({**gate.header, **brought, "alg": told}, gate.claims, by)
            yield Vector(f"{gate.name}/key/{alg} as {told}", gate, token)
    if gate.name == "proof":
        for number, jwk in enumerate(
            (..., None, "", [], {}, [jwk_of(key())], {"kty": "oct", "k": "AA"}, {"kty": "EC"})
        ):
            yield _headed(gate, f"jwk/{number}", {"jwk": jwk})
        for name in ("d", "p", "q", "dp", "dq", "qi", "oth", "k"):
            yield _headed(gate, f"private/{name}", {"jwk": {**jwk_of(key()), name: "AA"}}, dpop.check_public)
        return
    for number, kid in enumerate(
        ("autre", "../etc/passwd", "' OR 1=1", "x" * 200, key().kid + " ", 1, None, [], {}, True)
    ):
        yield _headed(gate, f"kid/{number}", {"kid": kid})


# ---- encoding ------------------------------------------------------------------------------------------------------

BODIES = (
    b"", b"null", b"[]", b"1", b'"text"', b"{", b"\xff\xfe", b"{}{}", b"{'iss': 1}", b'{"iss": NaN}', b"{}",
    b'{"exp": Infinity}', b'{"exp": -Infinity}', b"[" * 6000 + b"]" * 6000, b'{"exp": ' + b"9" * 5000 + b"}",
    b"\xef\xbb\xbf{}",
)  # fmt: skip


def encoding_vectors(gate: Gate) -> Iterator[Vector]:
    """One text only for each token: reshaped, cut, padded, re-encoded; and one character changed, over its length."""
    whole = good(gate)
    head, body, signature = whole.split(".")
    reshaped = (
        "", ".", "..", "...", whole + ".", "." + whole, whole + "=", whole + "==", whole + "\n", " " + whole,
        whole + "\u0000", whole + "\u00e9", f"{head}.{body}", f"{head}.{body}.", f"{head}..{signature}",
        f".{body}.{signature}",
        f"{head}=.{body}.{signature}", f"{head}.{body}=.{signature}", f"{head}.{body}.{signature}+/", whole * 2,
        f"{head}.{body}.{body}", f"{body}.{head}.{signature}", whole.replace(".", "%2E"), whole + "," + whole,
        f"{head}.{body}.{signature}.{signature}.x", whole.replace(".", ".."), "a" * 16_385, whole.swapcase(),
        f"{head}.{body}.{_segment(bytes(64))}", f"{head}.{body}.{_segment(bytes(63) + bytes([1]))}",
        json.dumps({"payload": body, "protected": head, "signature": signature}),
        json.dumps({"payload": body, "signatures": []}),
        json.dumps({"payload": body, "signatures": [{"protected": head, "signature": signature}]}),
    )  # fmt: skip
    for number, token in enumerate(reshaped):
        yield Vector(f"{gate.name}/reshaped/{number}", gate, token)
    for number, content in enumerate(BODIES):
        yield Vector(f"{gate.name}/body/{number}", gate, _raw(gate.header, content))
    for place in range(0, len(whole), 3):
        changed = "A" if whole[place] != "A" else "B"
        yield Vector(f"{gate.name}/character/{place}", gate, whole[:place] + changed + whole[place + 1 :])


def crossed_vectors(gate: Gate) -> Iterator[Vector]:
    """A good token of one gate, shown at another."""
    for other in GATES:
        if other.claims is not gate.claims:
            yield Vector(f"{gate.name}/crossed/{other.name}", gate, good(other))


def _raw(header: Mapping[str, Any], body: str | bytes) -> str:
    """Signed, whatever its payload."""
    by = key()
    head, told = _segment(json.dumps(dict(header))), _segment(body)
    signature = _algorithm(by).sign(f"{head}.{told}".encode(), by.key)
    return f"{head}.{told}.{_segment(signature)}"


def _algorithm(by: SigningKey) -> Any:
    return PinnedRegistry(by.alg, strict=False).get_alg(by.alg)


def _segment(content: str | bytes) -> str:
    raw = content.encode() if isinstance(content, str) else content
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


GRAMMAR = (
    claim_vectors, doubled_vectors, header_vectors, off_list_vectors, confusion_vectors, key_vectors, encoding_vectors,
    crossed_vectors,
)  # fmt: skip


@cache
def jose_vectors() -> tuple[Vector, ...]:
    """All of them, in the order of the grammar."""
    return tuple(vector for gate in GATES for rule in GRAMMAR for vector in rule(gate))
