"""Telling service providers that a visit ended: by SOAP through the outbox, else by frames of the signed-out page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from broker.domain.errors import UpstreamUnavailable
from broker.domain.logouts import Logout, LogoutUntold, Notice, Untold
from broker.domain.ports import Current, Services
from broker.domain.service_clients import Binding, Endpoint
from broker.domain.services import Service
from broker.protocol.oidc.id_token import sid_for
from broker.protocol.saml.keys import SamlKeys
from broker.protocol.saml.name_ids import told_name
from broker.protocol.saml.provider import IdentityProvider, Provider
from broker.protocol.saml.slo import signed_address
from broker.wire.saml import names
from broker.wire.saml.assertion import new_message_id
from broker.wire.saml.bindings import REQUEST
from broker.wire.saml.logout import Sender, build_logout_request, in_envelope
from broker.wire.saml.received import LOGOUT_ANSWER, Signature, open_soap
from broker.wire.saml.refusals import SamlRefused
from broker.wire.saml.requests import LogoutAnswer

GOOD_FOR = timedelta(minutes=5)
_UNKNOWN = frozenset({"urn:oasis:names:tc:SAML:2.0:status:UnknownPrincipal"})
"""A provider that knows no such session any more: the person left it before, or it was it that asked."""

PostXml = Callable[[str, bytes], tuple[int, bytes]]
"""Sends an envelope to an address and returns status and body; raises `UpstreamUnavailable`. Bounds as for `Post`."""


@dataclass(frozen=True, slots=True)
class SamlLogout:
    """`LogoutNotifier` for the SAML service providers of the register.

    `post` calls addresses of metadata that an administrator put here, `strangers` those that came from elsewhere: what
    a federation publishes tomorrow must not make us call into the networks that are open to declared services (SSRF).
    """

    idp: IdentityProvider
    services: Current[Services]
    keys: SamlKeys
    post: PostXml
    strangers: PostXml

    def notify(self, logout: Logout, *, now: datetime) -> None:
        """See `LogoutNotifier.notify`. Each try is a message of its own."""
        service = self.services.current().by_client(logout.client_id)
        declared = service.saml if service else None
        endpoint = declared.slo_by(Binding.SOAP) if declared and not declared.is_over(now) else None
        if service is None or declared is None or endpoint is None:
            raise LogoutUntold(Untold.NO_ADDRESS)
        message_id, envelope = self._envelope(Provider(service, declared), endpoint, logout, now=now)
        post = self.strangers if declared.is_kept else self.post
        status, body = post(endpoint.location, envelope)
        if status != HTTPStatus.OK:
            raise UpstreamUnavailable(f"answered {status}")
        self._check_answer(_read(body, declared.signing), message_id)

    def _envelope(self, provider: Provider, endpoint: Endpoint, logout: Logout, *, now: datetime) -> tuple[str, bytes]:
        request = request_for(provider, logout, endpoint.location, Telling(self.idp, now, self.keys))
        return request.message_id, in_envelope(request.message)

    def _check_answer(self, answer: LogoutAnswer, message_id: str) -> None:
        """It answers this message, and says that it did it: or that there was nothing to do."""
        if answer.in_response_to != message_id:
            raise UpstreamUnavailable("answered something else")
        if answer.status != names.SUCCESS and answer.detail not in _UNKNOWN:
            raise LogoutUntold(Untold.REFUSED)


@dataclass(frozen=True, slots=True)
class Telling:
    """In whose name, when, signed by what."""

    idp: IdentityProvider
    now: datetime
    keys: SamlKeys
    signs_element: bool = True


@dataclass(frozen=True, slots=True)
class ToldRequest:
    """A message and its ID."""

    message_id: str
    message: bytes


def request_for(provider: Provider, logout: Logout, address: str, telling: Telling) -> ToldRequest:
    """The logout as this provider is to read it: by the name it knows, of the session it knows."""
    message_id = new_message_id()
    key = telling.keys.signing() if telling.signs_element else None
    message = build_logout_request(
        Sender(telling.idp.entity_id, address, telling.now, key),
        name_id=told_name(provider, logout.subject, visit=logout.visit, issuer=telling.idp.entity_id),
        session_index=sid_for(provider.client_id, sid=logout.visit, school=logout.school),
        until=telling.now + GOOD_FOR,
        message_id=message_id,
    )
    return ToldRequest(message_id, message)


@dataclass(frozen=True, slots=True)
class SamlFrames:
    """Addresses that the signed-out page frames: a hint at best, as with every front channel."""

    idp: IdentityProvider
    keys: SamlKeys

    def addresses(self, told: Iterable[tuple[Service, Notice]], *, visit: str, now: datetime) -> tuple[str, ...]:
        """Where to tell these services, each by the name it knows the person by, of the session it knows."""
        found = (self._address(service, notice, visit=visit, now=now) for service, notice in told)
        return tuple(filter(None, found))

    def _address(self, service: Service, notice: Notice, *, visit: str, now: datetime) -> str:
        endpoint = service.saml.slo_by(Binding.REDIRECT) if service.saml else None
        if service.saml is None or endpoint is None or service.saml.is_over(now):
            return ""
        logout = Logout(visit, service.saml_client, notice.subject, school=notice.school)
        telling = Telling(self.idp, now, self.keys, signs_element=False)
        request = request_for(Provider(service, service.saml), logout, endpoint.location, telling)
        return signed_address(endpoint.location, REQUEST, request.message, relay_state="", key=self.keys.signing())


def _read(body: bytes, certificates: tuple[str, ...]) -> LogoutAnswer:
    """The answer of an envelope. A signature that is there must hold; the connection vouches for one without."""
    try:
        answer, signature = open_soap(body, LOGOUT_ANSWER).read(certificates)
    except SamlRefused as fault:
        raise UpstreamUnavailable("no answer that can be read") from fault
    if signature is Signature.BAD:
        raise UpstreamUnavailable("an answer whose signature does not hold")
    return answer
