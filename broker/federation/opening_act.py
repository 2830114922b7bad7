"""What one accepted login changes, as one act: the session, the link and its joins, what is audited.

Which copies outside the database are to be dropped is told by the storage in the same transaction: it alone knows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.accounts.session_life import SessionLife, first_limits
from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.acts import OpenSession
from broker.domain.audit import Action, AuditEvent
from broker.domain.desk import SaidPost
from broker.domain.errors import UpstreamRefused
from broker.domain.handles import Id, new_id
from broker.domain.identity import AuthnContext, EvidenceKind, UpstreamIdentity
from broker.domain.origins import answer_digest
from broker.domain.sessions import Device, Session
from broker.federation.linking import Link, SignIn


@dataclass(frozen=True, slots=True)
class Entry:
    """An accepted login, ready to become a session."""

    identity: UpstreamIdentity
    accepted: SignIn | Link
    authn: AuthnContext
    device: Device
    life: SessionLife
    tenant: str
    handle_digest: str
    replaced: Session | None
    trace: str
    now: datetime
    software: str = ""
    posts: tuple[SaidPost, ...] | None = None

    @property
    def person_id(self) -> str:
        """Person who enters."""
        if isinstance(self.accepted, Link):
            return self.accepted.proof.person_id
        return self.accepted.account.person_id

    @property
    def is_first_link(self) -> bool:
        """Tell whether this login links its account for the first time."""
        return self.accepted.account is None


def build_act(entry: Entry) -> OpenSession:
    """Everything that opening this session changes; one transaction carries it out."""
    session = _session(entry)
    proof = entry.accepted.proof if isinstance(entry.accepted, Link) else None
    return OpenSession(
        session=session,
        source_id=entry.authn.authority,
        consume=consumption(entry.identity),
        link=proof,
        replaces=entry.replaced.sid if entry.replaced else None,
        audit=_audit(entry, session),
        hint=entry.identity.logout_hint,
        posts=entry.posts,
        said_name=entry.identity.display if entry.posts is not None else "",
        software=entry.software,
        notices=_notices(entry),
    )


def _notices(entry: Entry) -> tuple[AccessNotice, ...]:
    """A login that was linked beside another is told of: whoever did it may not be the person (LR-18)."""
    if not isinstance(entry.accepted, Link) or entry.accepted.proof.evidence.kind is not EvidenceKind.TWO_LOGINS:
        return ()
    told = {"source": entry.authn.authority}
    return (AccessNotice(entry.person_id, NoticeKind.LINK_CREATED, entry.now, told, entry.trace),)


def consumption(identity: UpstreamIdentity) -> str:
    """Digest under which the source's answer is claimed, once for ever. Raises `UpstreamRefused` without one."""
    if not identity.answer:
        raise UpstreamRefused("an answer that could be replayed")
    return answer_digest(identity.key.protocol, identity.key.issuer, identity.answer)


def _session(entry: Entry) -> Session:
    idle_until, ends_at = first_limits(entry.life, now=entry.now)
    return Session(
        sid=new_id(Id.SESSION),
        handle_digest=entry.handle_digest,
        person_id=entry.person_id,
        account_id=entry.accepted.account.account_id if entry.accepted.account else new_id(Id.ACCOUNT),
        authn=entry.authn,
        device=entry.device,
        opened_at=entry.now,
        idle_until=idle_until,
        ends_at=ends_at,
    )


def _audit(entry: Entry, session: Session) -> tuple[AuditEvent, ...]:
    def event(action: Action, subject: str, detail: dict[str, str]) -> AuditEvent:
        return AuditEvent(
            tenant=entry.tenant,
            at=entry.now,
            action=action,
            actor=entry.person_id,
            subject=subject,
            trace=entry.trace,
            detail=detail,
        )

    source = {"source": entry.authn.authority}
    events = [event(Action.SIGN_IN, entry.person_id, {**source, "sid": session.sid, "device": entry.device})]
    if isinstance(entry.accepted, Link):
        grounds = {**entry.accepted.proof.evidence.detail, "account": session.account_id}
        if entry.is_first_link:
            events.append(event(Action.LINK_CREATED, entry.person_id, grounds))
        events += [
            event(Action.PERSONS_MERGED, absorbed, {**grounds, "into": entry.person_id})
            for absorbed in entry.accepted.proof.absorbed
        ]
    return tuple(events)
