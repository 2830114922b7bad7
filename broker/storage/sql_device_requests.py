"""Devices that wait for a person's yes, in SQL: of any number of decisions at once, one is made."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, String, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from broker.domain.acts import ApproveDevice, IssueCode, OpenDeviceRequest
from broker.domain.audit import AuditEvent
from broker.domain.sessions import DeviceRequest, Polled, Redeemable
from broker.storage.engine import fetch, reading, transact
from broker.storage.schema import Instant, consumptions, device_requests
from broker.storage.sql_grant_rows import issue_binds
from broker.storage.sql_grants import STORE_GRANT
from broker.storage.trail import insert_audit

_NOW = bindparam("now", type_=Instant)
_APPROVED, _DENIED = "approved", "denied"
_OPEN = (
    device_requests.c.user_code == bindparam("shown", type_=String),
    device_requests.c.decision.is_(None),
    device_requests.c.expires_at > _NOW,
)
_WAITING = select(device_requests).where(*_OPEN)
_DECIDE = (
    update(device_requests)
    .where(*_OPEN)
    .values(decision=bindparam("decided", type_=String), decided_at=_NOW)
    .returning(device_requests.c.digest)
)


class _SessionOver(Exception):
    """Ends the transaction without a trace: nobody may say yes whose session has ended."""


class SqlDeviceRequests:
    """`DeviceRequests` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def open(self, act: OpenDeviceRequest) -> bool:
        """See `DeviceRequests.open`."""
        row = {
            "digest": act.digest, "user_code": act.user_code, "client_id": act.request.client_id,
            "scope": list(act.request.scope), "resource": act.request.resource or None, "issued_at": act.issued_at,
            "expires_at": act.request.expires_at, "waits": act.interval,
        }  # fmt: skip
        try:
            with reading(self._engine) as conn:  # one statement that stands alone
                conn.execute(insert(device_requests), row)
        except IntegrityError:
            return False
        return True

    def waiting(self, user_code: str, *, now: datetime) -> DeviceRequest | None:
        """See `DeviceRequests.waiting`."""
        rows = fetch(self._engine, _WAITING, {"shown": user_code, "now": now})
        if not rows:
            return None
        row = rows[0]
        return DeviceRequest(row.client_id, tuple(row.scope), row.expires_at, resource=row.resource or "")

    def approve(self, act: ApproveDevice) -> bool:
        """See `DeviceRequests.approve`."""
        try:
            return transact(self._engine, lambda conn: _approve(conn, act))
        except _SessionOver:
            return False

    def deny(self, user_code: str, *, now: datetime, audit: AuditEvent) -> bool:
        """See `DeviceRequests.deny`."""

        def work(conn: Connection) -> bool:
            denied = conn.execute(_DECIDE, {"shown": user_code, "now": now, "decided": _DENIED}).scalar() is not None
            if denied:
                insert_audit(conn, (audit,))
            return denied

        return transact(self._engine, work)

    def poll(self, device_code: str, client_id: str, *, now: datetime) -> Polled:
        """See `DeviceRequests.poll`."""
        return transact(self._engine, lambda conn: _poll(conn, device_code, client_id, now=now))


def _approve(conn: Connection, act: ApproveDevice) -> bool:
    digest = conn.execute(_DECIDE, {"shown": act.user_code, "now": act.now, "decided": _APPROVED}).scalar()
    if digest is None:
        return False
    binds = issue_binds(IssueCode(digest, act.payload, (act.audit,)))
    if conn.execute(STORE_GRANT, binds).scalar() is None:
        raise _SessionOver
    row: dict[str, Any] = {
        "digest": digest, "kind": Redeemable.DEVICE.value, "grant_id": binds["grant"], "payload": binds["stands_for"],
        "issued_at": act.now, "expires_at": act.payload.expires_at,
    }  # fmt: skip
    conn.execute(insert(consumptions), [row])
    insert_audit(conn, (act.audit,))
    return True


def _poll(conn: Connection, device_code: str, client_id: str, *, now: datetime) -> Polled:
    asked = device_requests.c.digest == device_code, device_requests.c.client_id == client_id
    row = conn.execute(select(device_requests).where(*asked).with_for_update()).first()
    if row is None:
        return Polled.UNKNOWN
    if row.decision == _DENIED:
        return Polled.DENIED
    if now >= row.expires_at or row.decision is not None:
        return Polled.EXPIRED  # decided with yes, and yet not redeemed: its grant or session is over
    soon = row.polled_at is not None and now < row.polled_at + timedelta(seconds=row.waits)
    waits = row.waits + SLOWER if soon else row.waits
    conn.execute(update(device_requests).where(*asked).values(polled_at=now, waits=waits))
    return Polled.TOO_SOON if soon else Polled.PENDING


SLOWER = 5
"""Seconds that a device which asks too often waits longer from then on (RFC 8628 §3.5)."""
