"""What an error page does not tell, kept under its trace number: whoever helps finds the steps and the cause by it.

Bounded by network and in all: a page of error costs whoever asks for it nothing, and must not cost us a row each.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import request

from broker.domain.clock import Clock
from broker.domain.errors import (
    BadPageRequest,
    PageNotFound,
    PreauError,
    StorageUnavailable,
    TooManyRequests,
    UnavailableError,
)
from broker.domain.login_faults import HopKind, LoginFault
from broker.domain.ports import Current, Limit, LoginFaults, Services
from broker.federation import Federation
from broker.federation.guess_gate import network_of
from broker.web.visitor import current_visitor

EXTENSION = "preau.fault_notes"
A_MINUTE = 60
MOST_OF_NETWORK = 60
"""In a minute: a school's worth of people who meet the same fault."""
MOST = 1200
"""In a minute, of everybody."""

_UNTOLD = (BadPageRequest, PageNotFound, TooManyRequests, StorageUnavailable)
"""No login: a page that is not there, a form of nobody's, volume; and what cannot be written now."""


@dataclass(frozen=True, slots=True)
class FaultNotes:
    """Keeps what was refused in the request at hand."""

    faults: LoginFaults
    services: Current[Services]
    federation: Federation
    clock: Clock

    def note(self, fault: PreauError) -> None:
        """Keep it, unless it is no login's or there are too many. Raises nothing that the page would fall with."""
        if isinstance(fault, _UNTOLD):
            return
        try:
            if self._admitted():
                self.faults.note(self._told(fault))
        except UnavailableError:
            return  # the page is shown all the same, and the log has it

    def _admitted(self) -> bool:
        network = network_of(current_visitor().address)
        limits = (
            Limit(f"faults:{network}", MOST_OF_NETWORK, A_MINUTE),
            Limit("faults", MOST, A_MINUTE),
        )
        return self.federation.store.admit(limits, copy_key="").allowed

    def _told(self, fault: PreauError) -> LoginFault:
        visitor, now = current_visitor(), self.clock()
        session = self.federation.session(visitor.session_handle) if visitor.session_handle else None
        sources = [hop.place for hop in fault.hops if hop.kind is not HopKind.ASKED]
        asked = next((hop.place for hop in fault.hops if hop.kind is HopKind.ASKED), "")
        return LoginFault(
            trace=visitor.trace,
            at=now,
            code=type(fault).code,
            cause=fault.cause,
            path=request.path,
            person_id=session.person_id if session else "",
            source_id=sources[-1] if sources else session.authn.authority if session else "",
            service_id=fault.service_id or asked or self._asking(),
            hops=fault.hops,
        )

    def _asking(self) -> str:
        """The service that presented itself by this very request; empty where none of the register did."""
        services = self.services.current()
        by_client = services.by_client(request.args.get("client_id", ""))
        found = (by_client,) if by_client else services.by_address(request.args.get("service", ""))
        return found[0].service_id if found else ""
