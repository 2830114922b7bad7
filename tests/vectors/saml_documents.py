"""The one honest answer that every SAML vector is a spoilt copy of, and the ways to sign and seal a copy."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from urllib.parse import urlencode

import xmlsec
from lxml import etree

from broker.domain.errors import PreauError
from broker.domain.identity import UpstreamIdentity
from broker.domain.ports import Return
from broker.wire.saml import SamlRefused, decode_post, names
from broker.wire.saml.identity_provider import parse_identity_provider
from connectors.saml import Known, PlainSamlProfile, SamlConnector, SamlSource
from tests.saml_peer import Pair, Told, assertion_xml, encrypt, octets, pair, parsed, response_xml, sign
from tests.saml_sources import PROVIDER, our_key, provider_metadata

NOW = datetime(2026, 9, 7, 8, 0, tzinfo=UTC)
ENTITY = "https://preau.example/saml/sp/essai/metadata"
ACS = "https://preau.example/saml/sp/essai/acs"
REQUEST, STATE = "_question", "etat"
HONEST = Told(
    issuer=PROVIDER,
    audience=ENTITY,
    recipient=ACS,
    in_response_to=REQUEST,
    name_id="aline",
    now=NOW,
    attributes=(("uid", ("aline",)), ("groupe", ("parents",))),
)
VICTIM = "direction"
PARTS = ("a", "r", "ar", "ae", "are")
"""What is signed (`a` the assertion, `r` the response) and whether the assertion is encrypted (`e`)."""

Edit = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Vector:
    """A form that must sign nobody in."""

    id: str
    body: bytes


def form_of(xml: bytes) -> bytes:
    """The form that a browser would send."""
    return urlencode({"SAMLResponse": base64.b64encode(xml).decode(), "RelayState": STATE}).encode()


def sealed(text: str, parts: str, *, by: Pair | None = None, **how: object) -> bytes:
    """Sign (and encrypt) a response as an identity provider does; `how`: told to every signature."""
    root = parsed(text)
    assertion = root.find(names.saml("Assertion"))
    signer = by or pair("idp")
    if "a" in parts and assertion is not None:
        sign(assertion, signer, **how)  # type: ignore[arg-type]
    if "e" in parts and assertion is not None:
        encrypt(assertion, pair("sp"))
    if "r" in parts:
        sign(root, signer, **how)  # type: ignore[arg-type]
    return octets(root)


def tried(make: Callable[[], bytes]) -> bytes:
    """What the tools can make; some faults they cannot make any more."""
    try:
        return make()
    except (xmlsec.Error, etree.LxmlError, KeyError, AttributeError, ValueError):
        return b""


def honest(parts: str = "ar") -> bytes:
    """The answer that comes in."""
    return sealed(response_xml(HONEST), parts)


def evil_assertion(assertion_id: str = "_evil") -> etree._Element:
    """What an attacker would like to have said."""
    return parsed(assertion_xml(replace(HONEST, name_id=VICTIM, assertion_id=assertion_id)))


@cache
def connector() -> SamlConnector:
    """The source of the corpus."""
    provider = parse_identity_provider(provider_metadata(pair("idp")), PROVIDER)
    return SamlSource("essai", ENTITY, ACS, Known(provider), our_key(), PlainSamlProfile()).open()


def come_in(body: bytes, through: SamlConnector | None = None) -> UpstreamIdentity | None:
    """Whom the form signs in; None for nobody."""
    try:
        message = decode_post(body, "SAMLResponse")
    except SamlRefused:
        return None
    answer = Return({"RelayState": message.relay_state, "SAMLResponse": base64.b64encode(message.xml).decode()}, "")
    try:
        return (through or connector()).finish(answer, private={"state": STATE, "request": REQUEST}, now=NOW)
    except PreauError:
        return None
