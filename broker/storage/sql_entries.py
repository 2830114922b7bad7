"""Logins at a CAS service within one visit: which stand, and ending some of them while the visit goes on."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, String, bindparam, or_, select, update

from broker.domain.cas import CasEntry, EndEntries
from broker.domain.logouts import Logout, logout_row
from broker.storage.engine import fetch
from broker.storage.schema import grants, sessions
from broker.storage.sql_logouts import LEFT
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


def entries_of(engine: Engine, client_id: str, visit: str) -> tuple[CasEntry, ...]:
    """See `Tickets.entries`."""
    rows = fetch(engine, _ENTRIES, {"client": client_id, "visit": visit})
    return tuple(CasEntry(row.id, row.peer["url"]) for row in rows if "url" in row.peer)


def end_entries(conn: Connection, act: EndEntries) -> None:
    """See `Tickets.end_entries`. The end of the visit does not tell of them again: the service keeps no session."""
    now = act.audit.at
    ended = conn.execute(
        update(grants)
        .where(grants.c.id.in_(act.grants), grants.c.revoked_at.is_(None))
        .values(revoked_at=now, revoked_why="another_school")
        .returning(grants.c.id, grants.c.client_id, grants.c.subject, grants.c.peer)
    ).fetchall()
    if not ended:
        return
    told = [Logout(act.visit, row.client_id, row.subject, row.peer["index"], row.peer["url"]) for row in ended]
    conn.execute(update(grants).where(grants.c.id.in_([row.id for row in ended])).values(peer={LEFT: True}))
    insert_outbox(conn, [logout_row(logout, at=now) for logout in told])
    insert_audit(conn, (act.audit,))
