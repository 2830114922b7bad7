"""The way in for whoever a source vouched for, whatever it speaks: decide whose login it is, then open, or refuse."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from broker.accounts.session_life import is_fresh
from broker.domain.audit import Action, AuditEvent
from broker.domain.errors import LoginExpired, PreauError, StepUpNeeded, UpstreamRefused
from broker.domain.handles import Handle, Id, digest, new_handle, new_id
from broker.domain.identity import AuthnContext, UpstreamIdentity
from broker.domain.people import AttachmentState, RecordKind
from broker.domain.ports import Audit, Links, People, Sessions
from broker.domain.sessions import HALF, SECOND_FACTORS, Device, Session
from broker.federation.linking import Asking, Link, LinkFacts, Refuse, SignIn, decide_link
from broker.federation.live_sessions import LiveSessions
from broker.federation.opening_act import Entry, build_act
from broker.federation.sources import SourceDescription
from broker.federation.upstreams import Upstreams

log = logging.getLogger(__name__)

NOBODY = ""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A session has opened."""

    session_handle: str
    session: Session
    resume: str


@dataclass(frozen=True, slots=True)
class Arriving:
    """A login that is about to be answered for. `here`: the session that this browser holds already.

    `here`: who is signed in there; `left`: the session that this one ends, also when it was over by itself.
    `asked_at`: since when a fresh proof was asked for; None when any proof would do. `software`: what the browser calls
    itself, in two words.
    """

    source: SourceDescription
    resume: str
    device: Device
    here: Session | None
    left: Session | None
    trace: str
    now: datetime
    asked_at: datetime | None = None
    software: str = ""
    link_to: str = ""
    """Who asked, signed in, that this login become one more of theirs."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """Lets people in on a source's word."""

    people: People
    links: Links
    sessions: Sessions
    audit: Audit
    upstreams: Upstreams
    live: LiveSessions

    def enter(self, arriving: Arriving, identity: UpstreamIdentity) -> Arrival:
        """Decide whose login this is and open the session; whoever was signed in here is signed out by the same act.

        Raises `UpstreamRefused` (a connector spoke for another source), `UnknownPerson`, `LinkUndone`,
        `LinkAmbiguous`, `AlreadyUsed`, and what an administrator closed.
        """
        if identity.authn.authority != arriving.source.source_id:
            raise UpstreamRefused("a connector spoke for another source")
        return self._open(arriving, identity, *self._decide(arriving, identity))

    def refused(self, source: SourceDescription, fault: PreauError, *, trace: str, now: datetime) -> None:
        """Leave a trace of a refusal: codes only, the same for a stranger and for anybody else."""
        log.log(fault.level, "sign-in refused: %s %s trace=%s", fault.code, fault.cause, trace)
        source_id = source.source_id
        self.audit.append(
            [
                AuditEvent(
                    tenant=source.tenant,
                    at=now,
                    action=Action.SIGN_IN_REFUSED,
                    actor=f"source:{source_id}",
                    outcome="refused",
                    trace=trace,
                    detail={"code": fault.code, "source": source_id},
                )
            ]
        )

    def _decide(self, arriving: Arriving, identity: UpstreamIdentity) -> tuple[SignIn | Link, frozenset[RecordKind]]:
        """Find out whose login this is, and of which roles, or refuse.

        The same questions are put for a stranger as for anybody.
        """
        account = self.links.account(identity.key)
        references = identity.references if arriving.source.releases_references else ()
        found = self.people.by_reference(references, feeds=arriving.source.feeds)
        records = tuple(record for record in found if record.state is AttachmentState.ATTACHED)
        persons = tuple(sorted({record.person_id for record in records})) or (NOBODY,)
        sees_a_child = self.people.sees_a_child(persons, now=arriving.now)
        kinds = self.live.kinds(account.person_id, now=arriving.now) if account else frozenset()
        facts = LinkFacts(
            identity=identity,
            account=account,
            account_kinds=kinds,
            records=records,
            sees_a_child=sees_a_child,
            idle_most=self.upstreams.rules(arriving.source.source_id).linking.idle_most,
            signed_in_as=arriving.here.person_id if arriving.here else NOBODY,
            frozen=tuple(record for record in found if record not in records),
            link_to=self._asking(arriving),
            new_agent=new_id(Id.PERSON) if arriving.source.desk else NOBODY,
        )
        decision = decide_link(facts, now=arriving.now)
        if isinstance(decision, Refuse):
            raise decision.error(decision.cause)
        if isinstance(decision, Link):
            kinds = decision.kinds | self.live.kinds(decision.proof.person_id, now=arriving.now)
        return decision, kinds

    def _asking(self, arriving: Arriving) -> Asking | None:
        """Whoever asked for the link, if they still sit here by a proof of the last minutes. Raises `StepUpNeeded`."""
        if not arriving.link_to:
            return None
        here, limits = arriving.here, self.upstreams.rules(arriving.source.source_id).sessions
        asked_by = self.people.owner(arriving.link_to)
        fresh = here is not None and is_fresh(here, within=limits.step_up, now=arriving.now)
        if here is None or not fresh or here.person_id != asked_by:
            raise StepUpNeeded("nobody is signed in here, by a proof of the last minutes, who asked for this link")
        person = self.people.person(asked_by, now=arriving.now)
        return Asking(asked_by, here.account_id, person.kinds if person else frozenset())

    def _open(
        self,
        arriving: Arriving,
        identity: UpstreamIdentity,
        accepted: SignIn | Link,
        kinds: frozenset[RecordKind],
    ) -> Arrival:
        handle = new_handle(Handle.SESSION)
        entry = Entry(
            identity=identity,
            accepted=accepted,
            authn=_half(arriving, kinds, self._authn(arriving, identity)),
            device=arriving.device,
            life=self.live.life(arriving.device, kinds, arriving.source.source_id),
            tenant=arriving.source.tenant,
            handle_digest=digest(handle),
            replaced=arriving.left,
            trace=arriving.trace,
            now=arriving.now,
            software=arriving.software,
            posts=identity.posts if arriving.source.desk else None,
        )
        self.sessions.open(build_act(entry))
        if arriving.left:
            self.live.forget(arriving.left.handle_digest)
        session = self.live.find(handle, now=arriving.now) or self.live.half(handle, now=arriving.now)
        if session is None:
            raise LoginExpired("the session ended as it opened")
        return Arrival(handle, session, arriving.resume)

    def _authn(self, arriving: Arriving, identity: UpstreamIdentity) -> AuthnContext:
        """How surely and when: never above the source's level; a proof that was asked for came after the departure."""
        level = arriving.source.level(identity.authn.acr, self.upstreams.rules(arriving.source.source_id).assurance)
        proven, proven_at = identity.authn.proven, identity.authn.auth_time
        if arriving.asked_at is not None:
            proven, proven_at = True, max(proven_at, arriving.asked_at)
        return replace(identity.authn, acr=level.value, auth_time=min(proven_at, arriving.now), proven=proven)


def _half(arriving: Arriving, kinds: frozenset[RecordKind], authn: AuthnContext) -> AuthnContext:
    """Mark a login that opens nothing until a second factor is shown: that of staff by a passphrase of ours."""
    if not arriving.source.second_for_staff or not SECOND_FACTORS.isdisjoint(authn.amr):
        return authn
    return replace(authn, amr=(*authn.amr, HALF)) if RecordKind.STAFF in kinds else authn
