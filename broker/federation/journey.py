"""The login journey, as one straight walk: begin, choose, depart, arrive; then the session, sign-out and undo."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from broker.accounts.session_life import is_fresh
from broker.domain.acts import UndoLink
from broker.domain.assurance import Assurance
from broker.domain.audit import Action, AuditEvent
from broker.domain.clock import Clock
from broker.domain.errors import LoginExpired, PageNotFound, PreauError, StepUpNeeded, UpstreamRefused
from broker.domain.handles import Handle, digest, new_handle
from broker.domain.identity import AccountState, AuthnContext, LinkedAccount, UpstreamIdentity
from broker.domain.people import AttachmentState, RecordKind
from broker.domain.ports import Audit, Current, EphemeralStore, Links, People, Return, Sessions
from broker.domain.sessions import Device, Session
from broker.domain.standings import InForce
from broker.federation.availability import Availability
from broker.federation.farewells import Farewell, Farewells
from broker.federation.interactions import CALLBACK, Interactions, sign_in_path
from broker.federation.linking import Link, LinkFacts, Refuse, SignIn, decide_link
from broker.federation.live_sessions import LiveSessions
from broker.federation.logins import Interaction, LoginRequest, Outing, SettledReturn
from broker.federation.opening_act import Entry, build_act
from broker.federation.sources import Source, Sources
from broker.federation.steps import Decisions, Done, GoUpstream, StepUp, next_step
from broker.federation.upstreams import Upstreams, preferred
from broker.services.access import Moment
from broker.services.ways import Ways
from policies import PolicyBook, SessionLimits

log = logging.getLogger(__name__)

CLOCK_SKEW = timedelta(seconds=60)
"""How far a source's clock may be behind ours: a proof asked for may seem to be that much older than the departure."""
NOBODY = ""


@dataclass(frozen=True, slots=True)
class SignInChoices:
    """What the choice page needs. `straight`: the one source to go to without asking; empty when there is a choice."""

    service_id: str
    source_ids: tuple[str, ...]
    resume: str
    straight: str = ""
    done: bool = False
    """The session at hand already answers the request: go to `resume`."""
    down: frozenset[str] = frozenset()
    """Sources that are known not to answer: said beside their button, which stays."""
    step_up: bool = False
    """The person is signed in, but the service asks for a login that proves more: only such sources are offered."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A session has opened."""

    session_handle: str
    session: Session
    resume: str


@dataclass(frozen=True, slots=True)
class _Visit:
    """A return under way."""

    outing: Outing
    interaction: Interaction
    source: Source
    device: Device
    here: Session | None
    trace: str
    now: datetime

    @property
    def tenant(self) -> str:
        return self.source.description.tenant


@dataclass(frozen=True, slots=True)
class Federation:
    """The broker as a place to sign in. `base_url`: our own origin, from the settings, never from a request."""

    sources: Sources
    people: People
    links: Links
    sessions: Sessions
    audit: Audit
    store: EphemeralStore
    policies: Current[PolicyBook]
    clock: Clock
    base_url: str
    standings: Current[InForce]

    def begin(self, request: LoginRequest, *, browser: str, now: datetime) -> str:
        """Begin a login for this browser and return its handle. Raises `BadPageRequest`, `LoginExpired`."""
        return self._interactions.begin(request, browser=browser, now=now)

    def interaction(self, interaction_handle: str, *, browser: str) -> Interaction:
        """What was asked, and when. Raises `LoginExpired`."""
        return self._interactions.find(interaction_handle, browser=browser)

    def choices(self, interaction_handle: str, *, browser: str, session: Session | None = None) -> SignInChoices:
        """What the choice page shows. Raises `LoginExpired`, `LoginRequired`."""
        login, now = self._interactions.find(interaction_handle, browser=browser), self.clock()
        offered, down = self._upstreams.able(login.request.requires), self.ways(now=now).down
        assurance = self.assurance(session) if session else Assurance.NONE
        lacking = session is not None and not assurance.reaches(login.request.requires)
        if session is not None and lacking:
            known = frozenset(each.source_id for each in self._accounts(session))
            offered = preferred(offered, down=down, known=known, current=session.authn.authority)
        step = next_step(login, session, Decisions(offered, now, assurance=assurance, down=down))
        if isinstance(step, Refuse):
            raise step.error(step.cause)
        return SignInChoices(
            service_id=login.request.service_id,
            source_ids=tuple(source.source_id for source in offered),
            resume=login.request.resume,
            straight=step.source_id if isinstance(step, GoUpstream | StepUp) else "",
            done=isinstance(step, Done),
            down=down,
            step_up=lacking,
        )

    def depart(self, interaction_handle: str, source_id: str, *, browser: str) -> str:
        """Where to send the browser. Raises `LoginExpired`, `PageNotFound`, `UpstreamUnavailable`."""
        login = self._interactions.find(interaction_handle, browser=browser)
        now, state = self.clock(), new_handle(Handle.STATE)
        offered = self._upstreams.able(login.request.requires)
        step = next_step(login, None, Decisions(offered, now, chosen=source_id))
        if isinstance(step, Refuse):
            raise step.error(step.cause)
        if not isinstance(step, GoUpstream):
            raise PageNotFound("no source was chosen")
        try:
            departure = self.sources.get(step.source_id).connector.start(
                return_url=self._return_url(step.source_id), state=state, force=step.force
            )
        except PreauError as fault:
            self._upstreams.note(step.source_id, fault, now=now)
            fault.restart = sign_in_path(interaction_handle)
            raise
        outing = Outing(interaction_handle, step.source_id, digest(browser), dict(departure.private), step.force, now)
        self._interactions.leave(outing, state=state)
        return departure.url

    def arrive(
        self, source_id: str, answer: Return, *, browser: str, device: Device, current: str | None, trace: str
    ) -> Arrival:
        """Take the browser back from a source and open its session.

        Raises `LoginExpired` (unknown, spent or foreign state), `UpstreamRefused`, `UpstreamUnavailable`,
        `UnknownPerson`, `LinkUndone`, `LinkAmbiguous`, `AlreadyUsed`; each tells where to begin again.
        `PageNotFound`: no such source.
        """
        source, now = self._upstreams.open_source(source_id), self.clock()
        state = answer.params.get(source.connector.state_parameter, "")
        again = self._already_here(state, browser=browser, current=current or "", now=now)
        if again is not None:
            return again
        outing = self._interactions.come_back(state, browser=browser)
        interaction = self._interactions.find(outing.interaction_handle, browser=browser)
        here = self._live.find(current or "", now=now)
        visit = _Visit(outing, interaction, source, device, here, trace, now)
        try:
            identity = self._ask(visit, answer)
            arrival = self._enter(visit, identity, self._decide(visit, identity))
        except PreauError as fault:
            fault.restart = sign_in_path(outing.interaction_handle)
            self._refused(visit, fault)
            raise
        settled = SettledReturn(digest(browser), arrival.session.handle_digest, arrival.resume)
        self._interactions.settle(settled, state=state)
        return arrival

    def session(self, handle: str) -> Session | None:
        """The live session behind a cookie, or None."""
        return self._live.find(handle, now=self.clock())

    def assurance(self, session: Session, book: PolicyBook | None = None) -> Assurance:
        """How surely a session proves its person, by the table of the tenant of its source.

        `book`, here and below: that of a decision under way, so that it never mixes two versions.
        """
        return self._upstreams.rules(session.authn.authority, book).assurance.level(session.authn.acr)

    def moment(self, session: Session, book: PolicyBook | None = None) -> Moment:
        """What access decisions read of a session and of the sources, now."""
        now, held = self.clock(), book or self.policies.current()
        ways = self.ways(held, now=now)
        linked_at = self._linked_at(session) if ways.down else None
        return Moment(self.assurance(session, held), now, replace(ways, linked_at=linked_at))

    def ways(self, book: PolicyBook | None = None, *, now: datetime) -> Ways:
        """What each source can prove, and which are known not to answer or were closed by an administrator."""
        return Ways(self._upstreams.ways(book, now=now))

    def sign_out(self, session_handle: str, *, trace: str, onward: str = "") -> str:
        """End this browser's session with all that was granted in it, and have the services told.

        Returns the handle of the farewell, which leads `onward`; empty when there was no session, or no store.
        """
        now = self.clock()
        session = self._live.find(session_handle, now=now)
        if session is None:
            return ""
        self.sessions.end(session.sid, now=now, audit=self._event(Action.SIGN_OUT, session, trace=trace, now=now))
        self._live.forget(session.handle_digest)
        return self.farewells.keep(Farewell(session.visit, onward))

    @property
    def farewells(self) -> Farewells:
        """What ended in which browser a moment ago."""
        return Farewells(self.store)

    def undo(self, session: Session, account_id: str, *, trace: str) -> None:
        """Undo the link of one of this person's accounts. Raises `StepUpNeeded`, `UndoTooLate`."""
        now, rules = self.clock(), self._upstreams.rules(session.authn.authority)
        if not is_fresh(session, within=rules.sessions.step_up, now=now):
            raise StepUpNeeded("login too old for this act")
        event = self._event(Action.LINK_UNDONE, session, trace=trace, now=now)
        self.links.undo(
            UndoLink(
                account_id=account_id,
                person_id=session.person_id,
                now=now,
                undo_since=now - rules.linking.undo_by_person,
                audit=(replace(event, detail={**event.detail, "account": account_id}),),
            )
        )
        self._live.forget(session.handle_digest)

    def allow_export(self, session: Session, *, trace: str) -> None:
        """Let the person take a copy of their data, and record that they did. Raises `StepUpNeeded`."""
        now = self.clock()
        if not is_fresh(session, within=self._upstreams.rules(session.authn.authority).sessions.step_up, now=now):
            raise StepUpNeeded("login too old for an export")
        self.audit.append([self._event(Action.DATA_EXPORTED, session, trace=trace, now=now)])

    @property
    def _interactions(self) -> Interactions:
        return Interactions(self.store, lifetime=self.policies.current().installation.sessions.interaction)

    @property
    def _live(self) -> LiveSessions:
        return LiveSessions(self.sessions, self.people, self.store, self._limits)

    @property
    def _upstreams(self) -> Upstreams:
        return Upstreams(self.sources, Availability(self.store), self.policies, self.standings)

    def _limits(self, source_id: str) -> SessionLimits:
        return self._upstreams.rules(source_id).sessions

    def _linked_at(self, session: Session) -> datetime | None:
        """When the login of this session was linked; None once it no longer is."""
        linked = (each for each in self._accounts(session) if each.account_id == session.account_id)
        return next((each.linked_at for each in linked), None)

    def _accounts(self, session: Session) -> Iterator[LinkedAccount]:
        accounts = self.links.accounts_of(session.person_id)
        return (each for each in accounts if each.state is AccountState.LINKED)

    def _return_url(self, source_id: str) -> str:
        return f"{self.base_url.rstrip('/')}{CALLBACK}{source_id}"

    def _already_here(self, state: str, *, browser: str, current: str, now: datetime) -> Arrival | None:
        """The arrival that this state already made, if this browser holds the session it opened (a reload)."""
        settled = self._interactions.settled(state, browser=browser)
        if settled is None or digest(current) != settled.session:
            return None
        session = self._live.find(current, now=now)
        return Arrival(current, session, settled.resume) if session else None

    def _ask(self, visit: _Visit, answer: Return) -> UpstreamIdentity:
        """Let the source's connector check the answer, then check that it speaks for itself and is fresh."""
        if visit.outing.source_id != visit.source.source_id:
            raise UpstreamRefused("an answer at another source's callback")
        identity = self._finish(visit, answer)
        if identity.authn.authority != visit.source.source_id:
            raise UpstreamRefused("a connector spoke for another source")
        if visit.outing.proof_wanted and identity.authn.auth_time < visit.outing.left_at - CLOCK_SKEW:
            raise UpstreamRefused("a new proof was asked for and an old one came")
        return identity

    def _finish(self, visit: _Visit, answer: Return) -> UpstreamIdentity:
        """Ask the connector, and remember whether its source answered."""
        try:
            identity = visit.source.connector.finish(answer, private=visit.outing.private, now=visit.now)
        except PreauError as fault:
            self._upstreams.note(visit.source.source_id, fault, now=visit.now)
            raise
        self._upstreams.note(visit.source.source_id, None, now=visit.now)
        return identity

    def _decide(self, visit: _Visit, identity: UpstreamIdentity) -> SignIn | Link:
        """Find out whose login this is, or refuse. The same questions are put for a stranger as for anybody."""
        description = visit.source.description
        account = self.links.account(identity.key)
        references = identity.references if description.releases_references else ()
        found = self.people.by_reference(references, feeds=description.feeds)
        records = tuple(record for record in found if record.state is AttachmentState.ATTACHED)
        persons = tuple(sorted({record.person_id for record in records})) or (NOBODY,)
        sees_a_child = self.people.sees_a_child(persons, now=visit.now)
        known = self.people.person(account.person_id, now=visit.now) if account else None
        facts = LinkFacts(
            identity=identity,
            account=account,
            account_kinds=known.kinds if known else frozenset(),
            records=records,
            sees_a_child=sees_a_child,
            signed_in_as=visit.here.person_id if visit.here else NOBODY,
            frozen=tuple(record for record in found if record not in records),
        )
        decision = decide_link(facts, now=visit.now)
        if isinstance(decision, Refuse):
            raise decision.error(decision.cause)
        return decision

    def _enter(self, visit: _Visit, identity: UpstreamIdentity, accepted: SignIn | Link) -> Arrival:
        """Open the session; whoever was signed in here before is signed out by the same act."""
        handle = new_handle(Handle.SESSION)
        person_id = accepted.proof.person_id if isinstance(accepted, Link) else accepted.account.person_id
        entry = Entry(
            identity=identity,
            accepted=accepted,
            authn=self._authn(visit, identity),
            device=visit.device,
            life=self._live.life(
                visit.device, person_id, visit.source.source_id, now=visit.now, joining=_joining(accepted)
            ),
            tenant=visit.tenant,
            handle_digest=digest(handle),
            replaced=visit.here,
            trace=visit.trace,
            now=visit.now,
        )
        self.sessions.open(build_act(entry))
        if visit.here:
            self._live.forget(visit.here.handle_digest)
        session = self._live.find(handle, now=visit.now)
        if session is None:
            raise LoginExpired("the session ended as it opened")
        return Arrival(handle, session, visit.interaction.request.resume)

    def _authn(self, visit: _Visit, identity: UpstreamIdentity) -> AuthnContext:
        """How surely and when: never above the source's level; a proof that was asked for came after the departure."""
        level = visit.source.description.level(
            identity.authn.acr, self._upstreams.rules(visit.source.source_id).assurance
        )
        proven, proven_at = identity.authn.proven, identity.authn.auth_time
        if visit.outing.proof_wanted:
            proven, proven_at = True, max(proven_at, visit.outing.left_at)
        return replace(identity.authn, acr=level.value, auth_time=min(proven_at, visit.now), proven=proven)

    def _refused(self, visit: _Visit, fault: PreauError) -> None:
        """Leave a trace of the refusal: codes only, the same for a stranger and for anybody else."""
        log.log(fault.level, "sign-in refused: %s %s trace=%s", fault.code, fault.cause, visit.trace)
        self.audit.append(
            [
                AuditEvent(
                    tenant=visit.tenant,
                    at=visit.now,
                    action=Action.SIGN_IN_REFUSED,
                    actor=f"source:{visit.source.source_id}",
                    outcome="refused",
                    trace=visit.trace,
                    detail={"code": fault.code, "source": visit.source.source_id},
                )
            ]
        )

    def _event(self, action: Action, session: Session, *, trace: str, now: datetime) -> AuditEvent:
        return AuditEvent(
            tenant=self._upstreams.tenant_of(session.authn.authority),
            at=now,
            action=action,
            actor=session.person_id,
            subject=session.person_id,
            trace=trace,
            detail={"sid": session.sid, "source": session.authn.authority},
        )


def _joining(accepted: SignIn | Link) -> frozenset[RecordKind]:
    return accepted.kinds if isinstance(accepted, Link) else frozenset()
