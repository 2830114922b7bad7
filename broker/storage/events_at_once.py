"""Audit events inside a data-modifying statement of PostgreSQL: handed over as JSON, read as rows by their columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import CTE, ColumnElement, Insert, bindparam, column, func, insert, select, true
from sqlalchemy.dialects.postgresql import JSONB

from broker.domain.audit import AuditEvent
from broker.storage.schema import audit_events
from broker.storage.trail import event_row

_COLUMNS = tuple(each for each in audit_events.c if each.name != "id")
_NAMES = [each.name for each in _COLUMNS]
_events = (
    func.jsonb_to_recordset(bindparam("events", type_=JSONB))
    .table_valued(*(column(each.name, each.type) for each in _COLUMNS))
    .render_derived(name="event", with_types=True)
)


def audited(done: CTE, **known: ColumnElement[str]) -> Insert:
    """Write the events bound as `events` when the step `done` yields a row; never when it yields none.

    `known`: columns of that step by the columns of the event (`actor`, `subject`) that are known only then.
    """
    values: list[ColumnElement[Any]] = [known.get(name, _events.c[name]) for name in _NAMES]
    return insert(audit_events).from_select(_NAMES, select(*values).select_from(done.join(_events, true())))


def events_as_json(events: Sequence[AuditEvent]) -> list[dict[str, Any]]:
    """The events as the bind `events` takes them."""
    return [{**event_row(event), "at": event.at.isoformat()} for event in events]
