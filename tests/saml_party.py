"""A SAML service provider of tests: keys, metadata, and requests written by hand so that each can be spoilt."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree

from broker.domain.service_clients import ServiceProvider
from broker.wire.saml.metadata import parse_service_provider
from broker.wire.saml.names import RSA_SHA256
from broker.wire.saml.signing import XmlSigningKey, open_signing_key, sign_element, sign_octets, signature_template
from tests.builders import NOW

SAMLP = 'xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"'
SAML = 'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"'
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
SOAP = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP"


@cache
def private_pem(name: str) -> bytes:
    """A private key that lives with the test run."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@cache
def key_of(name: str) -> XmlSigningKey:
    """The key of a party, with its certificate."""
    return open_signing_key(private_pem(name), kid=name, name=name, born=datetime(2026, 1, 1, tzinfo=UTC))


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Party:
    """One service provider, by its short name."""

    name: str = "cantine"
    idp: str = "https://preau.example"
    extra: str = ""
    slo: tuple[str, ...] = (REDIRECT, POST, SOAP)

    @property
    def entity_id(self) -> str:
        return f"https://{self.name}.example/saml/metadata"

    @property
    def acs(self) -> str:
        return f"https://{self.name}.example/saml/acs"

    @property
    def slo_url(self) -> str:
        return f"https://{self.name}.example/saml/slo"

    @property
    def key(self) -> XmlSigningKey:
        return key_of(self.name)

    def metadata(self, *, signed: bool = False, more: str = "") -> bytes:
        """Its metadata: two addresses, one key for all."""
        certificate = self.key.certificate
        slo = "".join(
            f'<md:SingleLogoutService Binding="{binding}" Location="{self.slo_url}"/>' for binding in self.slo
        )
        return (
            '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'
            f' xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="{self.entity_id}">'
            f'<md:SPSSODescriptor AuthnRequestsSigned="{str(signed).lower()}" WantAssertionsSigned="true"'
            ' protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
            f"<md:KeyDescriptor><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate>"
            f"</ds:X509Data></ds:KeyInfo></md:KeyDescriptor>{slo}"
            f'<md:AssertionConsumerService Binding="{POST}" Location="{self.acs}" index="0" isDefault="true"/>'
            f'<md:AssertionConsumerService Binding="{POST}" Location="{self.acs}/2" index="2"/>{more}'
            "</md:SPSSODescriptor></md:EntityDescriptor>"
        ).encode()

    def declared(self, *, signed: bool = False, **changes: Any) -> ServiceProvider:
        """What a descriptor with this metadata declares."""
        return replace(parse_service_provider(self.metadata(signed=signed)), **changes)


@dataclass(frozen=True, slots=True)
class Message:
    """A request as a template: attributes of its root, children behind the issuer."""

    party: Party = field(default_factory=Party)
    kind: str = "AuthnRequest"
    now: datetime = NOW
    attributes: Mapping[str, str | None] = field(default_factory=dict)
    children: str = ""
    issuer: str = ""
    message_id: str = "_r1"
    path: str = "/saml/sso"

    def xml(self, *, key: XmlSigningKey | None = None) -> bytes:
        """The message, signed in itself by a key when one is given."""
        good: dict[str, str | None] = {
            "ID": self.message_id, "Version": "2.0", "IssueInstant": stamp(self.now),
            "Destination": self.party.idp + self.path,
        }  # fmt: skip
        attributes = {name: value for name, value in {**good, **self.attributes}.items() if value is not None}
        said = "".join(f' {name}="{value}"' for name, value in attributes.items())
        signature = signature_template(attributes.get("ID", ""), key) if key else ""
        issuer = f"<saml:Issuer>{self.issuer or self.party.entity_id}</saml:Issuer>"
        text = f"<samlp:{self.kind} {SAMLP} {SAML}{said}>{issuer}{signature}{self.children}</samlp:{self.kind}>"
        if key is None:
            return text.encode()
        root = etree.fromstring(text)
        sign_element(root, key)
        return bytes(etree.tostring(root))

    def redirect(self, *, key: XmlSigningKey | None = None, relay_state: str = "", algorithm: str = RSA_SHA256) -> str:
        """The query that carries it."""
        query = f"SAMLRequest={quote(deflated(self.xml()), safe='')}"
        query += f"&RelayState={quote(relay_state, safe='')}" if relay_state else ""
        if key is None:
            return query
        query += f"&SigAlg={quote(algorithm, safe='')}"
        return f"{query}&Signature={quote(sign_octets(query.encode(), key), safe='')}"

    def form(self, *, key: XmlSigningKey | None = None, relay_state: str = "") -> dict[str, str]:
        """The form that carries it."""
        state = {"RelayState": relay_state} if relay_state else {}
        return {"SAMLRequest": base64.b64encode(self.xml(key=key)).decode(), **state}

    def envelope(self, *, key: XmlSigningKey | None = None) -> str:
        """The envelope that carries it."""
        inner = self.xml(key=key).decode()
        return f'<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body>{inner}</S:Body></S:Envelope>'


def deflated(xml: bytes) -> str:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return base64.b64encode(packer.compress(xml) + packer.flush()).decode()


def logout_message(
    party: Party, name: str, index: str, *, path: str = "/saml/slo", now: datetime = NOW, **attributes: str | None
) -> Message:
    """A logout request that names a person and a session."""
    children = f"<saml:NameID>{name}</saml:NameID>"
    children += f"<samlp:SessionIndex>{index}</samlp:SessionIndex>" if index else ""
    return Message(
        party,
        "LogoutRequest",
        now,
        {"NotOnOrAfter": stamp(now + timedelta(minutes=5)), **attributes},
        children,
        path=path,
    )
