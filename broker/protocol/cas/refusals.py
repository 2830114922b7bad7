"""Why a ticket is refused, in the protocol's words (CAS Protocol 3.0.3 §2.5.3), with a sentence for whoever debugs."""

from __future__ import annotations

from enum import StrEnum


class Why(StrEnum):
    """The codes of the protocol, and no other."""

    INVALID_REQUEST = "INVALID_REQUEST"
    INVALID_TICKET_SPEC = "INVALID_TICKET_SPEC"
    UNAUTHORIZED_SERVICE_PROXY = "UNAUTHORIZED_SERVICE_PROXY"
    INVALID_PROXY_CALLBACK = "INVALID_PROXY_CALLBACK"
    INVALID_TICKET = "INVALID_TICKET"
    INVALID_SERVICE = "INVALID_SERVICE"
    INTERNAL_ERROR = "INTERNAL_ERROR"


SENTENCES = {
    Why.INVALID_REQUEST: "a parameter is missing, or came twice",
    Why.INVALID_TICKET_SPEC: "a proxy ticket is validated at /proxyValidate",
    Why.UNAUTHORIZED_SERVICE_PROXY: "this service may not be a proxy there",
    Why.INVALID_PROXY_CALLBACK: "the callback is not registered for this service",
    Why.INVALID_TICKET: "the ticket is unknown, spent, over, or not as was asked",
    Why.INVALID_SERVICE: "the ticket is for another service, and is spent",
    Why.INTERNAL_ERROR: "try again with a fresh ticket",
}
"""Nothing of a request is repeated in them: what a stranger writes stands in no answer (interop, trap 4)."""


class TicketRefused(Exception):
    """A validation or a proxy request fails; `cause` is for the log."""

    def __init__(self, why: Why, cause: str = "") -> None:
        super().__init__(cause)
        self.why, self.cause = why, cause
