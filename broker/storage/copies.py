"""Outbox rows that tell which copies outside the database are stale: of sessions, and of access tokens.

Written by the acts that end or move them, in their transaction; the storage alone knows the digests.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import Connection, or_, select

from broker.domain.audit import Topic, copies_gone
from broker.storage.schema import access_tokens, sessions
from broker.storage.sql_imports_bulk import among
from broker.storage.trail import insert_outbox


def tell_sessions(conn: Connection, person_ids: Collection[str], *, now: datetime) -> None:
    """Call back the copies of every session of these persons that is live, or was until this act."""
    until_now = or_(sessions.c.revoked_at.is_(None), sessions.c.revoked_at == now)
    rows = conn.execute(
        select(sessions.c.person_id, sessions.c.handle_digest)
        .where(among(conn, sessions.c.person_id, sorted(person_ids)), sessions.c.ends_at > now, until_now)
        .order_by(sessions.c.person_id, sessions.c.handle_digest)
    )
    _tell(conn, Topic.SESSIONS_CHANGED, ((row.person_id, row.handle_digest) for row in rows), now=now)


def tell_tokens(conn: Connection, grant_ids: Collection[str], *, now: datetime) -> None:
    """Call back the copies of every unexpired token of these grants."""
    rows = conn.execute(
        select(access_tokens.c.grant_id, access_tokens.c.digest)
        .where(among(conn, access_tokens.c.grant_id, sorted(grant_ids)), access_tokens.c.expires_at > now)
        .order_by(access_tokens.c.grant_id, access_tokens.c.digest)
    )
    _tell(conn, Topic.TOKENS_REVOKED, ((row.grant_id, row.digest) for row in rows), now=now)


def _tell(conn: Connection, topic: Topic, pairs: Iterable[tuple[str, str]], *, now: datetime) -> None:
    by_key: dict[str, list[str]] = {}
    for key, digest in pairs:
        by_key.setdefault(key, []).append(digest)
    insert_outbox(conn, [copies_gone(topic, key=key, digests=found, at=now) for key, found in by_key.items()])
