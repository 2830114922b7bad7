"""Tokens for one child in a guardian's place, in SQL: what opens them is asked in the very statement, each time.

Issuing is one statement on PostgreSQL and one transaction on SQLite; reading carries the same condition, so that a
right withdrawn, a restriction or an ended session closes the token with the next question.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Engine,
    FromClause,
    Row,
    Select,
    String,
    bindparam,
    delete,
    exists,
    insert,
    select,
)

from broker.domain.acts import ExchangeForChild
from broker.domain.audit import AuditEvent
from broker.domain.people import Space
from broker.domain.sessions import ChildToken
from broker.storage.engine import fetch, reading, transact
from broker.storage.events_at_once import audited, events_as_json
from broker.storage.may_see import may_see
from broker.storage.schema import Instant, access_tokens, child_tokens, grants, sessions, subjects
from broker.storage.sql_grant_rows import grant_of
from broker.storage.sql_grants import LIVE, PRESENT
from broker.storage.sql_sessions import session_of
from broker.storage.trail import insert_audit

_NOW = bindparam("now", type_=Instant)
_SHOWN = bindparam("shown", type_=String)
_CHILD = subjects.alias("child_subject")
_SESSION = (
    sessions.c.handle_digest, sessions.c.account_id, sessions.c.source_id, sessions.c.acr, sessions.c.amr,
    sessions.c.auth_time, sessions.c.proven, sessions.c.device, sessions.c.opened_at, sessions.c.idle_until,
    sessions.c.ends_at, sessions.c.continues,
)  # fmt: skip


def _may_act(whose: Select[Any]) -> Select[Any]:
    """The rows of `whose` (a guardian's grant beside a child) whose guardian may act for the child now."""
    asked = whose.cte("asked")
    guardian = select(asked.c.person_id).correlate(None).scalar_subquery()
    seen = may_see(lambda column: column == guardian, _NOW)
    return select(asked).where(
        exists(select(seen.c.child_id).where(seen.c.child_id == asked.c.child_id, seen.c.may_act))
    )


def _beside(token: FromClause, child: ColumnElement[str], *more: ColumnElement[Any]) -> Select[Any]:
    """A token of a live grant whose guardian is still at school, beside the child of a subject."""
    joined = (
        token.join(grants, grants.c.id == token.c.grant_id)
        .join(sessions, sessions.c.sid == grants.c.sid)
        .join(_CHILD, _CHILD.c.value == child)
    )
    return (
        select(grants, *_SESSION, _CHILD.c.person_id.label("child_id"), _CHILD.c.value.label("child"), *more)
        .select_from(joined)
        .where(token.c.digest == _SHOWN, token.c.expires_at > _NOW, _CHILD.c.retired_at.is_(None), LIVE, PRESENT)
    )


_ASKED = _may_act(
    _beside(access_tokens, bindparam("child", type_=String)).where(
        _CHILD.c.sector == bindparam("sector", type_=String),
        _CHILD.c.space == Space.FAMILY.value,
        grants.c.client_id.in_(bindparam("holders", expanding=True)),
        grants.c.resource.is_(None),
    )
)
_FOUND = _may_act(
    _beside(
        child_tokens,
        child_tokens.c.child,
        child_tokens.c.client_id.label("holder"),
        child_tokens.c.scope.label("for_child"),
        child_tokens.c.jkt.label("bound_to"),
        child_tokens.c.expires_at,
    )
)
_NAMES = ["digest", "grant_id", "client_id", "child", "scope", "jkt", "issued_at", "expires_at"]
_DRAWN = (bindparam("token", type_=String), bindparam("client", type_=String), bindparam("scopes", type_=JSON),
          bindparam("bound_to", type_=String), bindparam("until", type_=Instant))  # fmt: skip


def _values(source: FromClause) -> Select[Any]:
    token, client, scopes, bound_to, until = _DRAWN
    return select(token, source.c.id, client, source.c.child, scopes, bound_to, _NOW, until)


_allowed = _ASKED.cte("allowed")
_AT_ONCE = select(_allowed).add_cte(
    insert(child_tokens).from_select(_NAMES, _values(_allowed)).cte("tokened"),
    audited(_allowed, actor=_allowed.c.person_id, subject=_allowed.c.child_id).cte("audited"),
)


class SqlChildTokens:
    """`ChildTokens` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._at_once = engine.dialect.name == "postgresql"

    def exchange(self, act: ExchangeForChild) -> ChildToken | None:
        """See `ChildTokens.exchange`."""
        binds = _binds(act)
        if self._at_once:
            with reading(self._engine) as conn:
                row = conn.execute(_AT_ONCE, {**binds, "events": events_as_json((act.audit,))}).first()
        else:
            row = transact(self._engine, lambda conn: _exchange_in_steps(conn, binds, act.audit))
        if row is None:
            return None
        return _token(row, act.client_id, act.scope, expires_at=act.expires_at, jkt=act.jkt)

    def find(self, token_digest: str, *, now: datetime) -> ChildToken | None:
        """See `ChildTokens.find`."""
        rows = fetch(self._engine, _FOUND, {"shown": token_digest, "now": now})
        if not rows:
            return None
        row = rows[0]
        return _token(row, row.holder, tuple(row.for_child), expires_at=row.expires_at, jkt=row.bound_to or "")

    def revoke(self, token_digest: str, audit: AuditEvent) -> None:
        """See `ChildTokens.revoke`."""
        transact(self._engine, lambda conn: _revoke(conn, token_digest, audit))


def _binds(act: ExchangeForChild) -> dict[str, Any]:
    return {
        "shown": act.guardian_token,
        "child": act.child,
        "sector": act.sector,
        "holders": list(act.holders),
        "token": act.digest,
        "client": act.client_id,
        "scopes": list(act.scope),
        "bound_to": act.jkt or None,
        "now": act.now,
        "until": act.expires_at,
    }


def _exchange_in_steps(conn: Connection, binds: dict[str, Any], audit: AuditEvent) -> Row[Any] | None:
    row = conn.execute(_ASKED, binds).first()
    if row is None:
        return None
    token = {
        "digest": binds["token"], "grant_id": row.id, "client_id": binds["client"], "child": row.child,
        "scope": binds["scopes"], "jkt": binds["bound_to"], "issued_at": binds["now"], "expires_at": binds["until"],
    }  # fmt: skip
    conn.execute(insert(child_tokens), [token])
    insert_audit(conn, (replace(audit, actor=row.person_id, subject=row.child_id),))
    return row


def _token(row: Row[Any], client_id: str, scope: tuple[str, ...], *, expires_at: datetime, jkt: str) -> ChildToken:
    return ChildToken(
        grant=grant_of(row),
        claims=tuple(row.claims),
        session=session_of(row),
        guardian=row.subject,
        child=row.child,
        child_id=row.child_id,
        client_id=client_id,
        scope=scope,
        expires_at=expires_at,
        jkt=jkt,
    )


def _revoke(conn: Connection, token_digest: str, audit: AuditEvent) -> None:
    conn.execute(delete(child_tokens).where(child_tokens.c.digest == token_digest))
    insert_audit(conn, (audit,))
