"""Subjects, codes, grants and tokens in SQL. The hot acts are one statement on PostgreSQL, one transaction on SQLite.

On PostgreSQL a data-modifying CTE claims the code, stores the token and writes the audit events in autocommit: one
round trip, all or nothing. SQLite cannot write inside a CTE; there the same steps share one immediate transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    String,
    and_,
    bindparam,
    column,
    func,
    insert,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from broker.domain.acts import IssueCode, RedeemCode, RevokeGrant
from broker.domain.audit import AuditEvent
from broker.domain.handles import new_subject
from broker.domain.identity import AuthnContext
from broker.domain.people import Space
from broker.domain.sessions import AccessToken, CodePayload, Grant
from broker.storage.copies import tell_tokens
from broker.storage.engine import fetch, reading, transact
from broker.storage.lineage import lock_owners
from broker.storage.schema import Instant, access_tokens, audit_events, consumptions, grants, sessions, subjects
from broker.storage.trail import event_row, insert_audit

_CODE_KIND = "code"
_NOW = bindparam("now", type_=Instant)
_UNTIL = bindparam("until", type_=Instant)
_CODE = bindparam("code", type_=String)
_TOKEN = bindparam("token", type_=String)
_GRANT = bindparam("grant", type_=String)

_RUNNING = and_(sessions.c.revoked_at.is_(None), sessions.c.idle_until > _NOW, sessions.c.ends_at > _NOW)
_LIVE = and_(grants.c.revoked_at.is_(None), sessions.c.person_id == grants.c.person_id, _RUNNING)
"""A grant opens nothing once it is revoked, or once the session it was made in is over or another person's: an undo
gives a session back to whom it belongs, and what was granted in it meanwhile is nobody's."""

_SUBJECT = select(subjects.c.value).where(
    subjects.c.person_id == bindparam("person", type_=String),
    subjects.c.sector == bindparam("sector", type_=String),
    subjects.c.space == bindparam("space", type_=String),
    subjects.c.retired_at.is_(None),
)
_READ_CODE = (
    select(grants, consumptions.c.payload, consumptions.c.expires_at, consumptions.c.used_at)
    .select_from(consumptions.join(grants, grants.c.id == consumptions.c.grant_id))
    .where(consumptions.c.digest == _CODE, consumptions.c.kind == _CODE_KIND)
)
_READ_TOKEN = (
    select(grants, access_tokens.c.expires_at)
    .select_from(
        access_tokens.join(grants, grants.c.id == access_tokens.c.grant_id).join(
            sessions, sessions.c.sid == grants.c.sid
        )
    )
    .where(access_tokens.c.digest == _TOKEN, access_tokens.c.expires_at > _NOW, _LIVE)
)

# ---- the steps, shared by both databases -------------------------------------------------------------------------

_STORE_GRANT = (
    insert(grants)
    .from_select(
        ["id", "person_id", "client_id", "sid", "scope", "subject", "claims", "created_at"],
        select(
            _GRANT,
            sessions.c.person_id,
            bindparam("client", type_=String),
            sessions.c.sid,
            bindparam("scopes", type_=JSON),
            bindparam("sub", type_=String),
            bindparam("granted", type_=JSON),
            _NOW,
        ).where(
            sessions.c.sid == bindparam("session", type_=String),
            sessions.c.person_id == bindparam("person", type_=String),
            _RUNNING,
        ),
    )
    .returning(grants.c.id)
)
"""Only while the row of the session says what the caller believes: a copy of it may be older than an undo."""

_CODE_NAMES = ["digest", "kind", "grant_id", "payload", "issued_at", "expires_at"]


def _code_of(grant_id: ColumnElement[str]) -> Select[Any]:
    kind, stands_for = literal(_CODE_KIND, String), bindparam("stands_for", type_=JSON)
    return select(_CODE, kind, grant_id, stands_for, _NOW, _UNTIL)


_STORE_CODE = insert(consumptions).from_select(_CODE_NAMES, _code_of(_GRANT))
_CLAIM_CODE = (
    update(consumptions)
    .where(
        consumptions.c.digest == _CODE,
        consumptions.c.kind == _CODE_KIND,
        consumptions.c.used_at.is_(None),
        consumptions.c.expires_at > _NOW,
        grants.c.id == consumptions.c.grant_id,
        sessions.c.sid == grants.c.sid,
        _LIVE,
    )
    .values(used_at=_NOW)
    .returning(consumptions.c.grant_id)
)
_STORE_TOKEN = insert(access_tokens).values(digest=_TOKEN, grant_id=_GRANT, issued_at=_NOW, expires_at=_UNTIL)

# ---- the same steps as one statement, for PostgreSQL -------------------------------------------------------------

_EVENT_COLUMNS = tuple(each for each in audit_events.c if each.name != "id")
_EVENT_NAMES = [each.name for each in _EVENT_COLUMNS]
_events = (
    func.jsonb_to_recordset(bindparam("events", type_=JSONB))
    .table_valued(*(column(each.name, each.type) for each in _EVENT_COLUMNS))
    .render_derived(name="event", with_types=True)
)
_event_values: list[ColumnElement[Any]] = [_events.c[name] for name in _EVENT_NAMES]

_granted = _STORE_GRANT.cte("granted")
_ISSUE_AT_ONCE = select(_granted.c.id).add_cte(
    insert(consumptions).from_select(_CODE_NAMES, _code_of(_granted.c.id)).cte("coded"),
    insert(audit_events)
    .from_select(_EVENT_NAMES, select(*_event_values).select_from(_granted.join(_events, true())))
    .cte("audited"),
)
_claimed = _CLAIM_CODE.cte("claimed")
_REDEEM_AT_ONCE = select(_claimed.c.grant_id).add_cte(
    insert(access_tokens)
    .from_select(["digest", "grant_id", "issued_at", "expires_at"], select(_TOKEN, _claimed.c.grant_id, _NOW, _UNTIL))
    .cte("tokened"),
    insert(audit_events)
    .from_select(_EVENT_NAMES, select(*_event_values).select_from(_claimed.join(_events, true())))
    .cte("audited"),
)


class SqlGrants:
    """`Grants` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._at_once = engine.dialect.name == "postgresql"

    def subject(self, person_id: str, *, sector: str, space: Space, now: datetime) -> str:
        """See `Grants.subject`. Raises `LookupError` for a person that never was."""
        binds = {"person": person_id, "sector": sector, "space": space.value}
        known = fetch(self._engine, _SUBJECT, binds)
        if known:
            return str(known[0].value)
        return transact(self._engine, lambda conn: _issue_subject(conn, binds, now=now))

    def issue_code(self, act: IssueCode) -> bool:
        """See `Grants.issue_code`."""
        binds = _issue_binds(act)
        if self._at_once:
            with reading(self._engine) as conn:
                return conn.execute(_ISSUE_AT_ONCE, {**binds, "events": _as_json(act.audit)}).first() is not None
        return transact(self._engine, lambda conn: _issue_in_steps(conn, binds, act.audit))

    def code(self, code_digest: str) -> CodePayload | None:
        """See `Grants.code`."""
        rows = fetch(self._engine, _READ_CODE, {"code": code_digest})
        return _payload(rows[0]) if rows else None

    def redeem_code(self, act: RedeemCode) -> bool:
        """See `Grants.redeem_code`. Also False when the session of the grant is over."""
        binds = {
            "code": act.code_digest,
            "token": act.token_digest,
            "until": act.token.expires_at,
            "now": act.now,
        }
        if self._at_once:
            with reading(self._engine) as conn:
                return conn.execute(_REDEEM_AT_ONCE, {**binds, "events": _as_json(act.audit)}).first() is not None
        return transact(self._engine, lambda conn: _redeem_in_steps(conn, binds, act.audit))

    def token(self, token_digest: str, *, now: datetime) -> AccessToken | None:
        """See `Grants.token`."""
        rows = fetch(self._engine, _READ_TOKEN, {"token": token_digest, "now": now})
        if not rows:
            return None
        row = rows[0]
        return AccessToken(grant=_grant(row), subject=row.subject, claims=tuple(row.claims), expires_at=row.expires_at)

    def revoke(self, act: RevokeGrant) -> None:
        """See `Grants.revoke`. The first reason stays; every attempt is audited."""
        transact(self._engine, lambda conn: _revoke(conn, act))


def _issue_subject(conn: Connection, binds: dict[str, str], *, now: datetime) -> str:
    """Draw the subject under the person's lock: two first releases at once, or a merge, never make two."""
    living = lock_owners(conn, [binds["person"]])[binds["person"]]
    known = conn.execute(_SUBJECT, {**binds, "person": living}).scalar()
    if known is not None:
        return str(known)
    value = new_subject()
    row = {"value": value, "person_id": living, "sector": binds["sector"], "space": binds["space"], "issued_at": now}
    conn.execute(insert(subjects), [row])
    return value


def _issue_in_steps(conn: Connection, binds: dict[str, Any], audit: Sequence[AuditEvent]) -> bool:
    if conn.execute(_STORE_GRANT, binds).scalar() is None:
        return False
    conn.execute(_STORE_CODE, binds)
    insert_audit(conn, audit)
    return True


def _redeem_in_steps(conn: Connection, binds: dict[str, Any], audit: Sequence[AuditEvent]) -> bool:
    grant_id = conn.execute(_CLAIM_CODE, binds).scalar()
    if grant_id is None:
        return False
    conn.execute(_STORE_TOKEN, {**binds, "grant": grant_id})
    insert_audit(conn, audit)
    return True


def _revoke(conn: Connection, act: RevokeGrant) -> None:
    conn.execute(
        update(grants)
        .where(grants.c.id == act.grant_id, grants.c.revoked_at.is_(None))
        .values(revoked_at=act.now, revoked_why=act.reason)
    )
    tell_tokens(conn, (act.grant_id,), now=act.now)
    insert_audit(conn, act.audit)


# ---- values and rows ---------------------------------------------------------------------------------------------


def _issue_binds(act: IssueCode) -> dict[str, Any]:
    payload = act.payload
    grant, authn = payload.grant, payload.authn
    return {
        "grant": grant.grant_id,
        "person": grant.person_id,
        "client": grant.client_id,
        "session": grant.sid,
        "scopes": list(grant.scope),
        "sub": payload.subject,
        "granted": list(payload.claims),
        "code": act.code_digest,
        "stands_for": {
            "redirect_uri": payload.redirect_uri,
            "code_challenge": payload.code_challenge,
            "nonce": payload.nonce,
            "acr": authn.acr,
            "amr": list(authn.amr),
            "auth_time": authn.auth_time.isoformat(),
            "authority": authn.authority,
        },
        "now": act.issued_at,
        "until": payload.expires_at,
    }


def _as_json(events: Sequence[AuditEvent]) -> list[dict[str, Any]]:
    return [{**event_row(event), "at": event.at.isoformat()} for event in events]


def _payload(row: Row[Any]) -> CodePayload:
    stands_for = row.payload
    return CodePayload(
        grant=_grant(row),
        redirect_uri=stands_for["redirect_uri"],
        code_challenge=stands_for["code_challenge"],
        nonce=stands_for["nonce"],
        subject=row.subject,
        authn=AuthnContext(
            acr=stands_for["acr"],
            amr=tuple(stands_for["amr"]),
            auth_time=datetime.fromisoformat(stands_for["auth_time"]),
            authority=stands_for["authority"],
        ),
        claims=tuple(row.claims),
        expires_at=row.expires_at,
        used_at=row.used_at,
    )


def _grant(row: Row[Any]) -> Grant:
    return Grant(grant_id=row.id, person_id=row.person_id, client_id=row.client_id, sid=row.sid, scope=tuple(row.scope))
