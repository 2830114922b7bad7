"""Upstream accounts in SQL: who is linked to whom, by what evidence, and the undo of a link."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Integer, Row, String, bindparam, func, select, update

from broker.domain.acts import ReopenLink, UndoLink
from broker.domain.audit import Action, AuditEvent
from broker.domain.errors import UndoTooLate
from broker.domain.founding import AttachmentChange
from broker.domain.identity import (
    AccountKey,
    AccountState,
    Evidence,
    EvidenceKind,
    LinkedAccount,
    UpstreamProtocol,
)
from broker.domain.sessions import Device, SignIn
from broker.storage.copies import tell_sessions
from broker.storage.engine import fetch, transact
from broker.storage.lineage import lock_tree, owner
from broker.storage.schema import accounts, merges, persons, sessions
from broker.storage.sql_grounds import freeze_unheld, strayed
from broker.storage.sql_merge import take_back
from broker.storage.sql_sessions import end_sessions
from broker.storage.trail import insert_audit

_LAST_CHANGE = func.coalesce(
    select(func.max(merges.c.at))
    .where(merges.c.account_id == accounts.c.id, merges.c.undone_at.is_(None))
    .scalar_subquery(),
    accounts.c.linked_at,
).label("last_change")
"""A login that joined more records later can be undone from that day on: the harm began then."""

_ACCOUNT = select(accounts, _LAST_CHANGE)
_BY_KEY = _ACCOUNT.where(
    accounts.c.protocol == bindparam("protocol", type_=String),
    accounts.c.issuer == bindparam("issuer", type_=String),
    accounts.c.subject_format == bindparam("subject_format", type_=String),
    accounts.c.subject == bindparam("subject", type_=String),
)
_BY_ID = _ACCOUNT.where(accounts.c.id == bindparam("account", type_=String))
_OF_PERSON = _ACCOUNT.where(accounts.c.person_id == bindparam("person", type_=String)).order_by(
    accounts.c.linked_at.desc(), accounts.c.id
)
_SIGN_INS = (
    select(sessions.c.opened_at, sessions.c.source_id, sessions.c.device)
    .where(sessions.c.person_id == bindparam("person", type_=String))
    .order_by(sessions.c.opened_at.desc(), sessions.c.sid)
    .limit(bindparam("most", type_=Integer))
)


class SqlLinks:
    """`Links` on SQLite or PostgreSQL. `undo_for` is how long a person may undo a link (policies say)."""

    def __init__(self, engine: Engine, *, undo_for: timedelta) -> None:
        self._engine = engine
        self._undo_for = undo_for

    def account(self, key: AccountKey) -> LinkedAccount | None:
        """See `Links.account`."""
        binds = {
            "protocol": key.protocol.value,
            "issuer": key.issuer,
            "subject_format": key.subject_format,
            "subject": key.subject,
        }
        rows = fetch(self._engine, _BY_KEY, binds)
        return self._linked(rows[0]) if rows else None

    def accounts_of(self, person_id: str) -> tuple[LinkedAccount, ...]:
        """See `Links.accounts_of`."""
        return tuple(self._linked(row) for row in fetch(self._engine, _OF_PERSON, {"person": person_id}))

    def undo(self, act: UndoLink) -> None:
        """See `Links.undo`."""
        transact(self._engine, lambda conn: _undo(conn, act))

    def reopen(self, act: ReopenLink) -> bool:
        """See `Links.reopen`."""
        return transact(self._engine, lambda conn: _reopen(conn, act))

    def sign_ins(self, person_id: str, *, limit: int) -> tuple[SignIn, ...]:
        """See `Links.sign_ins`."""
        rows = fetch(self._engine, _SIGN_INS, {"person": person_id, "most": limit})
        return tuple(SignIn(at=row.opened_at, source_id=row.source_id, device=Device(row.device)) for row in rows)

    def _linked(self, row: Row[Any]) -> LinkedAccount:
        state = AccountState(row.state)
        return LinkedAccount(
            account_id=row.id,
            key=AccountKey(
                protocol=UpstreamProtocol(row.protocol),
                issuer=row.issuer,
                subject_format=row.subject_format,
                subject=row.subject,
            ),
            source_id=row.source_id,
            person_id=row.person_id,
            state=state,
            evidence=_evidence(row.evidence),
            linked_at=row.linked_at,
            last_used=row.last_used,
            undo_until=row.last_change + self._undo_for if state is AccountState.LINKED else None,
        )


def _evidence(stored: dict[str, Any]) -> Evidence:
    return Evidence(
        kind=EvidenceKind(stored["kind"]),
        actor=stored["actor"],
        at=datetime.fromisoformat(stored["at"]),
        detail=stored["detail"],
    )


def _reopen(conn: Connection, act: ReopenLink) -> bool:
    person_id = conn.execute(
        update(accounts)
        .where(accounts.c.id == act.account_id, accounts.c.state == AccountState.LINKED.value)
        .values(last_used=act.now)
        .returning(accounts.c.person_id)
    ).scalar()
    if person_id is None:
        return False
    insert_audit(conn, (replace(act.audit, subject=person_id),))
    return True


def _undo(conn: Connection, act: UndoLink) -> None:
    seen = conn.execute(_BY_ID, {"account": act.account_id}).one_or_none()
    if seen is None:
        raise UndoTooLate("no such account")
    living, tree = lock_tree(conn, seen.person_id)
    _check_undo(conn, act, living=living)
    joined = _merged_into(conn, tree)
    take_back(conn, act.account_id, tree=tree, at=act.now)
    conn.execute(
        update(accounts)
        .where(accounts.c.id == act.account_id)
        .values(state=AccountState.UNDONE.value, ended_at=act.now)
    )
    end_sessions(conn, sessions.c.account_id == act.account_id, now=act.now, why="link_undone")
    end_sessions(conn, strayed(tree), now=act.now, why="link_undone")
    frozen = freeze_unheld(conn, tree, now=act.now)
    tell_sessions(conn, tree, now=act.now)
    audit = [*act.audit, *_separations(act, before=joined, after=_merged_into(conn, tree))]
    insert_audit(conn, [*audit, *(_freezing(act, change) for change in frozen)])


def _check_undo(conn: Connection, act: UndoLink, *, living: str) -> None:
    """Read again under the locks: another undo, or a merge, may have come first."""
    account = conn.execute(_BY_ID, {"account": act.account_id}).one()
    if account.person_id != living or owner(conn, act.person_id) != living:
        raise UndoTooLate("not this person's account")
    if account.state != AccountState.LINKED.value or account.last_change < act.undo_since:
        raise UndoTooLate("not linked, or linked too long ago")


def _merged_into(conn: Connection, tree: frozenset[str]) -> dict[str, str | None]:
    members = select(persons.c.id, persons.c.merged_into).where(persons.c.id.in_(tree)).order_by(persons.c.id)
    return {row.id: row.merged_into for row in conn.execute(members)}


def _separations(
    act: UndoLink, *, before: Mapping[str, str | None], after: Mapping[str, str | None]
) -> Iterator[AuditEvent]:
    """What the undo did to persons: those who are apart again, and those whom another login's proof joins now."""
    told = act.audit[0]
    for person_id, now_into in after.items():
        was_into = before[person_id]
        if was_into == now_into:
            continue
        detail = {"account": act.account_id}
        if was_into is not None:
            gone = {**detail, "from": was_into}
            yield replace(told, action=Action.PERSONS_UNMERGED, subject=person_id, detail=gone)
        if now_into is not None:
            come = {**detail, "into": now_into}
            yield replace(told, action=Action.PERSONS_MERGED, subject=person_id, detail=come)


def _freezing(act: UndoLink, change: AttachmentChange) -> AuditEvent:
    detail = {"account": act.account_id, "record": change.record_id}
    return replace(act.audit[0], action=Action.RECORD_FROZEN, subject=change.person_id, detail=detail)
