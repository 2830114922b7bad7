"""Requests of service providers as values: read from an element that passed the gate, and from nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from broker.wire.saml.assertion import NameId
from broker.wire.saml.names import saml, samlp
from broker.wire.saml.refusals import Refusal, SamlRefused

_TRUE = frozenset({"true", "1"})


@dataclass(frozen=True, slots=True)
class AuthnRequest:
    """A request for a login (SAML Core §3.4.1). Texts are empty where it says nothing; `acs_index` None: none named.

    `subject`: whom it means; `name_format` and `name_qualifier`: how it wants them named; `contexts`: how proven.
    """

    request_id: str
    issuer: str
    issued_at: datetime
    destination: str = ""
    acs_url: str = ""
    acs_index: int | None = None
    binding: str = ""
    force: bool = False
    passive: bool = False
    subject: NameId | None = None
    has_subject: bool = False
    name_format: str = ""
    name_qualifier: str = ""
    contexts: tuple[str, ...] = ()
    comparison: str = "exact"


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """A request to end sessions (SAML Core §3.7.1). `until`: when it stops meaning anything; None: it does not say."""

    request_id: str
    issuer: str
    issued_at: datetime
    name_id: NameId
    destination: str = ""
    until: datetime | None = None
    session_indexes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LogoutAsked:
    """A logout request that was verified and checked, and the state that its answer takes back."""

    request: LogoutRequest
    relay_state: str


@dataclass(frozen=True, slots=True)
class LogoutAnswer:
    """What a provider answered to a logout that we told it (SAML Core §3.7.2)."""

    issuer: str
    in_response_to: str
    status: str
    detail: str = ""


def issuer_of(root: etree._Element) -> str:
    """Who a message says it is from: what its keys are looked up by, and no more, before it was verified."""
    return root.findtext(saml("Issuer")) or ""


def read_authn_request(root: etree._Element) -> AuthnRequest:
    """Read an `AuthnRequest` that satisfies the schema."""
    policy, index = root.find(samlp("NameIDPolicy")), root.get("AssertionConsumerServiceIndex")
    wanted, subject = root.find(samlp("RequestedAuthnContext")), root.find(saml("Subject"))
    return AuthnRequest(
        request_id=root.get("ID", ""),
        issuer=issuer_of(root),
        issued_at=_instant(root.get("IssueInstant", "")),
        destination=root.get("Destination", ""),
        acs_url=root.get("AssertionConsumerServiceURL", ""),
        acs_index=int(index) if index is not None else None,
        binding=root.get("ProtocolBinding", ""),
        force=root.get("ForceAuthn", "") in _TRUE,
        passive=root.get("IsPassive", "") in _TRUE,
        subject=_name_id(subject.find(saml("NameID"))) if subject is not None else None,
        has_subject=subject is not None,
        name_format=policy.get("Format", "") if policy is not None else "",
        name_qualifier=policy.get("SPNameQualifier", "") if policy is not None else "",
        contexts=_contexts(wanted),
        comparison=wanted.get("Comparison", "exact") if wanted is not None else "exact",
    )


def read_logout_request(root: etree._Element) -> LogoutRequest:
    """Read a `LogoutRequest` that satisfies the schema."""
    until = root.get("NotOnOrAfter")
    return LogoutRequest(
        request_id=root.get("ID", ""),
        issuer=issuer_of(root),
        issued_at=_instant(root.get("IssueInstant", "")),
        name_id=_name_id(root.find(saml("NameID"))) or NameId("", ""),
        destination=root.get("Destination", ""),
        until=_instant(until) if until else None,
        session_indexes=tuple(each.text or "" for each in root.findall(samlp("SessionIndex"))),
    )


def read_logout_answer(root: etree._Element) -> LogoutAnswer:
    """Read a `LogoutResponse` that satisfies the schema."""
    codes = [each.get("Value", "") for each in root.iter(samlp("StatusCode"))]
    return LogoutAnswer(issuer_of(root), root.get("InResponseTo", ""), codes[0], codes[1] if len(codes) > 1 else "")


def _contexts(wanted: etree._Element | None) -> tuple[str, ...]:
    found = wanted.findall(saml("AuthnContextClassRef")) if wanted is not None else []
    return tuple((each.text or "").strip() for each in found)


def _name_id(element: etree._Element | None) -> NameId | None:
    if element is None:
        return None
    return NameId(
        element.text or "",
        element.get("Format", ""),
        qualifier=element.get("NameQualifier", ""),
        sp_qualifier=element.get("SPNameQualifier", ""),
    )


def _instant(text: str) -> datetime:
    """A time that the schema let through; it also lets through some that no calendar of ours has."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise SamlRefused(Refusal.TIME, "no such time") from None
