"""Who has to do with a school, in SQL: the persons from among whom a roll is made. Who may be told is decided later."""

from __future__ import annotations

from sqlalchemy import Engine, select

from broker.storage.engine import reading
from broker.storage.may_see import ATTACHED
from broker.storage.schema import attachments, enrolments, guardianships, staff_posts
from broker.storage.sql_imports_bulk import among


class SqlRolls:
    """`Rolls` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def people_at(self, uai: str) -> tuple[str, ...]:
        """See `Rolls.people_at`."""
        with reading(self._engine) as conn:
            pupils = set(conn.scalars(select(enrolments.c.record_id).where(
                enrolments.c.uai == uai, enrolments.c.until.is_(None)
            )))  # fmt: skip
            adults = set(conn.scalars(select(guardianships.c.adult_record).where(
                among(conn, guardianships.c.child_record, pupils), guardianships.c.until.is_(None)
            )))  # fmt: skip
            staff = set(conn.scalars(select(staff_posts.c.record_id).where(
                staff_posts.c.uai == uai, staff_posts.c.until.is_(None)
            )))  # fmt: skip
            return tuple(sorted(set(conn.scalars(select(attachments.c.person_id).where(
                among(conn, attachments.c.record_id, pupils | adults | staff), attachments.c.state == ATTACHED
            )))))  # fmt: skip
