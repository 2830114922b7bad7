"""What a verified assertion states, as plain values. It takes the proof type, so nothing unverified is ever read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from broker.wire.saml.names import BEARER, SAML, saml
from broker.wire.saml.refusals import Refusal, SamlRefused
from broker.wire.saml.response import VerifiedAssertion


@dataclass(frozen=True, slots=True)
class NameId:
    """The name of the subject, with the qualifiers that make it whole."""

    value: str
    name_format: str
    qualifier: str
    sp_qualifier: str


@dataclass(frozen=True, slots=True)
class Confirmation:
    """One bearer confirmation: whoever carries it may use it here, for this question, until then."""

    recipient: str
    in_response_to: str
    not_before: datetime | None
    not_on_or_after: datetime | None


@dataclass(frozen=True, slots=True)
class AuthnStatement:
    """How and when the person proved who they are."""

    instant: datetime
    class_ref: str
    session_index: str
    session_ends: datetime | None


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute by both of its names, with its values in order."""

    name: str
    friendly_name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the response round the assertion says; to be compared, never believed, where it was not signed."""

    issuer: str
    destination: str
    in_response_to: str
    issued: datetime


@dataclass(frozen=True, slots=True)
class Statements:
    """Everything an assertion says that anyone reads. `audiences`: one tuple for each restriction, all must hold."""

    assertion_id: str
    issuer: str
    issued: datetime
    name_id: NameId | None
    confirmations: tuple[Confirmation, ...]
    not_before: datetime | None
    not_on_or_after: datetime | None
    audiences: tuple[tuple[str, ...], ...]
    authn: tuple[AuthnStatement, ...]
    attributes: tuple[Attribute, ...]
    envelope: Envelope

    def values(self, *known_as: str) -> tuple[str, ...]:
        """Values of the attributes of any of these names, by Name or FriendlyName, each once, none empty."""
        found = (
            value.strip()
            for each in self.attributes
            if each.name in known_as or each.friendly_name in known_as
            for value in each.values
        )
        return tuple(dict.fromkeys(value for value in found if value))

    def value(self, *known_as: str) -> str:
        """The first of these values; empty when there is none."""
        return next(iter(self.values(*known_as)), "")


def statements_of(verified: VerifiedAssertion) -> Statements:
    """Read an assertion. The schema has held: what must be there is there, and times have one form."""
    root, envelope = verified.assertion.element, verified.envelope
    conditions = root.find(saml("Conditions"))
    limits: Mapping[str, str] = {} if conditions is None else dict(conditions.attrib)
    return Statements(
        assertion_id=root.get("ID", ""),
        issuer=_text(root, saml("Issuer")),
        issued=_instant(root.get("IssueInstant", "")),
        name_id=_name_id(root.find(f"{saml('Subject')}/{saml('NameID')}")),
        confirmations=tuple(_confirmations(root)),
        not_before=_moment(limits.get("NotBefore")),
        not_on_or_after=_moment(limits.get("NotOnOrAfter")),
        audiences=tuple(_audiences(root)),
        authn=tuple(_authn(each) for each in root.findall(saml("AuthnStatement"))),
        attributes=tuple(_attributes(root)),
        envelope=Envelope(
            _text(envelope, saml("Issuer")),
            envelope.get("Destination", ""),
            envelope.get("InResponseTo", ""),
            _instant(envelope.get("IssueInstant", "")),
        ),
    )


def _name_id(found: etree._Element | None) -> NameId | None:
    if found is None:
        return None
    qualifiers = (found.get(name, "") for name in ("Format", "NameQualifier", "SPNameQualifier"))
    return NameId(found.text or "", *qualifiers)


def _confirmations(root: etree._Element) -> Iterator[Confirmation]:
    for each in root.findall(f"{saml('Subject')}/{saml('SubjectConfirmation')}"):
        data = each.find(saml("SubjectConfirmationData"))
        if each.get("Method") == BEARER and data is not None:
            yield Confirmation(
                data.get("Recipient", ""),
                data.get("InResponseTo", ""),
                _moment(data.get("NotBefore")),
                _moment(data.get("NotOnOrAfter")),
            )


def _audiences(root: etree._Element) -> Iterator[tuple[str, ...]]:
    for each in root.findall(f"{saml('Conditions')}/{saml('AudienceRestriction')}"):
        yield tuple(audience.text or "" for audience in each)


def _authn(statement: etree._Element) -> AuthnStatement:
    return AuthnStatement(
        _instant(statement.get("AuthnInstant", "")),
        _text(statement, f"{saml('AuthnContext')}/{saml('AuthnContextClassRef')}"),
        statement.get("SessionIndex", ""),
        _moment(statement.get("SessionNotOnOrAfter")),
    )


def _attributes(root: etree._Element) -> Iterator[Attribute]:
    for each in root.findall(f"{saml('AttributeStatement')}/{saml('Attribute')}"):
        values = tuple(_value(value) for value in each)
        yield Attribute(each.get("Name", ""), each.get("FriendlyName", ""), values)


def _value(value: etree._Element) -> str:
    """A text; of a NameID inside a value (eduPersonTargetedID) its text."""
    inside = value.find(f"{{{SAML}}}NameID")
    return (value.text if inside is None else inside.text) or ""


def _text(root: etree._Element, path: str) -> str:
    return root.findtext(path) or ""


def _moment(text: str | None) -> datetime | None:
    return _instant(text) if text else None


def _instant(text: str) -> datetime:
    """UTC by the schema; seconds may have any number of digits behind the point, of which Python reads six."""
    whole, point, rest = text.removesuffix("Z").partition(".")
    try:
        return datetime.fromisoformat(f"{whole}{point}{rest[:6]}+00:00")
    except ValueError:  # XML Schema knows an hour of 24, and years that Python has not
        raise SamlRefused(Refusal.TIME, "no time of this calendar") from None
