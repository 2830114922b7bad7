"""Signing what we say: an element, by xmlsec in process, and the query of a redirect (SAML Bindings §3.4.4.1).

Keys are opened once a process and kept. The certificate beside a key is made from the key itself and the moment of its
birth, by a signature that knows no chance (RSASSA-PKCS1-v1_5): every process makes the same, and none is stored.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.x509.oid import NameOID
from lxml import etree

from broker.wire.saml.names import DS, ENVELOPED, EXCLUSIVE, RSA_SHA256, SHA256, ds

CERTIFICATE_LIFE = timedelta(days=3652)
"""Longer than any key signs: who trusts our metadata looks at the key alone, and some at the dates all the same."""

_TEMPLATE = (
    f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo>'
    f'<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"/>'
    f'<ds:SignatureMethod Algorithm="{RSA_SHA256}"/>'
    '<ds:Reference URI="#{id}"><ds:Transforms>'
    f'<ds:Transform Algorithm="{ENVELOPED}"/>'
    f'<ds:Transform Algorithm="{EXCLUSIVE}"/></ds:Transforms>'
    f'<ds:DigestMethod Algorithm="{SHA256}"/><ds:DigestValue/></ds:Reference>'
    "</ds:SignedInfo><ds:SignatureValue/><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}"
    "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>"
)


@dataclass(frozen=True, slots=True)
class XmlSigningKey:
    """A private key ready to sign. `certificate`: the base64 of its DER. `kid` names it in lists and audit events."""

    kid: str
    certificate: str
    element: xmlsec.Key = field(repr=False)
    octets: RSAPrivateKey = field(repr=False)


def open_signing_key(pem: bytes, *, kid: str, name: str, born: datetime) -> XmlSigningKey:
    """Open a private RSA key (PEM); `name` is whose it is. Raises `ValueError` for anything else."""
    adopted = adopt_signing_key(pem, "")
    return replace(adopted, kid=kid, certificate=_self_signed(adopted.octets, kid=kid, name=name, born=born))


def adopt_signing_key(pem: bytes, certificate: str) -> XmlSigningKey:
    """Open a private RSA key (PEM) that has a certificate (base64 of DER) already. Raises `ValueError` as above."""
    octets = serialization.load_pem_private_key(pem, None)
    if not isinstance(octets, RSAPrivateKey):
        raise ValueError("not an RSA key")  # noqa: TRY004 (a value of the wrong kind, not an argument of the wrong type)
    return XmlSigningKey("", certificate, xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatPem), octets)


def signature_template(element_id: str, key: XmlSigningKey) -> str:
    """What is written into an element, behind its Issuer, before `sign_element` fills it."""
    return _TEMPLATE.format(id=element_id, certificate=key.certificate)


def sign_element(element: etree._Element, key: XmlSigningKey) -> None:
    """Fill the signature template that is a child of this element, over this element and nothing else."""
    signature = element.find(ds("Signature"))
    if signature is None:
        raise ValueError("no signature template")
    xmlsec.tree.add_ids(element, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = key.element
    context.sign(signature)


def sign_octets(octets: bytes, key: XmlSigningKey) -> str:
    """The base64 of a signature over octets: what stands in the parameter `Signature` of a redirect."""
    return base64.b64encode(key.octets.sign(octets, padding.PKCS1v15(), hashes.SHA256())).decode()


@lru_cache(maxsize=32)
def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _self_signed(key: RSAPrivateKey, *, kid: str, name: str, born: datetime) -> str:
    subject = _common_name(name)
    serial = int.from_bytes(sha256(kid.encode()).digest()[:16], "big") >> 1
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(serial or 1)
        .not_valid_before(born)
        .not_valid_after(born + CERTIFICATE_LIFE)
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
