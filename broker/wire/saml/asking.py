"""What we say as a service: a signed request by redirect or form, and the metadata that tells a provider who asks."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import datetime
from xml.sax.saxutils import escape, quoteattr

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from broker.wire.saml import names
from broker.wire.saml.assertion import parse_own
from broker.wire.saml.bindings import RELAY_STATE, REQUEST, encode_post, encode_redirect, with_signature
from broker.wire.saml.keys import DecryptionKey, decryption_key
from broker.wire.saml.signing import XmlSigningKey, adopt_signing_key, sign_element, signature_template


@dataclass(frozen=True, slots=True)
class AskingKey:
    """Our key towards one provider: it signs what we ask and opens what is encrypted to us. `certificate`: base64.

    `element`: the same key, ready to sign an element.
    """

    certificate: str
    decrypting: DecryptionKey = field(repr=False)
    element: XmlSigningKey = field(repr=False)

    def sign(self, octets: bytes) -> bytes:
        """RSA-SHA256 over octets."""
        return self.decrypting.key.sign(octets, padding.PKCS1v15(), hashes.SHA256())


@dataclass(frozen=True, slots=True)
class AuthnRequest:
    """A question to a provider. `force`: whoever comes must prove anew who they are (SAML Core §3.4.1)."""

    request_id: str
    issuer: str
    destination: str
    acs: str
    at: datetime
    force: bool = False
    name_format: str = ""


def asking_key(pem: bytes, certificate: bytes) -> AskingKey:
    """Open a key and the certificate (both PEM) that tells of it. Raises `ValueError` when they are not a pair."""
    opened, parsed = decryption_key(pem), x509.load_pem_x509_certificate(certificate)
    public = parsed.public_key()
    if not isinstance(public, rsa.RSAPublicKey) or public.public_numbers() != opened.key.public_key().public_numbers():
        raise ValueError("the certificate is of another key")
    written = base64.b64encode(parsed.public_bytes(Encoding.DER)).decode()
    return AskingKey(written, opened, adopt_signing_key(pem, written))


def authn_request_url(request: AuthnRequest, key: AskingKey, *, relay_state: str) -> str:
    """Where to send the browser: the provider's address with the signed request (SAML Bindings §3.4)."""
    return signed_query(REQUEST, _xml(request), key, destination=request.destination, relay_state=relay_state)


def authn_request_form(request: AuthnRequest, key: AskingKey, *, relay_state: str) -> dict[str, str]:
    """The form by which the browser carries the request, signed as an element (SAML Bindings §3.5.4)."""
    element = parse_own(_xml(request, signature=signature_template(request.request_id, key.element)).decode())
    sign_element(element, key.element)
    return {REQUEST: encode_post(bytes(etree.tostring(element))), RELAY_STATE: relay_state}


def signed_query(parameter: str, xml: bytes, key: AskingKey, *, destination: str, relay_state: str) -> str:
    """An address that carries a message of ours, its query signed (SAML Bindings §3.4.4.1)."""
    query = encode_redirect(parameter, xml, relay_state=relay_state, algorithm=names.RSA_SHA256)
    joint = "&" if "?" in destination else "?"
    return destination + joint + with_signature(query, key.sign(query.encode()))


def service_metadata(entity_id: str, acs: str, key: AskingKey, *, slo: str = "") -> bytes:
    """What the provider's administrator is given: we sign, we want assertions signed and encrypted by AES-GCM."""
    info = (
        f'<ds:KeyInfo xmlns:ds="{names.DS}"><ds:X509Data><ds:X509Certificate>{key.certificate}</ds:X509Certificate>'
        "</ds:X509Data></ds:KeyInfo>"
    )
    methods = "".join(
        f'<md:EncryptionMethod Algorithm="{name}"/>'
        for name in (names.AES256_GCM, names.AES128_GCM, names.RSA_OAEP_MGF1P)
    )
    logout = f'<md:SingleLogoutService Binding="{names.REDIRECT}" Location={quoteattr(slo)}/>' if slo else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<md:EntityDescriptor xmlns:md="{names.MD}" entityID={quoteattr(entity_id)}>'
        f'<md:SPSSODescriptor protocolSupportEnumeration="{names.SAMLP}" AuthnRequestsSigned="true"'
        f' WantAssertionsSigned="true"><md:KeyDescriptor use="signing">{info}</md:KeyDescriptor>'
        f'<md:KeyDescriptor use="encryption">{info}{methods}</md:KeyDescriptor>{logout}'
        f"<md:NameIDFormat>{names.PERSISTENT}</md:NameIDFormat><md:NameIDFormat>{names.TRANSIENT}</md:NameIDFormat>"
        f'<md:AssertionConsumerService Binding="{names.POST}" Location={quoteattr(acs)} index="1" isDefault="true"/>'
        "</md:SPSSODescriptor></md:EntityDescriptor>"
    ).encode()


def _xml(request: AuthnRequest, *, signature: str = "") -> bytes:
    policy = f" Format={quoteattr(request.name_format)}" if request.name_format else ""
    force = ' ForceAuthn="true"' if request.force else ""
    return (
        f'<samlp:AuthnRequest xmlns:samlp="{names.SAMLP}" xmlns:saml="{names.SAML}" ID="{request.request_id}"'
        f' Version="2.0" IssueInstant="{request.at:%Y-%m-%dT%H:%M:%SZ}" Destination={quoteattr(request.destination)}'
        f' AssertionConsumerServiceURL={quoteattr(request.acs)} ProtocolBinding="{names.POST}"'
        f"{force}>"
        f"<saml:Issuer>{escape(request.issuer)}</saml:Issuer>{signature}"
        f'<samlp:NameIDPolicy{policy} AllowCreate="true"/></samlp:AuthnRequest>'
    ).encode()
