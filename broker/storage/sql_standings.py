"""Standings in SQL: what administrators closed or verified, and what ends with it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    String,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from broker.domain.acts import LiftStanding, SetStanding
from broker.domain.errors import NoSuchSubject
from broker.domain.standings import InForce, Standing, StandingKind, StandingState
from broker.storage.copies import tell_sessions
from broker.storage.engine import Contended, fetch, transact
from broker.storage.lineage import downwards, lock_tree
from broker.storage.schema import accounts, schools, sessions, standings
from broker.storage.sql_sessions import end_sessions
from broker.storage.trail import insert_audit, insert_notices

SUSPENDED = "suspended"
"""Why the grants of ended sessions are revoked."""
_WATCHED = (StandingKind.SERVICE, StandingKind.SOURCE, StandingKind.SCHOOL)

_IN_FORCE = select(standings.c.kind, standings.c.subject, standings.c.state, standings.c.since).where(
    standings.c.until.is_(None), standings.c.kind.in_([kind.value for kind in _WATCHED])
)
_HISTORY = (
    select(standings)
    .where(
        standings.c.kind == bindparam("kind", type_=String),
        or_(
            standings.c.subject == bindparam("subject", type_=String),
            and_(standings.c.kind == StandingKind.PERSON.value, standings.c.subject.in_(downwards())),
        ),
    )
    .order_by(standings.c.id)
)


class SqlStandings:
    """`Standings` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def set(self, act: SetStanding) -> int:
        """See `Standings.set`."""
        return transact(self._engine, lambda conn: stand(conn, act))

    def lift(self, act: LiftStanding) -> int:
        """See `Standings.lift`."""
        return transact(self._engine, lambda conn: _lift(conn, act))

    def in_force(self) -> InForce:
        """See `Standings.in_force`."""
        rows = fetch(self._engine, _IN_FORCE, {})

        def those(state: StandingState) -> frozenset[tuple[StandingKind, str]]:
            return frozenset((StandingKind(row.kind), row.subject) for row in rows if row.state == state.value)

        closed = (row for row in rows if (row.kind, row.state) == (StandingKind.SOURCE, StandingState.SUSPENDED))
        return InForce(
            suspended=those(StandingState.SUSPENDED),
            verified=those(StandingState.VERIFIED),
            sources_since=frozenset((row.subject, row.since) for row in closed),
        )

    def history(self, kind: StandingKind, subject: str) -> tuple[Standing, ...]:
        """See `Standings.history`."""
        binds = {"kind": kind.value, "subject": subject, "person": subject}
        return tuple(_standing(row) for row in fetch(self._engine, _HISTORY, binds))


def stand(conn: Connection, act: SetStanding) -> int:
    """Lock, say, end, inside an act: in this order no session can open between the saying and the ending."""
    which = _lock(conn, act)
    if conn.execute(_those(act)).first() is None:
        _insert(conn, act)
    insert_audit(conn, (act.audit,))
    if which is None or act.state is not StandingState.SUSPENDED:
        return 0
    live = (sessions.c.revoked_at.is_(None), sessions.c.ends_at > act.now)
    count = conn.execute(select(func.count()).select_from(sessions).where(which, *live)).scalar_one()
    persons = end_sessions(conn, which, now=act.now, why=SUSPENDED)
    tell_sessions(conn, persons, now=act.now)
    return int(count)


def _insert(conn: Connection, act: SetStanding) -> None:
    row = {
        "kind": act.kind.value,
        "subject": act.subject,
        "state": act.state.value,
        "tenant": act.tenant,
        "since": act.now,
        "reason": act.reason,
        "actor": act.audit.actor,
    }
    try:
        conn.execute(insert(standings), [row])
    except IntegrityError:
        raise Contended("said by a concurrent act") from None


def _lift(conn: Connection, act: LiftStanding) -> int:
    _lock(conn, act)
    end = update(standings).where(*_stands(act)).returning(standings.c.id)
    ended = {"until": act.now, "until_reason": act.reason, "until_actor": act.audit.actor}
    lifted = conn.execute(end.values(ended)).fetchall()
    if lifted:
        insert_audit(conn, (act.audit,))
        insert_notices(conn, act.notices)
    return len(lifted)


def _stands(act: SetStanding | LiftStanding) -> tuple[ColumnElement[bool], ...]:
    return (
        standings.c.kind == act.kind.value,
        standings.c.subject == act.subject,
        standings.c.state == act.state.value,
        standings.c.tenant == act.tenant,
        standings.c.until.is_(None),
    )


def _those(act: SetStanding) -> Any:
    return select(standings.c.id).where(*_stands(act))


# ---- whose sessions -----------------------------------------------------------------------------------------------


def _lock(conn: Connection, act: SetStanding | LiftStanding) -> ColumnElement[bool] | None:
    """Lock what a login of this subject also locks, and return the condition of its sessions; None when it has none.

    Raises `NoSuchSubject`.
    """
    if act.kind is StandingKind.PERSON:
        return sessions.c.person_id.in_(sorted(_tree_of(conn, act.subject)))
    if act.kind is StandingKind.SCHOOL:
        _check_school(conn, act.subject)
    if act.kind is StandingKind.LINK:
        _lock_link(conn, act.subject)
        return sessions.c.account_id == act.subject
    if act.kind is StandingKind.SOURCE:
        _lock_sessions(conn)
        return sessions.c.source_id == act.subject
    return None


def _check_school(conn: Connection, uai: str) -> None:
    """A misspelt number would close nothing, and say that it did."""
    if conn.execute(select(schools.c.uai).where(schools.c.uai == uai)).first() is None:
        raise NoSuchSubject("no such school")


def _tree_of(conn: Connection, person_id: str) -> frozenset[str]:
    try:
        return lock_tree(conn, person_id)[1]
    except LookupError:
        raise NoSuchSubject("no such person") from None


def _lock_link(conn: Connection, account_id: str) -> None:
    holder = select(accounts.c.person_id).where(accounts.c.id == account_id)
    person_id = conn.execute(holder).scalar()
    if person_id is None:
        raise NoSuchSubject("no such link")
    _, tree = lock_tree(conn, person_id)
    if conn.execute(holder).scalar() not in tree:
        raise Contended("account moved")


def _lock_sessions(conn: Connection) -> None:
    """Let no session of any source open meanwhile (SQLite has one writer anyway); reads go on."""
    if conn.dialect.name == "postgresql":
        conn.execute(text("LOCK TABLE sessions IN SHARE ROW EXCLUSIVE MODE"))


def _standing(row: Row[Any]) -> Standing:
    return Standing(
        kind=StandingKind(row.kind),
        subject=row.subject,
        state=StandingState(row.state),
        tenant=row.tenant,
        since=row.since,
        until=row.until,
        reason=row.reason,
        actor=row.actor,
        until_reason=row.until_reason,
        until_actor=row.until_actor,
    )
