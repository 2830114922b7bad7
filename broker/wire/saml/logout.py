"""Logout messages that we write (SAML Core §3.7): the end of a session told to a provider, the answer to its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from broker.wire.saml.assertion import (
    NameId,
    Status,
    instant,
    name_id_text,
    new_message_id,
    parse_own,
    status_text,
)
from broker.wire.saml.names import SAML, SAMLP, SOAP
from broker.wire.saml.signing import XmlSigningKey, sign_element, signature_template


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes, to which address, when; `key` signs the element, None: the query it travels in is signed instead."""

    issuer: str
    destination: str
    now: datetime
    key: XmlSigningKey | None


def build_logout_request(
    sender: Sender, *, name_id: NameId, session_index: str, until: datetime, message_id: str = ""
) -> bytes:
    """Tell a provider that a session ended."""
    inner = (
        f'<saml:NameID xmlns:saml="{SAML}"{name_id_text(name_id).removeprefix("<saml:NameID")}'
        f"<samlp:SessionIndex>{escape(session_index)}</samlp:SessionIndex>"
    )
    more = f' NotOnOrAfter="{instant(until)}"'
    return _message("LogoutRequest", sender, inner, more=more, message_id=message_id or new_message_id())


def build_logout_response(sender: Sender, *, in_response_to: str, status: Status) -> bytes:
    """Answer a provider that ended a session."""
    more = f" InResponseTo={quoteattr(in_response_to)}"
    return _message("LogoutResponse", sender, status_text(status), more=more, message_id=new_message_id())


def in_envelope(message: bytes) -> bytes:
    """The message as SOAP carries it (SAML Bindings §3.2)."""
    return b'<S:Envelope xmlns:S="' + SOAP.encode() + b'"><S:Body>' + message + b"</S:Body></S:Envelope>"


def _message(kind: str, sender: Sender, inner: str, *, more: str, message_id: str) -> bytes:
    text = (
        f'<samlp:{kind} xmlns:samlp="{SAMLP}" ID="{message_id}" Version="2.0" IssueInstant="{instant(sender.now)}"'
        f" Destination={quoteattr(sender.destination)}{more}>"
        f'<saml:Issuer xmlns:saml="{SAML}">{escape(sender.issuer)}</saml:Issuer>'
        f"{signature_template(message_id, sender.key) if sender.key else ''}{inner}</samlp:{kind}>"
    )
    root = parse_own(text)
    if sender.key:
        sign_element(root, sender.key)
    return bytes(etree.tostring(root))
