"""What every act leaves behind: its audit events and its outbox rows, written inside the act's own transaction."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert

from broker.domain.access_notices import AccessNotice
from broker.domain.audit import AuditEvent, OutboxRow
from broker.domain.notices import notice_row
from broker.storage.schema import audit_events, notices, outbox

_INSERT_EVENTS = insert(audit_events)
_INSERT_ROWS = insert(outbox)
_INSERT_NOTICES = insert(notices)


def insert_audit(conn: Connection, events: Sequence[AuditEvent]) -> None:
    """Write events in the transaction of `conn`; the sealer chains them later, in commit order."""
    if events:
        conn.execute(_INSERT_EVENTS, [event_row(event) for event in events])


def insert_outbox(conn: Connection, rows: Sequence[OutboxRow]) -> None:
    """Write what is to be told once the transaction of `conn` has committed."""
    if rows:
        conn.execute(_INSERT_ROWS, [outbox_row(row) for row in rows])


def insert_notices(conn: Connection, told: Sequence[AccessNotice]) -> None:
    """Write what persons are told in the transaction of `conn`: for the portal, and to be sent once it committed."""
    if not told:
        return
    conn.execute(_INSERT_NOTICES, [_portal_row(each) for each in told])
    insert_outbox(conn, [notice_row(each) for each in told])


def _portal_row(notice: AccessNotice) -> dict[str, object]:
    """The columns of what a person is told in `notices`."""
    return {
        "person_id": notice.person_id,
        "kind": notice.kind.value,
        "at": notice.at,
        "told": notice.told,
        "trace": notice.trace,
    }


def event_row(event: AuditEvent) -> dict[str, object]:
    """The columns of an event in `audit_events`."""
    return {
        "tenant": event.tenant,
        "at": event.at,
        "action": event.action.value,
        "actor": event.actor,
        "subject": event.subject,
        "outcome": event.outcome,
        "trace": event.trace,
        "detail": event.detail,
    }


def outbox_row(row: OutboxRow) -> dict[str, object]:
    """The columns of a row in `outbox`, due at once."""
    return {
        "topic": row.topic.value,
        "key": row.key,
        "payload": row.payload,
        "at": row.at,
        "due_at": row.at,
        "attempts": 0,
        "lane": row.lane or None,
    }
