"""A session that proves more: the same visit goes on under a new id, with what was shown in its `amr` (LR-16).

The handle of before is worth nothing from then on: who had it, or planted it, gains nothing by what its owner proves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.accounts.second_factors import FactorProof
from broker.accounts.session_life import first_limits
from broker.domain.acts import OpenSession
from broker.domain.audit import Action, AuditEvent
from broker.domain.errors import FactorRefused, LoginExpired
from broker.domain.handles import Handle, Id, digest, new_handle, new_id
from broker.domain.identity import AuthnContext
from broker.domain.sessions import HALF, Session
from broker.federation.entrance import Arrival
from broker.federation.journey import Federation


@dataclass(frozen=True, slots=True)
class Stronger:
    """The browser in which a second factor was shown, and where it goes on to."""

    session: Session
    resume: str
    trace: str
    software: str = ""


@dataclass(frozen=True, slots=True)
class Strengthening:
    """Replaces sessions by ones that prove more."""

    federation: Federation

    def strengthen(self, asked: Stronger, proof: FactorProof) -> Arrival:
        """Replace the session by one of the same visit, under a new handle.

        It lives no longer than the one it replaces, unless that one was only half a login.
        Raises `FactorRefused` for the proof of another account, `AlreadyUsed`, `LoginExpired` where the session ended
        meanwhile, and what an administrator closed.
        """
        was, now = asked.session, self.federation.clock()
        if proof.account_id != was.account_id:
            raise FactorRefused("shown for another account")
        handle = new_handle(Handle.SESSION)
        opened = self._session(was, proof, handle_digest=digest(handle), now=now)
        origins = self.federation.origins_of(was)
        hint = next((each.hint for each in origins if each.source_id == was.authn.authority), "")
        self.federation.sessions.open(
            OpenSession(
                session=opened,
                source_id=was.authn.authority,
                consume=proof.answer,
                link=None,
                replaces=was.sid,
                audit=(self._event(opened, proof, trace=asked.trace, now=now),),
                hint=hint,
                software=asked.software,
            )
        )
        self.federation.live.forget(was.handle_digest)
        session = self.federation.live.find(handle, now=now)
        if session is None:
            raise LoginExpired("the session ended as it opened")
        return Arrival(handle, session, asked.resume)

    def _session(self, was: Session, proof: FactorProof, *, handle_digest: str, now: datetime) -> Session:
        live = self.federation.live
        life = live.life(was.device, live.kinds(was.person_id, now=now), was.authn.authority)
        idle_until, ends_at = first_limits(life, now=now)
        if not was.is_half:
            ends_at = min(ends_at, was.ends_at)
            idle_until = min(idle_until, ends_at)
        return Session(
            sid=new_id(Id.SESSION),
            handle_digest=handle_digest,
            person_id=was.person_id,
            account_id=was.account_id,
            authn=_with(was.authn, proof.method),
            device=was.device,
            opened_at=now,
            idle_until=idle_until,
            ends_at=ends_at,
            continues=was.visit,
        )

    def _event(self, opened: Session, proof: FactorProof, *, trace: str, now: datetime) -> AuditEvent:
        return AuditEvent(
            tenant=self.federation.upstreams.tenant_of(opened.authn.authority),
            at=now,
            action=Action.FACTOR_PROVEN,
            actor=opened.person_id,
            subject=opened.person_id,
            trace=trace,
            detail={"sid": opened.sid, "method": proof.method, "source": opened.authn.authority},
        )


def _with(authn: AuthnContext, method: str) -> AuthnContext:
    """What was shown before, and this. The time stays that of the login: a code alone makes no login fresh."""
    shown = (*(each for each in authn.amr if each not in {HALF, method}), method)
    return AuthnContext(authn.acr, shown, authn.auth_time, authn.authority, authn.proven)
