"""`Reach` in SQL: the children of one school, who may see each, and whether that person ever signed in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, and_, literal, select

from broker.domain.identity import AccountState
from broker.domain.people import AttachmentState, PersonName, RecordKind
from broker.domain.quality import EnrolledChild, SchoolFamilies, Seer
from broker.storage.engine import reading
from broker.storage.may_see import ATTACHED, each_adult, may_see
from broker.storage.schema import Instant, accounts, attachments, enrolments, guardianships, records, schools
from broker.storage.sql_imports_bulk import among
from broker.storage.sql_quality import enrolled


class SqlReach:
    """`Reach` on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def schools(self) -> Sequence[str]:
        """See `Reach.schools`."""
        place = select(enrolments.c.uai).where(enrolments.c.uai == schools.c.uai, enrolments.c.until.is_(None))
        with reading(self._engine) as conn:
            return conn.scalars(select(schools.c.uai).where(place.exists()).order_by(schools.c.uai)).all()

    def families(self, uai: str, *, now: datetime) -> SchoolFamilies | None:
        """See `Reach.families`."""
        with reading(self._engine) as conn:
            name = conn.execute(select(schools.c.name).where(schools.c.uai == uai)).scalar_one_or_none()
            if name is None:
                return None
            places = enrolled(conn, uai)
            return SchoolFamilies(uai, name, _children(conn, places), _seers(conn, places, now))


def _children(conn: Connection, places: Mapping[str, tuple[str, str]]) -> tuple[EnrolledChild, ...]:
    columns = (records.c.id, records.c.family_name, records.c.given_name, records.c.civility, attachments.c.person_id)
    query = (
        select(*columns)
        .outerjoin(attachments, and_(attachments.c.record_id == records.c.id, attachments.c.state == ATTACHED))
        .where(
            among(conn, records.c.id, places),
            records.c.kind == RecordKind.PUPIL.value,
            records.c.retired_at.is_(None),
        )
        .order_by(records.c.id)
    )
    return tuple(
        EnrolledChild(
            row.person_id or row.id,
            row.id,
            PersonName(row.family_name, row.given_name, row.civility),
            places[row.id][1],
        )
        for row in conn.execute(query)
    )


def _seers(conn: Connection, places: Mapping[str, tuple[str, str]], now: datetime) -> tuple[Seer, ...]:
    adults = _adults(conn, places)
    seen = may_see(
        lambda person_id: and_(each_adult(person_id), among(conn, person_id, adults)),
        literal(now, type_=Instant),
        children=lambda record_id: among(conn, record_id, places),
    )
    own = attachments.alias("own")
    query = (
        select(seen.c.child_id, records.c.content, _linked(own.c.person_id).label("signs_in"),
               _proposed_to_a_user(records.c.id).label("may_be_known"))
        .select_from(seen)
        .join(records, and_(records.c.feed == seen.c.feed, records.c.key == seen.c.key))
        .join(own, and_(own.c.record_id == records.c.id, own.c.state == ATTACHED))
    )  # fmt: skip
    return tuple(map(_seer, conn.execute(query)))


def _adults(conn: Connection, places: Mapping[str, tuple[str, str]]) -> set[str]:
    """The persons that stand beside the children in whichever way: `may_see` is asked of them, so it begins at them."""
    beside = set(conn.scalars(select(guardianships.c.adult_record).where(
        among(conn, guardianships.c.child_record, places), guardianships.c.until.is_(None)
    )))  # fmt: skip
    return set(conn.scalars(select(attachments.c.person_id).where(
        among(conn, attachments.c.record_id, beside), attachments.c.state == ATTACHED
    )))  # fmt: skip


def _linked(person_id: ColumnElement[str]) -> ColumnElement[bool]:
    """A login becomes linked by a sign-in: who has one has come in."""
    return _links(person_id).exists()


def _links(person_id: ColumnElement[str]) -> Select[Any]:
    linked = accounts.c.state == AccountState.LINKED.value
    return select(accounts.c.id).where(accounts.c.person_id == person_id, linked)


def _proposed_to_a_user(record_id: ColumnElement[str]) -> ColumnElement[bool]:
    proposed = attachments.alias("proposed")
    state = proposed.c.state == AttachmentState.PROPOSED.value
    who = select(proposed.c.id).where(proposed.c.record_id == record_id, state, _linked(proposed.c.person_id))
    return who.exists()


def _seer(row: Row[Any]) -> Seer:
    told = json.loads(row.content)
    return Seer(
        child_id=row.child_id,
        signs_in=bool(row.signs_in),
        may_be_known=bool(row.may_be_known),
        mail=told.get("mail", ""),
        mobile=told.get("mobile", ""),
        address=told.get("address", ""),
    )
