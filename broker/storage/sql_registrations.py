"""`Registrations` in SQL: clients that registered themselves, with their secrets as digests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, bindparam, delete, func, insert, select, update

from broker.domain.audit import AuditEvent
from broker.domain.registrations import Registration
from broker.storage.engine import fetch, transact
from broker.storage.schema import Instant, registrations
from broker.storage.trail import insert_audit

_LIVES = registrations.c.expires_at > bindparam("now", type_=Instant)
_ALL = select(registrations).where(_LIVES).order_by(registrations.c.registered_at, registrations.c.client_id)
_ONE = select(registrations).where(_LIVES, registrations.c.client_id == bindparam("client_id"))
_STAMPS = (
    select(registrations.c.client_id, registrations.c.changed_at).where(_LIVES).order_by(registrations.c.client_id)
)


class SqlRegistrations:
    """`Registrations` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, registration: Registration, *, most: int, audit: AuditEvent) -> bool:
        """See `Registrations.add`. Two at the same instant may both be let in where one more was left."""

        def keep(conn: Connection) -> bool:
            count = select(func.count()).select_from(registrations).where(_LIVES)
            if conn.execute(count, {"now": registration.registered_at}).scalar_one() >= most:
                return False
            conn.execute(insert(registrations), [_row(registration)])
            insert_audit(conn, (audit,))
            return True

        return transact(self._engine, keep)

    def change(self, registration: Registration, *, audit: AuditEvent) -> bool:
        """See `Registrations.change`."""
        which = registrations.c.client_id == registration.client_id

        def replace(conn: Connection) -> bool:
            if not conn.execute(update(registrations).where(which).values(_row(registration))).rowcount:
                return False
            insert_audit(conn, (audit,))
            return True

        return transact(self._engine, replace)

    def remove(self, client_id: str, *, audit: AuditEvent) -> bool:
        """See `Registrations.remove`."""

        def forget(conn: Connection) -> bool:
            if not conn.execute(delete(registrations).where(registrations.c.client_id == client_id)).rowcount:
                return False
            insert_audit(conn, (audit,))
            return True

        return transact(self._engine, forget)

    def find(self, client_id: str, *, now: datetime) -> Registration | None:
        """See `Registrations.find`."""
        rows = fetch(self._engine, _ONE, {"client_id": client_id, "now": now})
        return _registration(rows[0]) if rows else None

    def live(self, *, now: datetime) -> tuple[Registration, ...]:
        """See `Registrations.live`."""
        return tuple(_registration(row) for row in fetch(self._engine, _ALL, {"now": now}))

    def stamps(self, *, now: datetime) -> tuple[tuple[str, datetime], ...]:
        """See `Registrations.stamps`."""
        return tuple((row.client_id, row.changed_at) for row in fetch(self._engine, _STAMPS, {"now": now}))


def _row(registration: Registration) -> dict[str, object]:
    return {
        "client_id": registration.client_id,
        "tenant": registration.tenant,
        "secret_digest": registration.secret_digest,
        "token_digest": registration.token_digest,
        "metadata": dict(registration.metadata),
        "registered_at": registration.registered_at,
        "changed_at": registration.changed_at,
        "expires_at": registration.expires_at,
    }


def _registration(row: Row[Any]) -> Registration:
    return Registration(
        client_id=row.client_id,
        tenant=row.tenant,
        secret_digest=row.secret_digest,
        token_digest=row.token_digest,
        metadata=row.metadata,
        registered_at=row.registered_at,
        changed_at=row.changed_at,
        expires_at=row.expires_at,
    )
