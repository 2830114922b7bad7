"""SAML messages as the demo's EduConnect reads and writes them: signed redirects, signed and encrypted assertions.

It is another party's software: it shares nothing with the broker's own reader and writer, so that one proves the other.
"""

from __future__ import annotations

import base64
import secrets
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote_plus
from xml.sax.saxutils import escape, quoteattr

import xmlsec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from lxml import etree

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"  # noqa: S105 - a class
_URI = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
_MOST = 256 * 1024


class Untrusted(Exception):
    """A message that is not what it says, or that nobody known signed."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute; without `friendly` it is known by its name alone."""

    name: str
    values: tuple[str, ...]
    friendly: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything one response says. `life` in seconds."""

    issuer: str
    audience: str
    acs: str
    in_response_to: str
    name_id: str
    index: str
    proven_at: float
    now: float
    attributes: tuple[Attribute, ...]
    life: int


@dataclass(frozen=True, slots=True)
class Key:
    """Our own key: it signs elements and redirects. `certificate` as base64 of its DER."""

    pem: bytes
    certificate: str

    def sign(self, octets: bytes) -> str:
        """Base64 of an RSA-SHA256 signature."""
        key = load_pem_private_key(self.pem, None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise Untrusted("no RSA key")
        return base64.b64encode(key.sign(octets, padding.PKCS1v15(), hashes.SHA256())).decode()


def certificate_of(pem: bytes) -> str:
    """A certificate as metadata and messages carry it."""
    lines = pem.decode("ascii").splitlines()
    return "".join(line for line in lines if line and not line.startswith("-----"))


def read_redirect(query: str, parameter: str) -> tuple[etree._Element, str]:
    """The message of a redirect and its RelayState, not believed yet. Raises `Untrusted`."""
    fields = _fields(query)
    try:
        packed = base64.b64decode(unquote_plus(fields[parameter]), validate=True)
        xml = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, _MOST)
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        return etree.fromstring(xml, parser), unquote_plus(fields.get("RelayState", ""))
    except (KeyError, ValueError, zlib.error, etree.XMLSyntaxError) as fault:
        raise Untrusted("no message") from fault


def check_redirect(query: str, certificate: str) -> None:
    """Raises `Untrusted` unless this key signed the query (SAML Bindings §3.4.4.1)."""
    fields = _fields(query)
    signed = query.rpartition("&Signature=")[0]
    if unquote_plus(fields.get("SigAlg", "")) != RSA_SHA256 or not signed:
        raise Untrusted("unsigned")
    public = x509.load_der_x509_certificate(base64.b64decode(certificate)).public_key()
    if not isinstance(public, rsa.RSAPublicKey):
        raise Untrusted("no RSA key")
    try:
        signature = base64.b64decode(unquote_plus(fields["Signature"]))
        public.verify(signature, signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, KeyError, ValueError) as fault:
        raise Untrusted("a signature of nobody known") from fault


def signed_redirect(address: str, parameter: str, xml: str, *, relay_state: str, key: Key) -> str:
    """An address that carries a message, its query signed."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = base64.b64encode(packer.compress(xml.encode()) + packer.flush()).decode()
    fields = {parameter: packed, "RelayState": relay_state, "SigAlg": RSA_SHA256}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in fields.items() if value)
    return f"{address}{'&' if '?' in address else '?'}{query}&Signature={quote(key.sign(query.encode()), safe='')}"


def response(answer: Answer, *, key: Key, reader: str) -> bytes:
    """A signed response with a signed assertion, encrypted to the certificate of its reader."""
    root = etree.fromstring(_response_xml(answer))
    assertion = root.find(f"{{{SAML}}}Assertion")
    _sign(assertion, key)
    _encrypt(assertion, reader)
    _sign(root, key)
    return bytes(etree.tostring(root))


def logout_request(issuer: str, address: str, *, name_id: str, index: str, now: float) -> str:
    """The provider ends a session."""
    return (
        f'<samlp:LogoutRequest xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="{new_id()}" Version="2.0"'
        f' IssueInstant="{instant(now)}" Destination={quoteattr(address)}><saml:Issuer>{escape(issuer)}</saml:Issuer>'
        f'<saml:NameID Format="{TRANSIENT}">{escape(name_id)}</saml:NameID>'
        f"<samlp:SessionIndex>{escape(index)}</samlp:SessionIndex></samlp:LogoutRequest>"
    )


def logout_response(issuer: str, address: str, *, in_response_to: str, now: float) -> str:
    """The provider has ended its session."""
    return (
        f'<samlp:LogoutResponse xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="{new_id()}" Version="2.0"'
        f' IssueInstant="{instant(now)}" Destination={quoteattr(address)} InResponseTo={quoteattr(in_response_to)}>'
        f'<saml:Issuer>{escape(issuer)}</saml:Issuer><samlp:Status><samlp:StatusCode Value="{SUCCESS}"/>'
        "</samlp:Status></samlp:LogoutResponse>"
    )


def new_id() -> str:
    """A fresh XML name."""
    return f"_{secrets.token_hex(16)}"


def instant(seconds: float) -> str:
    """A time as SAML writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _fields(query: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in query.split("&")]
    if len({name for name, _, _ in pairs}) != len(pairs):
        raise Untrusted("a repeated parameter")
    return {name: value for name, _, value in pairs}


def _response_xml(answer: Answer) -> str:
    at, until = instant(answer.now), instant(answer.now + answer.life)
    asked, acs = quoteattr(answer.in_response_to), quoteattr(answer.acs)
    return (
        f'<samlp:Response xmlns:samlp="{SAMLP}" ID="{new_id()}" Version="2.0" IssueInstant="{at}" Destination={acs}'
        f' InResponseTo={asked}><saml:Issuer xmlns:saml="{SAML}">{escape(answer.issuer)}</saml:Issuer>'
        f'<samlp:Status><samlp:StatusCode Value="{SUCCESS}"/></samlp:Status>'
        f'<saml:Assertion xmlns:saml="{SAML}" ID="{new_id()}" Version="2.0" IssueInstant="{at}">'
        f"<saml:Issuer>{escape(answer.issuer)}</saml:Issuer><saml:Subject>"
        f'<saml:NameID Format="{TRANSIENT}">{escape(answer.name_id)}</saml:NameID>'
        '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData'
        f' InResponseTo={asked} Recipient={acs} NotOnOrAfter="{until}"/></saml:SubjectConfirmation></saml:Subject>'
        f'<saml:Conditions NotBefore="{at}" NotOnOrAfter="{until}"><saml:AudienceRestriction>'
        f"<saml:Audience>{escape(answer.audience)}</saml:Audience></saml:AudienceRestriction></saml:Conditions>"
        f'<saml:AuthnStatement AuthnInstant="{instant(answer.proven_at)}" SessionIndex={quoteattr(answer.index)}>'
        f"<saml:AuthnContext><saml:AuthnContextClassRef>{_PASSWORD}</saml:AuthnContextClassRef></saml:AuthnContext>"
        f"</saml:AuthnStatement><saml:AttributeStatement>{_attributes(answer.attributes)}</saml:AttributeStatement>"
        "</saml:Assertion></samlp:Response>"
    )


def _attributes(attributes: Iterable[Attribute]) -> str:
    return "".join(
        f"<saml:Attribute Name={quoteattr(each.name)}{_names(each)}>"
        + "".join(f"<saml:AttributeValue>{escape(value)}</saml:AttributeValue>" for value in each.values)
        + "</saml:Attribute>"
        for each in attributes
    )


def _names(attribute: Attribute) -> str:
    return f' NameFormat="{_URI}" FriendlyName={quoteattr(attribute.friendly)}' if attribute.friendly else ""


def _sign(element: etree._Element, key: Key) -> None:
    """The signature stands behind the Issuer and covers the element alone."""
    constants = xmlsec.constants
    template = xmlsec.template.create(element, constants.TransformExclC14N, constants.TransformRsaSha256, ns="ds")
    reference = xmlsec.template.add_reference(template, constants.TransformSha256, uri=f"#{element.get('ID')}")
    xmlsec.template.add_transform(reference, constants.TransformEnveloped)
    xmlsec.template.add_transform(reference, constants.TransformExclC14N)
    element.insert(1, template)
    xmlsec.tree.add_ids(element, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(key.pem, constants.KeyDataFormatPem)
    context.sign(template)


def _encrypt(assertion: etree._Element, reader: str) -> None:
    constants = xmlsec.constants
    outside = etree.Element(f"{{{SAML}}}EncryptedAssertion", nsmap={"saml": SAML})
    assertion.getparent().replace(assertion, outside)
    outside.append(assertion)
    data = xmlsec.template.encrypted_data_create(
        outside, constants.TransformAes256Gcm, type=constants.TypeEncElement, ns="xenc"
    )
    xmlsec.template.encrypted_data_ensure_cipher_value(data)
    info = xmlsec.template.encrypted_data_ensure_key_info(data, ns="ds")
    wrapped = xmlsec.template.add_encrypted_key(info, constants.TransformRsaOaep)
    xmlsec.template.encrypted_data_ensure_cipher_value(wrapped)
    manager = xmlsec.KeysManager()
    pem = f"-----BEGIN CERTIFICATE-----\n{reader}\n-----END CERTIFICATE-----\n".encode()
    manager.add_key(xmlsec.Key.from_memory(pem, constants.KeyDataFormatCertPem))
    context = xmlsec.EncryptionContext(manager)
    context.key = xmlsec.Key.generate(constants.KeyDataAes, 256, constants.KeyDataTypeSession)
    context.encrypt_xml(data, assertion)
