"""`Keys` in SQL: signing keys at rest, their private half sealed under the installation's master secret."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, Row, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from broker.domain.keys import ChangeKeys, KeyPurpose, KeyState, StoredKey
from broker.storage.engine import fetch, transact
from broker.storage.schema import signing_keys
from broker.storage.trail import insert_audit

_ALL = select(signing_keys).order_by(signing_keys.c.created_at, signing_keys.c.kid)
_PUBLISHED = _ALL.where(signing_keys.c.state != KeyState.RETIRED)
_MOVE = (
    update(signing_keys)
    .where(signing_keys.c.kid == bindparam("whose"), signing_keys.c.state == bindparam("before"))
    .returning(signing_keys.c.kid)
)
_INSERTS = {
    "sqlite": sqlite.insert(signing_keys).on_conflict_do_nothing().returning(signing_keys.c.kid),
    "postgresql": postgresql.insert(signing_keys).on_conflict_do_nothing().returning(signing_keys.c.kid),
}


class _Overtaken(Exception):
    """Another process changed these keys first; the transaction is rolled back."""


class SqlKeys:
    """At most one next and one active key for each purpose and algorithm: unique indexes decide, not a look before."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def published(self) -> tuple[StoredKey, ...]:
        """See `Keys.published`."""
        return tuple(map(_stored, fetch(self._engine, _PUBLISHED, {})))

    def all(self) -> tuple[StoredKey, ...]:
        """See `Keys.all`."""
        return tuple(map(_stored, fetch(self._engine, _ALL, {})))

    def change(self, act: ChangeKeys) -> bool:
        """See `Keys.change`."""

        def apply(conn: Connection) -> None:
            for move in act.moves:
                values: dict[str, Any] = {"state": move.after, "since": act.now}
                if move.after is KeyState.RETIRED:
                    values["sealed"] = b""
                if conn.execute(_MOVE.values(values), {"whose": move.kid, "before": move.before}).first() is None:
                    raise _Overtaken
            for key in act.added:
                if conn.execute(_INSERTS[conn.dialect.name], _values(key)).first() is None:
                    raise _Overtaken
            insert_audit(conn, act.audit)

        try:
            transact(self._engine, apply)
        except _Overtaken:
            return False
        return True


def _values(key: StoredKey) -> dict[str, Any]:
    return {column.name: getattr(key, column.name) for column in signing_keys.c}


def _stored(row: Row[Any]) -> StoredKey:
    return StoredKey(
        kid=row.kid,
        purpose=KeyPurpose(row.purpose),
        alg=row.alg,
        state=KeyState(row.state),
        public_jwk=row.public_jwk,
        sealed=row.sealed,
        created_at=row.created_at,
        since=row.since or row.created_at,  # a process of before, that still serves, writes none
    )
