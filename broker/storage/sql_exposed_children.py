"""Which children a set of adults' records showed, and when: the part of the exposure report that follows the cards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, or_, select

from broker.domain.exposure import JoinedAdult, Span, VisibleChild
from broker.domain.people import AttachmentState
from broker.storage.may_see import ATTACHED, BINDING
from broker.storage.schema import attachments, enrolments, guardianships, records, restrictions, schools

SHOWED = (*BINDING, AttachmentState.UNDONE.value)
"""What showed something at some time: a proposal never did."""


def visible_children(
    conn: Connection, within: Span, adults: Sequence[tuple[JoinedAdult, Span]]
) -> tuple[VisibleChild, ...]:
    """Every child that a record of a side gave the right to see, cut to when it did and to no restriction.

    A card tells every record of the child's person, so one that was wrongly joined to the child is told too.
    """
    rows = _relations(conn, within, {adult.record_id for adult, _ in adults})
    beside = _beside(conn, within, {row.child_record for row in rows})
    closed = _closed(conn, within, [adult.record_id for adult, _ in adults], {each.person_id for each in beside})
    places = _places(conn, within, {each.record_id for each in beside})
    of_child: dict[str, list[_Card]] = {}
    for each in beside:
        of_child.setdefault(each.child_record, []).append(each)
    rights: dict[str, list[Row[Any]]] = {}
    for row in rows:
        rights.setdefault(row.adult_record, []).append(row)
    found: dict[VisibleChild, None] = {}
    for adult, held in adults:
        for row in rights.get(adult.record_id, ()):
            for card in of_child.get(row.child_record, ()):
                right = _common(span_of(row.since, earliest(row.until, row.retired_at), within.end), held, card.span)
                for part in right.without(closed.get(card.person_id, ())) if right else ():
                    found[card.seen(adult, places.get(card.record_id, ()), part)] = None
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Card:
    """A record on the cards of whoever had a right over `child_record`, while both were `person_id`'s.

    `child_id`: the person it is now; the record itself while it is in doubt whose it is.
    """

    child_record: str
    record_id: str
    person_id: str
    child_id: str
    given: str
    family: str
    span: Span

    def seen(self, adult: JoinedAdult, places: tuple[str, ...], span: Span) -> VisibleChild:
        return VisibleChild(
            child_id=self.child_id,
            given=self.given,
            family=self.family,
            side=adult.side,
            through=adult.record_id,
            places=places,
            span=span,
        )


def _relations(conn: Connection, within: Span, adult_records: Iterable[str]) -> Sequence[Row[Any]]:
    child = records.alias("child")
    return conn.execute(
        select(guardianships, child.c.retired_at)
        .join(child, child.c.id == guardianships.c.child_record)
        .where(
            guardianships.c.adult_record.in_(list(adult_records)),
            guardianships.c.may_see,
            guardianships.c.since < within.end,
            or_(guardianships.c.until.is_(None), guardianships.c.until > within.begin),
        )
        .order_by(guardianships.c.child_record, guardianships.c.since)
    ).fetchall()


def _beside(conn: Connection, within: Span, child_records: Iterable[str]) -> Sequence[_Card]:
    """For each child's record all the records, itself too, that ever were one person's with it, and while they were."""
    showed = attachments.c.state.in_(SHOWED)
    base = select(attachments).where(attachments.c.record_id.in_(list(child_records)), showed)
    bases: dict[str, list[Row[Any]]] = {}
    for row in conn.execute(base.order_by(attachments.c.id)):
        bases.setdefault(row.person_id, []).append(row)
    told = (attachments, records.c.given_name, records.c.family_name, records.c.retired_at)
    others = conn.execute(
        select(*told)
        .join(records, records.c.id == attachments.c.record_id)
        .where(attachments.c.person_id.in_(list(bases)), showed)
        .order_by(attachments.c.id)
    ).fetchall()
    certain = select(attachments.c.record_id, attachments.c.person_id).where(
        attachments.c.record_id.in_([row.record_id for row in others]), attachments.c.state == ATTACHED
    )
    now_of = {row.record_id: row.person_id for row in conn.execute(certain)}
    end = within.end
    return [
        _Card(
            child_record=one.record_id,
            record_id=other.record_id,
            person_id=one.person_id,
            child_id=now_of.get(other.record_id, other.record_id),
            given=other.given_name,
            family=other.family_name,
            span=span,
        )
        for other in others
        for one in bases[other.person_id]
        if (
            span := _common(
                span_of(one.at, one.ended_at, end), span_of(other.at, earliest(other.ended_at, other.retired_at), end)
            )
        )
    ]


def _closed(
    conn: Connection, within: Span, adult_records: Iterable[str], child_ids: Iterable[str]
) -> Mapping[str, Sequence[Span]]:
    """When court restrictions between these adults and each child closed the sight."""
    rows = conn.execute(
        select(
            *(restrictions.c.since, restrictions.c.until),
            *(attachments.c.person_id, attachments.c.at, attachments.c.ended_at),
        )
        .join(attachments, attachments.c.record_id == restrictions.c.child_record)
        .where(
            restrictions.c.adult_record.in_(list(adult_records)),
            attachments.c.person_id.in_(list(child_ids)),
            attachments.c.state.in_(SHOWED),
        )
    )
    found: dict[str, list[Span]] = {}
    for row in rows:
        bound = _common(span_of(row.since, row.until, within.end), span_of(row.at, row.ended_at, within.end))
        if bound is not None:
            found.setdefault(row.person_id, []).append(bound)
    return found


def _places(conn: Connection, within: Span, child_records: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    rows = conn.execute(
        select(enrolments.c.record_id, enrolments.c.class_label, enrolments.c.uai, schools.c.name)
        .join(schools, schools.c.uai == enrolments.c.uai)
        .where(
            enrolments.c.record_id.in_(list(child_records)),
            enrolments.c.since < within.end,
            or_(enrolments.c.until.is_(None), enrolments.c.until > within.begin),
        )
        .order_by(enrolments.c.record_id, enrolments.c.uai)
    )
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        found.setdefault(row.record_id, {})[f"{row.class_label} {row.name} ({row.uai})"] = None
    return {record_id: tuple(told) for record_id, told in found.items()}


def _common(*spans: Span) -> Span | None:
    """What all have in common; None when nothing."""
    begin, end = max(span.begin for span in spans), min(span.end for span in spans)
    return Span(begin, end) if begin < end else None


def span_of(begin: datetime, end: datetime | None, now: datetime) -> Span:
    """From a moment on until another one, or until now."""
    return Span(begin, now if end is None else end)


def earliest(*moments: datetime | None) -> datetime | None:
    """The first of those that are; None when none is."""
    return min((moment for moment in moments if moment is not None), default=None)
