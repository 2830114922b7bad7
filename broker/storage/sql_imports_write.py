"""Writing the plan of a chunk."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, exists, select, text, update

from broker.domain.imports import (
    ChunkPlan,
    EnrolmentRow,
    GuardianshipRow,
    ImportRun,
    PostFactRow,
    RecordRow,
    SchoolRow,
)
from broker.storage.copies import tell_sessions
from broker.storage.schema import (
    accounts,
    attachments,
    enrolments,
    guardianships,
    records,
    school_keys,
    schools,
    staff_posts,
)
from broker.storage.sql_contact_moves import note_moves
from broker.storage.sql_imports_bulk import among, insert_rows, rewrite_rows
from broker.storage.sql_imports_lease import insert_faults
from broker.storage.sql_search_index import touch_records
from broker.storage.sql_ties import write_ties
from broker.storage.trail import insert_audit

_SCHOOL = text(
    "INSERT INTO schools (uai, name, level, kind, academie, commune, contract)"
    " VALUES (:uai, :name, :level, :kind, :academie, :commune, :contract)"
    " ON CONFLICT (uai) DO UPDATE SET"
    " name = CASE WHEN excluded.name = excluded.uai THEN schools.name ELSE excluded.name END,"
    " level = CASE WHEN excluded.name = excluded.uai THEN coalesce(schools.level, excluded.level)"
    " ELSE coalesce(excluded.level, schools.level) END,"
    " kind = coalesce(nullif(excluded.kind, ''), schools.kind),"
    " academie = coalesce(nullif(excluded.academie, ''), schools.academie),"
    " commune = coalesce(nullif(excluded.commune, ''), schools.commune),"
    " contract = coalesce(nullif(excluded.contract, ''), schools.contract),"
    " retired_at = NULL"
)
"""A school that nobody has told the name of goes by its UAI. What a school's own list leaves out, or a list without
names says of the level, never replaces what another feed told."""
_SCHOOL_KEY = text(
    "INSERT INTO school_keys (feed, key, uai, content_hash, seen_in) VALUES (:feed, :key, :uai, :hash, :seen_in)"
    " ON CONFLICT (feed, key) DO UPDATE SET uai = excluded.uai, content_hash = excluded.content_hash,"
    " seen_in = excluded.seen_in, retired_at = NULL"
)
_CLASS = text(
    "INSERT INTO classes (uai, code, label) VALUES (:uai, :code, :label)"
    " ON CONFLICT (uai, code) DO UPDATE SET label = excluded.label"
)


def write_plan(conn: Connection, run: ImportRun, plan: ChunkPlan, *, now: datetime) -> None:
    """Write everything a chunk decided, in the transaction of `conn`. Facts may be older than `now`."""
    note_moves(conn, run, plan.contact_moves, now=now, hold=plan.contact_hold)
    _write_schools(conn, run, plan)
    insert_rows(conn, records, RecordRow._fields, list(plan.records_added.values()))
    rewrite_rows(conn, records, RecordRow._fields, list(plan.records_changed.values()), key=1)
    _retire_records(conn, run, plan)
    write_ties(conn, plan.ties)
    for table, fields, key, changed, added in (
        (guardianships, GuardianshipRow._fields, 3, plan.guardianships_changed, plan.guardianships_added),
        (enrolments, EnrolmentRow._fields, 4, plan.enrolments_changed, plan.enrolments_added),
        (staff_posts, PostFactRow._fields, 4, plan.posts_changed, plan.posts_added),
    ):
        # Ends first: one pair has one open row at any time (a unique index says so).
        rewrite_rows(conn, table, fields, changed, key=key)
        insert_rows(conn, table, fields, added)
    insert_faults(conn, run.import_id, plan.faults)
    insert_audit(conn, plan.audit)
    touch_records(conn, plan)
    _tell_sessions(conn, run, plan)


def _write_schools(conn: Connection, run: ImportRun, plan: ChunkPlan) -> None:
    rows = list(plan.schools.values())
    if rows:
        conn.execute(_SCHOOL, [_school(row) for row in rows])
        keys = [
            {"feed": run.feed, "key": row.key, "uai": row.uai, "hash": row.content_hash, "seen_in": run.import_id}
            for row in rows
        ]
        conn.execute(_SCHOOL_KEY, keys)
        classes = [{"uai": row.uai, "code": code, "label": label} for row in rows for code, label in row.classes]
        if classes:
            conn.execute(_CLASS, classes)
    if not plan.schools_retired:
        return
    gone = (school_keys.c.feed == run.feed) & among(conn, school_keys.c.key, plan.schools_retired)
    uais = list(conn.scalars(select(school_keys.c.uai).where(gone)))
    conn.execute(update(school_keys).where(gone).values(retired_at=run.applied_at, content_hash=""))
    still = exists().where(school_keys.c.uai == schools.c.uai, school_keys.c.retired_at.is_(None))
    conn.execute(update(schools).where(among(conn, schools.c.uai, uais), ~still).values(retired_at=run.applied_at))


def _school(row: SchoolRow) -> dict[str, Any]:
    names = ("uai", "name", "level", "kind", "academie", "commune", "contract")
    return {name: getattr(row, name) for name in names} | {"name": row.name or row.uai}


def _retire_records(conn: Connection, run: ImportRun, plan: ChunkPlan) -> None:
    if plan.records_retired:
        conn.execute(
            update(records)
            .where(among(conn, records.c.id, plan.records_retired))
            .values(retired_at=run.applied_at, content_hash="", seen_in=run.import_id)
        )


def _tell_sessions(conn: Connection, run: ImportRun, plan: ChunkPlan) -> None:
    """Persons who sign in and whose rights changed: copies of their sessions are to be dropped at once."""
    if not plan.touched or run.applied_at is None:
        return
    query = (
        select(attachments.c.person_id)
        .join(accounts, accounts.c.person_id == attachments.c.person_id)
        .where(
            among(conn, attachments.c.record_id, plan.touched),
            attachments.c.state == "attached",
            accounts.c.state == "linked",
        )
        .distinct()
    )
    tell_sessions(conn, list(conn.scalars(query)), now=run.applied_at)
