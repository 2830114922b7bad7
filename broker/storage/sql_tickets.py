"""CAS tickets in SQL: issued in one statement, spent in one, on PostgreSQL; in one transaction each on SQLite.

A ticket is a row of what is used once. Its one attempt is its claim, whatever comes of it: the verdict is computed in
the same statement, and written into the trail with it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Connection,
    Row,
    Select,
    String,
    and_,
    bindparam,
    case,
    exists,
    insert,
    literal,
    select,
    update,
)

from broker.domain.audit import AuditEvent
from broker.domain.cas import (
    CasEntry,
    EndEntries,
    IssueTicket,
    KeepProxyGrant,
    ProxyGrant,
    SpentTicket,
    TicketKind,
    TicketStands,
    ValidateTicket,
    Verdict,
)
from broker.domain.identity import AuthnContext
from broker.storage import sql_portrait_rows as rows
from broker.storage.engine import fetch, transact
from broker.storage.events_at_once import audited, events_as_json
from broker.storage.hot import HotStatement
from broker.storage.schema import Instant, consumptions, grants, sessions
from broker.storage.school_days import days
from broker.storage.sql_entries import end_entries, entries_of
from broker.storage.sql_grant_rows import grant_of
from broker.storage.sql_grants import (
    CODE_NAMES,
    GRANT_NAMES,
    GRANT_TOLD,
    GRANTED,
    LIVE,
    STORE_GRANT,
    STORE_MARKED_GRANT,
    SqlGrants,
)
from broker.storage.sql_portraits import SqlPortraits
from broker.storage.sql_sessions import session_of
from broker.storage.trail import insert_audit

_NOW = bindparam("now", type_=Instant)
_SHOWN = bindparam("shown", type_=String)
_KIND = bindparam("of_kind", type_=String)
_UNTIL = bindparam("until", type_=Instant)
_STANDS = bindparam("stands_for", type_=JSON)
_PROXIES = bindparam("proxies", type_=Boolean)
_RENEW = bindparam("renew", type_=Boolean)
_PEER = bindparam("peer", type_=JSON(none_as_null=True))

_source = grants.alias("source")
_STORE_PROXIED_GRANT = (
    insert(grants)
    .from_select(
        GRANT_NAMES,
        GRANTED.where(
            exists(
                select(literal(1)).where(
                    _source.c.id == bindparam("through", type_=String), _source.c.revoked_at.is_(None)
                )
            )
        ),
    )
    .returning(grants.c.id)
)
"""Only while the grant stands whose proxy-granting ticket asks; its session is the same, and must run."""
_STORE_TICKET = insert(consumptions).from_select(
    CODE_NAMES, select(_SHOWN, _KIND, bindparam("grant", type_=String), _STANDS, _NOW, _UNTIL)
)

# ---- spending: the claim, and what comes of it -------------------------------------------------------------------

_SPENDABLE = (TicketKind.SERVICE.value, TicketKind.PROXY.value)
_SPEND = (
    update(consumptions)
    .where(
        consumptions.c.digest == _SHOWN,
        consumptions.c.kind.in_(_SPENDABLE),
        consumptions.c.used_at.is_(None),
        consumptions.c.expires_at > _NOW,
        grants.c.id == consumptions.c.grant_id,
        sessions.c.sid == grants.c.sid,
        LIVE,
    )
    .values(used_at=_NOW)
)
"""Whoever shows it spends it, rightly or not: a second guess finds nothing (CAS §3.1.1)."""
_STANDS_FOR = consumptions.c.payload
_VERDICT = case(
    (_STANDS_FOR["service"].as_string() != bindparam("service", type_=String), literal(Verdict.WRONG_SERVICE.value)),
    (and_(consumptions.c.kind == TicketKind.PROXY.value, ~_PROXIES), literal(Verdict.WRONG_KIND.value)),
    (and_(_RENEW, ~_STANDS_FOR["fresh"].as_boolean()), literal(Verdict.NOT_FRESH.value)),
    else_=literal(Verdict.GOOD.value),
).label("verdict")
_TOLD: tuple[Any, ...] = tuple(grants.c[name] for name in GRANT_TOLD)
_READ_SPENT: Select[Any] = (
    select(*_TOLD, _STANDS_FOR, _VERDICT)
    .select_from(consumptions.join(grants, grants.c.id == consumptions.c.grant_id))
    .where(consumptions.c.digest == _SHOWN)
)


def _known_by(grant: Any) -> Any:
    return update(grants).where(grants.c.id == grant).values(peer=_PEER)


def _validate_at_once() -> Select[Any]:
    spent = _SPEND.returning(*_TOLD, _STANDS_FOR, _VERDICT).cte("spent")
    known = (
        update(grants)
        .where(grants.c.id == spent.c.id, spent.c.verdict == Verdict.GOOD.value, grants.c.revoked_at.is_(None))
        .values(peer=_PEER)
        .returning(grants.c.id)
        .cte("known")
    )
    whose = select(spent.c.person_id).correlate(None).scalar_subquery()
    seen = rows.seen_by(whose)
    subject = select(spent.c.subject).correlate(None).scalar_subquery()
    asked = bindparam("asked", type_=JSON)
    outcome = case((spent.c.verdict == Verdict.GOOD.value, literal("done")), else_=literal("refused"))
    return select(
        spent,
        *rows.portrait_columns(whose, seen),
        *rows.detail_columns(whose, seen, subject=subject, claims=asked),
        exists(select(known.c.id)).label("known"),
    ).add_cte(
        audited(spent, actor=spent.c.person_id, subject=spent.c.id, outcome=outcome).cte("audited"),
    )


def _issue_at_once(storing: Any) -> Select[Any]:
    granted = storing.cte("granted")
    ticket = select(_SHOWN, _KIND, granted.c.id, _STANDS, _NOW, _UNTIL)
    return select(granted.c.id).add_cte(
        insert(consumptions).from_select(CODE_NAMES, ticket).cte("ticketed"), audited(granted).cte("audited")
    )


# ---- proxy-granting tickets --------------------------------------------------------------------------------------

_SESSION = (
    sessions.c.handle_digest, sessions.c.account_id, sessions.c.source_id, sessions.c.acr, sessions.c.amr,
    sessions.c.auth_time, sessions.c.proven, sessions.c.device, sessions.c.opened_at, sessions.c.idle_until,
    sessions.c.ends_at, sessions.c.continues,
)  # fmt: skip
_LIVE_GRANT = select(grants.c.id).where(
    grants.c.id == bindparam("grant", type_=String), sessions.c.sid == grants.c.sid, LIVE
)
_PROXY_GRANT = (
    select(grants, *_SESSION, _STANDS_FOR)
    .select_from(
        consumptions.join(grants, grants.c.id == consumptions.c.grant_id).join(sessions, sessions.c.sid == grants.c.sid)
    )
    .where(
        consumptions.c.digest == _SHOWN,
        consumptions.c.kind == TicketKind.PROXY_GRANTING.value,
        consumptions.c.expires_at > _NOW,
        LIVE,
    )
)


class SqlTickets:
    """`Tickets` on SQLite or PostgreSQL, over the adapters that keep grants and draw portraits."""

    def __init__(self, grants_: SqlGrants, portraits: SqlPortraits) -> None:
        self._engine, self._hot, self._portraits = grants_.engine, grants_.hot, portraits
        if self._hot is not None:
            self._issue = HotStatement(_issue_at_once(STORE_GRANT), self._engine)
            self._issue_marked = HotStatement(_issue_at_once(STORE_MARKED_GRANT), self._engine)
            self._issue_proxied = HotStatement(_issue_at_once(_STORE_PROXIED_GRANT), self._engine)
            self._validate = HotStatement(_validate_at_once(), self._engine)

    def issue(self, act: IssueTicket) -> bool:
        """See `Tickets.issue`."""
        binds = _issue_binds(act)
        if self._hot is None:
            return transact(self._engine, lambda conn: _issue_in_steps(conn, act, binds))
        told = {**binds, "events": events_as_json(act.audit), "mark": act.mark, **days(act.audit[0].at)}
        statement = self._issue_proxied if act.through else self._issue_marked if act.mark else self._issue
        return self._hot.first(statement, told) is not None

    def validate(self, act: ValidateTicket) -> SpentTicket | None:
        """See `Tickets.validate`."""
        binds = _validate_binds(act)
        if self._hot is None:
            return self._validate_in_steps(act, binds)
        needs = act.needs
        asked = rows.claim_binds(records=needs.records, places=needs.children, logins=needs.logins)
        told = {
            **binds, **asked, **days(act.now), "asked": list(act.claims), "events": events_as_json((act.audit,)),
        }  # fmt: skip
        row = self._hot.first(self._validate, told)
        if row is None or (row.verdict == Verdict.GOOD.value and not row.known):
            return None  # its session ended in this very moment: the service would never be told of that
        return _spent(
            row,
            portrait=self._portraits.drawn(row.person_id, row, now=act.now),
            details=self._portraits.detailed(row, now=act.now),
            child_subjects={child.person_id: child.value for child in rows.CHILD_SUBJECTS.rows(row.child_subjects)},
        )

    def keep_proxy_grant(self, act: KeepProxyGrant) -> bool:
        """See `Tickets.keep_proxy_grant`."""
        return transact(self._engine, lambda conn: _keep_proxy_grant(conn, act))

    def proxy_grant(self, digest: str, *, now: datetime) -> ProxyGrant | None:
        """See `Tickets.proxy_grant`."""
        found = fetch(self._engine, _PROXY_GRANT, {"shown": digest, "now": now})
        if not found:
            return None
        row = found[0]
        return ProxyGrant(grant_of(row), session_of(row), tuple(row.payload["proxies"]))

    def entries(self, client_id: str, visit: str) -> tuple[CasEntry, ...]:
        """See `Tickets.entries`."""
        return entries_of(self._engine, client_id, visit)

    def end_entries(self, act: EndEntries) -> None:
        """See `Tickets.end_entries`."""
        transact(self._engine, lambda conn: end_entries(conn, act))

    def _validate_in_steps(self, act: ValidateTicket, binds: dict[str, Any]) -> SpentTicket | None:
        row = transact(self._engine, lambda conn: _spend_in_steps(conn, act, binds))
        if row is None:
            return None
        portrait = self._portraits.in_steps(row.person_id, now=act.now)
        details = self._portraits.details_in_steps(
            row.person_id, portrait, act.needs, asked=frozenset(act.claims), now=act.now
        )
        return _spent(row, portrait=portrait, details=details)


def _issue_binds(act: IssueTicket) -> dict[str, Any]:
    grant, authn = act.grant, act.stands.authn
    return {
        "grant": grant.grant_id, "person": grant.person_id, "client": grant.client_id, "session": grant.sid,
        "scopes": [], "sub": act.subject, "granted": [], "renewed_until": None, "renewed_within": None,
        "bound_to": None, "api": None, "api_sub": None, "known_by": None, "through": act.through,
        "now": act.audit[0].at, "shown": act.digest, "of_kind": act.kind.value, "until": act.expires_at,
        "stands_for": {
            "service": act.stands.service, "fresh": act.stands.fresh,
            "long_term": act.stands.long_term, "proxies": list(act.stands.proxies),
            "acr": authn.acr, "amr": list(authn.amr), "auth_time": authn.auth_time.isoformat(),
            "authority": authn.authority, "proven": authn.proven,
        },
    }  # fmt: skip


def _validate_binds(act: ValidateTicket) -> dict[str, Any]:
    return {
        "shown": act.digest, "service": act.service, "proxies": act.proxies, "renew": act.renew, "now": act.now,
        "peer": {"index": act.ticket, "url": act.service},
    }  # fmt: skip


def _issue_in_steps(conn: Connection, act: IssueTicket, binds: dict[str, Any]) -> bool:
    storing = _STORE_PROXIED_GRANT if act.through else STORE_GRANT
    if conn.execute(storing, binds).scalar() is None:
        return False
    conn.execute(_STORE_TICKET, binds)
    insert_audit(conn, act.audit)
    return True


def _spend_in_steps(conn: Connection, act: ValidateTicket, binds: dict[str, Any]) -> Row[Any] | None:
    if not conn.execute(_SPEND, binds).rowcount:
        return None
    row = conn.execute(_READ_SPENT, binds).one()
    is_good = row.verdict == Verdict.GOOD.value
    if is_good:
        conn.execute(_known_by(row.id), binds)
    insert_audit(conn, (_told_of(act.audit, row, is_good=is_good),))
    return row


def _told_of(event: AuditEvent, row: Row[Any], *, is_good: bool) -> AuditEvent:
    return replace(event, actor=row.person_id, subject=row.id, outcome="done" if is_good else "refused")


def _keep_proxy_grant(conn: Connection, act: KeepProxyGrant) -> bool:
    now = act.audit.at
    if conn.execute(_LIVE_GRANT, {"grant": act.grant_id, "now": now}).first() is None:
        return False
    row = {
        "digest": act.digest, "kind": TicketKind.PROXY_GRANTING.value, "grant_id": act.grant_id,
        "payload": {"proxies": list(act.proxies)}, "issued_at": now, "expires_at": act.expires_at,
    }  # fmt: skip
    conn.execute(insert(consumptions), [row])
    insert_audit(conn, (act.audit,))
    return True


def _spent(row: Any, **drawn: Any) -> SpentTicket:
    return SpentTicket(Verdict(row.verdict), grant_of(row), row.subject, _stands_of(row.payload), **drawn)


def _stands_of(payload: dict[str, Any]) -> TicketStands:
    auth_time = datetime.fromisoformat(payload["auth_time"])
    authn = AuthnContext(
        payload["acr"], tuple(payload["amr"]), auth_time, payload["authority"], proven=payload["proven"]
    )
    return TicketStands(
        payload["service"],
        authn,
        fresh=payload["fresh"],
        long_term=payload["long_term"],
        proxies=tuple(payload["proxies"]),
    )
