"""An identity provider of the tests: signs and encrypts whatever it is told to, also what no honest one would."""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import dataclass
from functools import cache

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from lxml import etree

from broker.wire.saml import names

C14N = xmlsec.constants.TransformExclC14N


@dataclass(frozen=True, slots=True)
class Pair:
    """A private key and a certificate of it."""

    pem: bytes
    der: bytes
    key: xmlsec.Key

    @property
    def certificate(self) -> str:
        return base64.b64encode(self.der).decode()


@cache
def pair(name: str, kind: str = "rsa") -> Pair:
    """A key of this name, made once a process."""
    private = ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=365))
        .sign(private, hashes.SHA256())
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(
        pem,
        certificate.public_bytes(serialization.Encoding.DER),
        xmlsec.Key.from_memory(pem, xmlsec.KeyFormat.PEM, None),
    )


def sign(
    element: etree._Element,
    by: Pair,
    *,
    method: object = xmlsec.constants.TransformRsaSha256,
    digest: object = xmlsec.constants.TransformSha256,
    c14n: object = C14N,
    transforms: tuple[object, ...] = (xmlsec.constants.TransformEnveloped, C14N),
    uri: str | None = None,
    prefixes: str = "",
) -> etree._Element:
    """Put a signature behind the issuer of an element, as SAML wants it; each part can be told otherwise."""
    stated = f"#{element.get('ID')}" if uri is None else uri
    signature = xmlsec.template.create(element, c14n, method, ns="ds")
    reference = xmlsec.template.add_reference(signature, digest, uri=stated)
    for transform in transforms:
        xmlsec.template.add_transform(reference, transform)
    if prefixes:
        last = list(reference.iter(names.ds("Transform")))[-1]
        etree.SubElement(last, f"{{{names.EXCLUSIVE}}}InclusiveNamespaces", PrefixList=prefixes)
    info = xmlsec.template.ensure_key_info(signature)
    holder = etree.SubElement(info, names.ds("X509Data"))
    etree.SubElement(holder, names.ds("X509Certificate")).text = by.certificate
    issuer = element.find(names.saml("Issuer"))
    element.insert(0 if issuer is None else element.index(issuer) + 1, signature)
    context = xmlsec.SignatureContext()
    context.key = by.key
    xmlsec.tree.add_ids(element, ["ID"])
    context.sign(signature)
    return signature


def encrypt(
    assertion: etree._Element,
    to: Pair,
    *,
    data: object = xmlsec.constants.TransformAes256Gcm,
    key_data: object = xmlsec.constants.KeyDataAes,
    bits: int = 256,
    transport: object = xmlsec.constants.TransformRsaOaep,
) -> etree._Element:
    """The assertion inside an EncryptedAssertion, in its place if it has one."""
    outside = etree.Element(names.saml("EncryptedAssertion"), nsmap={"saml": names.SAML})
    parent = assertion.getparent()
    if parent is not None:
        parent.replace(assertion, outside)
    outside.append(assertion)
    template = xmlsec.template.encrypted_data_create(outside, data, type=xmlsec.constants.TypeEncElement, ns="xenc")
    xmlsec.template.encrypted_data_ensure_cipher_value(template)
    info = xmlsec.template.encrypted_data_ensure_key_info(template, ns="ds")
    wrapped = xmlsec.template.add_encrypted_key(info, transport)
    xmlsec.template.encrypted_data_ensure_cipher_value(wrapped)
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(_pem_certificate(to), xmlsec.KeyFormat.CERT_PEM, None))
    context = xmlsec.EncryptionContext(manager)
    context.key = xmlsec.Key.generate(key_data, bits, xmlsec.constants.KeyDataTypeSession)
    context.encrypt_xml(template, assertion)
    return outside


def _pem_certificate(of: Pair) -> bytes:
    return x509.load_der_x509_certificate(of.der).public_bytes(serialization.Encoding.PEM)


@dataclass(frozen=True, slots=True)
class Told:
    """What an assertion says. Empty leaves it out."""

    issuer: str = "https://idp.example/saml"
    audience: str = "https://preau.example/saml/sp/essai/metadata"
    recipient: str = "https://preau.example/retour/essai"
    in_response_to: str = "_question"
    name_id: str = "sujet-1"
    name_format: str = names.PERSISTENT
    now: dt.datetime = dt.datetime(2026, 9, 7, 8, 0, tzinfo=dt.UTC)
    authn_class: str = names.PASSWORD_TRANSPORT
    attributes: tuple[tuple[str, tuple[str, ...]], ...] = (("FrEduCtId", ("9f3c",)),)
    assertion_id: str = "_assertion"
    response_id: str = "_response"


def instant(moment: dt.datetime) -> str:
    """As SAML writes a time."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def assertion_xml(told: Told) -> str:
    """An unsigned assertion."""
    start, end = instant(told.now - dt.timedelta(minutes=1)), instant(told.now + dt.timedelta(minutes=5))
    values = "".join(
        f'<saml:Attribute Name="{name}" NameFormat="{names.ATTR_URI}">'
        + "".join(f"<saml:AttributeValue>{value}</saml:AttributeValue>" for value in each)
        + "</saml:Attribute>"
        for name, each in told.attributes
    )
    return (
        f'<saml:Assertion xmlns:saml="{names.SAML}" ID="{told.assertion_id}" Version="2.0" '
        f'IssueInstant="{instant(told.now)}"><saml:Issuer>{told.issuer}</saml:Issuer><saml:Subject>'
        f'<saml:NameID Format="{told.name_format}">{told.name_id}</saml:NameID>'
        f'<saml:SubjectConfirmation Method="{names.BEARER}"><saml:SubjectConfirmationData NotOnOrAfter="{end}" '
        f'Recipient="{told.recipient}" InResponseTo="{told.in_response_to}"/></saml:SubjectConfirmation></saml:Subject>'
        f'<saml:Conditions NotBefore="{start}" NotOnOrAfter="{end}"><saml:AudienceRestriction>'
        f"<saml:Audience>{told.audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>"
        f'<saml:AuthnStatement AuthnInstant="{instant(told.now)}" SessionIndex="_s1"><saml:AuthnContext>'
        f"<saml:AuthnContextClassRef>{told.authn_class}</saml:AuthnContextClassRef></saml:AuthnContext>"
        f"</saml:AuthnStatement><saml:AttributeStatement>{values}</saml:AttributeStatement></saml:Assertion>"
    )


def response_xml(told: Told, inside: str | None = None, *, status: str = names.SUCCESS) -> str:
    """An unsigned response."""
    return (
        f'<samlp:Response xmlns:samlp="{names.SAMLP}" xmlns:saml="{names.SAML}" ID="{told.response_id}" Version="2.0" '
        f'IssueInstant="{instant(told.now)}" Destination="{told.recipient}" InResponseTo="{told.in_response_to}">'
        f"<saml:Issuer>{told.issuer}</saml:Issuer>"
        f'<samlp:Status><samlp:StatusCode Value="{status}"/></samlp:Status>'
        f"{assertion_xml(told) if inside is None else inside}</samlp:Response>"
    )


def parsed(xml: str | bytes) -> etree._Element:
    return etree.fromstring(xml.encode() if isinstance(xml, str) else xml)


def octets(root: etree._Element) -> bytes:
    return bytes(etree.tostring(root))
