"""Our side as a service of SAML providers: where their forms arrive, and the metadata that their administrators get.

A form of another site brings no cookie of ours. So what it holds is looked at just far enough to be worth a minute of
memory, and the GET that follows, which has the cookies, verifies it and holds it against this browser's login.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

from broker.domain.errors import InvalidRequest, LoginExpired, PreauError, UpstreamRefused
from broker.domain.handles import Handle, is_handle
from broker.federation.interactions import CALLBACK, START_AGAIN
from broker.federation.posted import POSTED, PostedAnswers
from broker.protocol.endpoint import Call, Route
from broker.protocol.saml_source_logout import Leaving, Peer, SourceLogout
from broker.wire.http import PlainResponse, parse_form, redirect_response
from broker.wire.saml import SamlRefused, decode_post, names, read
from broker.wire.saml.bindings import RELAY_STATE, RESPONSE

PER_MINUTE = 600
"""Answers from one address: ten a second, as for every other step of a login."""
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class SamlParty:
    """What we are to one provider: the name and the document, made once; `peer`: who reads its logout messages."""

    source_id: str
    metadata: bytes
    peer: Peer | None = None


def entity_id(issuer: str, source_id: str) -> str:
    """Our name towards one provider, and where its metadata is; one for each source, so that no two can be mixed up."""
    return f"{issuer.rstrip('/')}{metadata_path(source_id)}"


def acs_url(issuer: str, source_id: str) -> str:
    """Where this provider's answers arrive, and no other's."""
    return f"{issuer.rstrip('/')}{acs_path(source_id)}"


def metadata_path(source_id: str) -> str:
    """The path of our metadata for one provider."""
    return f"/saml/sp/{source_id}/metadata"


def acs_path(source_id: str) -> str:
    """The path of the assertion consumer service for one provider."""
    return f"/saml/sp/{source_id}/acs"


def slo_url(issuer: str, source_id: str) -> str:
    """Where this provider's logout messages arrive."""
    return f"{issuer.rstrip('/')}{slo_path(source_id)}"


def slo_path(source_id: str) -> str:
    """The path of the single logout service for one provider."""
    return f"/saml/sp/{source_id}/slo"


def build_logout_routes(parties: Iterable[SamlParty], leaving: Leaving, *, issuer: str) -> tuple[Route, ...]:
    """One route for each SAML source: its logout messages, both ways."""
    ends = (
        SourceLogout(party.source_id, party.peer, leaving, slo_url(issuer, party.source_id))
        for party in parties
        if party.peer is not None
    )
    return tuple(Route("GET", slo_path(end.source_id), end.get, pages=True, per_minute=PER_MINUTE) for end in ends)


class Refusals(Protocol):
    """Where what is refused leaves a trace."""

    def refuse_posted(self, source_id: str, state: str, fault: PreauError, *, trace: str) -> None:
        """Write down that an answer was refused, if a login of this state waits for one."""
        ...


def build_source_routes(parties: Iterable[SamlParty], answers: PostedAnswers, refusals: Refusals) -> tuple[Route, ...]:
    """Two routes for each SAML source."""
    return tuple(
        route
        for party in parties
        for route in (
            Route("GET", metadata_path(party.source_id), _Metadata(party).get),
            Route(
                "POST",
                acs_path(party.source_id),
                _Acs(party, answers, refusals).post,
                pages=True,
                per_minute=PER_MINUTE,
            ),
        )
    )


@dataclass(frozen=True, slots=True)
class _Metadata:
    party: SamlParty

    def get(self, _call: Call) -> PlainResponse:
        """GET: who we are to this provider."""
        return PlainResponse(200, (("Content-Type", "application/samlmetadata+xml"),), self.party.metadata)


@dataclass(frozen=True, slots=True)
class _Acs:
    party: SamlParty
    answers: PostedAnswers
    refusals: Refusals

    def post(self, call: Call) -> PlainResponse:
        """POST: steps 1 to 5 of the gate, then a minute of memory, then the GET that knows the browser."""
        if call.request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
            raise InvalidRequest("body is not a form")
        try:
            message = decode_post(call.request.body, RESPONSE)
            read(message.xml, names.samlp("Response"))
        except SamlRefused as fault:
            refusal = UpstreamRefused(f"SAML response refused: {fault}", restart=START_AGAIN)
            self.refusals.refuse_posted(self.party.source_id, _state_of(call), refusal, trace=call.trace)
            raise refusal from None
        if not is_handle(Handle.STATE, message.relay_state):
            raise LoginExpired("an answer to no question of ours", restart=START_AGAIN)
        answer = base64.b64encode(message.xml).decode()
        handle = self.answers.keep(self.party.source_id, message.relay_state, answer)
        query = urlencode({RELAY_STATE: message.relay_state, POSTED: handle})
        return redirect_response(f"{CALLBACK}{self.party.source_id}?{query}")


def _state_of(call: Call) -> str:
    """The state beside an answer, also where that cannot be read."""
    try:
        return parse_form(call.request.body.decode("ascii")).values.get(RELAY_STATE, "")
    except (UnicodeDecodeError, InvalidRequest):
        return ""
