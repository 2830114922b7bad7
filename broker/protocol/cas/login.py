"""`/cas/login` (CAS Protocol 3.0.3 §2.1): a service asks for a ticket; then a ticket, a login, or a no."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from broker.domain.audit import Action, AuditEvent
from broker.domain.cas import EndEntries, IssueTicket, TicketKind, TicketStands, new_ticket
from broker.domain.errors import LoginRequired, ProtocolError
from broker.domain.handles import Id, digest, new_id
from broker.domain.portraits import Portrait
from broker.domain.ports import Current, Grants, Portraits, Services, Tickets
from broker.domain.services import Service
from broker.domain.sessions import Device, Grant, Session
from broker.federation.logins import LoginRequest
from broker.federation.service_gate import ServiceGate, denied
from broker.federation.steps import answers
from broker.protocol.cas.requests import (
    LOGIN_CHECKS,
    SEEN,
    SERVICE,
    WARNING,
    LoginAsked,
    LoginCheck,
    Method,
    address_in,
    client_name,
)
from broker.protocol.endpoint import Answer, Call, NeedsLogin, SelfPost
from broker.protocol.oidc.pending import PendingRequests
from broker.services.access import Weighed
from broker.services.cas_addresses import TICKET
from broker.services.school_in_play import named_school, requested_school
from broker.wire.http import Form, Headers, PlainResponse, parse_form, redirect_response, with_parameters
from policies import PolicyBook

PORTAL = "/"
_LOGIN = frozenset({"login"})
_NEVER: Headers = (("Cache-Control", "no-store"),)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A service at the address, how it was weighed, the person's subject there (empty: none yet), a ticket's life."""

    service: Service
    weighed: Weighed
    subject: str
    life: timedelta


@dataclass(frozen=True, slots=True)
class Proof:
    """What the session at hand is to this request: `is_new`, opened for it; `fresh`, by a proof made for it."""

    fresh: bool
    is_new: bool


@dataclass(frozen=True, slots=True)
class Login:
    """The endpoint and what it works with."""

    services: Current[Services]
    grants: Grants
    tickets: Tickets
    gate: ServiceGate
    portraits: Portraits
    pending: PendingRequests
    checks: tuple[LoginCheck, ...] = field(default=LOGIN_CHECKS)

    def get(self, call: Call) -> Answer:
        """Answer a request that came in the address. One without a service is for the portal (§2.1.1)."""
        form = parse_form(call.request.query)
        return self._answer(call, form, started=None)

    def resume(self, call: Call) -> Answer:
        """Take up a request that waited for a login, or for its person to read a warning."""
        waiting = self.pending.take(parse_form(call.request.query).values.get("i", ""), browser=call.browser)
        return self._answer(call, waiting.form, started=waiting.started, warned=SEEN in waiting.form.values)

    def _answer(self, call: Call, form: Form, *, started: datetime | None, warned: bool = False) -> Answer:
        asked = self._read(form)
        if asked is None:
            return redirect_response(PORTAL)
        try:
            return self._decide(call, asked, started=started, warned=warned)
        except ProtocolError:
            if not asked.gateway:
                raise
            return redirect_response(asked.url, headers=_NEVER)

    def _read(self, form: Form) -> LoginAsked | None:
        """The request, checked; None when it names no service."""
        url = address_in(form)
        asked = LoginAsked(form, url, self.services.current().by_address(url) if url else ())
        if not url and not form.repeated:
            return None
        for check in self.checks:
            check(asked)
        return asked

    def _decide(self, call: Call, asked: LoginAsked, *, started: datetime | None, warned: bool) -> Answer:
        session, book = call.session, self.gate.policies.current()
        if session is None or not session.is_live(call.now):
            return self._without_session(call, asked, book)
        proof = Proof(
            fresh=answers(session, prompt=_LOGIN, max_age=None, started=started, now=call.now),
            is_new=started is not None and session.opened_at >= started,
        )
        if asked.renew and not proof.fresh:
            return self._renew(call, asked, book, proof=proof)
        if asked.has("warn") and not warned and not proof.is_new:
            return self._warn(call, asked, started=started)
        return self._enter(call, asked, session, book, proof=proof)

    def _without_session(self, call: Call, asked: LoginAsked, book: PolicyBook) -> Answer:
        """Nobody is signed in: with `gateway`, back without a ticket (§2.1.1)."""
        if asked.gateway:
            return redirect_response(asked.url, headers=_NEVER)
        return self._ask_login(call, asked, book)

    def _renew(self, call: Call, asked: LoginAsked, book: PolicyBook, *, proof: Proof) -> Answer:
        """Once: a source that gives no fresh proof would be asked again and again."""
        if proof.is_new:
            raise LoginRequired("the source gave no fresh proof")
        return self._ask_login(call, asked, book)

    def _warn(self, call: Call, asked: LoginAsked, *, started: datetime | None) -> PlainResponse:
        """Single sign-on is not to be silent (§2.2.1 `warn`): the person reads where they go, then goes on."""
        values = {**asked.values, SEEN: "1"}
        waiting = self.pending.keep_for_answer(values, browser=call.browser, started=started)
        return redirect_response(with_parameters(WARNING, {SERVICE: asked.services[0].service_id, "i": waiting}))

    def _ask_login(self, call: Call, asked: LoginAsked, book: PolicyBook) -> NeedsLogin:
        service = next(service for service in asked.services if not service.is_suspended)
        values = {name: value for name, value in asked.values.items() if name != "gateway"}
        return NeedsLogin(
            LoginRequest(
                service_id=service.service_id,
                resume=self.pending.keep_for_login(values, browser=call.browser, started=call.now),
                prompt=_LOGIN if asked.renew else frozenset(),
                requires=self.gate.wanted(service, book, now=call.now),
            )
        )

    def _enter(
        self,
        call: Call,
        asked: LoginAsked,
        session: Session,
        book: PolicyBook,
        *,
        proof: Proof,
    ) -> Answer:
        remembered = self.portraits.remembered(session.person_id, now=call.now)
        if remembered is not None and remembered.person is not None:
            chosen = self._choose(call, asked, session, remembered, book)
            if chosen.weighed.allowed and chosen.subject:
                ticket = self._issue(call, asked, session, chosen, proof=proof, mark=remembered.mark)
                if ticket is not None:
                    return _send(asked, ticket)
        return self._enter_anew(call, asked, session, book, proof=proof)

    def _enter_anew(
        self,
        call: Call,
        asked: LoginAsked,
        session: Session,
        book: PolicyBook,
        *,
        proof: Proof,
    ) -> Answer:
        """Decide from what the database says now: a portrait that this process remembers only ever hastens a yes."""
        portrait = self.portraits.read(session.person_id, now=call.now)
        chosen = self._choose(call, asked, session, portrait, book)
        if not chosen.weighed.allowed:
            return self._step_up(call, asked, chosen, book, is_new=proof.is_new)
        ticket = self._issue(call, asked, session, chosen, proof=proof)
        if ticket is None:
            return self._without_session(call, asked, book)
        return _send(asked, ticket)

    def _choose(self, call: Call, asked: LoginAsked, session: Session, portrait: Portrait, book: PolicyBook) -> Chosen:
        """The first service at the address that opens; else one that would after a better login; else the first."""
        found = [
            Chosen(
                service,
                self.gate.weigh_portrait(service, session, portrait, book, now=call.now),
                portrait.subjects.get((service.sector, service.space), ""),
                book.installation.sessions.ticket,
            )
            for service in asked.services
            if not service.is_suspended
        ]
        return max(found, key=lambda each: (each.weighed.allowed, bool(each.weighed.step_up)))

    def _step_up(self, call: Call, asked: LoginAsked, chosen: Chosen, book: PolicyBook, *, is_new: bool) -> Answer:
        """A login that proves more may be asked for, once, and is all that is missing; else refuse."""
        if is_new or not chosen.weighed.step_up or asked.gateway:
            raise denied(chosen.weighed.decision, chosen.service.service_id)
        return self._ask_login(call, asked, book)

    def _issue(
        self, call: Call, asked: LoginAsked, session: Session, chosen: Chosen, *, proof: Proof, mark: str = ""
    ) -> str | None:
        """A ticket; None when the session ended, or the person changed, since they were read.

        Raises `ReleaseRefused` for an address that names no school as it should: the service would be told nothing.
        """
        service, ticket = chosen.service, new_ticket(TicketKind.SERVICE)
        school = requested_school(service.release, asked.url)
        subject = chosen.subject or self.grants.subject(
            session.person_id, sector=service.sector, space=service.space, now=call.now
        )
        grant = Grant(new_id(Id.GRANT), session.person_id, client_name(service), session.sid, ())
        event = ticket_event(call, service, grant, Action.TICKET_ISSUED)
        kept = session.device is Device.OWN and not proof.is_new
        stands = TicketStands(asked.url, session.authn, fresh=proof.fresh, long_term=kept)
        act = IssueTicket(
            digest(ticket), TicketKind.SERVICE, grant, subject, stands,
            call.now + chosen.life, (event, *_outage_events(event, session, chosen.weighed)), mark=mark,
        )  # fmt: skip
        if not self.tickets.issue(act):
            return None
        if school:
            self._leave_others(call, service, session, school=school)
        return ticket

    def _leave_others(self, call: Call, service: Service, session: Session, *, school: str) -> None:
        """Whoever changes the school in play leaves the service's session of the other one, and enters it anew.

        The service is told of that session alone, by its ticket: the visit goes on, and nobody signs in again.
        """
        client = client_name(service)
        standing = self.tickets.entries(client, session.visit)
        others = tuple(each.grant_id for each in standing if named_school(service.release, each.url) != school)
        if others:
            grant = Grant(others[0], session.person_id, client, session.sid, ())
            event = ticket_event(call, service, grant, Action.SCHOOL_CHANGED)
            self.tickets.end_entries(EndEntries(others, session.visit, event))


def ticket_event(call: Call, service: Service, grant: Grant, action: Action) -> AuditEvent:
    """What the trail keeps of a ticket: to whom, for whom; never the ticket, never the address."""
    return AuditEvent(
        tenant=service.tenant,
        at=call.now,
        action=action,
        actor=grant.person_id,
        subject=grant.grant_id,
        trace=call.trace,
        detail={"client": grant.client_id},
    )


def _outage_events(event: AuditEvent, session: Session, weighed: Weighed) -> tuple[AuditEvent, ...]:
    """The trail names every access that an outage excuses."""
    if not weighed.by_outage or weighed.outage_since is None:
        return ()
    authn, since = session.authn, weighed.outage_since.isoformat()
    detail = {**event.detail, "source": authn.authority, "acr": authn.acr, "since": since}
    return (replace(event, action=Action.OUTAGE_ACCEPTED, detail=detail),)


def _send(asked: LoginAsked, ticket: str) -> Answer:
    """Carry the ticket to its service, by GET unless it asked otherwise (§2.2.4): never with any credential."""
    if asked.method is Method.POST:
        return SelfPost(asked.url, {TICKET: ticket})
    if asked.method is Method.HEADER:
        return PlainResponse(200, ((SERVICE, asked.url), (TICKET, ticket), *_NEVER))
    return redirect_response(with_parameters(asked.url, {TICKET: ticket}), headers=_NEVER)
