"""`LoginFaults` in SQL: what trace numbers lead to, and the trail read by trace number and by person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, String, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from broker.domain.audit import Action, AuditEvent
from broker.domain.login_faults import Hop, HopKind, LoginFault
from broker.storage.engine import fetch, reading
from broker.storage.schema import Instant, audit_events, login_faults
from broker.storage.schema.trail import NOT_HOT, SIGN_INS

LONGEST_CAUSE = 200

_FIND = select(login_faults).where(login_faults.c.trace == bindparam("trace", type_=String))
_EVENTS = (
    select(audit_events)
    .where(audit_events.c.trace == bindparam("trace", type_=String), SIGN_INS)
    .order_by(audit_events.c.id)
)
_EVENTS_OF = (
    select(audit_events)
    .where(
        audit_events.c.subject.in_(bindparam("persons", type_=String, expanding=True)),
        NOT_HOT,
        audit_events.c.at >= bindparam("since", type_=Instant),
        audit_events.c.at < bindparam("until", type_=Instant),
    )
    .order_by(audit_events.c.id.desc())
    .limit(bindparam("most"))
)


class SqlLoginFaults:
    """`LoginFaults` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        dialect: Any = postgresql if engine.dialect.name == "postgresql" else sqlite
        self._write = dialect.insert(login_faults).on_conflict_do_nothing()

    def note(self, fault: LoginFault) -> None:
        """See `LoginFaults.note`."""
        hops = [{"kind": hop.kind.value, "at": hop.at.isoformat(), "place": hop.place} for hop in fault.hops]
        row = {**asdict(fault), "cause": fault.cause[:LONGEST_CAUSE], "path": fault.path[:128], "hops": hops}
        with reading(self._engine) as conn:  # one statement that stands alone
            conn.execute(self._write, [row])

    def find(self, trace: str) -> LoginFault | None:
        """See `LoginFaults.find`."""
        rows = fetch(self._engine, _FIND, {"trace": trace})
        return _fault(rows[0]) if rows else None

    def events(self, trace: str) -> tuple[AuditEvent, ...]:
        """See `LoginFaults.events`."""
        return tuple(_event(row) for row in fetch(self._engine, _EVENTS, {"trace": trace}))

    def events_of(
        self, persons: Sequence[str], *, since: datetime, until: datetime, limit: int
    ) -> tuple[AuditEvent, ...]:
        """See `LoginFaults.events_of`."""
        binds = {"persons": list(persons), "since": since, "until": until, "most": limit}
        return tuple(_event(row) for row in fetch(self._engine, _EVENTS_OF, binds))


def _fault(row: Row[Any]) -> LoginFault:
    hops = tuple(Hop(HopKind(hop["kind"]), datetime.fromisoformat(hop["at"]), hop["place"]) for hop in row.hops)
    return LoginFault(
        row.trace, row.at, row.code, row.cause, row.path, row.person_id, row.source_id, row.service_id, hops
    )


def _event(row: Row[Any]) -> AuditEvent:
    return AuditEvent(
        row.tenant, row.at, Action(row.action), row.actor, row.subject, row.outcome, row.trace, dict(row.detail)
    )
