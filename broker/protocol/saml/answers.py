"""Answers to service providers: who signs, what a refusal is called in SAML, how an answer travels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from broker.domain.errors import (
    AccessDenied,
    AnotherIsMeant,
    LoginRequired,
    NameNotGiven,
    ProtocolError,
    ReleaseRefused,
    UnmetRequirements,
)
from broker.domain.service_clients import Signed
from broker.protocol.endpoint import SelfPost
from broker.protocol.saml.provider import ASSERTION_LIFE, IdentityProvider, Provider
from broker.wire.saml import names
from broker.wire.saml.assertion import Login, Reader, Sealing, Status, build_refusal, build_response
from broker.wire.saml.bindings import RELAY_STATE, RESPONSE, encode_post
from broker.wire.saml.signing import XmlSigningKey

UNKNOWN_PRINCIPAL = "urn:oasis:names:tc:SAML:2.0:status:UnknownPrincipal"
_STATUSES: tuple[tuple[type[ProtocolError], Status], ...] = (
    (LoginRequired, Status(names.RESPONDER, names.NO_PASSIVE)),
    (UnmetRequirements, Status(names.RESPONDER, names.NO_AUTHN_CONTEXT)),
    (NameNotGiven, Status(names.REQUESTER, names.INVALID_NAMEID_POLICY)),
    (AnotherIsMeant, Status(names.RESPONDER, UNKNOWN_PRINCIPAL)),
    (AccessDenied, Status(names.RESPONDER, names.REQUEST_DENIED)),
    (ReleaseRefused, Status(names.RESPONDER, names.REQUEST_DENIED)),
)


def status_of(refusal: ProtocolError, *, passive: bool) -> Status:
    """What a refusal is called (Core §3.2.2.2). A login that was asked for and did not come is a failure of it."""
    if isinstance(refusal, LoginRequired) and not passive:
        return Status(names.RESPONDER, names.AUTHN_FAILED)
    return next((status for kind, status in _STATUSES if isinstance(refusal, kind)), Status(names.RESPONDER))


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer has to repeat: where it goes, what it answers (empty: nothing was asked), the state."""

    address: str
    request_id: str
    relay_state: str


@dataclass(frozen=True, slots=True)
class Answers:
    """Writes answers in our name; `key` is asked each time for the key that signs now."""

    idp: IdentityProvider
    key: Callable[[], XmlSigningKey]

    def admit(self, provider: Provider, login: Login, asked: Asked, *, now: datetime) -> SelfPost:
        """An answer with an assertion."""
        declared = provider.declared
        reader = Reader(
            declared.entity_id,
            asked.address,
            asked.request_id,
            certificate=declared.encryption[0] if declared.encrypt and declared.encryption else "",
        )
        sealing = self._sealing(provider, now=now)
        return _posted(build_response(login, reader, sealing), asked)

    def refuse(self, provider: Provider, status: Status, asked: Asked, *, now: datetime) -> SelfPost:
        """An answer that says why there is no assertion."""
        reader = Reader(provider.declared.entity_id, asked.address, asked.request_id)
        return _posted(build_refusal(status, reader, self._sealing(provider, now=now)), asked)

    def _sealing(self, provider: Provider, *, now: datetime) -> Sealing:
        sign = provider.declared.sign
        return Sealing(
            self.idp.entity_id,
            self.key(),
            now,
            until=now + ASSERTION_LIFE,
            sign_response=sign is not Signed.ASSERTION,
            sign_assertion=sign is not Signed.RESPONSE,
        )


def _posted(message: bytes, asked: Asked) -> SelfPost:
    state = {RELAY_STATE: asked.relay_state} if asked.relay_state else {}
    return SelfPost(asked.address, {RESPONSE: encode_post(message), **state})
