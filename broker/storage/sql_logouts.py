"""Telling services that a visit ended: outbox rows, written by whatever ends it, and the receipts read from them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, String, bindparam, func, select, update

from broker.domain.audit import Topic
from broker.domain.cas import CAS_CLIENT
from broker.domain.logouts import Logout, Notice, NoticeState, logout_named, logout_row
from broker.storage.engine import fetch
from broker.storage.schema import grants, outbox, sessions
from broker.storage.sql_imports_bulk import among
from broker.storage.sql_outbox import row_of
from broker.storage.trail import insert_outbox

LEFT = "left"
"""In `grants.peer`: the service ended its own session, and is not told of the end that it asked for."""
SCHOOL = "school"
"""In `grants.peer`: the school in play (`Grant.school`), by which the client tells its sessions apart."""

_OF_VISIT = (
    select(outbox)
    .where(outbox.c.topic == Topic.LOGOUT.value, outbox.c.key == bindparam("visit", type_=String))
    .order_by(outbox.c.id)
)


def tell_logouts(conn: Connection, visits: Collection[str], *, now: datetime) -> None:
    """Have every client told that was granted something in these visits, also by a session that another followed.

    What their sources wanted back is erased: whoever signs a person out has read it before.
    """
    if not visits:
        return
    visit = func.coalesce(sessions.c.continues, sessions.c.sid)
    of_visits = among(conn, sessions.c.sid, sorted(visits)) | among(conn, sessions.c.continues, sorted(visits))
    rows = conn.execute(
        select(visit.label("visit"), grants.c.client_id, grants.c.subject, grants.c.peer)
        .join(grants, grants.c.sid == sessions.c.sid)
        .where(of_visits)
        .order_by("visit", grants.c.client_id, grants.c.subject, grants.c.created_at, grants.c.id)
    )
    told = dict.fromkeys(_logout(row) for row in rows if _keeps_session(row))
    insert_outbox(conn, [logout_row(logout, at=now) for logout in told])
    conn.execute(update(sessions).where(of_visits, sessions.c.source_hint.is_not(None)).values(source_hint=None))


def _keeps_session(row: Any) -> bool:
    """A CAS service whose ticket was never shown keeps none, nor does one that ended its own and asked for the rest."""
    return LEFT not in (row.peer or {}) and bool(row.peer or not row.client_id.startswith(CAS_CLIENT))


def _logout(row: Any) -> Logout:
    """One logout for each session that a service keeps; a CAS service whose ticket was never shown keeps none."""
    peer = row.peer or {}
    index, url, school = (peer.get(name, "") for name in ("index", "url", SCHOOL))
    return Logout(row.visit, row.client_id, row.subject, index, url, school=school)


class SqlNotices:
    """`Notices` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of_visit(self, visit: str) -> tuple[Notice, ...]:
        """See `Notices.of_visit`."""
        return tuple(_notice(row) for row in fetch(self._engine, _OF_VISIT, {"visit": visit}))


def _notice(row: Row[Any]) -> Notice:
    told = NoticeState.UNTOLD if row.cause else NoticeState.CONFIRMED
    logout = logout_named(row_of(row))
    return Notice(logout.client_id, told if row.done_at else NoticeState.WAITING, logout.subject, logout.school)
