"""Logins at SAML service providers in SQL: one statement on PostgreSQL, one transaction on SQLite.

A login is a row of `grants` like any other, so that sign-out, revocation, standings and receipts need no second list.
It yields no code and no token: the assertion leaves with the answer, and a second act makes a second grant.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, String, bindparam, exists, literal, or_, select, update

from broker.domain.acts import EnterProvider
from broker.domain.sessions import Session
from broker.storage.engine import fetch, transact
from broker.storage.events_at_once import audited, events_as_json
from broker.storage.hot import HotStatement, hot_of
from broker.storage.schema import grants, sessions
from broker.storage.sql_entries import end_other_schools
from broker.storage.sql_grant_rows import known_by
from broker.storage.sql_grants import STORE_GRANT
from broker.storage.sql_logouts import LEFT
from broker.storage.sql_sessions import session_of
from broker.storage.trail import insert_audit

MOST_SESSIONS = 64
_NOTHING = dict.fromkeys(("renewed_until", "renewed_within", "bound_to", "api", "api_sub"))
"""What a grant of OpenID Connect may hold beyond, and one of SAML never does."""

_granted = STORE_GRANT.cte("granted")
_ENTER_AT_ONCE = select(_granted.c.id).add_cte(audited(_granted).cte("audited"))
_SESSIONS_OF = (
    select(sessions)
    .where(
        exists(
            select(literal(1)).where(
                grants.c.sid == sessions.c.sid,
                grants.c.client_id == bindparam("client", type_=String),
                grants.c.subject == bindparam("name", type_=String),
                grants.c.client_id.startswith("saml:"),
                grants.c.revoked_at.is_(None),
                grants.c.person_id == sessions.c.person_id,
            )
        ),
        sessions.c.revoked_at.is_(None),
    )
    .order_by(sessions.c.opened_at.desc(), sessions.c.sid)
    .limit(MOST_SESSIONS)
)
_VISIT = bindparam("visit", type_=String)
_CLIENTS_OF = (
    select(grants.c.client_id)
    .join(sessions, sessions.c.sid == grants.c.sid)
    .where(or_(sessions.c.sid == _VISIT, sessions.c.continues == _VISIT))
    .distinct()
    .order_by(grants.c.client_id)
)
_LEAVE = (
    update(grants)
    .where(
        grants.c.client_id == bindparam("client", type_=String),
        grants.c.sid.in_(select(sessions.c.sid).where(or_(sessions.c.sid == _VISIT, sessions.c.continues == _VISIT))),
    )
    .values(peer={LEFT: True})
)


class SqlProviderLogins:
    """`ProviderLogins` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._hot = hot_of(engine)
        if self._hot is not None:
            self._entering = HotStatement(_ENTER_AT_ONCE, engine)

    def enter(self, act: EnterProvider) -> bool:
        """See `ProviderLogins.enter`."""
        binds = _binds(act)
        if self._hot is not None and not act.grant.school:
            return self._hot.first(self._entering, {**binds, "events": events_as_json(act.audit)}) is not None

        def apply(conn: Connection) -> bool:
            if conn.execute(STORE_GRANT, binds).scalar() is None:
                return False
            insert_audit(conn, act.audit)
            if act.grant.school:
                end_other_schools(conn, act.grant, act.audit[0])
            return True

        return transact(self._engine, apply)

    def sessions_of(self, client_id: str, name: str) -> tuple[Session, ...]:
        """See `ProviderLogins.sessions_of`."""
        rows = fetch(self._engine, _SESSIONS_OF, {"client": client_id, "name": name})
        return tuple({row.sid: session_of(row) for row in rows}.values())

    def leave(self, client_id: str, visit: str) -> None:
        """See `ProviderLogins.leave`."""
        binds = {"client": client_id, "visit": visit}
        transact(self._engine, lambda conn: conn.execute(_LEAVE, binds))

    def clients_of(self, visit: str) -> tuple[str, ...]:
        """See `ProviderLogins.clients_of`."""
        return tuple(row.client_id for row in fetch(self._engine, _CLIENTS_OF, {"visit": visit}))


def _binds(act: EnterProvider) -> dict[str, Any]:
    grant = act.grant
    return {
        **_NOTHING,
        "grant": grant.grant_id,
        "person": grant.person_id,
        "client": grant.client_id,
        "session": grant.sid,
        "scopes": [],
        "sub": act.name,
        "granted": [],
        "now": act.at,
        "known_by": known_by(grant),
    }
