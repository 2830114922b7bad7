"""Outbox rows that tell which copies of sessions outside the database are stale. Of tokens there are none.

Written by the acts that end or move them, in their transaction; the storage alone knows the digests.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, or_, select

from broker.domain.audit import copies_gone
from broker.storage.schema import sessions
from broker.storage.sql_imports_bulk import among
from broker.storage.trail import insert_outbox


def tell_sessions(conn: Connection, person_ids: Collection[str], *, now: datetime) -> None:
    """Call back the copies of every session of these persons that is live, or was until this act."""
    if not person_ids:
        return
    until_now = or_(sessions.c.revoked_at.is_(None), sessions.c.revoked_at == now)
    rows = conn.execute(
        select(sessions.c.person_id, sessions.c.handle_digest)
        .where(among(conn, sessions.c.person_id, sorted(person_ids)), sessions.c.ends_at > now, until_now)
        .order_by(sessions.c.person_id, sessions.c.handle_digest)
    )
    by_person: dict[str, list[str]] = {}
    for row in rows:
        by_person.setdefault(row.person_id, []).append(row.handle_digest)
    insert_outbox(conn, [copies_gone(key=key, digests=found, at=now) for key, found in by_person.items()])
