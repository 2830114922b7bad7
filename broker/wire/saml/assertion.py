"""Answers of an identity provider: a Response with one Assertion, or with a status alone (SAML Core §3.2.2, §2.3.3).

Written as text with every value escaped, parsed once, signed in process. The assertion declares each namespace that it
uses, so that it stands alone once it was taken out, or decrypted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from broker.wire.saml.encrypting import encrypt_assertion
from broker.wire.saml.names import BEARER, SAML, SAMLP, SUCCESS, XS, XSI
from broker.wire.saml.signing import XmlSigningKey, sign_element, signature_template

_UNSAYABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, escaped or not (§2.2)."""
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


@dataclass(frozen=True, slots=True)
class NameId:
    """What a provider is told the person is called. `qualifier`: whose name it is, `sp_qualifier`: for whom."""

    value: str
    form: str
    qualifier: str = ""
    sp_qualifier: str = ""


@dataclass(frozen=True, slots=True)
class SamlAttribute:
    """One attribute. `form` is its NameFormat, `friendly` a name for people; empty: none."""

    name: str
    form: str
    values: tuple[str | NameId, ...]
    friendly: str = ""


@dataclass(frozen=True, slots=True)
class Login:
    """What an assertion says: who, proven how and when, in which session, and what is told of them."""

    name_id: NameId
    context: str
    proven_at: datetime
    session_index: str
    session_until: datetime
    attributes: tuple[SamlAttribute, ...]


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom an answer is: its name, its address, the request it answers (empty: none), how it is encrypted."""

    entity_id: str
    address: str
    in_response_to: str = ""
    certificate: str = ""


@dataclass(frozen=True, slots=True)
class Sealing:
    """Who answers, at which instant, until when it is good, and what is signed."""

    issuer: str
    key: XmlSigningKey
    now: datetime
    until: datetime
    sign_response: bool = True
    sign_assertion: bool = True


@dataclass(frozen=True, slots=True)
class Status:
    """Why there is no assertion: the first and second code (Core §3.2.2.2)."""

    code: str
    detail: str = ""


def new_message_id() -> str:
    """128 random bits as an XML name."""
    return f"_{token_hex(16)}"


def instant(moment: datetime) -> str:
    """A time as SAML writes it: UTC, whole seconds (Core §1.3.3)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def build_response(login: Login, reader: Reader, sealing: Sealing) -> bytes:
    """A Response with one Assertion, signed and encrypted as told."""
    response_id, assertion_id = new_message_id(), new_message_id()
    inner = _assertion(login, reader, sealing, assertion_id=assertion_id)
    text = _response(reader, sealing, response_id=response_id, status=Status(SUCCESS), inner=inner)
    root = parse_own(text)
    assertion = root.find(f"{{{SAML}}}Assertion")
    if sealing.sign_assertion and assertion is not None:
        sign_element(assertion, sealing.key)
    if reader.certificate and assertion is not None:
        encrypt_assertion(assertion, reader.certificate)
    if sealing.sign_response:
        sign_element(root, sealing.key)
    return bytes(etree.tostring(root))


def build_refusal(status: Status, reader: Reader, sealing: Sealing) -> bytes:
    """A signed Response without an assertion: why there is none."""
    root = parse_own(_response(reader, sealing, response_id=new_message_id(), status=status, inner=""))
    sign_element(root, sealing.key)
    return bytes(etree.tostring(root))


def parse_own(text: str) -> etree._Element:
    """The tree of a message that we wrote a moment ago."""
    return etree.fromstring(text.encode(), _PARSER)


def name_id_text(name: NameId) -> str:
    """A NameID element."""
    qualifiers = (("NameQualifier", name.qualifier), ("SPNameQualifier", name.sp_qualifier))
    said = "".join(f" {key}={_quoted(value)}" for key, value in qualifiers if value)
    return f"<saml:NameID Format={_quoted(name.form)}{said}>{_text(name.value)}</saml:NameID>"


def status_text(status: Status) -> str:
    """A Status element."""
    second = f"<samlp:StatusCode Value={_quoted(status.detail)}/>" if status.detail else ""
    return f"<samlp:Status><samlp:StatusCode Value={_quoted(status.code)}>{second}</samlp:StatusCode></samlp:Status>"


def _response(reader: Reader, sealing: Sealing, *, response_id: str, status: Status, inner: str) -> str:
    signs = sealing.sign_response or not inner
    return (
        f'<samlp:Response xmlns:samlp="{SAMLP}" ID="{response_id}" Version="2.0"'
        f' IssueInstant="{instant(sealing.now)}" Destination={_quoted(reader.address)}{_answering(reader)}>'
        f'<saml:Issuer xmlns:saml="{SAML}">{_text(sealing.issuer)}</saml:Issuer>'
        f"{signature_template(response_id, sealing.key) if signs else ''}"
        f"{status_text(status)}{inner}</samlp:Response>"
    )


def _assertion(login: Login, reader: Reader, sealing: Sealing, *, assertion_id: str) -> str:
    now, until = instant(sealing.now), instant(sealing.until)
    confirmed = f'NotOnOrAfter="{until}" Recipient={_quoted(reader.address)}{_answering(reader)}'
    return (
        f'<saml:Assertion xmlns:saml="{SAML}" xmlns:xs="{XS}" xmlns:xsi="{XSI}"'
        f' ID="{assertion_id}" Version="2.0" IssueInstant="{now}">'
        f"<saml:Issuer>{_text(sealing.issuer)}</saml:Issuer>"
        f"{signature_template(assertion_id, sealing.key) if sealing.sign_assertion else ''}"
        f'<saml:Subject>{name_id_text(login.name_id)}<saml:SubjectConfirmation Method="{BEARER}">'
        f"<saml:SubjectConfirmationData {confirmed}/></saml:SubjectConfirmation></saml:Subject>"
        f'<saml:Conditions NotBefore="{now}" NotOnOrAfter="{until}"><saml:AudienceRestriction>'
        f"<saml:Audience>{_text(reader.entity_id)}</saml:Audience></saml:AudienceRestriction></saml:Conditions>"
        f'<saml:AuthnStatement AuthnInstant="{instant(login.proven_at)}" SessionIndex={_quoted(login.session_index)}'
        f' SessionNotOnOrAfter="{instant(login.session_until)}"><saml:AuthnContext><saml:AuthnContextClassRef>'
        f"{_text(login.context)}</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
        f"{_attributes(login.attributes)}</saml:Assertion>"
    )


def _attributes(attributes: tuple[SamlAttribute, ...]) -> str:
    if not attributes:
        return ""
    told = "".join(
        f"<saml:Attribute Name={_quoted(each.name)} NameFormat={_quoted(each.form)}"
        f"{f' FriendlyName={_quoted(each.friendly)}' if each.friendly else ''}>"
        f"{''.join(map(_value, each.values))}</saml:Attribute>"
        for each in attributes
    )
    return f"<saml:AttributeStatement>{told}</saml:AttributeStatement>"


def _value(value: str | NameId) -> str:
    if isinstance(value, NameId):
        return f"<saml:AttributeValue>{name_id_text(value)}</saml:AttributeValue>"
    return f'<saml:AttributeValue xsi:type="xs:string">{_text(value)}</saml:AttributeValue>'


def _answering(reader: Reader) -> str:
    return f" InResponseTo={_quoted(reader.in_response_to)}" if reader.in_response_to else ""


def _text(value: str) -> str:
    return escape(_UNSAYABLE.sub("\ufffd", value))


def _quoted(value: str) -> str:
    return quoteattr(_UNSAYABLE.sub("\ufffd", value))
