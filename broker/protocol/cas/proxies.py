"""Proxies (CAS Protocol 3.0.3 §2.5.4, §2.7): a service gets a ticket-granting ticket, and with it tickets elsewhere.

Three gates: the callback stands in the service's descriptor and is reached over https with its certificate verified;
the other service names whoever may come through; and the person may enter it. All are asked anew each time, of every
service that is come through: what a proxy holds outlives neither its right nor the person's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from broker.domain.audit import Action
from broker.domain.cas import (
    IssueTicket,
    KeepProxyGrant,
    ProxyGrant,
    TicketKind,
    TicketStands,
    is_ticket,
    new_ticket,
)
from broker.domain.errors import AccessDenied, ProtocolError, SourceCrowded, UpstreamUnavailable
from broker.domain.handles import Id, digest, new_id
from broker.domain.portraits import Portrait
from broker.domain.ports import Current, Grants, Portraits, Services, Tickets
from broker.domain.services import Service
from broker.domain.sessions import Grant, Session
from broker.federation.service_gate import ServiceGate
from broker.protocol.cas.login import ticket_event
from broker.protocol.cas.refusals import TicketRefused, Why
from broker.protocol.cas.requests import client_name
from broker.protocol.cas.spending import Spent
from broker.protocol.endpoint import Call
from broker.services.cas_addresses import without_ticket
from broker.services.cas_proxies import way_through
from broker.services.school_in_play import requested_school
from broker.wire.http import with_parameters

MOST_PROXIES = 4
"""A chain longer than this is nobody's plan."""

PROXY_LIFE = timedelta(hours=12)
"""The longest that a proxy-granting ticket is kept; it dies with its session, which is shorter."""

CallBack = Callable[[str], int]
"""Fetches an https address that a service registered and returns the status; raises `UpstreamUnavailable`."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bound:
    """Where a proxy ticket is to go: the address, its service, and all that are come through, the latest first."""

    address: str
    service: Service
    way: tuple[Service, ...]


@dataclass(frozen=True, slots=True)
class Proxies:
    """Gives proxy-granting tickets and what they open, and works with these."""

    services: Current[Services]
    grants: Grants
    tickets: Tickets
    gate: ServiceGate
    portraits: Portraits
    visit: CallBack

    def give(self, call: Call, spent: Spent, callback: str) -> str:
        """Send a proxy-granting ticket to the callback; returns what stands for it, empty when it did not arrive.

        Raises `TicketRefused` for a callback that is not registered: nothing is called that a stranger wrote.
        """
        if spent.service.cas is None or callback not in spent.service.cas.proxy_callbacks:
            raise TicketRefused(Why.INVALID_PROXY_CALLBACK, "not registered")
        if len(spent.ticket.stands.proxies) >= MOST_PROXIES:
            raise TicketRefused(Why.INVALID_PROXY_CALLBACK, "too long a chain")
        iou, ticket = new_ticket(TicketKind.PROXY_GRANTING_IOU), new_ticket(TicketKind.PROXY_GRANTING)
        if not self._arrived(callback, iou, ticket):
            return ""
        event = ticket_event(call, spent.service, spent.ticket.grant, Action.PROXY_GRANTED)
        proxies = (callback, *spent.ticket.stands.proxies)
        act = KeepProxyGrant(digest(ticket), spent.ticket.grant.grant_id, proxies, call.now + PROXY_LIFE, event)
        return iou if self.tickets.keep_proxy_grant(act) else ""

    def ticket(self, call: Call, *, granting: str, target: str) -> str:
        """A proxy ticket for a service (§2.7). Raises `TicketRefused`."""
        address = without_ticket(target)
        found = self._found(call, granting)
        proxy = self.services.current().by_client(found.grant.client_id)
        if proxy is None or proxy.is_suspended:
            raise TicketRefused(Why.INVALID_TICKET, "the proxy is gone")
        bound, ticket = self._bound(address, proxy, found), new_ticket(TicketKind.PROXY)
        if not self.tickets.issue(self._act(call, found, bound, ticket)):
            raise TicketRefused(Why.INVALID_TICKET, "the session ended meanwhile")
        return ticket

    def _arrived(self, callback: str, iou: str, ticket: str) -> bool:
        """Tell whether the callback took it: any answer but 200 means no ticket, and no failure (§2.5.4)."""
        try:
            return self.visit(with_parameters(callback, {"pgtIou": iou, "pgtId": ticket})) == HTTPStatus.OK
        except (UpstreamUnavailable, SourceCrowded) as fault:
            log.warning("a proxy callback did not answer", extra={"cause": fault.cause})
            return False

    def _found(self, call: Call, granting: str) -> ProxyGrant:
        if not is_ticket(TicketKind.PROXY_GRANTING, granting):
            raise TicketRefused(Why.INVALID_TICKET, "no proxy-granting ticket")
        found = self.tickets.proxy_grant(digest(granting), now=call.now)
        if found is None:
            raise TicketRefused(Why.INVALID_TICKET, "unknown, or its session is over")
        return found

    def _bound(self, address: str, proxy: Service, found: ProxyGrant) -> Bound:
        """The service there that lets this proxy come in a person's name."""
        register = self.services.current()
        for service in register.by_address(address):
            way = () if service.is_suspended else way_through((proxy, *register.all()), service, found.proxies)
            if way and way[0].service_id == proxy.service_id:
                return Bound(address, service, way)
        raise TicketRefused(Why.UNAUTHORIZED_SERVICE_PROXY, "the target names no such proxy, or it is none any more")

    def _check_person(self, session: Session, portrait: Portrait, bound: Bound, *, now: datetime) -> None:
        """The person may enter the target, and each service on the way: one that they lost takes them nowhere."""
        book = self.gate.policies.current()
        for service in (*bound.way, bound.service):
            if not self.gate.weigh_portrait(service, session, portrait, book, now=now).allowed:
                raise AccessDenied(f"the person may not enter {service.service_id}")

    def _act(self, call: Call, found: ProxyGrant, bound: Bound, ticket: str) -> IssueTicket:
        session, service, life = found.session, bound.service, self.gate.policies.current().installation.sessions.ticket
        portrait = self.portraits.read(session.person_id, now=call.now)
        try:
            self._check_person(session, portrait, bound, now=call.now)
            requested_school(service.release, bound.address)
        except ProtocolError as refusal:
            raise TicketRefused(Why.UNAUTHORIZED_SERVICE_PROXY, refusal.cause) from None
        known = portrait.subjects.get((service.sector, service.space))
        subject = known or self.grants.subject(
            session.person_id, sector=service.sector, space=service.space, now=call.now
        )
        grant = Grant(new_id(Id.GRANT), session.person_id, client_name(service), session.sid, ())
        event = ticket_event(call, service, grant, Action.TICKET_ISSUED)
        return IssueTicket(
            digest(ticket), TicketKind.PROXY, grant, subject,
            TicketStands(bound.address, session.authn, proxies=found.proxies),
            call.now + life, (event,), through=found.grant.grant_id,
        )  # fmt: skip
