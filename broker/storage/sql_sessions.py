"""Sessions in SQL, and the one transaction that opens one: claim, link, merge, replace, open, tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, String, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from broker.domain.acts import OpenSession
from broker.domain.audit import AuditEvent
from broker.domain.errors import AlreadyUsed, LinkAmbiguous, LinkUndone, LoginExpired
from broker.domain.identity import AccountKey, AccountState, AuthnContext, EvidenceKind, LinkProof
from broker.domain.sessions import Device, Session
from broker.storage.copies import tell_sessions
from broker.storage.engine import Contended, fetch, transact
from broker.storage.entrant import Entrant, check_standings
from broker.storage.lineage import lock_owners, owner
from broker.storage.may_see import ATTACHED
from broker.storage.schema import Instant, accounts, attachments, consumptions, grants, persons, sessions
from broker.storage.sealing import HintSeal
from broker.storage.sql_desk_posts import Said, write_said
from broker.storage.sql_imports_bulk import among
from broker.storage.sql_logouts import tell_logouts
from broker.storage.sql_merge import Cause, join_persons, named, stored_evidence
from broker.storage.trail import insert_audit, insert_notices

ANSWER_KEPT = timedelta(days=1)
"""How long a claimed upstream answer is remembered: far longer than any source accepts one."""

_NOW = bindparam("now", type_=Instant)
_HANDLE = bindparam("handle", type_=String)

_SEEN = tuple(column for column in sessions.c if column.name not in {"source_hint", "browser"})
"""What a request needs: an ID token of kilobytes is read at the sign-out alone."""

_FIND = select(*_SEEN).where(
    sessions.c.handle_digest == _HANDLE,
    sessions.c.revoked_at.is_(None),
    sessions.c.idle_until > _NOW,
    sessions.c.ends_at > _NOW,
)
_UNENDED = select(*_SEEN).where(sessions.c.handle_digest == _HANDLE, sessions.c.revoked_at.is_(None))
_TOUCH = (
    update(sessions)
    .where(
        sessions.c.handle_digest == _HANDLE,
        sessions.c.revoked_at.is_(None),
        sessions.c.idle_until < bindparam("later", type_=Instant),
    )
    .values(idle_until=bindparam("later", type_=Instant))
)
_ACCOUNT_BY_ID = select(accounts).where(accounts.c.id == bindparam("account", type_=String))


class SqlSessions:
    """`Sessions` on SQLite or PostgreSQL. `hints` seals what a source wants back."""

    def __init__(self, engine: Engine, hints: HintSeal) -> None:
        self._engine, self._hints = engine, hints

    def open(self, act: OpenSession) -> str:
        """See `Sessions.open`. Also raises `LinkUndone` when the account no longer signs in.

        Raises `PersonSuspended`, `LinkSuspended`, `SourceSuspended` for what an administrator closed.
        """
        sealed = replace(act, hint=self._hints.seal(act.hint, sid=act.session.sid))
        return transact(self._engine, lambda conn: _open(conn, sealed))

    def find(self, handle_digest: str, *, now: datetime) -> Session | None:
        """See `Sessions.find`."""
        rows = fetch(self._engine, _FIND, {"handle": handle_digest, "now": now})
        return session_of(rows[0]) if rows else None

    def unended(self, handle_digest: str) -> Session | None:
        """See `Sessions.unended`."""
        rows = fetch(self._engine, _UNENDED, {"handle": handle_digest})
        return session_of(rows[0]) if rows else None

    def touch(self, handle_digest: str, *, idle_until: datetime) -> None:
        """See `Sessions.touch`. The limit only ever moves forward: the slower of two requests takes nothing back."""
        transact(self._engine, lambda conn: conn.execute(_TOUCH, {"handle": handle_digest, "later": idle_until}))

    def end(self, sid: str, *, now: datetime, audit: AuditEvent) -> None:
        """See `Sessions.end`."""
        transact(self._engine, lambda conn: _end(conn, sid, now=now, audit=audit))


def end_sessions(conn: Connection, which: ColumnElement[bool], *, now: datetime, why: str) -> frozenset[str]:
    """End the live sessions of a condition, with every grant made in them, and have the services told.

    Returns the persons concerned.
    """
    ended = _revoke(conn, which, now=now, why=why)
    tell_logouts(conn, {row.continues or row.sid for row in ended}, now=now)
    return frozenset(row.person_id for row in ended)


def _revoke(conn: Connection, which: ColumnElement[bool], *, now: datetime, why: str) -> Sequence[Row[Any]]:
    ended = conn.execute(
        update(sessions)
        .where(which, sessions.c.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(sessions.c.sid, sessions.c.person_id, sessions.c.continues)
    ).fetchall()
    if ended:
        conn.execute(
            update(grants)
            .where(among(conn, grants.c.sid, [row.sid for row in ended]), grants.c.revoked_at.is_(None))
            .values(revoked_at=now, revoked_why=why)
        )
    return ended


def _end(conn: Connection, sid: str, *, now: datetime, audit: AuditEvent) -> None:
    ended = end_sessions(conn, sessions.c.sid == sid, now=now, why="session_ended")
    insert_audit(conn, (audit,))
    tell_sessions(conn, ended, now=now)


# ---- opening -----------------------------------------------------------------------------------------------------


def _open(conn: Connection, act: OpenSession) -> str:
    _claim(conn, act)
    now = act.session.opened_at
    account_id, person_id = _known_account(conn, act) if act.link is None else _link(conn, act, act.link)
    conn.execute(update(accounts).where(accounts.c.id == account_id).values(last_used=now))
    if act.posts is not None:
        write_said(conn, account_id, Said(act.said_name, act.posts), act.audit[0])
    which = sessions.c.sid == act.replaces
    replaced = _revoke(conn, which, now=now, why="session_replaced") if act.replaces else ()
    changed = frozenset(row.person_id for row in replaced)
    tell_sessions(conn, changed if act.link is None else changed | {person_id}, now=now)
    if act.session.continues and not replaced:
        raise LoginExpired("the session that this one goes on has ended")
    visit = _visit_of(conn, replaced, person_id, now=now)
    conn.execute(insert(sessions), [{**_row(act, account_id=account_id, person_id=person_id), "continues": visit}])
    check_standings(conn, Entrant(person_id, account_id, act.source_id))
    insert_audit(conn, act.audit)
    insert_notices(conn, [replace(notice, person_id=person_id) for notice in act.notices])
    return person_id


def _visit_of(conn: Connection, replaced: Sequence[Row[Any]], person_id: str, *, now: datetime) -> str | None:
    """The visit that a session goes on: that of the one it replaces, if the same person (by now) was signed in there.

    Services then are told nothing: who proves more has not left. Another person's visit ends, and they are told.
    """
    visits = {row.continues or row.sid: row.person_id for row in replaced}
    left = {visit for visit, whose in visits.items() if whose != person_id}
    tell_logouts(conn, left, now=now)
    return next(iter(visits.keys() - left), None)


def _claim(conn: Connection, act: OpenSession) -> None:
    """The unique key decides between two uses of one upstream answer, also when they arrive together."""
    opened = act.session.opened_at
    claim = {
        "digest": act.consume,
        "kind": "answer",
        "payload": {},
        "issued_at": opened,
        "expires_at": opened + ANSWER_KEPT,
        "used_at": opened,
    }
    try:
        conn.execute(insert(consumptions), [claim])
    except IntegrityError:
        raise AlreadyUsed("upstream answer used before") from None


def _known_account(conn: Connection, act: OpenSession) -> tuple[str, str]:
    """A sign-in without a new link: the account must still be linked to the person that the caller saw."""
    account_id = act.session.account_id
    seen = conn.execute(_ACCOUNT_BY_ID, {"account": account_id}).one()
    living = lock_owners(conn, [seen.person_id, act.session.person_id])
    account = conn.execute(_ACCOUNT_BY_ID, {"account": account_id}).one()
    if account.state != AccountState.LINKED.value:
        raise LinkUndone("account no longer linked")
    if account.person_id != living[seen.person_id]:
        raise Contended("account moved")
    if living[act.session.person_id] != account.person_id:
        raise LinkAmbiguous("account linked to another person meanwhile")
    return account_id, account.person_id


def _link(conn: Connection, act: OpenSession, proof: LinkProof) -> tuple[str, str]:
    """Link the account and join the persons of the proof; nothing outside the proof is touched."""
    if proof.evidence.kind is EvidenceKind.AGENT:
        conn.execute(insert(persons), [{"id": proof.person_id, "created_at": proof.evidence.at}])
    living = lock_owners(conn, [proof.person_id, *proof.absorbed])
    survivor = living[proof.person_id]
    evidence = stored_evidence(proof)
    _check_proof(conn, named(evidence), frozenset(living.values()))
    account = conn.execute(select(accounts).where(*_is(proof.key))).one_or_none()
    if account is None:
        account_id = _insert_account(conn, act, proof, person_id=survivor)
    else:
        account_id = account.id
        _check_account(conn, account, frozenset(living.values()))
    cause = Cause(account_id=account_id, evidence=evidence, at=proof.evidence.at)
    join_persons(conn, survivor=survivor, absorbed=living.values(), cause=cause)
    return account_id, survivor


def _check_proof(conn: Connection, record_ids: Sequence[str], joining: frozenset[str]) -> None:
    """Read again under the locks: since the decision an undo may have given a record back, or an import frozen it."""
    held = select(attachments.c.record_id).where(
        attachments.c.record_id.in_(record_ids),
        attachments.c.person_id.in_(joining),
        attachments.c.state == ATTACHED,
    )
    if set(conn.execute(held).scalars()) != set(record_ids):
        raise LinkAmbiguous("a record of the proof belongs to another person meanwhile")


def _check_account(conn: Connection, account: Row[Any], joining: frozenset[str]) -> None:
    if account.state != AccountState.LINKED.value:
        raise LinkUndone("account no longer linked")
    if owner(conn, account.person_id) not in joining:
        raise LinkAmbiguous("account linked to another person meanwhile")


def _insert_account(conn: Connection, act: OpenSession, proof: LinkProof, *, person_id: str) -> str:
    row = {
        "id": act.session.account_id,
        "protocol": proof.key.protocol.value,
        "issuer": proof.key.issuer,
        "subject_format": proof.key.subject_format,
        "subject": proof.key.subject,
        "source_id": act.source_id,
        "person_id": person_id,
        "state": AccountState.LINKED.value,
        "evidence": stored_evidence(proof),
        "linked_at": proof.evidence.at,
    }
    try:
        conn.execute(insert(accounts), [row])
    except IntegrityError:
        raise Contended("account linked by a concurrent login") from None
    return act.session.account_id


def _is(key: AccountKey) -> tuple[ColumnElement[bool], ...]:
    return (
        accounts.c.protocol == key.protocol.value,
        accounts.c.issuer == key.issuer,
        accounts.c.subject_format == key.subject_format,
        accounts.c.subject == key.subject,
    )


def _row(act: OpenSession, *, account_id: str, person_id: str) -> dict[str, object]:
    session = act.session
    return {
        "sid": session.sid,
        "handle_digest": session.handle_digest,
        "person_id": person_id,
        "account_id": account_id,
        "source_id": act.source_id,
        "acr": session.authn.acr,
        "amr": list(session.authn.amr),
        "auth_time": session.authn.auth_time,
        "proven": session.authn.proven,
        "device": session.device.value,
        "opened_at": session.opened_at,
        "idle_until": session.idle_until,
        "ends_at": session.ends_at,
        "answer": act.consume,
        "source_hint": act.hint or None,
        "browser": act.software,
    }


def session_of(row: Row[Any]) -> Session:
    """The session of a row, which a query of another room may have joined with its own."""
    return Session(
        sid=row.sid,
        handle_digest=row.handle_digest,
        person_id=row.person_id,
        account_id=row.account_id,
        authn=AuthnContext(
            acr=row.acr, amr=tuple(row.amr), auth_time=row.auth_time, authority=row.source_id, proven=row.proven
        ),
        device=Device(row.device),
        opened_at=row.opened_at,
        idle_until=row.idle_until,
        ends_at=row.ends_at,
        revoked_at=row.revoked_at,
        continues=row.continues or "",
    )
