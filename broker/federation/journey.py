"""The login journey, as one straight walk: begin, choose, depart, arrive; then the session, sign-out and undo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from broker.accounts.session_life import is_fresh
from broker.domain.acts import UndoLink
from broker.domain.assurance import Assurance
from broker.domain.audit import Action, AuditEvent
from broker.domain.clock import Clock
from broker.domain.errors import PageNotFound, PreauError, StepUpNeeded, UpstreamRefused
from broker.domain.handles import Handle, digest, new_handle
from broker.domain.identity import AccountState, LinkedAccount, UpstreamIdentity
from broker.domain.login_faults import Hop, HopKind
from broker.domain.origins import SessionOrigin
from broker.domain.ports import Audit, Current, EphemeralStore, Links, Origins, People, Return, Sessions
from broker.domain.sessions import Device, Session
from broker.domain.standings import InForce
from broker.federation.agreements import Agreements
from broker.federation.availability import Availability
from broker.federation.entrance import Arrival, Arriving, Entrance
from broker.federation.farewells import Farewell, Farewells
from broker.federation.interactions import CALLBACK, Interactions, password_path, sign_in_path
from broker.federation.linking import Refuse
from broker.federation.live_sessions import LiveSessions
from broker.federation.logins import Interaction, LoginRequest, Outing, SettledReturn, WayOut, came_back, hops_of
from broker.federation.partings import NoOrigins, Partings
from broker.federation.posted import ANSWER, POSTED, STATE, PostedAnswers
from broker.federation.sources import PasswordSource, Source, Sources
from broker.federation.steps import Decisions, Done, GoUpstream, StepUp, next_step
from broker.federation.upstreams import Upstreams, preferred
from broker.services.access import Moment
from broker.services.ways import Ways
from policies import PolicyBook, SessionLimits

CLOCK_SKEW = timedelta(seconds=60)
"""How far a source's clock may be behind ours: a proof asked for may seem to be that much older than the departure."""


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
    origins: Origins = field(default_factory=NoOrigins)

    def begin(self, request: LoginRequest, *, browser: str, now: datetime) -> str:
        """Begin a login for this browser and return its handle. Raises `BadPageRequest`, `LoginExpired`."""
        return self.interactions.begin(request, browser=browser, now=now)

    def interaction(self, interaction_handle: str, *, browser: str) -> Interaction:
        """What was asked, and when. Raises `LoginExpired`."""
        return self.interactions.find(interaction_handle, browser=browser)

    def choices(self, interaction_handle: str, *, browser: str, session: Session | None = None) -> SignInChoices:
        """What the choice page shows. Raises `LoginExpired`, `LoginRequired`."""
        login, now = self.interactions.find(interaction_handle, browser=browser), self.clock()
        offered, down = self.upstreams.able(login.request.requires), self.ways(now=now).down
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

    def depart(self, interaction_handle: str, source_id: str, *, browser: str) -> WayOut:
        """Where to send the browser: to the source, or to our own page where the source checks passwords.

        Raises `LoginExpired`, `PageNotFound`, `UpstreamUnavailable`.
        """
        login = self.interactions.find(interaction_handle, browser=browser)
        now, state = self.clock(), new_handle(Handle.STATE)
        step = self.chosen(login, source_id, now=now)
        source = self.sources.get(step.source_id)
        if isinstance(source, PasswordSource):
            return WayOut(password_path(step.source_id, interaction_handle))
        try:
            departure = source.connector.start(
                return_url=self._return_url(step.source_id), state=state, force=step.force
            )
        except PreauError as fault:
            self.upstreams.note(step.source_id, fault, now=now)
            fault.restart = sign_in_path(interaction_handle)
            raise
        outing = Outing(interaction_handle, step.source_id, digest(browser), dict(departure.private), step.force, now)
        self.interactions.leave(outing, state=state)
        return WayOut(departure.url, departure.form)

    def chosen(self, login: Interaction, source_id: str, *, now: datetime) -> GoUpstream:
        """The step to the source that a person chose for this login. Raises `PageNotFound` for one not on offer."""
        offered = self.upstreams.able(login.request.requires)
        step = next_step(login, None, Decisions(offered, now, chosen=source_id))
        if isinstance(step, Refuse):
            raise step.error(step.cause)
        if not isinstance(step, GoUpstream):
            raise PageNotFound("no source was chosen")
        return step

    def arrive(
        self,
        source_id: str,
        answer: Return,
        *,
        browser: str,
        device: Device,
        current: str | None,
        trace: str,
        software: str = "",
    ) -> Arrival:
        """Take the browser back from a source and open its session.

        Raises `LoginExpired` (unknown, spent or foreign state), `UpstreamRefused`, `UpstreamUnavailable`,
        `UnknownPerson`, `LinkUndone`, `LinkAmbiguous`, `AlreadyUsed`; each tells where to begin again.
        `PageNotFound`: no such source.
        """
        source, now = self.upstreams.open_source(source_id), self.clock()
        if isinstance(source, PasswordSource):
            raise PageNotFound("nobody comes back from a source that checks passwords")
        state = answer.params.get(source.connector.state_parameter, "")
        again = self._already_here(state, browser=browser, current=current or "", now=now)
        if again is not None:
            return again
        outing = self.interactions.come_back(state, browser=browser)
        interaction = self.interactions.find(outing.interaction_handle, browser=browser)
        arriving = Arriving(
            source=source.description,
            resume=interaction.request.resume,
            device=device,
            here=self.live.find(current or "", now=now),
            left=self.live.unended(current or ""),
            trace=trace,
            now=now,
            asked_at=outing.left_at if outing.proof_wanted else None,
            software=software,
            link_to=interaction.request.link_to,
        )
        try:
            arrival = self.entrance.enter(arriving, self._ask(arriving, outing, answer, source=source))
        except PreauError as fault:
            fault.restart = sign_in_path(outing.interaction_handle)
            fault.hops = hops_of(interaction, Hop(HopKind.LEFT, outing.left_at, source_id), came_back(source_id, now))
            self.entrance.refused(source.description, fault, trace=trace, now=now)
            raise
        settled = SettledReturn(digest(browser), arrival.session.handle_digest, arrival.resume)
        self.interactions.settle(settled, state=state)
        return arrival

    def session(self, handle: str) -> Session | None:
        """The live session behind a cookie, or None."""
        return self.live.find(handle, now=self.clock())

    def session_beside(self, handle: str, copy: bytes | None) -> Session | None:
        """The same for whoever has asked for the copy already (`broker.accounts.session_copy`)."""
        return self.live.find_beside(handle, copy, now=self.clock())

    def assurance(self, session: Session, book: PolicyBook | None = None) -> Assurance:
        """How surely a session proves its person, by the table of the tenant of its source.

        `book`, here and below: that of a decision under way, so that it never mixes two versions.
        """
        return self.upstreams.rules(session.authn.authority, book).assurance.level(session.authn.acr)

    def moment(self, session: Session, book: PolicyBook | None = None) -> Moment:
        """What access decisions read of a session and of the sources, now."""
        now, held = self.clock(), book or self.policies.current()
        ways = self.ways(held, now=now)
        linked_at = self._linked_at(session) if ways.down else None
        return Moment(self.assurance(session, held), now, replace(ways, linked_at=linked_at))

    def ways(self, book: PolicyBook | None = None, *, now: datetime) -> Ways:
        """What each source can prove, and which are known not to answer or were closed by an administrator."""
        return Ways(self.upstreams.ways(book, now=now))

    def sign_out(self, session_handle: str, *, trace: str, onward: str = "", asked_by: str = "") -> str:
        """End this browser's session with all that was granted in it, and have the services told.

        `asked_by`: the source that ended it, which is not gone to again.

        Returns the handle of the farewell, which leads `onward`; empty when there was no session, or no store.
        """
        now, session = self.clock(), self.live.unended(session_handle)
        if session is None:
            return ""
        origins = self.origins.of_visit(session.visit)
        self.end(session, trace=trace)
        legs = self.partings.of(origins, device=session.device, asked_by=asked_by, now=now)
        return self.farewells.keep(Farewell(session.visit, onward, legs))

    def end(self, session: Session, *, trace: str) -> None:
        """End a session that a service or a source names from server to server, with all that was granted in it."""
        now = self.clock()
        self.sessions.end(session.sid, now=now, audit=self._event(Action.SIGN_OUT, session, trace=trace, now=now))
        self.live.forget(session.handle_digest)

    def origins_of(self, session: Session) -> tuple[SessionOrigin, ...]:
        """By which sources the visit of a session was opened."""
        return self.origins.of_visit(session.visit)

    def end_by_source(self, source_id: str, answer: str, *, trace: str) -> bool:
        """End the session of the visit that an answer of this source (by digest) opened; False: there is none."""
        session = self.origins.opened_by(answer)
        if session is None:
            return False
        if all(each.source_id != source_id for each in self.origins_of(session)):
            return False
        self.end(session, trace=trace)
        return True

    def unended(self, session_handle: str) -> Session | None:
        """The session of this browser that a sign-out would end: also one that was idle too long."""
        return self.live.unended(session_handle)

    def with_posted(self, source_id: str, params: Mapping[str, str]) -> dict[str, str]:
        """The parameters of a return, with the answer that its source posted a moment ago in the place of its handle.

        An answer stands in no address, so that one which comes in an address is dropped.
        """
        kept = {name: value for name, value in params.items() if name not in {POSTED, ANSWER}}
        found = PostedAnswers(self.store).take(params.get(POSTED, ""), source_id, params.get(STATE, ""))
        return {**kept, ANSWER: found} if found else kept

    def refuse_posted(self, source_id: str, state: str, fault: PreauError, *, trace: str) -> None:
        """Leave a trace of an answer that was refused as it was posted: once for each login that waits for one.

        Whoever posts without such a login leaves none: anybody can, and the trail is not for strangers to fill.
        """
        if not self.interactions.awaits(state, source_id=source_id):
            return
        seconds = int(self.policies.current().installation.sessions.interaction.total_seconds())
        if self.store.claim_once(f"refused:{digest(state)}", ttl=seconds):
            source = self.sources.get(source_id).description
            self.entrance.refused(source, fault, trace=trace, now=self.clock())

    @property
    def farewells(self) -> Farewells:
        """What ended in which browser a moment ago."""
        return Farewells(self.store)

    @property
    def partings(self) -> Partings:
        """Logouts at the sources."""
        return Partings(self.upstreams, self.farewells, self.base_url)

    @property
    def agreements(self) -> Agreements:
        """To which clients that registered themselves who said yes."""
        return Agreements(self.store)

    def undo(self, session: Session, account_id: str, *, trace: str) -> None:
        """Undo the link of one of this person's accounts. Raises `StepUpNeeded`, `UndoTooLate`."""
        now, rules = self.clock(), self.upstreams.rules(session.authn.authority)
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
        self.live.forget(session.handle_digest)

    def begin_link(self, session: Session, source_id: str, *, browser: str, resume: str) -> WayOut:
        """Begin a login that is to become one more of this person's, at this source; where to send the browser.

        Raises `StepUpNeeded` unless the session was proven in the last minutes; what `depart` raises.
        """
        now, rules = self.clock(), self.upstreams.rules(session.authn.authority)
        if not is_fresh(session, within=rules.sessions.step_up, now=now):
            raise StepUpNeeded("login too old for this act")
        asked = LoginRequest(resume=resume, prompt=frozenset({"login"}), link_to=session.person_id)
        return self.depart(self.begin(asked, browser=browser, now=now), source_id, browser=browser)

    def linkable(self, session: Session) -> tuple[str, ...]:
        """The sources of which this person has no login yet and may link one, by id."""
        held = {account.source_id for account in self._accounts(session)}
        offered = self.upstreams.able(Assurance.NONE)
        return tuple(each.source_id for each in offered if each.source_id not in held and not each.desk)

    def allow_export(self, session: Session, *, trace: str) -> None:
        """Let the person take a copy of their data, and record that they did. Raises `StepUpNeeded`."""
        now = self.clock()
        if not is_fresh(session, within=self.upstreams.rules(session.authn.authority).sessions.step_up, now=now):
            raise StepUpNeeded("login too old for an export")
        self.audit.append([self._event(Action.DATA_EXPORTED, session, trace=trace, now=now)])

    @property
    def interactions(self) -> Interactions:
        """Logins in progress."""
        return Interactions(self.store, lifetime=self.policies.current().installation.sessions.interaction)

    @property
    def live(self) -> LiveSessions:
        """Sessions as requests meet them."""
        return LiveSessions(self.sessions, self.people, self.store, self._limits, self._desks)

    @property
    def upstreams(self) -> Upstreams:
        """The sources as they stand now."""
        return Upstreams(self.sources, Availability(self.store), self.policies, self.standings)

    @property
    def entrance(self) -> Entrance:
        """The way in for whoever a source vouched for."""
        return Entrance(self.people, self.links, self.sessions, self.audit, self.upstreams, self.live)

    def _limits(self, source_id: str) -> SessionLimits:
        return self.upstreams.rules(source_id).sessions

    def _desks(self) -> frozenset[str]:
        return frozenset(each.source_id for each in self.sources.descriptions() if each.desk)

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
        settled = self.interactions.settled(state, browser=browser)
        if settled is None or digest(current) != settled.session:
            return None
        session = self.live.find(current, now=now)
        return Arrival(current, session, settled.resume) if session else None

    def _ask(self, arriving: Arriving, outing: Outing, answer: Return, *, source: Source) -> UpstreamIdentity:
        """Let the source's connector check the answer, then check that it is fresh; remember whether it answered."""
        if outing.source_id != source.source_id:
            raise UpstreamRefused("an answer at another source's callback")
        try:
            identity = source.connector.finish(answer, private=outing.private, now=arriving.now)
        except PreauError as fault:
            self.upstreams.note(source.source_id, fault, now=arriving.now)
            raise
        self.upstreams.note(source.source_id, None, now=arriving.now)
        if arriving.asked_at is not None and identity.authn.auth_time < arriving.asked_at - CLOCK_SKEW:
            raise UpstreamRefused("a new proof was asked for and an old one came")
        return identity

    def _event(self, action: Action, session: Session, *, trace: str, now: datetime) -> AuditEvent:
        return AuditEvent(
            tenant=self.upstreams.tenant_of(session.authn.authority),
            at=now,
            action=action,
            actor=session.person_id,
            subject=session.person_id,
            trace=trace,
            detail={"sid": session.sid, "source": session.authn.authority},
        )
