"""Tokens that must not pass, by family, each started from a fault that somebody shipped, then generalised.

A header, algorithm or claim check is shown to be the one that stops its vectors by taking it out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry, serialize_compact

from broker.wire.jose import (
    KeySet,
    Refusal,
    SigningKey,
    TokenRefused,
    claims,
    export_jwks,
    generate_key,
    jwks_from_json,
    left_half_hash,
    public_jwk,
    sign,
    verify_id_token,
    verifying,
)

ISSUER, US, NONCE, ACCESS = "https://source.example", "preau", "nonce-1", "pat_access"
NOW = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
GOOD: dict[str, Any] = {
    "iss": ISSUER, "aud": US, "sub": "sujet", "exp": AT + 300, "iat": AT, "nonce": NONCE,
    "at_hash": left_half_hash(ACCESS),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Keys:
    ec: SigningKey
    rsa: SigningKey
    known: KeySet


@cache
def keys() -> Keys:
    ec, rsa = generate_key("ES256"), generate_key("RS256")
    return Keys(ec, rsa, jwks_from_json(export_jwks([public_jwk(ec), public_jwk(rsa)])))


def verify(token: str, **changes: Any) -> dict[str, Any]:
    stated = {
        "issuer": ISSUER, "audience": US, "nonce": NONCE, "now": NOW, "leeway": 30, "algorithms": ["ES256"],
        "access_token": ACCESS, **changes,
    }  # fmt: skip
    return verify_id_token(token, keys().known, **stated)


def made(header: dict[str, Any] | None = None, **changes: Any) -> str:
    """A signed token with other claims; a change to `...` removes one."""
    told = {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}
    return raw(json.dumps(told).encode(), header)


def raw(payload: bytes, header: dict[str, Any] | None = None, key: SigningKey | None = None) -> str:
    """A validly signed token, whatever its payload and its extra headers; joserfc writes them unchecked."""
    key = key or keys().ec
    full = {"alg": key.alg, "kid": key.kid, "typ": "JWT", **(header or {})}
    head = segment(json.dumps({name: value for name, value in full.items() if value is not ...}).encode())
    signed = JWSRegistry(algorithms=[key.alg]).get_alg(key.alg).sign(f"{head}.{segment(payload)}".encode(), key.key)
    return f"{head}.{segment(payload)}.{segment(signed)}"


def segment(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def refused(token: str, reason: Refusal, **changes: Any) -> None:
    with pytest.raises(TokenRefused) as why:
        verify(token, **changes)
    assert why.value.reason is reason


def test_the_good_token_passes() -> None:
    assert verify(made())["sub"] == "sujet"
    assert verify(sign(GOOD, keys().rsa, typ="JWT"), algorithms=["RS256"])["sub"] == "sujet"
    assert verify(made({"typ": ...}, at_hash=...))["sub"] == "sujet"
    assert verify(made(), access_token="")["sub"] == "sujet"


# ---- claims ------------------------------------------------------------------------------------------------------

INFINITY = float("inf")
ODD: tuple[Any, ...] = (..., None, "", [], {}, True, 0, 1.5, ["x"], "x" * 300, "tex\u0000te")
TIMES: tuple[Any, ...] = (..., None, "", [], {}, True, "1", str(AT + 300), [AT + 300], INFINITY, -1)


@dataclass(frozen=True, slots=True)
class Claim:
    """A family: which check stops it, with what reason, and the claims."""

    check: Callable[..., None]
    reason: Refusal
    changes: dict[str, Any]


def time_family() -> Iterator[dict[str, Any]]:
    for value in TIMES:
        yield {"exp": value}
        if value != -1:
            yield {"iat": value}
    yield from ({"exp": AT - 31}, {"iat": AT + 31}, {"nbf": AT + 31}, {"nbf": "now"})


def audience_family() -> Iterator[dict[str, Any]]:
    for value in (*ODD, US.upper(), [US.upper()], [[US]], {US: US}, [None]):
        yield {"aud": value}
    yield from ({"aud": [US, 1], "azp": US}, {"aud": [US, None], "azp": US})


def party_family() -> Iterator[dict[str, Any]]:
    for value in (..., None, "", "autre", [US], True):
        yield {"aud": [US, "autre"], "azp": value}
        if value is not ...:
            yield {"azp": value}


def family(name: str, *values: Any) -> Iterator[dict[str, Any]]:
    return ({name: value} for value in values)


HASHES = (None, "", [], {}, True, 0, left_half_hash("x"), left_half_hash(ACCESS) + "=", [left_half_hash(ACCESS)])
SUBJECTS = (..., None, "", [], {}, True, 0, ["sujet"], "x" * 256, "su\u0000jet", "su\njet")
ISSUERS = (*ODD, [ISSUER], ISSUER + "/", ISSUER.upper(), ISSUER + "\n", "https://source.example.evil.example")
FAMILIES: tuple[tuple[Callable[..., None], Refusal, Iterator[dict[str, Any]]], ...] = (
    (claims.check_times, Refusal.TIME, time_family()),
    (claims.check_issuer, Refusal.ISS, family("iss", *ISSUERS)),
    (claims.check_audience, Refusal.AUD, audience_family()),
    (claims.check_authorized_party, Refusal.AZP, party_family()),
    (claims.check_subject, Refusal.SUB, family("sub", *SUBJECTS)),
    (claims.check_nonce, Refusal.NONCE, family("nonce", *ODD, NONCE.upper(), [NONCE], NONCE + " ")),
    (claims.check_access_token_hash, Refusal.AT_HASH, family("at_hash", *HASHES)),
)
CLAIMS = tuple(Claim(check, reason, changes) for check, reason, found in FAMILIES for changes in found)


@pytest.mark.spec("OIDC Core §3.1.3.7")
@pytest.mark.parametrize("vector", CLAIMS, ids=lambda v: f"{v.reason}-{next(iter(v.changes.values()))!r:.20}")
def test_a_faulty_claim_is_stopped_by_its_check_and_by_no_other(vector: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    token = _with_infinity(vector.changes) if INFINITY in vector.changes.values() else made(**vector.changes)
    refused(token, vector.reason)
    kept = tuple(check for check in claims.ID_TOKEN_CHECKS if check is not vector.check)
    monkeypatch.setattr(claims, "ID_TOKEN_CHECKS", kept)
    assert verify(token)


def _with_infinity(changes: dict[str, Any]) -> str:
    """`1e999` is legal JSON that Python reads as infinity."""
    told = json.dumps({**GOOD, **{name: "@" if value == INFINITY else value for name, value in changes.items()}})
    return raw(told.replace('"@"', "1e999").encode())


def test_every_claim_check_has_vectors() -> None:
    assert {vector.check for vector in CLAIMS} == set(claims.ID_TOKEN_CHECKS)


def test_a_nonce_that_was_never_sent_is_no_nonce() -> None:
    refused(made(nonce=""), Refusal.NONCE, nonce="")
    assert verify(made(nonce=...), nonce=None)


# ---- header ------------------------------------------------------------------------------------------------------

POINTERS: tuple[tuple[str, Any], ...] = (
    ("jku", "https://evil.example/jwks"), ("x5u", "https://evil.example/x5u"), ("x5c", ["MIIB"]), ("zip", "DEF"),
    ("jwk", {"kty": "EC"}),
)  # fmt: skip


@pytest.mark.parametrize(("name", "value"), POINTERS)
def test_a_header_that_brings_keys_is_stopped_by_its_check_alone(
    name: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = made({name: value})
    refused(token, Refusal.HEADER)
    monkeypatch.setattr(verifying, "HEADER_CHECKS", (verifying.check_alg, verifying.check_typ))
    assert verify(token)


@pytest.mark.spec("RFC 7515 §4.1.11")
@pytest.mark.parametrize(
    "header", [{"crit": ["x"], "x": 1}, {"crit": ["b64"], "b64": False}, {"crit": []}, {"b64": True}]
)
def test_extensions_are_refused(header: dict[str, Any]) -> None:
    refused(made(header), Refusal.HEADER)


@pytest.mark.spec("RFC 8725 §3.11")
@pytest.mark.parametrize("typ", ["logout+jwt", "at+jwt", "dpop+jwt", "JWT2", "secevent+jwt", "application/at+jwt"])
def test_another_kind_of_token_is_stopped_by_its_type_alone(typ: str, monkeypatch: pytest.MonkeyPatch) -> None:
    token = made({"typ": typ})
    refused(token, Refusal.TYP)
    monkeypatch.setattr(verifying, "HEADER_CHECKS", (verifying.check_no_pointers, verifying.check_alg))
    assert verify(token)


@pytest.mark.parametrize("typ", [None, 1, ["JWT"], {}])
def test_an_odd_type_is_refused(typ: Any) -> None:
    refused(made({"typ": typ}), Refusal.TYP)


def test_an_algorithm_off_the_list_is_stopped_by_its_check_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    token = sign(GOOD, keys().rsa, typ="JWT")
    refused(token, Refusal.ALG)
    monkeypatch.setattr(verifying, "HEADER_CHECKS", (verifying.check_no_pointers, verifying.check_typ))
    assert verify(token)


@pytest.mark.parametrize(
    "alg", ["none", "None", "NONE", "nOnE", "HS256", "HS384", "HS512", "ES256K", "", None, 1, ["ES256"], ..., "ES256 "]
)
def test_an_algorithm_that_nobody_listed_is_refused(alg: Any) -> None:
    head = segment(json.dumps({"typ": "JWT", **({} if alg is ... else {"alg": alg})}).encode())
    body = segment(json.dumps(GOOD).encode())
    for signature in ("AA", segment(b"x" * 64)):
        refused(f"{head}.{body}.{signature}", Refusal.ALG)


@pytest.mark.parametrize("algorithms", [[], ["none"], ["HS256"], ["ES256", "HS256"], "ES256", ["ES384"]])
def test_no_caller_can_ask_for_a_weak_algorithm(algorithms: Any) -> None:
    with pytest.raises(ValueError, match="asymmetric"):
        verify(made(), algorithms=algorithms)


def _forms_of_our_key() -> Iterator[bytes]:
    for key in (keys().ec.key, keys().rsa.key):
        yield key.as_bytes(encoding="PEM", private=False)
        yield key.as_bytes(encoding="DER", private=False)
        yield json.dumps(key.as_dict(private=False)).encode()
    yield b""


@pytest.mark.parametrize("alg", ["HS256", "ES256", "RS256"])
def test_our_public_key_is_never_a_shared_secret(alg: str) -> None:
    """The class of CVE-2024-33663 and CVE-2026-85394: a public key taken as an HMAC secret."""
    for secret in _forms_of_our_key():
        head = segment(json.dumps({"alg": alg, "typ": "JWT"}).encode())
        signed = f"{head}.{segment(json.dumps(GOOD).encode())}"
        mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        with pytest.raises(TokenRefused):
            verify(f"{signed}.{segment(mac)}", algorithms=["ES256", "RS256"])


# ---- keys --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kid", ["autre", "", "../etc/passwd", "' OR 1=1", "x" * 300])
def test_a_key_that_is_not_of_the_set_is_not_looked_for(kid: str) -> None:
    key = generate_key("ES256")
    with pytest.raises(TokenRefused) as why:
        verify(raw(json.dumps(GOOD).encode(), {"kid": kid}, key))
    assert why.value.reason in {Refusal.KEY, Refusal.SIGNATURE}


@pytest.mark.parametrize("kid", [1, None, [], {}, True])
def test_an_odd_key_name_is_refused(kid: Any) -> None:
    with pytest.raises(TokenRefused):
        verify(made({"kid": kid}))


def test_without_a_name_only_a_single_fitting_key_is_taken() -> None:
    assert verify(made({"kid": ...}))
    two = jwks_from_json(export_jwks([public_jwk(keys().ec), public_jwk(generate_key("ES256"))]))
    with pytest.raises(TokenRefused) as why:
        verify_id_token(
            made({"kid": ...}), two, issuer=ISSUER, audience=US, nonce=NONCE, now=NOW, leeway=30, algorithms=["ES256"]
        )
    assert why.value.reason is Refusal.KEY


def test_a_key_of_another_kind_does_not_check_a_signature() -> None:
    with pytest.raises(TokenRefused) as why:
        verify(made({"kid": keys().rsa.kid}))
    assert why.value.reason is Refusal.KEY


# ---- encoding, payload, size -------------------------------------------------------------------------------------


def test_no_altered_text_of_a_token_is_accepted() -> None:
    """One character at a time, over the whole token: base64 has spare bits that lax readers ignore."""
    good = made()
    for place, character in enumerate(good):
        other = "A" if character != "A" else "B"
        with pytest.raises(TokenRefused):
            verify(good[:place] + other + good[place + 1 :])


@pytest.mark.parametrize("last", list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
def test_the_last_character_of_a_signature_has_one_value(last: str) -> None:
    good = made()
    if last != good[-1]:
        with pytest.raises(TokenRefused):
            verify(good[:-1] + last)


def _reshaped(good: str) -> Iterator[str]:
    head, body, signature = good.split(".")
    yield from (
        "",
        ".",
        "..",
        "...",
        good + ".",
        "." + good,
        good + "=",
        good + "==",
        good + "\n",
        " " + good,
        good + "\x00",
    )
    yield from (f"{head}.{body}", f"{head}.{body}.", f"{head}..{signature}", f".{body}.{signature}", good + ".x")
    yield from (f"{head}=.{body}.{signature}", f"{head}.{body}==.{signature}", f"{head}.{body}.{signature}+/")
    yield from (f"{head}.{body}.{body}", f"{body}.{head}.{signature}", good.replace(".", "%2E"), good * 2)
    yield json.dumps({"payload": body, "signatures": [{"protected": head, "signature": signature}]})
    yield json.dumps({"payload": body, "signatures": []})
    yield f"{head}.{body}.{segment(base64.urlsafe_b64decode(signature + '==')[:63])}"
    yield f"{head}.{body}.{segment(b'0' * 63 + b'1')}"
    yield f"{head}.{body}.{segment(bytes(64))}"


def test_a_reshaped_token_is_refused() -> None:
    for reshaped in _reshaped(made()):
        with pytest.raises(TokenRefused):
            verify(reshaped)


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"null", b"[]", b"1", b'"text"', b"{", b"\xff\xfe", b"{}{}", b"{'iss': 1}",
        b'{"iss": NaN}', b'{"exp": Infinity}', b'{"exp": -Infinity}', b"[" * 20000 + b"]" * 20000,
        b'{"a":' * 20000 + b"1" + b"}" * 20000, b'{"exp": ' + b"9" * 5000 + b"}",
    ],
)  # fmt: skip
def test_a_signed_payload_that_is_not_a_plain_object_is_refused(payload: bytes) -> None:
    with pytest.raises(TokenRefused):
        verify(raw(payload))


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "nonce", "exp"])
def test_a_claim_told_twice_is_refused(name: str) -> None:
    doubled = json.dumps(GOOD)[:-1] + f', "{name}": {json.dumps(GOOD[name])}}}'
    refused(raw(doubled.encode()), Refusal.PAYLOAD)


def test_a_header_told_twice_is_refused() -> None:
    head = segment(b'{"alg":"none","alg":"ES256","typ":"JWT"}')
    refused(f"{head}.{segment(json.dumps(GOOD).encode())}.AAAA", Refusal.HEADER)


def test_a_huge_token_is_not_even_decoded() -> None:
    refused("a" * (16 * 1024 + 1), Refusal.SIZE)
    refused(made({"pad": "x" * 20000}), Refusal.SIZE)
    with pytest.raises(TokenRefused):
        verify(made({"pad": "x" * 600}))


# ---- key sets ----------------------------------------------------------------------------------------------------


def weak_jwks() -> Iterator[dict[str, Any]]:
    yield RSAKey.generate_key(1024, private=False).as_dict()
    yield ECKey.generate_key("P-384").as_dict(private=False)
    yield {"kty": "oct", "k": "c2VjcmV0"}
    yield keys().ec.key.as_dict(private=True)
    yield {**json.loads(public_jwk(keys().ec)), "use": "enc"}
    yield {**json.loads(public_jwk(keys().ec)), "alg": "HS256"}
    yield {**json.loads(public_jwk(keys().ec)), "kid": 5}
    yield {**json.loads(public_jwk(keys().ec)), "x": "AAAA"}
    yield {"kty": "RSA", "n": "AQAB", "e": "AQAB"}
    yield {"kty": "EC"}
    yield {}


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("place", range(11))
def test_a_weak_or_foreign_key_is_left_out(place: int) -> None:
    jwk = list(weak_jwks())[place]
    with pytest.raises(TokenRefused) as why:
        jwks_from_json(json.dumps({"keys": [jwk]}))
    assert why.value.reason is Refusal.KEY
    beside = jwks_from_json(json.dumps({"keys": [jwk, json.loads(public_jwk(keys().rsa))]}))
    assert [key.kid for key in beside.keys] == [keys().rsa.kid]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": {}}', '{"keys": []}', '{"keys": [1, null]}', "[" * 20000])
def test_a_document_that_is_no_key_set_is_refused(text: str) -> None:
    with pytest.raises(TokenRefused):
        jwks_from_json(text)


def test_a_key_name_that_comes_twice_names_nobody() -> None:
    one, two = json.loads(public_jwk(keys().ec)), json.loads(public_jwk(generate_key("ES256")))
    with pytest.raises(TokenRefused):
        jwks_from_json(json.dumps({"keys": [one, {**two, "kid": one["kid"]}]}))


def test_a_huge_key_set_is_not_parsed() -> None:
    with pytest.raises(TokenRefused) as why:
        jwks_from_json(b" " * (256 * 1024 + 1))
    assert why.value.reason is Refusal.SIZE


def test_compact_is_what_joserfc_writes() -> None:
    header = {"alg": "ES256", "kid": keys().ec.kid, "typ": "JWT"}
    assert verify(serialize_compact(header, json.dumps(GOOD), keys().ec.key, algorithms=["ES256"]))
