"""CAS servers that tell us of a logout of theirs (CAS Protocol 3.0.3 §2.3.3): server to server, by the ticket alone.

Nobody signs such a request. The ticket is the proof: 128 random bits and more, that the server gave to us alone and
that opened one session here. The answer is the same whether it ended anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qsl

from broker.domain.errors import InvalidRequest, UpstreamRefused
from broker.domain.identity import UpstreamProtocol
from broker.domain.origins import answer_digest
from broker.federation.interactions import CALLBACK
from broker.protocol.endpoint import Call, Route
from broker.wire.cas_xml import parse_logout_request
from broker.wire.http import PlainResponse

FIELD = "logoutRequest"
MOST_FIELDS = 8
PER_MINUTE = 6_000
"""An ENT tells every session that it ends by one address: a school's at the end of a lesson."""
_FORM = "application/x-www-form-urlencoded"


class SourceEndings(Protocol):
    """What the endpoint asks of the federation."""

    def end_by_source(self, source_id: str, answer: str, *, trace: str) -> bool:
        """End the session of the visit that an answer of this source (by digest) opened."""
        ...


@dataclass(frozen=True, slots=True)
class CasServer:
    """A CAS source: its id, and the issuer of its accounts, which is part of the name of each answer."""

    source_id: str
    issuer: str


def build_cas_source_routes(servers: Iterable[CasServer], endings: SourceEndings) -> tuple[Route, ...]:
    """One route for each CAS source, at the address that its tickets were made for; people come there by GET."""
    return tuple(
        Route(
            "POST",
            f"{CALLBACK}{server.source_id}",
            _Told(server, endings).post,
            per_minute=PER_MINUTE,
            beside_page=True,
        )
        for server in servers
    )


@dataclass(frozen=True, slots=True)
class _Told:
    server: CasServer
    endings: SourceEndings

    def post(self, call: Call) -> PlainResponse:
        """POST: the request in a form field, as most servers send it, or as the body itself."""
        try:
            ticket = parse_logout_request(_message(call))
        except UpstreamRefused as fault:
            raise InvalidRequest(f"CAS logout request refused: {fault.cause}") from None
        answer = answer_digest(UpstreamProtocol.CAS, self.server.issuer, ticket)
        self.endings.end_by_source(self.server.source_id, answer, trace=call.trace)
        return PlainResponse(200)


def _message(call: Call) -> bytes:
    media = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != _FORM:
        return call.request.body
    return _field(call.request.body)


def _field(body: bytes) -> bytes:
    """The XML, which servers write over several lines: `parse_form` lets no line break through."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError as fault:
        raise InvalidRequest("undecodable parameters") from fault
    told = dict(pairs)
    if len(told) != len(pairs) or not told.get(FIELD):
        raise InvalidRequest("no logout request, or two")
    return told[FIELD].encode()
