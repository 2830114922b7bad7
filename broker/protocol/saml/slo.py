"""Single logout (SAML Profiles §4.4): a provider ends the session, for all services of all protocols.

In the browser (Redirect, POST) the request must mean the session of this very browser; by SOAP, from server to server,
it ends the session in which the provider was told the name. Whoever else was in that visit is told through the outbox.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from urllib.parse import quote

from broker.domain.errors import InvalidSamlMessage
from broker.domain.ports import Current, ProviderLogins, Services
from broker.domain.service_clients import Binding
from broker.domain.sessions import Session
from broker.federation.farewells import FAREWELL, FAREWELL_SECONDS
from broker.protocol.endpoint import Answer, Call, SelfPost
from broker.protocol.oidc.end_session import SignOuts
from broker.protocol.oidc.pending import PendingRequests
from broker.protocol.saml.keys import SamlKeys
from broker.protocol.saml.messages import Carried, carried_again, receive
from broker.protocol.saml.provider import IdentityProvider, Provider
from broker.protocol.saml.slo_checks import (
    LOGOUT_CHECKS,
    SESSION_CHECKS,
    Candidate,
    LogoutCheck,
    LogoutSubmission,
    SessionCheck,
)
from broker.services.logout_ways import LogoutWay, logout_way
from broker.wire.http import SESSION_COOKIE, PlainResponse, parse_form, parting_headers, redirect_response
from broker.wire.saml import names
from broker.wire.saml.assertion import Status
from broker.wire.saml.bindings import RELAY_STATE, RESPONSE, encode_post, encode_redirect
from broker.wire.saml.logout import Sender, build_logout_response, in_envelope
from broker.wire.saml.received import LOGOUT_ANSWER, LOGOUT_REQUEST, Signature
from broker.wire.saml.signing import XmlSigningKey, sign_octets

DONE = Status(names.SUCCESS)
PARTIAL = Status(names.SUCCESS, names.PARTIAL_LOGOUT)
NOT_MEANT = Status(names.REQUESTER, "urn:oasis:names:tc:SAML:2.0:status:UnknownPrincipal")
_XML = (("Content-Type", "text/xml; charset=utf-8"), ("Cache-Control", "no-store"))


class Endings(SignOuts, Protocol):
    """What the endpoints ask of the federation."""

    def end(self, session: Session, *, trace: str) -> None:
        """End a session that another machine names, with all that was granted in it."""
        ...


@dataclass(frozen=True, slots=True)
class SloChecks:
    """The rules of the endpoints as lists: taking one out is how a test shows what it stops."""

    request: tuple[LogoutCheck, ...] = LOGOUT_CHECKS
    session: tuple[SessionCheck, ...] = SESSION_CHECKS


@dataclass(frozen=True, slots=True)
class SingleLogout:
    """The endpoints and what they work with. `posted`, `answered`: what waits for the GET that follows."""

    idp: IdentityProvider
    services: Current[Services]
    logins: ProviderLogins
    endings: Endings
    keys: SamlKeys
    posted: PendingRequests
    answered: PendingRequests
    checks: SloChecks = field(default_factory=SloChecks)

    def get(self, call: Call) -> Answer:
        """A message that came in the address: a request, or a provider's answer to one of ours."""
        return self._take(call, Carried(Binding.REDIRECT, call.request.query))

    def post(self, call: Call) -> PlainResponse:
        """Keep a request that came by POST: a cross-site POST carries no session cookie, the GET after it does."""
        carried = Carried(Binding.POST, call.request.body.decode("ascii", errors="replace"))
        if _is_answer(carried):
            return self._acknowledge(carried)
        self._checked(carried, self.idp.addresses.slo, now=call.now)
        return redirect_response(self.posted.keep_posted(carried.values))

    def resume(self, call: Call) -> Answer:
        """Take up a request that came by POST."""
        waiting = self.posted.take(parse_form(call.request.query).values.get("i", ""), browser=call.browser)
        return self._take(call, carried_again(waiting.form.values))

    def answer(self, call: Call) -> SelfPost:
        """Carry an answer to a provider that takes it by POST alone."""
        waiting = self.answered.take(parse_form(call.request.query).values.get("i", ""), browser=call.browser)
        values = dict(waiting.form.values)
        return SelfPost(values.pop("to"), values)

    def soap(self, call: Call) -> PlainResponse:
        """A request from server to server: the answer says what was ended."""
        carried = Carried(Binding.SOAP, call.request.body.decode("utf-8", errors="replace"))
        submission = self._checked(carried, self.idp.addresses.soap, now=call.now)
        status = self._end_named(call, submission) or NOT_MEANT
        sender = Sender(self.idp.entity_id, "", call.now, self.keys.signing())
        answer = build_logout_response(sender, in_response_to=submission.request.request_id, status=status)
        return PlainResponse(200, _XML, in_envelope(answer))

    def _end_named(self, call: Call, submission: LogoutSubmission) -> Status | None:
        """End every session that the request names, whatever browser it is in; None when it names none."""
        meant = self._meant(submission, None)
        if not meant:
            return None
        status = self._status(submission.received.provider, meant)
        for session in meant:
            self.logins.leave(submission.received.provider.client_id, session.visit)
            self.endings.end(session, trace=call.trace)
        return status

    def _take(self, call: Call, carried: Carried) -> Answer:
        if _is_answer(carried):
            return self._acknowledge(carried)
        submission = self._checked(carried, self.idp.addresses.slo, now=call.now)
        handle = call.request.cookies.get(SESSION_COOKIE, "")
        session = call.session or self.endings.unended(handle)
        if session is None:
            # No cookie comes into a frame elsewhere: whom the request names is looked for as by SOAP.
            status = self._end_named(call, submission) or DONE
            return redirect_response(self._onward(submission, status, now=call.now) or FAREWELL)
        if not self._meant(submission, session):
            return redirect_response(self._onward(submission, NOT_MEANT, now=call.now) or FAREWELL)
        status = self._status(submission.received.provider, (session,))
        onward = self._onward(submission, status, now=call.now)
        self.logins.leave(submission.received.provider.client_id, session.visit)
        farewell = self.endings.sign_out(handle, trace=call.trace, onward=onward)
        gone = parting_headers(farewell, seconds=FAREWELL_SECONDS)
        return redirect_response(FAREWELL if farewell or not onward else onward, headers=gone)

    def _checked(self, carried: Carried, address: str, *, now: datetime) -> LogoutSubmission:
        received = receive(carried, LOGOUT_REQUEST, self.services.current())
        submission = LogoutSubmission(received, address, self.idp.entity_id, now)
        for check in self.checks.request:
            check(submission)
        return submission

    def _meant(self, submission: LogoutSubmission, here: Session | None) -> tuple[Session, ...]:
        """The sessions that the request names; `here`: that of this browser, which alone may then be meant."""
        client_id, name = submission.received.provider.client_id, submission.request.name_id.value
        told = self.logins.sessions_of(client_id, name)
        if here is None and not submission.request.session_indexes and len({each.person_id for each in told}) > 1:
            return ()  # a name that several bear, as that of a school: it names none of them
        candidates = (Candidate(submission, each, told) for each in ((here,) if here else told))
        return tuple(each.session for each in candidates if all(check(each) for check in self.checks.session))

    def _status(self, provider: Provider, sessions: tuple[Session, ...]) -> Status:
        """All done, or in part: some service of the visit said no address where to tell it (Core §3.7.3.2)."""
        register = self.services.current()
        visits = {session.visit for session in sessions}
        others = {client for visit in visits for client in self.logins.clients_of(visit)} - {provider.client_id}
        known = ((register.by_client(client), client) for client in others)
        untold = any(service is None or logout_way(service, client) is LogoutWay.NONE for service, client in known)
        return PARTIAL if untold else DONE

    def _onward(self, submission: LogoutSubmission, status: Status, *, now: datetime) -> str:
        """Where the browser carries the answer; empty when the provider takes none."""
        received = submission.received
        endpoint = received.provider.declared.slo_by(Binding.REDIRECT, Binding.POST)
        if endpoint is None:
            return ""
        address, key, by_post = (
            endpoint.answers or endpoint.location,
            self.keys.signing(),
            endpoint.binding is Binding.POST,
        )
        sender = Sender(self.idp.entity_id, address, now, key if by_post else None)
        message = build_logout_response(sender, in_response_to=submission.request.request_id, status=status)
        if by_post:
            state = {RELAY_STATE: received.relay_state} if received.relay_state else {}
            return self.answered.keep_posted({"to": address, RESPONSE: encode_post(message), **state})
        return signed_address(address, RESPONSE, message, relay_state=received.relay_state, key=key)

    def _acknowledge(self, carried: Carried) -> PlainResponse:
        """A provider answers a logout that a frame of ours told it. Nothing hangs on it: what it says ends nobody."""
        received = receive(carried, LOGOUT_ANSWER, self.services.current())
        if received.signature is not Signature.GOOD:
            raise InvalidSamlMessage("an answer that nobody signed")
        return PlainResponse(204)


def signed_address(address: str, parameter: str, message: bytes, *, relay_state: str, key: XmlSigningKey) -> str:
    """An address that carries a message, its query signed (Bindings §3.4.4.1)."""
    query = encode_redirect(parameter, message, relay_state=relay_state, algorithm=names.RSA_SHA256)
    signature = quote(sign_octets(query.encode(), key), safe="")
    return f"{address}{'&' if '?' in address else '?'}{query}&Signature={signature}"


def _is_answer(carried: Carried) -> bool:
    return carried.raw.startswith(f"{RESPONSE}=")
