"""Persons in SQL, read side: who someone is, the cards of the children they may see, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from typing import Any

from sqlalchemy import CTE, ColumnElement, Engine, Row, Select, String, and_, bindparam, func, or_, select

from broker.domain.clock import SchoolDay, utc_day
from broker.domain.names import fold
from broker.domain.people import (
    AttachmentState,
    CardReason,
    ChildCard,
    PersonName,
    PersonView,
    Post,
    Profil,
    RecordKind,
    RecordView,
    Reference,
)
from broker.domain.school import Level
from broker.domain.trust import ByKeys, Disputed, Trust
from broker.storage.engine import fetch
from broker.storage.lineage import OWNER
from broker.storage.may_see import ATTACHED, BINDING, may_see, stands
from broker.storage.schema import (
    Instant,
    attachments,
    enrolments,
    imports,
    persons,
    records,
    schools,
    staff_posts,
    subjects,
)
from broker.storage.school_days import days, is_over, lies_ahead, not_over_everywhere

_NOW = bindparam("now", type_=Instant)
_PERSON = bindparam("person", type_=String)
_ADULTS = bindparam("adults", type_=String, expanding=True)

_OPEN_PLACE = and_(
    or_(enrolments.c.until.is_(None), enrolments.c.until > _NOW),
    not_over_everywhere(),
)
"""A place is read until it is closed; one that starts ahead is read too, and its card says so."""

_PLACE = (
    schools.c.uai,
    schools.c.name,
    schools.c.level,
    enrolments.c.class_label,
    enrolments.c.class_code,
    enrolments.c.starts_on,
    enrolments.c.ends_on,
)

_TOLD_BY = (records.c.feed.label("told_by"), records.c.academie.label("told_in"))
"""The feed that tells a place, and the académie of its keys (empty where they are no national ones)."""


def card_rows(seen: CTE, *told: ColumnElement[Any]) -> Select[Any]:
    """The children that an adult may see (`may_see`): a row for each place of each, times each relation, beside `told`.

    `told` are columns of `seen`, the child's person among them.
    """
    return (
        select(*told, records.c.id, records.c.given_name, records.c.family_name, *_TOLD_BY, *_PLACE)
        .select_from(
            seen.join(attachments, attachments.c.person_id == seen.c.child_id)
            .join(records, records.c.id == attachments.c.record_id)
            .join(enrolments, enrolments.c.record_id == records.c.id)
            .join(schools, schools.c.uai == enrolments.c.uai)
        )
        .where(attachments.c.state == ATTACHED, records.c.retired_at.is_(None), _OPEN_PLACE)
    )


_seen = may_see(lambda column: column == _PERSON, _NOW)
_CARDS = card_rows(_seen, *_seen.c)
"""The child's card and what led to it."""

_SEES_A_CHILD = select(may_see(lambda column: column.in_(_ADULTS), _NOW).c.child_id).limit(1)

_post_school = schools.alias("post_school")


def self_rows(person: ColumnElement[str]) -> Select[Any]:
    """What the live records of a person say of them: a row for each record, times its posts, times its places."""
    return (
        select(
            records.c.kind,
            records.c.given_name,
            records.c.family_name,
            records.c.civility,
            records.c.first_seen_at,
            imports.c.applied_at,
            imports.c.made_on,
            staff_posts.c.function,
            staff_posts.c.profil,
            _post_school.c.uai.label("post_uai"),
            _post_school.c.name.label("post_school"),
            _post_school.c.level.label("post_level"),
            *_TOLD_BY,
            *_PLACE,
        )
        .select_from(
            persons.join(attachments, attachments.c.person_id == persons.c.id)
            .join(records, records.c.id == attachments.c.record_id)
            .outerjoin(imports, imports.c.id == records.c.seen_in)
            .outerjoin(staff_posts, and_(staff_posts.c.record_id == records.c.id, stands(staff_posts, _NOW)))
            .outerjoin(_post_school, _post_school.c.uai == staff_posts.c.uai)
            .outerjoin(enrolments, and_(enrolments.c.record_id == records.c.id, _OPEN_PLACE))
            .outerjoin(schools, schools.c.uai == enrolments.c.uai)
        )
        .where(
            persons.c.id == person,
            persons.c.merged_into.is_(None),
            attachments.c.state == ATTACHED,
            records.c.retired_at.is_(None),
        )
        .order_by(records.c.first_seen_at, records.c.id, staff_posts.c.uai, staff_posts.c.function)
    )


_SELF = self_rows(_PERSON)

_BY_REFERENCE = (
    select(
        records.c.id,
        records.c.feed,
        records.c.kind,
        records.c.academie,
        records.c.key,
        records.c.family_name,
        records.c.given_name,
        records.c.civility,
        attachments.c.state,
        persons.c.id.label("person_id"),
        persons.c.created_at,
        select(func.min(subjects.c.issued_at))
        .where(subjects.c.person_id == persons.c.id, subjects.c.retired_at.is_(None))
        .scalar_subquery()
        .label("subject_since"),
    )
    .select_from(
        records.join(attachments, attachments.c.record_id == records.c.id).join(
            persons, persons.c.id == attachments.c.person_id
        )
    )
    .where(
        records.c.feed.in_(bindparam("feeds", type_=String, expanding=True)),
        records.c.key.in_(bindparam("keys", type_=String, expanding=True)),
        records.c.retired_at.is_(None),
        attachments.c.state.in_(BINDING),
    )
    .order_by(records.c.id)
)

_LEVELS = {level: rank for rank, level in enumerate((Level.ECOLE, Level.COLLEGE, Level.LYCEE, None))}


class SqlPeople:
    """`People` on SQLite or PostgreSQL: one statement a question, all of them autocommit reads.

    `school_day` tells by whose midnight enrolments begin and end, `trust` which of several feeds is shown.
    """

    def __init__(self, engine: Engine, *, school_day: SchoolDay = utc_day, trust: Trust | None = None) -> None:
        self._engine = engine
        self._school_day = school_day
        self._trust = trust or ByKeys()

    def person(self, person_id: str, *, now: datetime) -> PersonView | None:
        """See `People.person`. The name is that of the most trusted feed, of several such the one told last."""
        return self.view(person_id, fetch(self._engine, _SELF, {"person": person_id, "now": now, **days(now)}), now=now)

    def children_of(self, adult_id: str, *, now: datetime) -> tuple[ChildCard, ...]:
        """See `People.children_of`."""
        return self.cards(fetch(self._engine, _CARDS, {"person": adult_id, "now": now, **days(now)}), now=now)

    def view(self, person_id: str, rows: Sequence[Row[Any]], *, now: datetime) -> PersonView | None:
        """The person of these `self_rows`; None when there are none."""
        if not rows:
            return None
        named = min(rows, key=lambda row: self._name_order(row, now))
        return PersonView(
            person_id=person_id,
            name=PersonName(family=named.family_name, given=named.given_name, civility=named.civility),
            kinds=frozenset(RecordKind(row.kind) for row in rows),
            posts=tuple(dict.fromkeys(_post(row) for row in rows if row.post_uai is not None)),
            pupil_at=self._cards(((person_id, row) for row in rows if row.uai is not None), now=now),
        )

    def cards(self, rows: Sequence[Row[Any]], *, now: datetime) -> tuple[ChildCard, ...]:
        """The cards of these `card_rows`, beside which `child_id` and `may_act` were asked for."""
        acting = {row.child_id for row in rows if row.may_act}
        cards = self._cards(((row.child_id, row) for row in rows), now=now)
        return tuple(replace(card, may_act=True) if card.child_id in acting else card for card in cards)

    def why(self, adult_id: str, *, now: datetime) -> tuple[CardReason, ...]:
        """See `People.why`. A relation to the card's own record goes before one to another record of the child."""
        read = fetch(self._engine, _CARDS, {"person": adult_id, "now": now, **days(now)})
        rows = [row for row in read if not is_over(row, school_day=self._school_day, now=now)]
        direct = {(row.child_id, row.uai) for row in rows if row.child_record == row.id}
        telling = [row for row in rows if row.child_record == row.id or (row.child_id, row.uai) not in direct]
        telling.sort(key=lambda row: (_place_order(row), row.child_id, row.uai, row.since, row.feed, row.key))
        return tuple(dict.fromkeys(_reason(row) for row in telling))

    def by_reference(self, references: Sequence[Reference], *, feeds: frozenset[str]) -> tuple[RecordView, ...]:
        """See `People.by_reference`."""
        keys = sorted({reference.key for reference in references})
        rows = fetch(self._engine, _BY_REFERENCE, {"feeds": sorted(feeds), "keys": keys})
        wanted = frozenset(references)
        return tuple(view for view in map(_record, rows) if view.reference in wanted)

    def sees_a_child(self, adult_ids: Sequence[str], *, now: datetime) -> bool:
        """See `People.sees_a_child`."""
        return bool(fetch(self._engine, _SEES_A_CHILD, {"adults": list(adult_ids), "now": now}))

    def owner(self, person_id: str) -> str:
        """See `People.owner`."""
        rows = fetch(self._engine, OWNER, {"person": person_id})
        return str(rows[0].id) if rows else person_id

    def _name_order(self, row: Row[Any], now: datetime) -> tuple[int, int]:
        told = row.made_on or (row.applied_at or row.first_seen_at).date()
        rank = self._trust.rank(Disputed.NAME, row.told_by, academie=row.told_in, day=now.date())
        return rank, -told.toordinal()

    def _cards(self, rows: Iterable[tuple[str, Row[Any]]], *, now: datetime) -> tuple[ChildCard, ...]:
        """One card a place that is not over by its school's clock."""
        found = [(child_id, row) for child_id, row in rows if not is_over(row, school_day=self._school_day, now=now)]
        cards: dict[tuple[str, str, str], ChildCard] = {}
        for child_id, row in self._telling(found, now.date()):
            ahead = lies_ahead(row, school_day=self._school_day, now=now)
            cards.setdefault((child_id, row.uai, row.class_label), _card(child_id, row, ahead=ahead))
        return tuple(cards.values())

    def _telling(self, found: Sequence[tuple[str, Row[Any]]], day: date) -> list[tuple[str, Row[Any]]]:
        """Of several feeds that tell of one child at one school, the most trusted tells the class; as people sort."""
        rank_of = partial(self._trust.rank, Disputed.SCHOOL_CLASS, day=day)
        ranks = [rank_of(row.told_by, academie=row.told_in) for _, row in found]
        best: dict[tuple[str, str], int] = {}
        for (child_id, row), rank in zip(found, ranks, strict=True):
            best[child_id, row.uai] = min(rank, best.get((child_id, row.uai), rank))
        told = zip(found, ranks, strict=True)
        telling = [(child_id, row) for (child_id, row), rank in told if rank == best[child_id, row.uai]]
        return sorted(telling, key=lambda one: (_place_order(one[1]), one[0], one[1].uai, one[1].class_label))


def _place_order(row: Row[Any]) -> tuple[int, str, str]:
    """By level, then given name as people sort them (databases disagree on accents, so not in SQL)."""
    return _LEVELS[_level(row.level)], fold(row.given_name), fold(row.family_name)


def _card(child_id: str, row: Row[Any], *, ahead: bool) -> ChildCard:
    return ChildCard(
        child_id=child_id,
        given=row.given_name,
        family=row.family_name,
        uai=row.uai,
        school=row.name,
        level=_level(row.level),
        class_label=row.class_label,
        starts=row.starts_on if ahead else None,
        class_code=row.class_code,
    )


def _reason(row: Row[Any]) -> CardReason:
    return CardReason(
        child_id=row.child_id,
        adult_feed=row.feed,
        adult_reference=Reference(academie=row.academie, key=row.key),
        attached_by=row.evidence_kind,
        attached_at=row.at,
        quality=row.quality,
        since=row.since,
        uai=row.uai,
    )


def _post(row: Row[Any]) -> Post:
    return Post(
        uai=row.post_uai,
        school=row.post_school,
        level=_level(row.post_level),
        profil=Profil(row.profil),
        function=row.function,
    )


def _record(row: Row[Any]) -> RecordView:
    return RecordView(
        record_id=row.id,
        feed=row.feed,
        kind=RecordKind(row.kind),
        person_id=row.person_id,
        reference=Reference(academie=row.academie, key=row.key),
        name=PersonName(family=row.family_name, given=row.given_name, civility=row.civility),
        person_since=row.created_at,
        subject_since=row.subject_since,
        state=AttachmentState(row.state),
    )


def _level(value: str | None) -> Level | None:
    return Level(value) if value else None
