"""A ticket is spent: by one attempt, good or bad, and if it was good its person is told of (CAS Protocol 3.0.3 §2.5).

The claim comes first, whatever else is wrong with the request: whoever guesses has one guess. What is told is computed
now and written into the ledger before it leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from broker.domain.audit import Action, AuditEvent
from broker.domain.cas import CAS_CLIENT, SpentTicket, TicketKind, ValidateTicket, Verdict, is_ticket
from broker.domain.errors import ReleaseRefused
from broker.domain.handles import digest
from broker.domain.people import PersonView, Space
from broker.domain.ports import Current, Grants, Ledger, Services, Tickets
from broker.domain.released import Released, release_of
from broker.domain.services import Protocol, Service
from broker.protocol.cas.refusals import TicketRefused, Why
from broker.protocol.endpoint import Call
from broker.services.cas_proxies import way_through
from broker.services.release import About, Asker, release_for
from broker.services.release_details import DETAIL_CLAIMS
from broker.services.release_memory import Basis, ReleaseMemory
from broker.services.school_in_play import requested_school
from policies import PolicyBook


@dataclass(frozen=True, slots=True)
class Attempt:
    """One validation as it was asked. `service` without any ticket; `proxies`: proxy tickets are good here too.

    `fault`: what is wrong with the request itself; empty: nothing.
    """

    ticket: str
    service: str
    renew: bool = False
    proxies: bool = False
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Spent:
    """A good ticket, the service it was for and what that is told."""

    ticket: SpentTicket
    service: Service
    told: Released


SpentCheck = Callable[[Attempt, SpentTicket], None]
"""Refuses, by raising, a ticket that was there to be spent."""

_REFUSALS = {
    Verdict.WRONG_SERVICE: Why.INVALID_SERVICE,
    Verdict.WRONG_KIND: Why.INVALID_TICKET_SPEC,
    Verdict.NOT_FRESH: Why.INVALID_TICKET,
}


def check_request(attempt: Attempt, _spent: SpentTicket) -> None:
    """Raises for a request that says too little, or something twice (§2.5.3 INVALID_REQUEST)."""
    if attempt.fault:
        raise TicketRefused(Why.INVALID_REQUEST, attempt.fault)


def check_verdict(_attempt: Attempt, spent: SpentTicket) -> None:
    """Raises for another service, another kind, a session where a fresh proof was asked for (S-51, S-53)."""
    if spent.verdict is not Verdict.GOOD:
        raise TicketRefused(_REFUSALS[spent.verdict], spent.verdict.value)


SPENT_CHECKS: tuple[SpentCheck, ...] = (check_request, check_verdict)


@dataclass(frozen=True, slots=True)
class Spending:
    """Spends tickets, and works with these."""

    services: Current[Services]
    grants: Grants
    tickets: Tickets
    ledger: Ledger
    policies: Current[PolicyBook]
    checks: tuple[SpentCheck, ...] = field(default=SPENT_CHECKS)
    memory: ReleaseMemory = field(default_factory=ReleaseMemory)

    def spend(self, call: Call, attempt: Attempt) -> Spent:
        """Claim the ticket, then judge. Raises `TicketRefused`."""
        spent = self._claim(call, attempt)
        if spent is None:
            raise TicketRefused(Why.INVALID_REQUEST if attempt.fault else Why.INVALID_TICKET, attempt.fault or "none")
        for check in self.checks:
            check(attempt, spent)
        service = self._service(spent)
        return Spent(spent, service, self._release(spent, service, now=call.now))

    def _claim(self, call: Call, attempt: Attempt) -> SpentTicket | None:
        if not any(is_ticket(kind, attempt.ticket) for kind in (TicketKind.SERVICE, TicketKind.PROXY)):
            return None
        at = self.services.current().by_address(attempt.service) if attempt.service else ()
        claims = dict.fromkeys(claim for service in at for claim in service.claims)
        event = AuditEvent(
            tenant=at[0].tenant if at else "",
            at=call.now,
            action=Action.TICKET_VALIDATED,
            actor="",
            trace=call.trace,
            detail={"client": CAS_CLIENT + at[0].service_id} if at else {},
        )
        act = ValidateTicket(
            attempt.ticket, digest(attempt.ticket), attempt.service, attempt.proxies, attempt.renew,
            tuple(claims), DETAIL_CLAIMS, call.now, event,
        )  # fmt: skip
        return self.tickets.validate(act)

    def _service(self, spent: SpentTicket) -> Service:
        service = self.services.current().by_client(spent.grant.client_id)
        if service is None or service.cas is None:
            raise TicketRefused(Why.INVALID_SERVICE, "the service is gone")
        if service.is_suspended:
            raise TicketRefused(Why.INVALID_SERVICE, "the service is suspended")
        if spent.stands.proxies and not way_through(self.services.current().all(), service, spent.stands.proxies):
            raise TicketRefused(Why.UNAUTHORIZED_SERVICE_PROXY, "a proxy that it came through is none any more")
        return service

    def _release(self, spent: SpentTicket, service: Service, *, now: datetime) -> Released:
        person = spent.portrait.person
        if person is None:
            raise TicketRefused(Why.INVALID_TICKET, "the person is gone")
        try:
            told = self._told(spent, service, person, now=now)
        except ReleaseRefused as refusal:
            raise TicketRefused(Why.INVALID_TICKET, refusal.cause) from None
        self.ledger.note(release_of(person.person_id, service.service_id, claims=told.claims, at=now))
        return told

    def _told(self, spent: SpentTicket, service: Service, person: PersonView, *, now: datetime) -> Released:
        policies = self.policies.current().of(service.tenant)
        school = requested_school(service.release, spent.stands.service)
        basis = Basis(
            policies, service, spent.subject, spent.portrait, spent.details, spent.child_subjects,
            (spent.grant.client_id, school, *service.claims),
        )  # fmt: skip
        asker = Asker(service, Protocol.CAS, school)
        return self.memory.released(
            person.person_id, basis, lambda: release_for(policies, asker, self._about(spent, service, person, now=now))
        )

    def _about(self, spent: SpentTicket, service: Service, person: PersonView, *, now: datetime) -> About:
        return About(
            person,
            spent.portrait.children,
            subject=spent.subject,
            child_subject=self._child_subject(service, spent, now=now),
            now=now,
            details=spent.details,
        )

    def _child_subject(self, service: Service, spent: SpentTicket, *, now: datetime) -> Callable[[str], str]:
        def subject(child_id: str) -> str:
            known = spent.child_subjects.get(child_id)
            return known or self.grants.subject(child_id, sector=service.sector, space=Space.FAMILY, now=now)

        return subject
