"""At which schools records and persons stand: as a pupil, by a post, or by their children."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import CompoundSelect, Connection, and_, literal, select, union

from broker.storage.may_see import ATTACHED
from broker.storage.schema import attachments, enrolments, guardianships, records, staff_posts
from broker.storage.sql_imports_bulk import among

_NO_CLASS = literal("").label("class_label")


def record_places(conn: Connection, record_ids: Collection[str]) -> CompoundSelect[Any]:
    """A row for each record and each school that it stands at: `record_id`, `uai`, and a pupil's `class_label`."""
    own = select(enrolments.c.record_id, enrolments.c.uai, enrolments.c.class_label).where(
        among(conn, enrolments.c.record_id, record_ids), enrolments.c.until.is_(None)
    )
    post = select(staff_posts.c.record_id, staff_posts.c.uai, _NO_CLASS).where(
        among(conn, staff_posts.c.record_id, record_ids), staff_posts.c.until.is_(None)
    )
    children = (
        select(guardianships.c.adult_record, enrolments.c.uai, _NO_CLASS)
        .join(records, records.c.id == guardianships.c.child_record)
        .join(enrolments, and_(enrolments.c.record_id == records.c.id, enrolments.c.until.is_(None)))
        .where(
            among(conn, guardianships.c.adult_record, record_ids),
            guardianships.c.until.is_(None),
            records.c.retired_at.is_(None),
        )
    )
    return union(own, post, children)


def places_of(conn: Connection, record_ids: Collection[str]) -> dict[tuple[str, str], str]:
    """The class of each record at each of its schools; empty where it is no pupil's."""
    rows = conn.execute(record_places(conn, record_ids)) if record_ids else ()
    return {(row.record_id, row.uai): row.class_label for row in rows}


def schools_of(conn: Connection, person_id: str) -> frozenset[str]:
    """The schools at which any live record of the person stands."""
    query = (
        select(attachments.c.record_id)
        .join(records, records.c.id == attachments.c.record_id)
        .where(attachments.c.person_id == person_id, attachments.c.state == ATTACHED, records.c.retired_at.is_(None))
    )
    return frozenset(uai for _, uai in places_of(conn, list(conn.scalars(query))))
