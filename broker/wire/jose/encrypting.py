"""Encryption to a client's own key (RFC 7516): what is told passes through a browser's or a proxy's hands unread."""

from __future__ import annotations

from dataclasses import dataclass, field

from joserfc.jwe import JWERegistry, encrypt_compact
from joserfc.jwk import ECKey, RSAKey

from broker.wire.jose.keys import import_key, jwk_entries
from broker.wire.jose.refusals import Refusal, TokenRefused

ENCRYPTION_ALGS = ("RSA-OAEP-256", "ECDH-ES")
"""Never RSA1_5 (Bleichenbacher's oracle), never a key that both sides hold, never a password (RFC 8725 §3.2)."""
ENCRYPTION_ENCS = ("A128GCM", "A256GCM")

_KIND_OF: dict[str, type[ECKey | RSAKey]] = {"RSA-OAEP-256": RSAKey, "ECDH-ES": ECKey}
_REGISTRIES = {(alg, enc): JWERegistry(algorithms=[alg, enc]) for alg in ENCRYPTION_ALGS for enc in ENCRYPTION_ENCS}


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """A client's public key, and the algorithm by which content keys are agreed on with it."""

    kid: str
    alg: str
    key: ECKey | RSAKey = field(repr=False)


def encryption_key(document: bytes | str, alg: str) -> EncryptionKey:
    """The first key of a client's JWK set that is for encryption by this algorithm.

    `use` must say `enc`: a set that also holds signing keys has to tell them apart (OIDC Registration §2, `jwks`).
    Raises `TokenRefused` (KEY, SIZE) when there is none, or it is weak.
    """
    for entry in jwk_entries(document):
        if not isinstance(entry, dict) or entry.get("use") != "enc" or entry.get("alg", alg) != alg:
            continue
        key = import_key(entry)
        if isinstance(key, _KIND_OF[alg]) and not key.is_private:
            return EncryptionKey(str(entry.get("kid", "")), alg, key)
    raise TokenRefused(Refusal.KEY, f"no key for {alg}")


def encrypt(content: str, key: EncryptionKey, *, enc: str, nested: bool) -> str:
    """Encrypt a text as a compact JWE. `nested`: it is a signed JWT, and the header says so (RFC 7519 §5.2)."""
    header = {"alg": key.alg, "enc": enc, **({"kid": key.kid} if key.kid else {}), **({"cty": "JWT"} if nested else {})}
    return encrypt_compact(header, content.encode(), key.key, registry=_REGISTRIES[key.alg, enc])
