"""Keys: made, kept as objects, exported. Importing a key costs up to 36 ms, so nothing here runs once a request."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from broker.wire.jose.refusals import Refusal, TokenRefused

SIGNING_ALGS = ("ES256", "RS256", "PS256", "EdDSA")
FAPI_ALGS = ("ES256", "PS256", "EdDSA")
"""What a client of high assurance may sign with; EdDSA is Ed25519 (FAPI 2.0 Security Profile §5.4.1)."""
VERIFYING_ALGS = frozenset(SIGNING_ALGS)
"""Never `none`, never HS*: a public key must not become a shared secret (the class of CVE-2024-33663)."""

RSA_BITS_MADE = 3072
RSA_BITS_TAKEN = 2048
SMALLEST_EXPONENT = 2**16 + 1
LARGEST_JWKS = 256 * 1024
_CURVE = "secp256r1"
Key = ECKey | RSAKey | OKPKey
_KINDS: Mapping[str, type[Key]] = {"EC": ECKey, "RSA": RSAKey, "OKP": OKPKey}
_KIND_OF: Mapping[str, type[Key]] = {"ES256": ECKey, "RS256": RSAKey, "PS256": RSAKey, "EdDSA": OKPKey}


class PinnedRegistry(JWSRegistry):
    """One algorithm and no other.

    The library warns at every use of EdDSA that RFC 9864 renames it; clients still register that name, and the keys
    taken here are Ed25519 alone.
    """

    def __init__(self, alg: str, *, strict: bool, largest_header: int = 512) -> None:
        super().__init__(algorithms=[alg], strict_check_header=strict)
        self.max_header_length = largest_header
        self._alg = alg

    def get_alg(self, name: str) -> Any:
        """The pinned algorithm. Raises as the library does for every other name."""
        return self.algorithms[name] if name == self._alg else super().get_alg(name)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key ready to sign. `kid` is the RFC 7638 thumbprint."""

    kid: str
    alg: str
    key: Key = field(repr=False)


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key of somebody, with the algorithm it is bound to when its owner said so."""

    kid: str
    alg: str
    key: Key = field(repr=False)

    def fits(self, alg: str) -> bool:
        """Tell whether this key may check a signature of this algorithm."""
        return self.alg in {"", alg} and isinstance(self.key, _KIND_OF[alg])


@dataclass(frozen=True, slots=True)
class KeySet:
    """Public keys of one issuer. A `kid` that came twice is in none: which is meant cannot be known."""

    keys: tuple[VerifyingKey, ...]

    def find(self, *, kid: str, alg: str) -> VerifyingKey:
        """The one key that `kid` names; without a `kid`, the only key that fits. Raises `TokenRefused` (KEY)."""
        found = [key for key in self.keys if key.fits(alg) and (not kid or key.kid == kid)]
        if len(found) != 1:
            raise TokenRefused(Refusal.KEY, f"{len(found)} keys fit")
        return found[0]

    def has(self, kid: str) -> bool:
        """Tell whether a key of this name is known (a caller may fetch anew when it is not)."""
        return any(key.kid == kid for key in self.keys)


def generate_key(alg: str) -> SigningKey:
    """Make a private key: P-256 for ES256, RSA 3072 for RS256 and PS256, Ed25519 for EdDSA."""
    if alg not in SIGNING_ALGS:
        raise ValueError("unknown signing algorithm")
    key = _generate(_KIND_OF[alg])
    return SigningKey(key.thumbprint(), alg, key)


def _generate(kind: type[Key]) -> Key:
    if kind is ECKey:
        return ECKey.generate_key("P-256")
    return OKPKey.generate_key("Ed25519") if kind is OKPKey else RSAKey.generate_key(RSA_BITS_MADE)


def private_jwk(key: SigningKey) -> bytes:
    """The private key as JSON: to be sealed at once, never written as it is."""
    return json.dumps(key.key.as_dict(private=True)).encode()


def public_jwk(key: SigningKey) -> str:
    """The public key as others read it, with `kid`, `alg` and `use` (RFC 7517 §4)."""
    return json.dumps({**key.key.as_dict(private=False), "kid": key.kid, "alg": key.alg, "use": "sig"}, sort_keys=True)


def parse_signing_key(jwk: bytes, *, alg: str) -> SigningKey:
    """Read back what `private_jwk` wrote. Raises `TokenRefused` (KEY) for anything else, and for weak keys."""
    if alg not in SIGNING_ALGS:
        raise TokenRefused(Refusal.KEY, "unknown signing algorithm")
    key = import_key(_object(jwk))
    if key is None or not key.is_private or not VerifyingKey("", "", key).fits(alg):
        raise TokenRefused(Refusal.KEY, "not a usable private key")
    return SigningKey(key.thumbprint(), alg, key)


def export_jwks(public_jwks: Iterable[str]) -> bytes:
    """A JWK set from `public_jwk` texts."""
    return json.dumps({"keys": [json.loads(jwk) for jwk in public_jwks]}).encode()


def jwks_from_json(document: bytes | str) -> KeySet:
    """Read an issuer's JWK set. Keys we could not use, and weak or encryption keys, are left out.

    Raises `TokenRefused` (KEY) when nothing usable remains or the document is not a JWK set.
    """
    keys = [key for key in map(_verifying_key, jwk_entries(document)) if key is not None]
    kids = [key.kid for key in keys]
    usable = tuple(key for key in keys if not key.kid or kids.count(key.kid) == 1)
    if not usable:
        raise TokenRefused(Refusal.KEY, "no usable key")
    return KeySet(usable)


def jwk_entries(document: bytes | str) -> list[object]:
    """The entries of a JWK set, none of them looked at. Raises `TokenRefused` (SIZE, KEY)."""
    if len(document) > LARGEST_JWKS:
        raise TokenRefused(Refusal.SIZE, "key set")
    entries = _object(document).get("keys")
    if not isinstance(entries, list):
        raise TokenRefused(Refusal.KEY, "no list of keys")
    return entries


def _verifying_key(entry: object) -> VerifyingKey | None:
    if not isinstance(entry, dict) or not all(isinstance(entry.get(name, ""), str) for name in ("kid", "alg", "use")):
        return None
    if entry.get("use", "sig") != "sig" or (entry.get("alg") and entry["alg"] not in VERIFYING_ALGS):
        return None
    key = import_key(entry)
    if key is None or key.is_private:  # a published private key is everybody's: it proves nothing
        return None
    return VerifyingKey(entry.get("kid", ""), entry.get("alg", ""), key)


def import_key(jwk: Mapping[str, Any]) -> Key | None:
    """Import one JWK; None for anything that is no key, or a weak one."""
    try:
        key = _KINDS[jwk["kty"]].import_key(dict(jwk))
        public = key.public_key
    except (JoseError, KeyError, ValueError, TypeError, AttributeError):
        return None
    return key if _is_strong(public) else None


def _is_strong(public: object) -> bool:
    """Our own floor: the library takes RSA 1024 and every curve."""
    if isinstance(public, RSAPublicKey):
        return public.key_size >= RSA_BITS_TAKEN and public.public_numbers().e >= SMALLEST_EXPONENT
    if isinstance(public, EllipticCurvePublicKey):
        return public.curve.name == _CURVE
    return isinstance(public, Ed25519PublicKey)


def _object(document: bytes | str) -> dict[str, Any]:
    try:
        content = json.loads(document)
    except (ValueError, RecursionError) as fault:
        raise TokenRefused(Refusal.KEY, "not JSON") from fault
    if not isinstance(content, dict):
        raise TokenRefused(Refusal.KEY, "not a JSON object")
    return content


def private_pem(key: SigningKey) -> bytes:
    """The private key as PEM (PKCS #8), for whoever signs in another format: it goes to no disk and no log."""
    return key.key.as_pem(private=True)
