"""Metadata of one identity provider, read for the side that asks (SAML Metadata §2.4.3): keys, addresses, how long."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from broker.wire.saml.aggregate import until_of
from broker.wire.saml.keys import VerifyingKey, verifying_key
from broker.wire.saml.names import POST, REDIRECT, SAMLP, ds, md
from broker.wire.saml.refusals import SamlRefused
from broker.wire.saml.xml import parse_document

MOST_METADATA = 4 * 1024 * 1024


class NoIdentityProvider(ValueError):
    """Metadata that tells of no identity provider we could use, and why, for whoever wrote it."""


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """What a peer's metadata says. `keys`: every one that may sign, several while one takes over from another.

    `sso` takes questions by redirect, `sso_post` by form; one of the two may be empty.
    """

    entity_id: str
    sso: str
    slo: str
    keys: tuple[VerifyingKey, ...]
    wants_signed: bool
    valid_until: datetime | None
    slo_answers: str = ""
    """Where answers to its own logout requests go, if not to `slo` (Metadata §2.2.2)."""
    sso_post: str = ""

    @property
    def signs_in_at(self) -> tuple[str, ...]:
        """The addresses that a question may go to."""
        return tuple(filter(None, (self.sso, self.sso_post)))

    @property
    def answers_to(self) -> str:
        """Where a logout answer goes; empty: it has no logout."""
        return self.slo_answers or self.slo


def parse_identity_provider(octets: bytes, entity_id: str) -> IdentityProvider:
    """Read the provider of this entityID, alone in its file or among others. Raises `NoIdentityProvider`."""
    try:
        root = parse_document(octets, most_bytes=MOST_METADATA)
    except SamlRefused as fault:
        raise NoIdentityProvider(f"no sound XML ({fault})") from fault
    found = [entity for entity in root.iter(md("EntityDescriptor")) if entity.get("entityID") == entity_id]
    if len(found) != 1:
        raise NoIdentityProvider(f"{len(found)} entities of this issuer, not one")
    roles = [role for role in found[0].findall(md("IDPSSODescriptor")) if _speaks_saml2(role)]
    if len(roles) != 1:
        raise NoIdentityProvider(f"{len(roles)} IDPSSODescriptor for SAML 2.0, not one")
    return _provider(entity_id, roles[0], until=_earliest(root, found[0], roles[0]))


def _provider(entity_id: str, role: etree._Element, *, until: datetime | None) -> IdentityProvider:
    sso, keys = _address(role, "SingleSignOnService"), _keys(role)
    by_form = _address(role, "SingleSignOnService", binding=POST)
    if not sso and not by_form:
        raise NoIdentityProvider("no SingleSignOnService by HTTP-Redirect or HTTP-POST")
    if not keys:
        raise NoIdentityProvider("no signing key")
    return IdentityProvider(
        entity_id=entity_id,
        sso=sso,
        slo=_address(role, "SingleLogoutService"),
        keys=keys,
        wants_signed=role.get("WantAuthnRequestsSigned", "") in {"true", "1"},
        valid_until=until,
        slo_answers=_address(role, "SingleLogoutService", place="ResponseLocation"),
        sso_post=by_form,
    )


def _speaks_saml2(role: etree._Element) -> bool:
    return SAMLP in role.get("protocolSupportEnumeration", "").split()


def _address(role: etree._Element, name: str, *, place: str = "Location", binding: str = REDIRECT) -> str:
    """Where the first service of this name listens that takes messages so."""
    services = role.findall(md(name))
    return next((each.get(place, "") for each in services if each.get("Binding") == binding), "")


def _keys(role: etree._Element) -> tuple[VerifyingKey, ...]:
    """A key without `use` is for both uses (Metadata §2.4.1.1). One that is too weak is told, not left out."""
    certificates = [
        certificate
        for descriptor in role.findall(md("KeyDescriptor"))
        if descriptor.get("use", "signing") == "signing"
        for certificate in descriptor.iter(ds("X509Certificate"))
    ]
    try:
        return tuple(
            verifying_key(base64.b64decode("".join((each.text or "").split()), validate=True)) for each in certificates
        )
    except (binascii.Error, SamlRefused) as fault:
        raise NoIdentityProvider("a signing key that is none, or weaker than RSA 2048") from fault


def _earliest(*elements: etree._Element) -> datetime | None:
    """The first moment at which any of these stops being valid."""
    try:
        return until_of(*elements)
    except SamlRefused as fault:
        raise NoIdentityProvider("validUntil is no time with a zone") from fault
