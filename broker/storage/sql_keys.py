"""`Keys` in SQL: signing keys at rest, their private half sealed under the installation's master secret."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, Row, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from broker.domain.audit import AuditEvent
from broker.domain.ports import StoredKey
from broker.storage.engine import fetch, transact
from broker.storage.schema import signing_keys
from broker.storage.trail import insert_audit

_OF_PURPOSE = (
    select(
        signing_keys.c.kid,
        signing_keys.c.purpose,
        signing_keys.c.alg,
        signing_keys.c.state,
        signing_keys.c.public_jwk,
        signing_keys.c.sealed,
        signing_keys.c.created_at,
    )
    .where(signing_keys.c.purpose == bindparam("purpose"), signing_keys.c.state != "retired")
    .order_by(signing_keys.c.created_at, signing_keys.c.kid)
)
_INSERTS = {
    "sqlite": sqlite.insert(signing_keys).on_conflict_do_nothing().returning(signing_keys.c.kid),
    "postgresql": postgresql.insert(signing_keys).on_conflict_do_nothing().returning(signing_keys.c.kid),
}


class SqlKeys:
    """At most one active key for each purpose and algorithm: a unique index decides, not a look before the leap."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all(self, purpose: str) -> tuple[StoredKey, ...]:
        """Keys of a purpose that are not retired, oldest first."""
        rows = fetch(self._engine, _OF_PURPOSE, {"purpose": purpose})
        return tuple(_stored(row) for row in rows)

    def add(self, key: StoredKey, audit: AuditEvent) -> bool:
        """Store a key; False when another process stored the active key of this purpose and algorithm meanwhile."""
        values = {
            "kid": key.kid,
            "purpose": key.purpose,
            "alg": key.alg,
            "state": key.state,
            "public_jwk": key.public_jwk,
            "sealed": key.sealed,
            "created_at": key.created_at,
        }

        def store(conn: Connection) -> bool:
            if conn.execute(_INSERTS[conn.dialect.name], values).first() is None:
                return False
            insert_audit(conn, (audit,))
            return True

        return transact(self._engine, store)


def _stored(row: Row[Any]) -> StoredKey:
    return StoredKey(
        kid=row.kid,
        purpose=row.purpose,
        alg=row.alg,
        state=row.state,
        public_jwk=row.public_jwk,
        sealed=row.sealed,
        created_at=row.created_at,
    )
