"""Keys as SAML knows them: certificates of metadata to verify with, our own keys to decrypt with. Made once, kept."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from broker.wire.saml.refusals import Refusal, SamlRefused

LEAST_RSA_BITS = 2048
_CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})


@dataclass(frozen=True, slots=True, repr=False)
class VerifyingKey:
    """A public key that metadata names for a peer."""

    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True, repr=False)
class DecryptionKey:
    """A private key of ours that peers encrypt to."""

    key: rsa.RSAPrivateKey


def verifying_key(certificate: bytes) -> VerifyingKey:
    """The key of a DER certificate; its dates, names and issuer mean nothing in SAML. Raises `SamlRefused`."""
    try:
        parsed = x509.load_der_x509_certificate(certificate)
        public = parsed.public_key()
    except (ValueError, TypeError, x509.UnsupportedGeneralNameType):
        raise SamlRefused(Refusal.KEY, "no certificate") from None
    if isinstance(public, rsa.RSAPublicKey) and public.key_size >= LEAST_RSA_BITS:
        return VerifyingKey(public)
    if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in _CURVES:
        return VerifyingKey(public)
    raise SamlRefused(Refusal.KEY, "too weak, or of a kind that is not used")


def decryption_key(pem: bytes) -> DecryptionKey:
    """Our private key. Raises `ValueError` for anything but an RSA key of at least 2048 bits."""
    key = load_pem_private_key(pem, None)
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < LEAST_RSA_BITS:
        raise ValueError("an RSA key of at least 2048 bits")
    return DecryptionKey(key)
