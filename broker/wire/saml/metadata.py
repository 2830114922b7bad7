"""SAML metadata (Metadata §2): read of service providers, written of ourselves.

What is read becomes a `ServiceProvider`: names, addresses, certificates. Extensions, contacts and organisations are
nobody's business here. A metadata file that allows less than it should (assertions by another binding than POST, keys
below 2048 bits) is refused with the reason, so that `preau check` can say it.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from datetime import datetime
from xml.sax.saxutils import escape, quoteattr

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from lxml import etree

from broker.domain.service_clients import Binding, Endpoint, ServiceProvider
from broker.wire.saml.aggregate import until_of
from broker.wire.saml.assertion import instant, new_message_id, parse_own
from broker.wire.saml.encrypting import takes_assertions
from broker.wire.saml.names import DS, MD, SAMLP, ds, md
from broker.wire.saml.refusals import SamlRefused
from broker.wire.saml.signing import XmlSigningKey, sign_element, signature_template
from broker.wire.saml.xml import parse_document

LARGEST_FILE = 1024 * 1024
LONGEST_ENTITY_ID = 1024
SMALLEST_RSA = 2048
SMALLEST_EC = 256
_INDEX = re.compile(r"[0-9]{1,5}")
_TRUE = frozenset({"true", "1"})
_LOGOUT_BINDINGS = frozenset(Binding)


class MetadataRefused(Exception):
    """Metadata that cannot be used, and why, for whoever wrote it."""


@dataclass(frozen=True, slots=True)
class OwnAddresses:
    """Where our endpoints are."""

    sso: str
    slo: str
    soap: str


@dataclass(frozen=True, slots=True)
class OwnMetadata:
    """What we say of ourselves. `keys`: those that sign, the active one first, it signs this too."""

    entity_id: str
    addresses: OwnAddresses
    keys: tuple[XmlSigningKey, ...]
    name_ids: tuple[str, ...]
    until: datetime


def parse_service_provider(octets: bytes) -> ServiceProvider:
    """Read the one `EntityDescriptor` of a file. Raises `MetadataRefused`."""
    try:
        root = parse_document(octets, most_bytes=LARGEST_FILE)
    except SamlRefused as fault:
        raise MetadataRefused(f"is not sound XML ({fault})") from fault
    if root.tag != md("EntityDescriptor"):
        raise MetadataRefused("holds no EntityDescriptor at its root")
    return provider_of(root)


def parse_kept_provider(octets: bytes, entity_id: str) -> ServiceProvider:
    """Read an entity that was verified and kept, alone in what stood around it. Raises `MetadataRefused`."""
    try:
        root = parse_document(octets, most_bytes=2 * LARGEST_FILE)
    except SamlRefused as fault:
        raise MetadataRefused(f"is not sound XML ({fault})") from fault
    entity = root if root.tag == md("EntityDescriptor") else root[0]
    if entity.get("entityID") != entity_id:
        raise MetadataRefused("is of somebody else")
    return replace(provider_of(entity, root), is_kept=True)


def provider_of(entity: etree._Element, *around: etree._Element) -> ServiceProvider:
    """What an `EntityDescriptor` says of its service provider. `around`: what may end sooner.

    Raises `MetadataRefused`.
    """
    entity_id = entity.get("entityID", "")
    if not 0 < len(entity_id) <= LONGEST_ENTITY_ID or not entity_id.isprintable() or " " in entity_id:
        raise MetadataRefused("has no usable entityID")
    roles = [role for role in entity.findall(md("SPSSODescriptor")) if _speaks_saml2(role)]
    if len(roles) != 1:
        raise MetadataRefused(f"has {len(roles)} SPSSODescriptor for SAML 2.0, not one")
    role = roles[0]
    return ServiceProvider(
        entity_id=entity_id,
        acs=_acs(role),
        slo=_slo(role),
        signing=_certificates(role, "signing"),
        encryption=tuple(each for each in _certificates(role, "encryption") if takes_assertions(each)),
        wants_signed=role.get("AuthnRequestsSigned", "") in _TRUE,
        until=_until(*around, entity, role),
    )


def write_own(own: OwnMetadata) -> bytes:
    """Our metadata, signed by the key that signs answers (Metadata §3)."""
    entity_id, message_id, active = own.entity_id, new_message_id(), own.keys[0]
    keys = "".join(
        f'<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="{DS}"><ds:X509Data>'
        f"<ds:X509Certificate>{key.certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
        for key in own.keys
    )
    at = own.addresses
    logouts = ((Binding.REDIRECT, at.slo), (Binding.POST, at.slo), (Binding.SOAP, at.soap))
    entries = ((Binding.REDIRECT, at.sso), (Binding.POST, at.sso))
    text = (
        f'<md:EntityDescriptor xmlns:md="{MD}" ID="{message_id}" entityID={quoteattr(entity_id)}'
        f' validUntil="{instant(own.until)}" cacheDuration="PT6H">{signature_template(message_id, active)}'
        f'<md:IDPSSODescriptor protocolSupportEnumeration="{SAMLP}">{keys}'
        f"{''.join(_service('SingleLogoutService', *each) for each in logouts)}"
        f"{''.join(f'<md:NameIDFormat>{escape(form)}</md:NameIDFormat>' for form in own.name_ids)}"
        f"{''.join(_service('SingleSignOnService', *each) for each in entries)}"
        "</md:IDPSSODescriptor></md:EntityDescriptor>"
    )
    root = parse_own(text)
    sign_element(root, active)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def _service(kind: str, binding: Binding, location: str) -> str:
    return f"<md:{kind} Binding={quoteattr(binding)} Location={quoteattr(location)}/>"


def _until(*elements: etree._Element) -> datetime | None:
    try:
        return until_of(*elements)
    except SamlRefused as fault:
        raise MetadataRefused("has a validUntil that is no time with a zone") from fault


def _speaks_saml2(role: etree._Element) -> bool:
    return SAMLP in role.get("protocolSupportEnumeration", "").split()


def _acs(role: etree._Element) -> tuple[Endpoint, ...]:
    found = [
        Endpoint(Binding.POST, _location(each), index=_index(each), is_default=each.get("isDefault", "") in _TRUE)
        for each in role.findall(md("AssertionConsumerService"))
        if each.get("Binding") == Binding.POST
    ]
    if not found:
        raise MetadataRefused("has no AssertionConsumerService with HTTP-POST")
    if len({each.index for each in found}) != len(found):
        raise MetadataRefused("gives one index to two AssertionConsumerService")
    return tuple(found)


def _slo(role: etree._Element) -> tuple[Endpoint, ...]:
    return tuple(
        Endpoint(Binding(each.get("Binding", "")), _location(each), answers=each.get("ResponseLocation", "").strip())
        for each in role.findall(md("SingleLogoutService"))
        if each.get("Binding") in _LOGOUT_BINDINGS
    )


def _location(endpoint: etree._Element) -> str:
    location = endpoint.get("Location", "").strip()
    if not location:
        raise MetadataRefused("has an endpoint without a Location")
    return str(location)


def _index(endpoint: etree._Element) -> int:
    stated = endpoint.get("index", "0")
    if not _INDEX.fullmatch(stated):
        raise MetadataRefused("has an index that is no number")
    return int(stated)


def _certificates(role: etree._Element, use: str) -> tuple[str, ...]:
    """Certificates for a use; a key without a use is for both (Metadata §2.4.1.1)."""
    found: list[str] = []
    for descriptor in role.findall(md("KeyDescriptor")):
        if descriptor.get("use", use) == use:
            found += [_certificate(each.text or "") for each in descriptor.iter(ds("X509Certificate"))]
    return tuple(dict.fromkeys(found))


def _certificate(text: str) -> str:
    """The base64 of a certificate whose key is strong enough (SDP-MD06)."""
    try:
        octets = base64.b64decode("".join(text.split()), validate=True)
        key = x509.load_der_x509_certificate(octets).public_key()
    except ValueError as fault:
        raise MetadataRefused("has a certificate that cannot be read") from fault
    strong = (isinstance(key, RSAPublicKey) and key.key_size >= SMALLEST_RSA) or (
        isinstance(key, EllipticCurvePublicKey) and key.key_size >= SMALLEST_EC
    )
    if not strong:
        raise MetadataRefused(f"has a key that is neither RSA of {SMALLEST_RSA} bits nor EC of {SMALLEST_EC}")
    return base64.b64encode(octets).decode()
