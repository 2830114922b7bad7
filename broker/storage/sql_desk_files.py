"""`DeskFiles` in SQL: families and classes as the desk reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, String, and_, bindparam, literal, select

from broker.domain.desk_file import ClassPupil, FiledAdult, FiledChild
from broker.domain.names import fold
from broker.domain.people import PersonName, RecordKind
from broker.storage.engine import fetch, reading
from broker.storage.may_see import ATTACHED, each_adult, may_see
from broker.storage.schema import (
    Instant,
    attachments,
    enrolments,
    guardianships,
    records,
    school_keys,
    schools,
)
from broker.storage.sql_imports_bulk import among

_PERSON = bindparam("person", type_=String)
_adult_at, _child_at = attachments.alias("adult_at"), attachments.alias("child_at")
_child, _adult = records.alias("child"), records.alias("adult")

_BESIDE = (
    guardianships.join(_adult_at, _adult_at.c.record_id == guardianships.c.adult_record)
    .join(_child_at, _child_at.c.record_id == guardianships.c.child_record)
    .join(_child, _child.c.id == guardianships.c.child_record)
    .join(_adult, _adult.c.id == guardianships.c.adult_record)
)
_STANDS = (
    guardianships.c.until.is_(None),
    _adult_at.c.state == ATTACHED,
    _child_at.c.state == ATTACHED,
    _child.c.retired_at.is_(None),
    _adult.c.retired_at.is_(None),
)
_CHILDREN = (
    select(
        _child_at.c.person_id, _child.c.given_name, schools.c.uai, schools.c.name.label("school"),
        enrolments.c.class_label,
    )
    .select_from(
        _BESIDE.join(enrolments, and_(enrolments.c.record_id == _child.c.id, enrolments.c.until.is_(None))).join(
            schools, schools.c.uai == enrolments.c.uai
        )
    )
    .where(_adult_at.c.person_id == _PERSON, *_STANDS)
    .distinct()
    .order_by(_child.c.given_name, schools.c.uai)
)  # fmt: skip
_ADULTS = (
    select(_adult_at.c.person_id, _adult.c.family_name, _adult.c.given_name, _adult.c.civility)
    .select_from(_BESIDE)
    .where(_child_at.c.person_id == _PERSON, *_STANDS)
    .order_by(_adult.c.family_name, _adult.c.given_name, _adult_at.c.person_id)
)
_TAUGHT = (
    select(records.c.feed, records.c.content)
    .join(attachments, and_(attachments.c.record_id == records.c.id, attachments.c.state == ATTACHED))
    .where(
        attachments.c.person_id == _PERSON,
        records.c.kind == RecordKind.STAFF.value,
        records.c.retired_at.is_(None),
    )
)
_CLASSES = (
    select(enrolments.c.class_label)
    .where(enrolments.c.uai == bindparam("uai", type_=String), enrolments.c.until.is_(None))
    .distinct()
    .order_by(enrolments.c.class_label)
)


class SqlDeskFiles:
    """`DeskFiles` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def children(self, person_id: str) -> tuple[FiledChild, ...]:
        """See `DeskFiles.children`."""
        rows = fetch(self._engine, _CHILDREN, {"person": person_id})
        return tuple(FiledChild(row.person_id, row.given_name, row.uai, row.school, row.class_label) for row in rows)

    def adults(self, person_id: str) -> tuple[FiledAdult, ...]:
        """See `DeskFiles.adults`."""
        rows = fetch(self._engine, _ADULTS, {"person": person_id})
        return tuple({row.person_id: FiledAdult(row.person_id, _name(row)) for row in reversed(rows)}.values())[::-1]

    def school(self, uai: str) -> str:
        """See `DeskFiles.school`."""
        rows = fetch(self._engine, select(schools.c.name).where(schools.c.uai == uai), {})
        return str(rows[0].name) if rows else ""

    def classes(self, uai: str) -> tuple[str, ...]:
        """See `DeskFiles.classes`."""
        return tuple(row.class_label for row in fetch(self._engine, _CLASSES, {"uai": uai}) if row.class_label)

    def taught(self, person_id: str) -> frozenset[tuple[str, str]]:
        """See `DeskFiles.taught`. A school is named by the feed's own key."""
        rows = fetch(self._engine, _TAUGHT, {"person": person_id})
        named = {(row.feed, each[0], each[2]) for row in rows for each in _classes(row)}
        with reading(self._engine) as conn:
            query = select(school_keys.c.feed, school_keys.c.key, school_keys.c.uai).where(
                among(conn, school_keys.c.key, {key for _, key, _ in named}), school_keys.c.retired_at.is_(None)
            )
            uais = {(row.feed, row.key): row.uai for row in conn.execute(query)} if named else {}
        return frozenset((uais[feed, key], label) for feed, key, label in named if (feed, key) in uais)

    def pupils(self, uai: str, class_label: str, *, now: datetime) -> tuple[ClassPupil, ...]:
        """See `DeskFiles.pupils`."""
        with reading(self._engine) as conn:
            found = conn.execute(_of_class(uai, class_label)).fetchall()
            adults = _seeing(conn, [row.id for row in found], now) if found else {}
        pupils = {
            row.person_id: ClassPupil(row.person_id, _name(row), class_label, tuple(adults.get(row.person_id, ())))
            for row in found
        }
        return tuple(sorted(pupils.values(), key=lambda each: (fold(each.name.family), fold(each.name.given))))


def _classes(row: Any) -> list[list[str]]:
    found: list[list[str]] = json.loads(row.content).get("classes", [])
    return found


def _of_class(uai: str, class_label: str) -> Select[Any]:
    return (
        select(records.c.id, records.c.family_name, records.c.given_name, records.c.civility, attachments.c.person_id)
        .select_from(
            enrolments.join(records, records.c.id == enrolments.c.record_id).join(
                attachments, and_(attachments.c.record_id == records.c.id, attachments.c.state == ATTACHED)
            )
        )
        .where(
            enrolments.c.uai == uai,
            enrolments.c.class_label == class_label,
            enrolments.c.until.is_(None),
            records.c.kind == RecordKind.PUPIL.value,
            records.c.retired_at.is_(None),
        )
    )


def _seeing(conn: Connection, children: Sequence[str], now: datetime) -> dict[str, list[FiledAdult]]:
    """By child the adults who may see it now: a restricted one gets no letter that would say that there is a child."""
    beside = conn.scalars(
        select(attachments.c.person_id)
        .join(guardianships, guardianships.c.adult_record == attachments.c.record_id)
        .where(among(conn, guardianships.c.child_record, children), guardianships.c.until.is_(None))
    )
    adults = sorted(set(beside))
    seen = may_see(
        lambda person_id: and_(each_adult(person_id), among(conn, person_id, adults)),
        literal(now, type_=Instant),
        children=lambda record_id: among(conn, record_id, children),
    )
    own = attachments.alias("own")
    query = (
        select(seen.c.child_id, own.c.person_id, records.c.family_name, records.c.given_name, records.c.civility)
        .select_from(seen)
        .join(records, and_(records.c.feed == seen.c.feed, records.c.key == seen.c.key))
        .join(own, and_(own.c.record_id == records.c.id, own.c.state == ATTACHED))
        .order_by(records.c.family_name, records.c.given_name)
    )
    found: dict[str, dict[str, FiledAdult]] = {}
    for row in conn.execute(query):
        found.setdefault(row.child_id, {})[row.person_id] = FiledAdult(row.person_id, _name(row))
    return {child: list(adults.values()) for child, adults in found.items()}


def _name(row: Any) -> PersonName:
    return PersonName(row.family_name, row.given_name, row.civility)
