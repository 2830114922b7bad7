"""SAML 1.1 as CAS clients use it for validation (CAS Protocol 3.0.3 §4.2): a small request read, an answer written.

The request says one thing, the ticket. Only the shape that clients send is read: one envelope, one body, one request,
one artifact, and what could make two readers differ is refused before any parser.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lxml import etree

from broker.domain.released import Attribute
from broker.wire.cas_answer import check_names, check_user, escape, is_value

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
PROTOCOL = "urn:oasis:names:tc:SAML:1.0:protocol"
ASSERTION = "urn:oasis:names:tc:SAML:1.0:assertion"
MOST_BYTES = 16 * 1024
MOST_ELEMENTS = 16
LIFE = timedelta(seconds=60)
"""How long the assertion says that it is good: it is read at once, over the connection that asked for it."""

_DECLARATION = re.compile(
    rb"""\A\s*<\?xml\s+version=["']1\.0["'](?:\s+encoding=["'](?:[Uu][Tt][Ff]-8)["'])?(?:\s+standalone=["'](?:yes|no)["'])?\s*\?>"""
)
_REQUEST_ID = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,127}")
_ATTRIBUTE_NAMESPACE = "http://www.ja-sig.org/products/cas/"


class Unreadable(ValueError):
    """A request that is not exactly one ticket in an envelope."""


@dataclass(frozen=True, slots=True)
class SamlRequest:
    """The ticket of a request, and the id that the answer names; empty when it has none that can be repeated."""

    ticket: str
    request_id: str = ""


def read_saml_request(body: bytes) -> SamlRequest:
    """The ticket of a `samlp:Request` in a SOAP envelope. Raises `Unreadable`."""
    root = _root(body)
    inner = _only(root, f"{{{SOAP}}}Envelope", ignoring=f"{{{SOAP}}}Header")
    request = _only(inner, f"{{{SOAP}}}Body")
    artifact = _only(request, f"{{{PROTOCOL}}}Request")
    if artifact.tag != f"{{{PROTOCOL}}}AssertionArtifact" or len(artifact):
        raise Unreadable("no artifact, or one with parts")
    stated = request.get("RequestID", "")
    return SamlRequest((artifact.text or "").strip(), stated if _REQUEST_ID.fullmatch(stated) else "")


def _root(body: bytes) -> etree._Element:
    if len(body) > MOST_BYTES:
        raise Unreadable("too large")
    declaration = _DECLARATION.match(body)
    rest = body[declaration.end() :] if declaration else body
    if b"\x00" in rest or b"<!" in rest or b"<?" in rest:
        raise Unreadable("a comment, a section, a document type, an entity or an instruction")
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, dtd_validation=False, no_network=True, huge_tree=False, encoding="utf-8"
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise Unreadable("not well-formed") from None
    if sum(1 for _ in root.iter()) > MOST_ELEMENTS:
        raise Unreadable("more than one ticket needs")
    return root


def _only(parent: etree._Element, name: str, *, ignoring: str = "") -> etree._Element:
    """The one element inside `parent`, which has this name. Raises `Unreadable`."""
    if parent.tag != name:
        raise Unreadable("an element in another's place")
    found = [child for child in parent if child.tag != ignoring]
    if len(found) != 1:
        raise Unreadable("nothing, or two things, where one belongs")
    return found[0]


@dataclass(frozen=True, slots=True)
class SamlSubject:
    """Who the assertion is about, when they proved it, for which address, in answer to which request."""

    user: str
    proven_at: datetime
    service: str
    request_id: str = ""


def write_saml_success(subject: SamlSubject, attributes: Sequence[Attribute], *, issuer: str, now: datetime) -> bytes:
    """The answer for a ticket that was good. Raises `Unwritable` for a user or a name that XML cannot hold."""
    check_user(subject.user)
    name = (
        f"<saml1:Subject><saml1:NameIdentifier>{escape(subject.user)}</saml1:NameIdentifier>"
        "<saml1:SubjectConfirmation><saml1:ConfirmationMethod>urn:oasis:names:tc:SAML:1.0:cm:artifact"
        "</saml1:ConfirmationMethod></saml1:SubjectConfirmation></saml1:Subject>"
    )
    told = "".join(_attribute(attribute) for attribute in attributes)
    statement = f"<saml1:AttributeStatement>{name}{told}</saml1:AttributeStatement>" if told else ""
    assertion = (
        f'<saml1:Assertion xmlns:saml1="{ASSERTION}" AssertionID="_{secrets.token_hex(16)}" '
        f'IssueInstant="{_instant(now)}" Issuer="{escape(issuer)}" MajorVersion="1" MinorVersion="1">'
        f'<saml1:Conditions NotBefore="{_instant(now)}" NotOnOrAfter="{_instant(now + LIFE)}">'
        f"<saml1:AudienceRestrictionCondition><saml1:Audience>{escape(subject.service)}</saml1:Audience>"
        "</saml1:AudienceRestrictionCondition></saml1:Conditions>"
        f'<saml1:AuthenticationStatement AuthenticationInstant="{_instant(subject.proven_at)}" '
        f'AuthenticationMethod="urn:oasis:names:tc:SAML:1.0:am:unspecified">{name}</saml1:AuthenticationStatement>'
        f"{statement}</saml1:Assertion>"
    )
    return _response("Success", assertion, subject, now=now)


def write_saml_failure(code: str, sentence: str, service: str, *, now: datetime) -> bytes:
    """The answer for a ticket that was not: the requester's fault, in one word and a sentence."""
    return _response("RequestDenied", "", SamlSubject("", now, service), now=now, message=f"{code}: {sentence}")


def _response(status: str, assertion: str, subject: SamlSubject, *, now: datetime, message: str = "") -> bytes:
    answers = f' InResponseTo="{escape(subject.request_id)}"' if subject.request_id else ""
    said = f"<saml1p:StatusMessage>{escape(message)}</saml1p:StatusMessage>" if message else ""
    return (
        f'<SOAP-ENV:Envelope xmlns:SOAP-ENV="{SOAP}"><SOAP-ENV:Body>'
        f'<saml1p:Response xmlns:saml1p="{PROTOCOL}" ResponseID="_{secrets.token_hex(16)}"{answers} '
        f'IssueInstant="{_instant(now)}" MajorVersion="1" MinorVersion="1" Recipient="{escape(subject.service)}">'
        f'<saml1p:Status><saml1p:StatusCode Value="saml1p:{status}"/>{said}</saml1p:Status>{assertion}'
        "</saml1p:Response></SOAP-ENV:Body></SOAP-ENV:Envelope>"
    ).encode()


def _attribute(attribute: Attribute) -> str:
    check_names(attribute)
    values = "".join(
        f"<saml1:AttributeValue>{escape(text)}</saml1:AttributeValue>" for text in attribute.texts if is_value(text)
    )
    if not values:
        return ""
    opening = f'<saml1:Attribute AttributeName="{attribute.name}" AttributeNamespace="{_ATTRIBUTE_NAMESPACE}">'
    return f"{opening}{values}</saml1:Attribute>"


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
