"""`Audit` in SQL: acts write rows, one sealer a tenant chains and signs them in the order it sees them committed.

Ids are drawn before commit, so a row with a lower id can become visible later than one with a higher id. A place in
the chain is therefore given by the sealer, to visible rows without a place: a late row takes a later place.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, func, insert, select, text, update

from broker.domain.access_notices import AccessNotice
from broker.domain.audit import AuditEvent, AuditFault, FaultKind
from broker.storage.audit_chain import START, Head, Inspection, Link, instant, link_digest
from broker.storage.engine import reading, transact
from broker.storage.hot import HotStatement, hot_of
from broker.storage.schema import audit_events, audit_heads, audit_seals
from broker.storage.trail import event_row, insert_audit, insert_notices

logger = logging.getLogger(__name__)

Signer = Callable[[bytes], str]
Checker = Callable[[bytes, str], bool]

SETTLED = timedelta(hours=1)
"""No transaction lives this long: what is older than the rows sealed then is looked at again but once a process."""
LOWEST = -(2**63)
"""Below every id a forger could give a row."""
PAGE = 1000
MOST_UNSEALED = 100
"""Unsealed rows named one by one; more of them is one fault of the sealer, not many."""

_events, _seals, _heads = audit_events.c, audit_seals.c, audit_heads.c
_CONTENT = tuple(column for column in audit_events.columns if column.name != "id")
_APPEND = insert(audit_events).values(
    {column.name: bindparam(f"its_{column.name}", type_=column.type) for column in _CONTENT}
)
_UNSEALED = (
    select(_events.id, *_CONTENT)
    .outerjoin_from(audit_events, audit_seals, _seals.event_id == _events.id)
    .where(_events.tenant == bindparam("tenant"), _events.id > bindparam("floor"), _seals.event_id.is_(None))
    .order_by(_events.id)
    .limit(bindparam("most"))
)
_FLOOR = (
    select(_seals.event_id)
    .where(_seals.tenant == bindparam("tenant"), _seals.sealed_at < bindparam("settled"))
    .order_by(_seals.position.desc())
    .limit(1)
)
_LINKS = (
    select(_seals.position, _seals.digest, *_CONTENT, _events.id)
    .outerjoin_from(audit_seals, audit_events, _seals.event_id == _events.id)
    .where(_seals.tenant == bindparam("tenant"), _seals.position > bindparam("after"))
    .order_by(_seals.position)
    .limit(PAGE)
)
_AT = select(_seals.digest).where(_seals.tenant == bindparam("tenant"), _seals.position == bindparam("position"))
_LAST = (
    select(_seals.position, _seals.digest).where(_seals.tenant == bindparam("tenant")).order_by(_seals.position.desc())
).limit(1)
_HEAD = select(audit_heads).where(_heads.tenant == bindparam("tenant"))
# The distinct tenants by index, one step a tenant (a plain DISTINCT reads every event). A tenant whose events are all
# gone is still known by its chain, and one whose chain is gone too by its head.
_WALK = (
    "{table}_walk(tenant) AS (SELECT min(tenant) FROM {table} UNION ALL"
    " SELECT (SELECT min(t.tenant) FROM {table} t WHERE t.tenant > w.tenant) FROM {table}_walk w"
    " WHERE w.tenant IS NOT NULL)"
)
_TENANTS = text(
    f"WITH RECURSIVE {_WALK.format(table='audit_events')}, {_WALK.format(table='audit_seals')}"  # noqa: S608 - constants
    " SELECT tenant FROM audit_events_walk WHERE tenant IS NOT NULL"
    " UNION SELECT tenant FROM audit_seals_walk WHERE tenant IS NOT NULL"
    " UNION SELECT tenant FROM audit_heads ORDER BY tenant"
)


class SqlAudit:
    """`sign` signs the newest link, `check` tells whether a signature is this installation's."""

    def __init__(self, engine: Engine, *, sign: Signer, check: Checker) -> None:
        self._engine = engine
        self._sign = sign
        self._check = check
        self._swept: set[str] = set()
        self._hot = hot_of(engine)
        if self._hot is not None:
            self._append = HotStatement(_APPEND.returning(_events.id), engine)

    def append(self, events: Sequence[AuditEvent], notices: Sequence[AccessNotice] = ()) -> None:
        """See `Audit.append`."""

        def write(conn: Connection) -> None:
            insert_audit(conn, events)
            insert_notices(conn, notices)

        if notices or len(events) > 1:
            transact(self._engine, write)
        elif self._hot is None:
            with reading(self._engine) as conn:
                write(conn)
        else:
            for event in events:
                self._hot.first(self._append, {f"its_{name}": value for name, value in event_row(event).items()})

    def tenants(self) -> tuple[str, ...]:
        """Tenants that have events or a chain, by name."""
        with reading(self._engine) as conn:
            return tuple(conn.execute(_TENANTS).scalars())

    def seal(self, tenant: str, *, now: datetime, limit: int) -> int:
        """Chain and sign at most `limit` unsealed events; returns how many (0 while another sealer is at this tenant).

        The signed head goes to the log too: a copy off this machine is what shows a chain cut back to an older head.
        """
        whole = tenant not in self._swept
        head, sealed = transact(
            self._engine, lambda conn: self._extend(conn, tenant, now=now, limit=limit, whole=whole)
        )
        if whole and sealed < limit:
            self._swept.add(tenant)
        if head is not None:
            fields = {"tenant": tenant, "position": head.position, "digest": head.digest}
            logger.info("audit sealed", extra={**fields, "signature": head.signature})
        return sealed

    def verify(self, tenant: str) -> tuple[AuditFault, ...]:
        """Recompute the chain and name every edit, deletion, reordering, truncation and unsealed row."""
        with _snapshot(self._engine) as conn:
            inspection = Inspection(tenant)
            while page := _page(conn, tenant, after=inspection.position):
                inspection.read(page)
            head = _head(conn, tenant)
            at = head.position if head else 0
            at_head = conn.execute(_AT, {"tenant": tenant, "position": at}).scalar_one_or_none()
            inspection.judge_head(head, genuine=head is not None and self._genuine(head), at_head=at_head)
            unsealed = conn.execute(_UNSEALED, {"tenant": tenant, "floor": LOWEST, "most": MOST_UNSEALED}).all()
        return inspection.faults() + tuple(AuditFault(tenant, row.id, FaultKind.UNSEALED) for row in unsealed)

    def _extend(
        self, conn: Connection, tenant: str, *, now: datetime, limit: int, whole: bool
    ) -> tuple[Head | None, int]:
        if not _alone(conn, tenant):
            return None, 0
        rows = conn.execute(
            _UNSEALED, {"tenant": tenant, "floor": LOWEST if whole else _floor(conn, tenant, now), "most": limit}
        ).all()
        if not rows:
            return None, 0
        end = self._end(conn, tenant)
        if end is None:
            logger.error("audit chain does not match its signed head: not sealed", extra={"tenant": tenant})
            return None, 0
        position, digest = end
        seals = []
        for row in rows:
            position, digest = position + 1, link_digest(digest, position + 1, _content(row))
            seals.append({"tenant": tenant, "position": position, "event_id": row.id, "digest": digest})
        conn.execute(insert(audit_seals), [{**seal, "sealed_at": now} for seal in seals])
        return self._sign_head(conn, Head(tenant, position, digest, now)), len(seals)

    def _end(self, conn: Connection, tenant: str) -> tuple[int, str] | None:
        """Where the chain goes on; None when its end is not the signed one, which sealing on would hide."""
        last = conn.execute(_LAST, {"tenant": tenant}).one_or_none()
        head = _head(conn, tenant)
        if head is None:
            return (0, START) if last is None else None
        if last is None or (last.position, last.digest) != (head.position, head.digest) or not self._genuine(head):
            return None
        return head.position, head.digest

    def _sign_head(self, conn: Connection, head: Head) -> Head:
        signed = replace(head, signature=self._sign(head.signed_bytes()))
        values = {
            "position": signed.position,
            "digest": signed.digest,
            "signature": signed.signature,
            "signed_at": signed.signed_at,
        }
        if not conn.execute(update(audit_heads).where(_heads.tenant == signed.tenant).values(values)).rowcount:
            conn.execute(insert(audit_heads).values(tenant=signed.tenant, **values))
        return signed

    def _genuine(self, head: Head) -> bool:
        return self._check(head.signed_bytes(), head.signature)


def _alone(conn: Connection, tenant: str) -> bool:
    """Tell whether no other sealer is at this tenant; SQLite's write lock is already ours alone."""
    if conn.dialect.name == "sqlite":
        return True
    key = int.from_bytes(hashlib.sha256(b"preau audit " + tenant.encode()).digest()[:8], "big", signed=True)
    return bool(conn.execute(select(func.pg_try_advisory_xact_lock(key))).scalar_one())


def _floor(conn: Connection, tenant: str, now: datetime) -> int:
    settled = conn.execute(_FLOOR, {"tenant": tenant, "settled": now - SETTLED}).scalar_one_or_none()
    return LOWEST if settled is None else settled


def _head(conn: Connection, tenant: str) -> Head | None:
    row = conn.execute(_HEAD, {"tenant": tenant}).one_or_none()
    return None if row is None else Head(row.tenant, row.position, row.digest, row.signed_at, row.signature)


def _page(conn: Connection, tenant: str, *, after: int) -> list[Link]:
    rows = conn.execute(_LINKS, {"tenant": tenant, "after": after}).all()
    return [Link(row.position, row.digest, None if row.id is None else _content(row)) for row in rows]


def _content(row: Any) -> dict[str, object]:
    """What a link covers of an event: everything but its id."""
    return {
        "tenant": row.tenant,
        "at": instant(row.at),
        "action": row.action,
        "actor": row.actor,
        "subject": row.subject,
        "outcome": row.outcome,
        "trace": row.trace,
        "detail": row.detail,
    }


@contextmanager
def _snapshot(engine: Engine) -> Iterator[Connection]:
    """One state of the whole database for several reads, locking nobody out."""
    with reading(engine) as conn:
        begin = "BEGIN" if conn.dialect.name == "sqlite" else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        conn.exec_driver_sql(begin)
        try:
            yield conn
        finally:
            conn.exec_driver_sql("ROLLBACK")
