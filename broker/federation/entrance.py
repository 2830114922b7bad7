"""The way in for whoever a source vouched for, whatever it speaks: decide whose login it is, then open, or refuse."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from broker.domain.audit import Action, AuditEvent
from broker.domain.errors import LoginExpired, PreauError, UpstreamRefused
from broker.domain.handles import Handle, digest, new_handle
from broker.domain.identity import AuthnContext, UpstreamIdentity
from broker.domain.people import AttachmentState, RecordKind
from broker.domain.ports import Audit, Links, People, Sessions
from broker.domain.sessions import Device, Session
from broker.federation.linking import Link, LinkFacts, Refuse, SignIn, decide_link
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
class Visit:
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


@dataclass(frozen=True, slots=True)
class Entrance:
    """Lets people in on a source's word."""

    people: People
    links: Links
    sessions: Sessions
    audit: Audit
    upstreams: Upstreams
    live: LiveSessions

    def enter(self, visit: Visit, identity: UpstreamIdentity) -> Arrival:
        """Decide whose login this is and open the session; whoever was signed in here is signed out by the same act.

        Raises `UpstreamRefused` (a connector spoke for another source), `UnknownPerson`, `LinkUndone`,
        `LinkAmbiguous`, `AlreadyUsed`, and what an administrator closed.
        """
        if identity.authn.authority != visit.source.source_id:
            raise UpstreamRefused("a connector spoke for another source")
        return self._open(visit, identity, self._decide(visit, identity))

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

    def _decide(self, visit: Visit, identity: UpstreamIdentity) -> SignIn | Link:
        """Find out whose login this is, or refuse. The same questions are put for a stranger as for anybody."""
        account = self.links.account(identity.key)
        references = identity.references if visit.source.releases_references else ()
        found = self.people.by_reference(references, feeds=visit.source.feeds)
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
            idle_most=self.upstreams.rules(visit.source.source_id).linking.idle_most,
            signed_in_as=visit.here.person_id if visit.here else NOBODY,
            frozen=tuple(record for record in found if record not in records),
        )
        decision = decide_link(facts, now=visit.now)
        if isinstance(decision, Refuse):
            raise decision.error(decision.cause)
        return decision

    def _open(self, visit: Visit, identity: UpstreamIdentity, accepted: SignIn | Link) -> Arrival:
        handle = new_handle(Handle.SESSION)
        person_id = accepted.proof.person_id if isinstance(accepted, Link) else accepted.account.person_id
        life = self.live.life(
            visit.device, person_id, visit.source.source_id, now=visit.now, joining=_joining(accepted)
        )
        entry = Entry(
            identity=identity,
            accepted=accepted,
            authn=self._authn(visit, identity),
            device=visit.device,
            life=life,
            tenant=visit.source.tenant,
            handle_digest=digest(handle),
            replaced=visit.left,
            trace=visit.trace,
            now=visit.now,
            software=visit.software,
        )
        self.sessions.open(build_act(entry))
        if visit.left:
            self.live.forget(visit.left.handle_digest)
        session = self.live.find(handle, now=visit.now)
        if session is None:
            raise LoginExpired("the session ended as it opened")
        return Arrival(handle, session, visit.resume)

    def _authn(self, visit: Visit, identity: UpstreamIdentity) -> AuthnContext:
        """How surely and when: never above the source's level; a proof that was asked for came after the departure."""
        level = visit.source.level(identity.authn.acr, self.upstreams.rules(visit.source.source_id).assurance)
        proven, proven_at = identity.authn.proven, identity.authn.auth_time
        if visit.asked_at is not None:
            proven, proven_at = True, max(proven_at, visit.asked_at)
        return replace(identity.authn, acr=level.value, auth_time=min(proven_at, visit.now), proven=proven)


def _joining(accepted: SignIn | Link) -> frozenset[RecordKind]:
    return accepted.kinds if isinstance(accepted, Link) else frozenset()
