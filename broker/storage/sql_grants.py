"""Subjects, codes, grants and tokens in SQL. The hot acts are one statement on PostgreSQL, one transaction on SQLite.

On PostgreSQL a data-modifying CTE claims the code or refresh token, stores the tokens it yields and writes the audit
events in autocommit: one round trip, all or nothing. SQLite cannot write inside a CTE; there the same steps share one
immediate transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    Row,
    Select,
    String,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from broker.domain.acts import IssueCode, Redeem, RevokeGrant
from broker.domain.audit import AuditEvent
from broker.domain.handles import new_subject
from broker.domain.people import AttachmentState, Space
from broker.domain.sessions import AccessToken, CodePayload, Offline, Redeemable
from broker.storage.engine import fetch, transact
from broker.storage.events_at_once import audited, events_as_json
from broker.storage.hot import HotStatement, hot_of
from broker.storage.lineage import lock_owners
from broker.storage.schema import (
    Instant,
    access_tokens,
    attachments,
    consumptions,
    grants,
    records,
    sessions,
    subjects,
)
from broker.storage.school_days import days
from broker.storage.sql_entries import end_other_schools
from broker.storage.sql_grant_rows import access_token_of, issue_binds, payload_of, redeem_binds, redeem_told
from broker.storage.sql_portrait_rows import mark_column
from broker.storage.trail import insert_audit

_NOW = bindparam("now", type_=Instant)
_UNTIL = bindparam("until", type_=Instant)
_DIGEST = bindparam("shown", type_=String)
_KIND = bindparam("of_kind", type_=String)
_REFRESH = bindparam("refresh", type_=String)
_TOKEN = bindparam("token", type_=String)
_GRANT = bindparam("grant", type_=String)
_JKT = bindparam("bound_to", type_=String)
_PERSON = bindparam("person", type_=String)

_KEPT = and_(sessions.c.idle_until > _NOW, sessions.c.ends_at > _NOW)
_RUNNING = and_(sessions.c.revoked_at.is_(None), _KEPT)
LIVE = and_(
    grants.c.revoked_at.is_(None),
    sessions.c.person_id == grants.c.person_id,
    sessions.c.revoked_at.is_(None),
    or_(_KEPT, grants.c.offline_until > _NOW),
)
"""A grant opens nothing once it is revoked, or once the session it was made in is over or another person's: an undo
gives a session back to whom it belongs, and what was granted in it meanwhile is nobody's. A refresh family outlives the
idleness of its session, never its sign-out."""

PRESENT = exists(
    select(literal(1)).where(
        attachments.c.person_id == grants.c.person_id,
        attachments.c.state == AttachmentState.ATTACHED.value,
        records.c.id == attachments.c.record_id,
        records.c.retired_at.is_(None),
    )
)
"""The person still has a live record: who left the school is not renewed for a month."""

_SUBJECT = select(subjects.c.value).where(
    subjects.c.person_id == bindparam("person", type_=String),
    subjects.c.sector == bindparam("sector", type_=String),
    subjects.c.space == bindparam("space", type_=String),
    subjects.c.retired_at.is_(None),
)
_READ_REDEEMABLE = (
    select(grants, consumptions.c.payload, consumptions.c.expires_at, consumptions.c.used_at)
    .select_from(consumptions.join(grants, grants.c.id == consumptions.c.grant_id))
    .where(consumptions.c.digest == _DIGEST, consumptions.c.kind == _KIND)
)
GRANT_TOLD = (
    "id", "person_id", "client_id", "sid", "scope", "subject", "claims", "jkt", "resource", "resource_subject", "peer",
)  # fmt: skip
"""What tells of a grant once its code, token or ticket was shown."""
_READ_TOKEN = (
    select(
        *(grants.c[name] for name in GRANT_TOLD),
        access_tokens.c.expires_at,
    )
    .select_from(
        access_tokens.join(grants, grants.c.id == access_tokens.c.grant_id).join(
            sessions, sessions.c.sid == grants.c.sid
        )
    )
    .where(access_tokens.c.digest == _TOKEN, access_tokens.c.expires_at > _NOW, LIVE)
)

FOUND = _READ_TOKEN.cte("found")

# ---- the steps, shared by both databases -------------------------------------------------------------------------

GRANT_NAMES = [
    "id", "person_id", "client_id", "sid", "scope", "subject", "claims", "created_at", "offline_until", "offline_idle",
    "jkt", "resource", "resource_subject", "peer",
]  # fmt: skip
GRANTED = select(
    _GRANT,
    sessions.c.person_id,
    bindparam("client", type_=String),
    sessions.c.sid,
    bindparam("scopes", type_=JSON),
    bindparam("sub", type_=String),
    bindparam("granted", type_=JSON),
    _NOW,
    bindparam("renewed_until", type_=Instant),
    bindparam("renewed_within", type_=Integer),
    _JKT,
    bindparam("api", type_=String),
    bindparam("api_sub", type_=String),
    bindparam("known_by", type_=JSON(none_as_null=True)),
).where(
    sessions.c.sid == bindparam("session", type_=String),
    sessions.c.person_id == _PERSON,
    _RUNNING,
)
STORE_GRANT = insert(grants).from_select(GRANT_NAMES, GRANTED).returning(grants.c.id)
"""Only while the row of the session says what the caller believes: a copy of it may be older than an undo."""
STORE_MARKED_GRANT = (
    insert(grants)
    .from_select(GRANT_NAMES, GRANTED.where(mark_column(_PERSON) == bindparam("mark", type_=String)))
    .returning(grants.c.id)
)
"""Only while all that the decision was made from stands: rights, places, roles, subjects."""

CODE_NAMES = ["digest", "kind", "grant_id", "payload", "issued_at", "expires_at"]


def _code_of(grant_id: ColumnElement[str]) -> Select[Any]:
    kind, stands_for = literal(Redeemable.CODE.value, String), bindparam("stands_for", type_=JSON)
    return select(_DIGEST, kind, grant_id, stands_for, _NOW, _UNTIL)


_PUSHED_NAMES = ["digest", "kind", "payload", "issued_at", "expires_at", "used_at"]
_PUSHED_VALUES: tuple[ColumnElement[Any], ...] = (
    bindparam("pushed", type_=String), literal("pushed", String), literal({}, JSON), _NOW,
    bindparam("remembered", type_=Instant), _NOW,
)  # fmt: skip
"""A pushed request as answered (RFC 9126 §7.3): a second answer to it meets the row of the first."""

_STORE_CODE = insert(consumptions).from_select(CODE_NAMES, _code_of(_GRANT))
_CLAIM = (
    update(consumptions)
    .where(
        consumptions.c.digest == _DIGEST,
        consumptions.c.kind == _KIND,
        consumptions.c.used_at.is_(None),
        consumptions.c.expires_at > _NOW,
        grants.c.id == consumptions.c.grant_id,
        grants.c.client_id == bindparam("client", type_=String),
        sessions.c.sid == grants.c.sid,
        LIVE,
        or_(consumptions.c.kind == Redeemable.CODE.value, PRESENT),
    )
    .values(used_at=_NOW)
)
"""Only its own client claims it: another's attempt does not spend it."""
_BIND = update(grants).where(grants.c.id == _GRANT, grants.c.jkt.is_(None)).values(jkt=_JKT)
_STORE_TOKEN = insert(access_tokens).values(digest=_TOKEN, grant_id=_GRANT, issued_at=_NOW, expires_at=_UNTIL)

# ---- the same steps as one statement, for PostgreSQL -------------------------------------------------------------


def _issue_at_once(*, pushed: bool, marked: bool) -> Select[Any]:
    """Store a grant, its code, its events; `pushed`: and the request it answers; `marked`: while a portrait holds."""
    storing = STORE_MARKED_GRANT if marked else STORE_GRANT
    granted = storing.cte("granted")
    at_once = select(granted.c.id).add_cte(
        insert(consumptions).from_select(CODE_NAMES, _code_of(granted.c.id)).cte("coded"),
        audited(granted).cte("audited"),
    )
    answered = insert(consumptions).from_select(_PUSHED_NAMES, select(*_PUSHED_VALUES).select_from(granted))
    return at_once.add_cte(answered.cte("answered")) if pushed else at_once


CLAIMED = _CLAIM.returning(grants, consumptions.c.payload, consumptions.c.expires_at).cte("claimed")
_idle_end = _NOW + func.make_interval(0, 0, 0, 0, 0, 0, CLAIMED.c.offline_idle)
REDEEM_AT_ONCE = select(CLAIMED, literal(None, Instant).label("used_at")).add_cte(
    insert(access_tokens)
    .from_select(["digest", "grant_id", "issued_at", "expires_at"], select(_TOKEN, CLAIMED.c.id, _NOW, _UNTIL))
    .cte("tokened"),
    insert(consumptions)
    .from_select(
        CODE_NAMES,
        select(
            _REFRESH, literal(Redeemable.REFRESH.value, String), CLAIMED.c.id, CLAIMED.c.payload, _NOW,
            func.least(_idle_end, CLAIMED.c.offline_until),
        ).where(CLAIMED.c.offline_until > _NOW),
    )
    .cte("renewed"),
    audited(CLAIMED, subject=CLAIMED.c.id).cte("audited"),
)  # fmt: skip
REDEEM_BOUND_AT_ONCE = REDEEM_AT_ONCE.add_cte(
    update(grants).where(grants.c.id == CLAIMED.c.id, grants.c.jkt.is_(None)).values(jkt=_JKT).cte("bound")
)


class SqlGrants:
    """`Grants` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self.engine = self._engine = engine
        self.hot = hot_of(engine)
        if self.hot is not None:
            self._issuing = {
                (pushed, marked): HotStatement(_issue_at_once(pushed=pushed, marked=marked), engine)
                for pushed in (False, True)
                for marked in (False, True)
            }
            self._redeeming = HotStatement(REDEEM_AT_ONCE, engine)
            self._redeeming_bound = HotStatement(REDEEM_BOUND_AT_ONCE, engine)
            self._token = HotStatement(_READ_TOKEN, engine)

    def subject(self, person_id: str, *, sector: str, space: Space, now: datetime) -> str:
        """See `Grants.subject`. Raises `LookupError` for a person that never was."""
        binds = {"person": person_id, "sector": sector, "space": space.value}
        known = fetch(self._engine, _SUBJECT, binds)
        if known:
            return str(known[0].value)
        return transact(self._engine, lambda conn: _issue_subject(conn, binds, now=now))

    def issue_code(self, act: IssueCode) -> bool:
        """See `Grants.issue_code`."""
        try:
            return self._issue(act)
        except IntegrityError:
            if act.spends is None:
                raise
            return False  # its pushed request was answered a moment ago: all of this act is undone

    def _issue(self, act: IssueCode) -> bool:
        """At once on PostgreSQL, but where a school is in play: what another one was granted for is then looked for."""
        binds = issue_binds(act)
        if self.hot is not None and not act.payload.grant.school:
            statement = self._issuing[act.spends is not None, bool(act.mark)]
            told = {**binds, **days(act.issued_at), "mark": act.mark, "events": events_as_json(act.audit)}
            return self.hot.first(statement, told) is not None
        binds |= {"mark": act.mark, **days(act.issued_at)}
        return transact(self._engine, lambda conn: _issue_in_steps(conn, binds, act))

    def redeemable(self, kind: Redeemable, digest: str) -> CodePayload | None:
        """See `Grants.redeemable`."""
        rows = fetch(self._engine, _READ_REDEEMABLE, {"of_kind": kind.value, "shown": digest})
        return payload_of(rows[0]) if rows else None

    def redeem(self, act: Redeem) -> CodePayload | None:
        """See `Grants.redeem`."""
        if self.hot is not None:
            row = self.hot.first(self._redeeming_bound if act.jkt else self._redeeming, redeem_told(act))
            return payload_of(row) if row else None
        binds = redeem_binds(act)
        return transact(self._engine, lambda conn: _redeem_in_steps(conn, binds, act.audit))

    def token(self, token_digest: str, *, now: datetime) -> AccessToken | None:
        """See `Grants.token`."""
        told = {"token": token_digest, "now": now}
        if self.hot is not None:
            row = self.hot.read(self._token, told)
            return access_token_of(row) if row else None
        rows = fetch(self._engine, _READ_TOKEN, told)
        return access_token_of(rows[0]) if rows else None

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


def _issue_in_steps(conn: Connection, binds: dict[str, Any], act: IssueCode) -> bool:
    if conn.execute(STORE_MARKED_GRANT if act.mark else STORE_GRANT, binds).scalar() is None:
        return False
    conn.execute(_STORE_CODE, binds)
    if binds["pushed"]:
        conn.execute(insert(consumptions).from_select(_PUSHED_NAMES, select(*_PUSHED_VALUES)), binds)
    insert_audit(conn, act.audit)
    if act.payload.grant.school:
        end_other_schools(conn, act.payload.grant, act.audit[0])
    return True


def _redeem_in_steps(conn: Connection, binds: dict[str, Any], audit: Sequence[AuditEvent]) -> CodePayload | None:
    if not conn.execute(_CLAIM, binds).rowcount:
        return None
    row = conn.execute(_READ_REDEEMABLE, binds).one()
    payload = replace(payload_of(row), used_at=None)
    conn.execute(_STORE_TOKEN, {**binds, "grant": row.id})
    if binds["bound_to"]:
        conn.execute(_BIND, {"grant": row.id, "bound_to": binds["bound_to"]})
    if payload.offline and payload.offline.until > binds["now"]:
        conn.execute(insert(consumptions), [_renewed(row, payload.offline, binds)])
    insert_audit(conn, [replace(event, subject=row.id) for event in audit])
    return payload


def _renewed(row: Row[Any], offline: Offline, binds: dict[str, Any]) -> dict[str, Any]:
    """The refresh token that follows a code, or an earlier one of its family."""
    return {
        "digest": binds["refresh"],
        "kind": Redeemable.REFRESH.value,
        "grant_id": row.id,
        "payload": row.payload,
        "issued_at": binds["now"],
        "expires_at": min(binds["now"] + offline.idle, offline.until),
    }


def _revoke(conn: Connection, act: RevokeGrant) -> None:
    conn.execute(
        update(grants)
        .where(grants.c.id == act.grant_id, grants.c.revoked_at.is_(None))
        .values(revoked_at=act.now, revoked_why=act.reason)
    )
    insert_audit(conn, act.audit)
