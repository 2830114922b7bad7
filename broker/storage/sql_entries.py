"""Logins at one service within one visit: which stand, and ending some of them while the visit goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Engine, Row, String, bindparam, func, or_, select, update

from broker.domain.audit import Action, AuditEvent
from broker.domain.cas import CasEntry, EndEntries
from broker.domain.logouts import Logout, logout_row
from broker.domain.sessions import Grant
from broker.storage.engine import fetch
from broker.storage.schema import grants, sessions
from broker.storage.sql_logouts import LEFT, SCHOOL
from broker.storage.trail import insert_audit, insert_outbox

_VISIT = bindparam("visit", type_=String)
_ENTRIES = (
    select(grants.c.id, grants.c.peer)
    .join(sessions, sessions.c.sid == grants.c.sid)
    .where(
        or_(sessions.c.sid == _VISIT, sessions.c.continues == _VISIT),
        grants.c.client_id == bindparam("client", type_=String),
        grants.c.revoked_at.is_(None),
        grants.c.peer.is_not(None),
    )
    .order_by(grants.c.created_at, grants.c.id)
)
_VISIT_OF = func.coalesce(sessions.c.continues, sessions.c.sid)
_BESIDE = (
    select(grants.c.id, grants.c.client_id, grants.c.subject, grants.c.peer, _VISIT_OF.label("visit"))
    .join(sessions, sessions.c.sid == grants.c.sid)
    .where(
        select(_VISIT_OF).where(sessions.c.sid == bindparam("session", type_=String)).scalar_subquery() == _VISIT_OF,
        grants.c.client_id == bindparam("client", type_=String),
        grants.c.revoked_at.is_(None),
        grants.c.peer.is_not(None),
    )
    .order_by(grants.c.created_at, grants.c.id)
    .with_for_update(of=grants)
)


def entries_of(engine: Engine, client_id: str, visit: str) -> tuple[CasEntry, ...]:
    """See `Tickets.entries`."""
    rows = fetch(engine, _ENTRIES, {"client": client_id, "visit": visit})
    return tuple(CasEntry(row.id, row.peer["url"]) for row in rows if "url" in row.peer)


def end_entries(conn: Connection, act: EndEntries) -> None:
    """See `Tickets.end_entries`. The end of the visit does not tell of them again: the service keeps no session."""
    ended = conn.execute(
        select(grants.c.id, grants.c.client_id, grants.c.subject, grants.c.peer)
        .where(grants.c.id.in_(act.grants), grants.c.revoked_at.is_(None))
        .with_for_update()
    ).fetchall()
    told = [Logout(act.visit, row.client_id, row.subject, row.peer["index"], row.peer["url"]) for row in ended]
    _end(conn, ended, told, act.audit)


def end_other_schools(conn: Connection, grant: Grant, event: AuditEvent) -> None:
    """End what the client of this grant has in the same visit for other schools, and have it told of each.

    What names no school stays: nothing of any school was told of it. So does a screen that renews by itself: it is no
    session of this browser.
    """
    beside = conn.execute(_BESIDE, {"session": grant.sid, "client": grant.client_id})
    ended = [row for row in beside if row.peer.get(SCHOOL, grant.school) != grant.school]
    told = dict.fromkeys(
        Logout(row.visit, row.client_id, row.subject, school=row.peer[SCHOOL], goes_on=True) for row in ended
    )
    if ended:
        changed = replace(event, action=Action.SCHOOL_CHANGED, subject=ended[0].id, detail={"client": grant.client_id})
        _end(conn, ended, list(told), changed)


def _end(conn: Connection, ended: Sequence[Row[*tuple[Any, ...]]], told: Sequence[Logout], audit: AuditEvent) -> None:
    """Nothing of any of them opens anything from now on; whoever kept a session is told."""
    if not ended:
        return
    ids = [row.id for row in ended]
    over = {"revoked_at": audit.at, "revoked_why": "another_school", "peer": {LEFT: True}}
    conn.execute(update(grants).where(grants.c.id.in_(ids)).values(**over))
    insert_outbox(conn, [logout_row(logout, at=audit.at) for logout in told])
    insert_audit(conn, (audit,))
