"""Logout between us and SAML sources, in the browser: their answers to our requests, and their own requests.

A source's request ends the session of the very browser that carries it, when it names the person as the source named
them here; anybody else's session it does not reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from broker.domain.origins import SessionOrigin
from broker.domain.ports import Return
from broker.domain.sessions import Session
from broker.federation.farewells import FAREWELL, FAREWELL_SECONDS
from broker.federation.partings import Partings
from broker.protocol.endpoint import Call
from broker.wire.http import (
    FAREWELL_COOKIE,
    SESSION_COOKIE,
    PlainResponse,
    is_walked_to,
    parse_form,
    parting_headers,
    redirect_response,
)
from broker.wire.saml.bindings import RESPONSE
from broker.wire.saml.requests import LogoutAsked


class Peer(Protocol):
    """The source's connector, as this endpoint needs it."""

    def logout_asked(self, query: str, *, now: datetime) -> LogoutAsked:
        """Verify and check a request. Raises `UpstreamRefused`."""
        ...

    def is_meant(self, hint: str, asked: LogoutAsked) -> bool:
        """Whether it names the session that left this hint."""
        ...

    def logout_answer(self, asked: LogoutAsked, *, done: bool, now: datetime) -> str:
        """Where the browser carries the answer; empty: nowhere."""
        ...


class Leaving(Protocol):
    """What the endpoint asks of the federation."""

    @property
    def partings(self) -> Partings:
        """Logouts at the sources."""
        ...

    def unended(self, session_handle: str) -> Session | None:
        """The session of this browser that a sign-out would end."""
        ...

    def origins_of(self, session: Session) -> tuple[SessionOrigin, ...]:
        """By which sources its visit was opened."""
        ...

    def sign_out(self, session_handle: str, *, trace: str, onward: str = "", asked_by: str = "") -> str:
        """End it with all that was granted in it; returns the handle of the farewell."""
        ...


@dataclass(frozen=True, slots=True)
class SourceLogout:
    """The endpoint of one SAML source."""

    source_id: str
    peer: Peer
    leaving: Leaving
    address: str

    def get(self, call: Call) -> PlainResponse:
        """GET: an answer to us, or a request of theirs."""
        if call.request.query.startswith(f"{RESPONSE}="):
            return self._come_back(call)
        asked = self.peer.logout_asked(call.request.query, now=call.now)
        handle = call.request.cookies.get(SESSION_COOKIE, "")
        session = self.leaving.unended(handle)
        # In a frame elsewhere no cookie comes: that nobody is seen there does not say that nobody is signed in.
        meant = self._means(asked, session) if session else is_walked_to(call.request)
        onward = self.peer.logout_answer(asked, done=meant, now=call.now)
        if session is None or not meant:
            return redirect_response(onward or FAREWELL)
        farewell = self.leaving.sign_out(handle, trace=call.trace, onward=onward, asked_by=self.source_id)
        gone = parting_headers(farewell, seconds=FAREWELL_SECONDS)
        return redirect_response(FAREWELL if farewell or not onward else onward, headers=gone)

    def _come_back(self, call: Call) -> PlainResponse:
        """What the answer says is shown on the page; the person is signed out here whatever it says."""
        params = parse_form(call.request.query).values
        answer = Return(params=params, url=f"{self.address}?{call.request.query}")
        self.leaving.partings.come_back(call.request.cookies.get(FAREWELL_COOKIE, ""), self.source_id, answer)
        return redirect_response(FAREWELL)

    def _means(self, asked: LogoutAsked, session: Session) -> bool:
        origins = self.leaving.origins_of(session)
        return any(each.source_id == self.source_id and self.peer.is_meant(each.hint, asked) for each in origins)
