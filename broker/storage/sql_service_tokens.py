"""Tokens of clients in their own name, in SQL: issued by one statement on PostgreSQL, one transaction on SQLite."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Connection, Engine, String, bindparam, delete, insert, select

from broker.domain.acts import IssueServiceToken
from broker.domain.audit import AuditEvent
from broker.domain.sessions import ServiceToken
from broker.storage.engine import fetch, transact
from broker.storage.events_at_once import audited, events_as_json
from broker.storage.hot import HotStatement, hot_of
from broker.storage.schema import Instant, service_tokens
from broker.storage.trail import insert_audit

_READ = select(service_tokens).where(
    service_tokens.c.digest == bindparam("shown", type_=String),
    service_tokens.c.expires_at > bindparam("now", type_=Instant),
)
_STORE = insert(service_tokens).values(
    digest=bindparam("token", type_=String),
    client_id=bindparam("client", type_=String),
    scope=bindparam("scopes", type_=JSON),
    jkt=bindparam("bound_to", type_=String),
    resource=bindparam("api", type_=String),
    issued_at=bindparam("now", type_=Instant),
    expires_at=bindparam("until", type_=Instant),
)
_issued = _STORE.returning(service_tokens.c.digest).cte("issued")
_STORE_AT_ONCE = select(_issued.c.digest).add_cte(audited(_issued).cte("audited"))


class SqlServiceTokens:
    """`ServiceTokens` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._hot = hot_of(engine)
        if self._hot is not None:
            self._issuing, self._reading = HotStatement(_STORE_AT_ONCE, engine), HotStatement(_READ, engine)

    def issue(self, act: IssueServiceToken) -> None:
        """See `ServiceTokens.issue`."""
        binds = _binds(act)
        if self._hot is not None:
            self._hot.first(self._issuing, {**binds, "events": events_as_json((act.audit,))})
            return
        transact(self._engine, lambda conn: _issue_in_steps(conn, binds, act.audit))

    def find(self, token_digest: str, *, now: datetime) -> ServiceToken | None:
        """See `ServiceTokens.find`."""
        told = {"shown": token_digest, "now": now}
        if self._hot is not None:
            row = self._hot.read(self._reading, told)
        else:
            row = next(iter(fetch(self._engine, _READ, told)), None)
        if row is None:
            return None
        return ServiceToken(
            row.client_id, tuple(row.scope), row.expires_at, jkt=row.jkt or "", resource=row.resource or ""
        )

    def revoke(self, token_digest: str, audit: AuditEvent) -> None:
        """See `ServiceTokens.revoke`."""
        transact(self._engine, lambda conn: _revoke(conn, token_digest, audit))


def _binds(act: IssueServiceToken) -> dict[str, Any]:
    token = act.token
    return {
        "token": act.digest,
        "client": token.client_id,
        "scopes": list(token.scope),
        "bound_to": token.jkt or None,
        "api": token.resource or None,
        "now": act.issued_at,
        "until": token.expires_at,
    }


def _issue_in_steps(conn: Connection, binds: dict[str, Any], audit: AuditEvent) -> None:
    conn.execute(_STORE, binds)
    insert_audit(conn, (audit,))


def _revoke(conn: Connection, token_digest: str, audit: AuditEvent) -> None:
    conn.execute(delete(service_tokens).where(service_tokens.c.digest == token_digest))
    insert_audit(conn, (audit,))
