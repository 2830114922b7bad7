"""By which answer of which source a session was opened, read when one of both ends it."""

from __future__ import annotations

from sqlalchemy import Engine, String, bindparam, func, or_, select

from broker.domain.origins import SessionOrigin
from broker.domain.sessions import Session
from broker.storage.engine import fetch
from broker.storage.schema import sessions
from broker.storage.sealing import HintSeal
from broker.storage.sql_sessions import session_of

_VISIT = bindparam("visit", type_=String)
_OF_VISIT = (
    select(sessions.c.sid, sessions.c.source_id, sessions.c.source_hint)
    .where(or_(sessions.c.sid == _VISIT, sessions.c.continues == _VISIT))
    .order_by(sessions.c.opened_at.desc(), sessions.c.sid)
)
_opened = sessions.alias("opened")
_VISIT_OF_ANSWER = func.coalesce(_opened.c.continues, _opened.c.sid)
_OPENED_BY = (
    select(sessions)
    .join(_opened, or_(sessions.c.sid == _VISIT_OF_ANSWER, sessions.c.continues == _VISIT_OF_ANSWER))
    .where(_opened.c.answer == bindparam("answer", type_=String), sessions.c.revoked_at.is_(None))
)
"""Whoever proved more in the meantime holds another session of the same visit: the source means the visit."""


class SqlOrigins:
    """`Origins` on SQLite or PostgreSQL. `hints` opens what a source wants back."""

    def __init__(self, engine: Engine, hints: HintSeal) -> None:
        self._engine, self._hints = engine, hints

    def of_visit(self, visit: str) -> tuple[SessionOrigin, ...]:
        """See `Origins.of_visit`."""
        found: dict[str, SessionOrigin] = {}
        for row in fetch(self._engine, _OF_VISIT, {"visit": visit}):
            if row.source_id not in found:
                hint = self._hints.unseal(row.source_hint or "", sid=row.sid)
                found[row.source_id] = SessionOrigin(row.source_id, hint)
        return tuple(found.values())

    def opened_by(self, answer: str) -> Session | None:
        """See `Origins.opened_by`."""
        rows = fetch(self._engine, _OPENED_BY, {"answer": answer})
        return session_of(rows[0]) if rows else None
