"""`DeskRequests` in SQL: the condition of one update decides who answers, and that nobody answers themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update

from broker.domain.audit import AuditEvent
from broker.domain.desk_requests import AnswerRequest, DeskRequest
from broker.domain.errors import AlreadyUsed
from broker.storage.engine import fetch, transact
from broker.storage.lineage import lock_owners, owner
from broker.storage.schema import desk_requests
from broker.storage.trail import insert_audit, insert_notices

_kept = desk_requests.c


class SqlDeskRequests:
    """`DeskRequests` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ask(self, request: DeskRequest, audit: AuditEvent) -> None:
        """See `DeskRequests.ask`."""
        transact(self._engine, lambda conn: _ask(conn, request, audit))

    def open(self, tenant: str, *, now: datetime) -> tuple[DeskRequest, ...]:
        """See `DeskRequests.open`."""
        waiting = (_kept.tenant == tenant, _kept.answered_at.is_(None), _kept.expires_at > now)
        query = select(desk_requests).where(*waiting).order_by(_kept.asked_at, _kept.id)
        return tuple(_request(row) for row in fetch(self._engine, query, {}))

    def answer(self, act: AnswerRequest) -> None:
        """See `DeskRequests.answer`."""
        transact(self._engine, lambda conn: _answer(conn, act))


def claim_request(conn: Connection, act: AnswerRequest) -> None:
    """Use a request up, inside the act that it lets through. Raises `AlreadyUsed`.

    Whoever asked does not answer, by another account of theirs neither: also where the rooms before forgot to look.
    """
    asked = conn.execute(select(_kept.asked_by).where(_kept.id == act.request_id)).scalar_one_or_none()
    if asked is None or owner(conn, asked) == owner(conn, act.by):
        raise AlreadyUsed("no such request, or the first agent's own")
    claimed = (
        update(desk_requests)
        .where(
            _kept.id == act.request_id,
            _kept.tenant == act.tenant,
            _kept.asked_account != act.account_id,
            _kept.answered_at.is_(None),
            _kept.expires_at > act.now,
        )
        .values(answered_at=act.now, answered_by=act.by, answer=act.answer.value)
        .returning(_kept.id)
    )
    if conn.execute(claimed).one_or_none() is None:
        raise AlreadyUsed("the request was answered, or is over")


def _ask(conn: Connection, request: DeskRequest, audit: AuditEvent) -> None:
    """Keep it in the place of the same agent's earlier one: else a second agent would do the same act twice.

    Under the lock of whom it is about: of two that come together the later one sees the earlier.
    """
    lock_owners(conn, [request.person_id])
    earlier = (_kept.tenant == request.tenant, _kept.asked_by == request.asked_by, _kept.act == request.act)
    about = (_kept.person_id == request.person_id, _kept.answered_at.is_(None), _kept.expires_at > request.asked_at)
    conn.execute(update(desk_requests).where(*earlier, *about).values(expires_at=request.asked_at))
    conn.execute(insert(desk_requests), [_row(request)])
    insert_audit(conn, (audit,))


def _answer(conn: Connection, act: AnswerRequest) -> None:
    claim_request(conn, act)
    insert_audit(conn, act.audit)
    insert_notices(conn, act.notices)


def _row(request: DeskRequest) -> dict[str, object]:
    return {
        "id": request.request_id, "tenant": request.tenant, "act": request.act, "person_id": request.person_id,
        "given": dict(request.given), "proofs": list(request.proofs), "reason": request.reason, "uai": request.uai,
        "asked_by": request.asked_by, "asked_account": request.asked_account, "asked_at": request.asked_at,
        "expires_at": request.expires_at,
    }  # fmt: skip


def _request(row: Row[Any]) -> DeskRequest:
    return DeskRequest(
        row.id, row.tenant, row.act, row.person_id, tuple(row.proofs), row.reason, row.uai, row.asked_by,
        row.asked_account, row.asked_at, row.expires_at, dict(row.given),
    )  # fmt: skip
