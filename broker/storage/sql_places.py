"""Where a person is or was signed in, in SQL; closing sessions, and the freeze, each in one transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Integer, Row, String, and_, bindparam, select

from broker.domain.acts import SetStanding
from broker.domain.errors import NoSuchSubject
from broker.domain.places import CloseSessions, Freeze, Passage
from broker.domain.sessions import Device
from broker.domain.standings import StandingKind, StandingState
from broker.storage.copies import tell_sessions
from broker.storage.engine import fetch, transact
from broker.storage.lineage import lock_tree
from broker.storage.schema import Instant, accounts, sessions
from broker.storage.sql_codes import end_codes
from broker.storage.sql_contact_moves import doubt_moves
from broker.storage.sql_credentials import drop_held_contacts, end_secrets
from broker.storage.sql_sessions import end_sessions
from broker.storage.sql_standings import stand
from broker.storage.trail import insert_audit, insert_notices

CLOSED = "closed_by_person"
FROZEN = "frozen_by_person"
"""Why the grants of ended sessions are revoked."""

_NOW = bindparam("now", type_=Instant)
_OPEN = and_(sessions.c.revoked_at.is_(None), sessions.c.idle_until > _NOW, sessions.c.ends_at > _NOW)
_PASSAGE = (
    select(
        sessions.c.sid,
        sessions.c.opened_at,
        sessions.c.source_id,
        sessions.c.account_id,
        sessions.c.device,
        sessions.c.browser,
        _OPEN.label("is_open"),
    )
    .where(sessions.c.person_id == bindparam("person", type_=String))
    .order_by(sessions.c.opened_at.desc(), sessions.c.sid)
)
_PASSAGES = (
    _PASSAGE.where(sessions.c.opened_at >= bindparam("since", type_=Instant))
    .offset(bindparam("past", type_=Integer))
    .limit(bindparam("most", type_=Integer))
)
_PLACES = _PASSAGE.where(_OPEN)


class SqlPlaces:
    """`Places` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def passages(
        self, person_id: str, *, since: datetime, now: datetime, offset: int, limit: int
    ) -> tuple[Passage, ...]:
        """See `Places.passages`."""
        binds = {"person": person_id, "since": since, "now": now, "past": offset, "most": limit}
        return tuple(_passage(row) for row in fetch(self._engine, _PASSAGES, binds))

    def open_places(self, person_id: str, *, now: datetime) -> tuple[Passage, ...]:
        """See `Places.open_places`."""
        return tuple(_passage(row) for row in fetch(self._engine, _PLACES, {"person": person_id, "now": now}))

    def close(self, act: CloseSessions) -> int:
        """See `Places.close`."""
        return transact(self._engine, lambda conn: _close(conn, act))

    def freeze(self, act: Freeze) -> None:
        """See `Places.freeze`."""
        transact(self._engine, lambda conn: _freeze(conn, act))


def _passage(row: Row[Any]) -> Passage:
    return Passage(
        sid=row.sid,
        at=row.opened_at,
        source_id=row.source_id,
        account_id=row.account_id,
        device=Device(row.device),
        software=row.browser,
        is_open=bool(row.is_open),
    )


def _close(conn: Connection, act: CloseSessions) -> int:
    """Under the person's lock, which a sign-in also takes: none can open between the look and the end."""
    _, tree = lock_tree(conn, act.person_id)
    which = (sessions.c.sid == act.sid) if act.sid else (sessions.c.sid != act.kept)
    mine = and_(sessions.c.person_id.in_(sorted(tree)), which)
    running = select(sessions.c.sid).where(mine, sessions.c.revoked_at.is_(None), sessions.c.ends_at > act.now)
    count = len(conn.execute(running).fetchall())
    tell_sessions(conn, end_sessions(conn, mine, now=act.now, why=CLOSED), now=act.now)
    insert_audit(conn, (act.audit,))
    return count


def _freeze(conn: Connection, act: Freeze) -> None:
    """Close the way in first, then end what came in by it: no session can open between the two."""
    living, tree = lock_tree(conn, act.person_id)
    if act.account_id:
        _check_account(conn, act.account_id, tree)
    kind, subject = (StandingKind.LINK, act.account_id) if act.account_id else (StandingKind.PERSON, living)
    said = SetStanding(
        kind, subject, StandingState.SUSPENDED, tenant=act.tenant, reason=act.reason, now=act.now, audit=act.audit
    )
    stand(conn, said)
    whose = sorted(tree)
    tell_sessions(conn, end_sessions(conn, sessions.c.person_id.in_(whose), now=act.now, why=FROZEN), now=act.now)
    # Whoever came in may have chosen a secret here, asked for a code, or for messages to go to themselves.
    end_secrets(conn, tree, now=act.now)
    end_codes(conn, whose, now=act.now)
    drop_held_contacts(conn, tree, now=act.now)
    doubt_moves(conn, tree, now=act.now)
    insert_notices(conn, (act.notice,))


def _check_account(conn: Connection, account_id: str, tree: frozenset[str]) -> None:
    holder = conn.execute(select(accounts.c.person_id).where(accounts.c.id == account_id)).scalar()
    if holder not in tree:
        raise NoSuchSubject("not a login of this person")
