"""`Details` in SQL: what some services are told beyond the view of a person.

A record's text holds more than may ever be told (the INE, a pupil's contacts, the adults beside a pupil); this module
takes the few fields of `domain.details` out of it and drops the rest here, next to the database.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import CTE, ColumnElement, Engine, Row, Select, String, and_, bindparam, or_, select

from broker.domain.clock import SchoolDay, utc_day
from broker.domain.details import ChildPlace, OwnLogin, OwnPlace, OwnRecord
from broker.domain.identity import AccountState, UpstreamProtocol
from broker.domain.people import RecordKind
from broker.domain.school import holds_ine
from broker.domain.trust import ByKeys, Disputed, Trust
from broker.storage.engine import fetch
from broker.storage.may_see import ATTACHED, may_see, stands
from broker.storage.schema import (
    Instant,
    accounts,
    attachments,
    enrolments,
    persons,
    records,
    schools,
    staff_posts,
)
from broker.storage.school_days import begun_somewhere, days, is_over, lies_ahead, not_over_everywhere

_NOW = bindparam("now", type_=Instant)
_PERSON = bindparam("person", type_=String)

_OPEN_PLACE = and_(
    or_(enrolments.c.until.is_(None), enrolments.c.until > _NOW),
    begun_somewhere(),
    not_over_everywhere(),
)
_post_school = schools.alias("post_school")


def record_rows(person: ColumnElement[str]) -> Select[Any]:
    """The live records of a person: a row for each, times its places, times its posts."""
    return (
        select(
            records.c.id,
            records.c.kind,
            records.c.feed,
            records.c.key,
            records.c.academie,
            records.c.ine,
            records.c.birth_date,
            records.c.content,
            schools.c.uai,
            schools.c.kind.label("structure_type"),
            enrolments.c.class_label,
            enrolments.c.mef,
            enrolments.c.starts_on,
            enrolments.c.ends_on,
            _post_school.c.uai.label("post_uai"),
            _post_school.c.kind.label("post_structure_type"),
        )
        .select_from(
            persons.join(attachments, attachments.c.person_id == persons.c.id)
            .join(records, records.c.id == attachments.c.record_id)
            .outerjoin(enrolments, and_(enrolments.c.record_id == records.c.id, _OPEN_PLACE))
            .outerjoin(schools, schools.c.uai == enrolments.c.uai)
            .outerjoin(staff_posts, and_(staff_posts.c.record_id == records.c.id, stands(staff_posts, _NOW)))
            .outerjoin(_post_school, _post_school.c.uai == staff_posts.c.uai)
        )
        .where(
            persons.c.id == person,
            persons.c.merged_into.is_(None),
            attachments.c.state == ATTACHED,
            records.c.retired_at.is_(None),
        )
        .order_by(records.c.first_seen_at, records.c.id, enrolments.c.uai, enrolments.c.class_code, staff_posts.c.uai)
    )


def place_rows(seen: CTE) -> Select[Any]:
    """Where the children of `may_see` are now: a row for each place of each."""
    return (
        select(
            seen.c.child_id,
            records.c.ine,
            records.c.content,
            schools.c.uai,
            schools.c.kind.label("structure_type"),
            enrolments.c.starts_on,
            enrolments.c.ends_on,
        )
        .select_from(
            seen.join(attachments, attachments.c.person_id == seen.c.child_id)
            .join(records, records.c.id == attachments.c.record_id)
            .join(enrolments, enrolments.c.record_id == records.c.id)
            .join(schools, schools.c.uai == enrolments.c.uai)
        )
        .where(attachments.c.state == ATTACHED, records.c.retired_at.is_(None), _OPEN_PLACE)
        .order_by(records.c.first_seen_at, records.c.id, schools.c.uai)
    )


_NAMED_BY_LOGIN = (UpstreamProtocol.CAS.value, UpstreamProtocol.LDAP.value)
"""Elsewhere the subject is an opaque identifier made for us alone: no service may have it."""


def login_rows(person: ColumnElement[str]) -> Select[Any]:
    """The names under which a person signs in, beside the national numbers of their records."""
    return (
        select(accounts.c.id, accounts.c.source_id, accounts.c.subject, records.c.ine)
        .select_from(
            accounts.outerjoin(attachments, attachments.c.person_id == accounts.c.person_id).outerjoin(
                records, records.c.id == attachments.c.record_id
            )
        )
        .where(
            accounts.c.person_id == person,
            accounts.c.state == AccountState.LINKED.value,
            accounts.c.protocol.in_(_NAMED_BY_LOGIN),
        )
        .order_by(accounts.c.linked_at, accounts.c.id)
    )


_RECORDS = record_rows(_PERSON)
_CHILD_PLACES = place_rows(may_see(lambda column: column == _PERSON, _NOW))
_LOGINS = login_rows(_PERSON)


class SqlDetails:
    """`Details` on SQLite or PostgreSQL: one autocommit statement a question.

    `school_day` tells by whose midnight enrolments begin and end, `trust` which of several feeds is told first.
    """

    def __init__(self, engine: Engine, *, school_day: SchoolDay = utc_day, trust: Trust | None = None) -> None:
        self._engine = engine
        self._school_day = school_day
        self._trust = trust or ByKeys()

    def records_of(self, person_id: str, *, now: datetime) -> tuple[OwnRecord, ...]:
        """See `Details.records_of`."""
        return self.records(fetch(self._engine, _RECORDS, {"person": person_id, "now": now, **days(now)}), now=now)

    def child_places(self, adult_id: str, *, now: datetime) -> tuple[ChildPlace, ...]:
        """See `Details.child_places`."""
        return self.places(fetch(self._engine, _CHILD_PLACES, {"person": adult_id, "now": now, **days(now)}), now=now)

    def logins_of(self, person_id: str) -> tuple[OwnLogin, ...]:
        """See `Details.logins_of`."""
        return self.logins(fetch(self._engine, _LOGINS, {"person": person_id}))

    def records(self, rows: Sequence[Row[Any]], *, now: datetime) -> tuple[OwnRecord, ...]:
        """The records of these `record_rows`."""
        by_record: dict[str, list[Row[Any]]] = {}
        for row in rows:
            by_record.setdefault(row.id, []).append(row)
        return tuple(self._record(found, now=now) for found in by_record.values())

    def places(self, rows: Sequence[Row[Any]], *, now: datetime) -> tuple[ChildPlace, ...]:
        """The places of these `place_rows`, without those that are over or lie ahead."""
        return tuple(dict.fromkeys(_child_place(row) for row in rows if self._is_on(row, now=now)))

    def logins(self, rows: Sequence[Row[Any]]) -> tuple[OwnLogin, ...]:
        """The logins of these `login_rows`."""
        own_numbers = {row.ine for row in rows if row.ine}
        found = {row.id: OwnLogin(row.source_id, row.subject) for row in rows}
        return tuple(login for login in found.values() if not holds_ine(login.login, known=own_numbers))

    def _record(self, rows: list[Row[Any]], *, now: datetime) -> OwnRecord:
        first = rows[0]
        content = json.loads(first.content)
        at_home = content if first.kind == RecordKind.GUARDIAN.value else {}
        return OwnRecord(
            kind=RecordKind(first.kind),
            feed=first.feed,
            key=_but_ine(first.key, first.ine),
            birth_date=first.birth_date,
            mail=_text(content, "mail"),
            postal_code=_text(content, "postal_code"),
            number=_but_ine(_text(content, "siecle_id"), first.ine),
            teachings=tuple(str(code) for code in content.get("teachings", ())),
            places=tuple(dict.fromkeys(self._places(rows, now=now))),
            ranks={
                each: self._trust.rank(each, first.feed, academie=first.academie, day=now.date()) for each in Disputed
            },
            mobile=_text(at_home, "mobile"),
            address=_text(at_home, "address"),
        )

    def _places(self, rows: Iterable[Row[Any]], *, now: datetime) -> Iterable[OwnPlace]:
        for row in rows:
            if row.uai is not None and self._is_on(row, now=now):
                yield OwnPlace(row.uai, row.structure_type, row.class_label, row.mef)
            if row.post_uai is not None:
                yield OwnPlace(row.post_uai, row.post_structure_type)

    def _is_on(self, row: Row[Any], *, now: datetime) -> bool:
        """Tell whether the place has begun and is not over by its school's clock."""
        over = is_over(row, school_day=self._school_day, now=now)
        return not over and not lies_ahead(row, school_day=self._school_day, now=now)


def _child_place(row: Row[Any]) -> ChildPlace:
    number = _but_ine(_text(json.loads(row.content), "siecle_id"), row.ine)
    return ChildPlace(row.child_id, row.uai, row.structure_type, number)


def _but_ine(value: str, ine: str) -> str:
    """The value, unless it holds a national number under another name: some feeds key pupils by it."""
    return "" if holds_ine(value, known=(ine,)) else value


def _text(content: Mapping[str, Any], field: str) -> str:
    value = content.get(field, "")
    return value if isinstance(value, str) else ""
