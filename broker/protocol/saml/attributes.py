"""Attributes of an answer: what was released, under the names that a service provider reads (domain §2.2, §7).

Three forms: object identifiers as Shibboleth and the federations read them, the plain names of the descriptor, and the
names of ÉduConnect for services that were written for it. A claim that a form has no name for keeps its plain one.
"""

from __future__ import annotations

from collections.abc import Mapping

from broker.domain.released import Attribute, Released
from broker.domain.service_clients import AttributeForm
from broker.domain.services import ClaimName, Protocol
from broker.protocol.saml.provider import Provider
from broker.wire.saml.assertion import SamlAttribute
from broker.wire.saml.names import ATTR_BASIC as BASIC
from broker.wire.saml.names import ATTR_URI as URI

PAIRWISE_ID = "urn:oasis:names:tc:SAML:attribute:pairwise-id"
_EDUCONNECT = "urn:oid:1.3.6.1.4.1.20326.10.999.1."

Named = tuple[str, str]
"""A name on the wire, and the one for people."""

_OIDS: Mapping[ClaimName, Named] = {
    ClaimName.NAME: ("urn:oid:2.16.840.1.113730.3.1.241", "displayName"),
    ClaimName.GIVEN_NAME: ("urn:oid:2.5.4.42", "givenName"),
    ClaimName.FAMILY_NAME: ("urn:oid:2.5.4.4", "sn"),
    ClaimName.EMAIL: ("urn:oid:0.9.2342.19200300.100.1.3", "mail"),
    ClaimName.PHONE_NUMBER: ("urn:oid:0.9.2342.19200300.100.1.41", "mobile"),
    ClaimName.POSTAL_CODE: ("urn:oid:2.5.4.17", "postalCode"),
    ClaimName.LOGIN: ("urn:oid:0.9.2342.19200300.100.1.1", "uid"),
}
_FREDU: Mapping[ClaimName, Named] = {
    ClaimName.FAMILY_NAME: ("urn:oid:2.5.4.4", "sn"),
    ClaimName.GIVEN_NAME: ("urn:oid:2.5.4.42", "givenName"),
    ClaimName.PROFIL: (f"{_EDUCONNECT}7", "FrEduCtPersonAffiliation"),
    ClaimName.BIRTH_DATE: (f"{_EDUCONNECT}67", "FrEduCtDateNaissance"),
    ClaimName.UAI: (f"{_EDUCONNECT}72", "FrEduCtEleveUAI"),
    ClaimName.MEF: (f"{_EDUCONNECT}73", "FrEduCtEleveNiveau"),
    ClaimName.VECTEUR: ("FrEduVecteur", "FrEduVecteur"),
    ClaimName.EXTERNAL_ID: ("FrEduCtRefId", "FrEduCtRefId"),
}
_FREDU_ID = SamlAttribute(f"{_EDUCONNECT}57", URI, (), "FrEduCtId")
_NAMES: Mapping[AttributeForm, Mapping[ClaimName, Named]] = {
    AttributeForm.OID: _OIDS,
    AttributeForm.BASIC: {},
    AttributeForm.FREDU: _FREDU,
}


def attributes_of(provider: Provider, released: Released, *, pairwise: str = "") -> tuple[SamlAttribute, ...]:
    """What is told, in the order of the rules. `pairwise`: the scoped identifier to tell beside; empty: none.

    A value that is no text is told in OpenID Connect alone; the release holds none here.
    """
    form = provider.declared.attribute_form
    names, claims = _NAMES[form], _claims_by_name(provider)
    told = [_attribute(each, names, claims.get(each.name)) for each in released.attributes]
    beside = [SamlAttribute(PAIRWISE_ID, URI, (pairwise,), "pairwise-id")] if pairwise else []
    if form is AttributeForm.FREDU and pairwise:
        beside.append(SamlAttribute(_FREDU_ID.name, URI, (pairwise.partition("@")[0],), _FREDU_ID.friendly))
    return tuple(each for each in (*beside, *told) if each.values)


def _claims_by_name(provider: Provider) -> Mapping[str, ClaimName]:
    """Which claim an attribute tells: the rules of the descriptor rename, and what they do not is its own name."""
    rules = provider.service.release.spoken_in(Protocol.SAML) if provider.service.release else ()
    return {rule.name: rule.claim for rule in rules} or {claim.value: claim for claim in ClaimName}


def _attribute(attribute: Attribute, names: Mapping[ClaimName, Named], claim: ClaimName | None) -> SamlAttribute:
    named = names.get(claim) if claim else None
    if named is None:
        return SamlAttribute(attribute.name, BASIC, attribute.texts)
    wire, friendly = named
    return SamlAttribute(wire, URI if wire.startswith("urn:") else BASIC, attribute.texts, friendly)
