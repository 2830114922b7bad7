"""The logout endpoint (OIDC RP-Initiated Logout §2): a service asks to end the session; proof alone spares asking."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from broker.domain.errors import InvalidRequest
from broker.domain.ports import Current, Services
from broker.domain.sessions import Session
from broker.federation.farewells import FAREWELL, FAREWELL_SECONDS, SIGN_OUT
from broker.protocol.endpoint import Call
from broker.protocol.oidc.end_session_checks import (
    RETURN_CHECKS,
    SENDER_CHECKS,
    SESSION_CHECKS,
    LogoutCheck,
    LogoutRequest,
    passes,
)
from broker.protocol.oidc.pending import PendingRequests
from broker.protocol.oidc.provider import Client, ProviderSettings
from broker.protocol.oidc.signing import Signer
from broker.wire import oauth
from broker.wire.http import (
    SESSION_COOKIE,
    Form,
    PlainResponse,
    parse_body,
    parse_form,
    parting_headers,
    redirect_response,
    with_parameters,
)
from broker.wire.jose import SignedClaims, TokenRefused, verify_own_id_token


class SignOuts(Protocol):
    """What the endpoint asks of the federation."""

    def sign_out(self, session_handle: str, *, trace: str, onward: str = "") -> str:
        """End this browser's session; returns the handle of its farewell, empty when nothing can be kept."""
        ...

    def unended(self, session_handle: str) -> Session | None:
        """The session of this browser that a sign-out would end: also one that was idle too long."""
        ...


@dataclass(frozen=True, slots=True)
class LogoutChecks:
    """The rules of the endpoint as lists: taking one out is how a test shows what it stops."""

    proof: tuple[LogoutCheck, ...] = SENDER_CHECKS
    session: tuple[LogoutCheck, ...] = SESSION_CHECKS
    leading_on: tuple[LogoutCheck, ...] = RETURN_CHECKS


@dataclass(frozen=True, slots=True)
class EndSession:
    """The endpoint and what it works with."""

    settings: ProviderSettings
    services: Current[Services]
    sign_outs: SignOuts
    pending: PendingRequests
    signer: Signer
    checks: LogoutChecks = field(default_factory=LogoutChecks)

    def get(self, call: Call) -> PlainResponse:
        """Answer a request that came in the address."""
        return self._answer(call, parse_form(call.request.query))

    def post(self, call: Call) -> PlainResponse:
        """Keep a request that came by POST: a cross-site POST carries no session cookie, the GET after it does."""
        return redirect_response(self.pending.keep_posted(parse_body(call.request)))

    def resume(self, call: Call) -> PlainResponse:
        """Take up a request that came by POST."""
        handle = parse_form(call.request.query).values.get("i", "")
        return self._answer(call, self.pending.take(handle, browser=call.browser).form)

    def _answer(self, call: Call, form: Form) -> PlainResponse:
        if form.repeated:
            raise InvalidRequest("repeated parameters")
        session = call.session or self.sign_outs.unended(call.request.cookies.get(SESSION_COOKIE, ""))
        request = self._read(form, session)
        proven = passes(self.checks.proof, request)
        onward = self._onward(request) if proven else ""
        if session is None:
            return redirect_response(onward or FAREWELL)
        if not proven or not passes(self.checks.session, request):
            return redirect_response(SIGN_OUT)
        handle = self.sign_outs.sign_out(call.request.cookies[SESSION_COOKIE], trace=call.trace, onward=onward)
        gone = parting_headers(handle, seconds=FAREWELL_SECONDS)
        return redirect_response(FAREWELL if handle or not onward else onward, headers=gone)

    def _read(self, form: Form, session: Session | None) -> LogoutRequest:
        hint = self._verified(form.values.get(oauth.ID_TOKEN_HINT, ""))
        return LogoutRequest(form.values, hint, self._client(hint), session)

    def _verified(self, hint: str) -> SignedClaims | None:
        try:
            return verify_own_id_token(hint, self.signer.ring().verifying, issuer=self.settings.issuer)
        except TokenRefused:
            return None

    def _client(self, hint: SignedClaims | None) -> Client | None:
        """Whom the hint was issued to: believed because we signed it."""
        client_id = hint["aud"] if hint else ""
        service = self.services.current().by_client(client_id)
        party = service.party(client_id) if service else None
        return Client(service, party) if service and party else None

    def _onward(self, request: LogoutRequest) -> str:
        """Where to lead the browser afterwards; empty: nowhere but our own page."""
        if not passes(self.checks.leading_on, request):
            return ""
        state = request.get(oauth.STATE)
        return with_parameters(request.get(oauth.POST_LOGOUT_REDIRECT_URI), {oauth.STATE: state} if state else {})
