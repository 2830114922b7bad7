"""A message as it came, opened in two steps: who it says it is from; then what it says and what vouches for it.

Between the two its sender is looked up, and so the keys that may vouch for it. A signature that is there and does not
hold is told from one that is absent: an absent one may be allowed, a wrong one never is.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Generic, TypeVar

from lxml import etree

from broker.wire.saml.bindings import (
    REQUEST,
    RESPONSE,
    RedirectMessage,
    decode_post,
    decode_redirect,
    verify_redirect,
)
from broker.wire.saml.gate import is_signed, read, verify
from broker.wire.saml.keys import VerifyingKey, verifying_key
from broker.wire.saml.names import SOAP, samlp
from broker.wire.saml.refusals import Refusal, SamlRefused
from broker.wire.saml.requests import (
    AuthnRequest,
    LogoutAnswer,
    LogoutRequest,
    issuer_of,
    read_authn_request,
    read_logout_answer,
    read_logout_request,
)

Message = TypeVar("Message", AuthnRequest, LogoutRequest, LogoutAnswer)
_ENVELOPE, _BODY = f"{{{SOAP}}}Envelope", f"{{{SOAP}}}Body"


class Signature(StrEnum):
    """What vouches for a message."""

    GOOD = "good"
    ABSENT = "absent"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Kind(Generic[Message]):
    """One kind of message: its element, the parameter it travels in, how it is read."""

    root: str
    parameter: str
    read: Callable[[etree._Element], Message]


AUTHN_REQUEST: Kind[AuthnRequest] = Kind(samlp("AuthnRequest"), REQUEST, read_authn_request)
LOGOUT_REQUEST: Kind[LogoutRequest] = Kind(samlp("LogoutRequest"), REQUEST, read_logout_request)
LOGOUT_ANSWER: Kind[LogoutAnswer] = Kind(samlp("LogoutResponse"), RESPONSE, read_logout_answer)


@dataclass(frozen=True, slots=True)
class Opened(Generic[Message]):
    """A message that passed the structure checks, believed in nothing yet. `redirect`: how it came, if so."""

    kind: Kind[Message]
    root: etree._Element
    relay_state: str = ""
    redirect: RedirectMessage | None = None

    @property
    def issuer(self) -> str:
        """Who it says it is from."""
        return issuer_of(self.root)

    def read(self, certificates: tuple[str, ...]) -> tuple[Message, Signature]:
        """What it says, and what vouches for it. Raises `SamlRefused` for a time that there is not."""
        verified, signature = self._verified(keys_of(certificates))
        return self.kind.read(verified), signature

    def _verified(self, keys: tuple[VerifyingKey, ...]) -> tuple[etree._Element, Signature]:
        came = self.redirect
        signed = bool(came.is_signed or came.algorithm) if came else is_signed(self.root)
        if not signed:
            return self.root, Signature.BAD if is_signed(self.root) else Signature.ABSENT
        try:
            if self.redirect:
                return verify_redirect(self.redirect, keys, self.kind.root).element, Signature.GOOD
            return verify(self.root, keys).element, Signature.GOOD
        except SamlRefused:
            return self.root, Signature.BAD


def open_redirect(query: str, kind: Kind[Message]) -> Opened[Message]:
    """Open a message that came in an address. Raises `SamlRefused`."""
    came = decode_redirect(query, kind.parameter)
    return Opened(kind, read(came.xml, kind.root), came.relay_state, came)


def open_post(body: bytes, kind: Kind[Message]) -> Opened[Message]:
    """Open a message that came in a form. Raises `SamlRefused`."""
    came = decode_post(body, kind.parameter)
    return Opened(kind, read(came.xml, kind.root), came.relay_state)


def open_soap(body: bytes, kind: Kind[Message]) -> Opened[Message]:
    """Open a message that came in a SOAP envelope (Bindings §3.2). Raises `SamlRefused`."""
    envelope = read(body, _ENVELOPE)
    return Opened(kind, in_body(envelope, kind))


def in_body(envelope: etree._Element, kind: Kind[Message]) -> etree._Element:
    """The message of an envelope, alone as if it had come alone. Raises `SamlRefused`."""
    inner = envelope.find(f"{_BODY}/{kind.root}")
    if inner is None:
        raise SamlRefused(Refusal.ROOT)
    return read(etree.tostring(inner, with_tail=False), kind.root)


@lru_cache(maxsize=4096)
def keys_of(certificates: tuple[str, ...]) -> tuple[VerifyingKey, ...]:
    """The keys of certificates (base64 of DER), imported once a process."""
    return tuple(verifying_key(base64.b64decode(each)) for each in certificates)
