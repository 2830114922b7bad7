"""Who may see a child, as SQL. This condition is the definition; `domain.guardianship.may_see` is its readable twin.

Every statement that reads a child for an adult carries it, so that no route can forget it. A property test draws
relations, restrictions, attachments and merges at random and holds the two equal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import CTE, ColumnElement, FromClause, and_, exists, func, not_, or_, select

from broker.domain.people import AttachmentState
from broker.storage.schema import attachments, guardianships, records, restrictions
from broker.storage.withdrawals import is_withdrawn

Whose = Callable[[ColumnElement[str]], ColumnElement[bool]]
"""Says of a person-id column that it is the adult: one person, or several taken as one human."""

ATTACHED = AttachmentState.ATTACHED.value
BINDING = (AttachmentState.ATTACHED.value, AttachmentState.FROZEN.value)
"""A contested attachment opens nothing, but a restriction behind it still binds: in doubt, closed."""

_adult_at = attachments.alias("adult_at")
_adult = records.alias("adult")
_child_at = attachments.alias("child_at")
_child = records.alias("child")
_barred = records.alias("barred")
_barred_adult = attachments.alias("barred_adult")
_barred_child = attachments.alias("barred_child")


def stands(table: FromClause, now: ColumnElement[Any]) -> ColumnElement[bool]:
    """A dated fact of this table holds at `now`: from `since`, and strictly before `until`."""
    return and_(table.c.since <= now, or_(table.c.until.is_(None), table.c.until > now))


def each_adult(person_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Every adult, each for himself: what bars one bars no other. To be asked with `children`, or it asks of all."""
    return person_id == _adult_at.c.person_id


def may_see(adult: Whose, now: ColumnElement[Any], *, children: Whose | None = None) -> CTE:
    """The children this adult may see, one row for each relation that gives the right.

    A child is in it when a live record of the adult has a standing right to see a live record of the child, no court
    restriction stands between the two persons, and no other feed took the right back since it was given. Columns: the
    child's person, the two records and the dated fact that gave the right, and what attached the adult's record.
    Materialized, so that a planner without statistics still begins at the adult and not at every child of the
    académie. `children` says of a record-id column that only these children are asked about.
    """
    joined = (
        _adult_at.join(_adult, _adult.c.id == _adult_at.c.record_id)
        .join(guardianships, guardianships.c.adult_record == _adult.c.id)
        .join(_child, _child.c.id == guardianships.c.child_record)
        .join(_child_at, _child_at.c.record_id == _child.c.id)
    )
    return (
        select(
            _child_at.c.person_id.label("child_id"),
            _child.c.id.label("child_record"),
            _adult.c.feed,
            _adult.c.academie,
            _adult.c.key,
            _adult_at.c.evidence_kind,
            _adult_at.c.at,
            guardianships.c.quality,
            guardianships.c.may_act,
            func.coalesce(guardianships.c.given, guardianships.c.since).label("since"),
        )
        .select_from(joined)
        .where(
            adult(_adult_at.c.person_id),
            _adult_at.c.state == ATTACHED,
            _adult.c.retired_at.is_(None),
            guardianships.c.may_see,
            stands(guardianships, now),
            _child.c.retired_at.is_(None),
            _child_at.c.state == ATTACHED,
            not_(_restricted(adult, _child_at.c.person_id, now)),
            not_(is_withdrawn(adult, _adult, _child_at.c.person_id, now)),
            *(() if children is None else (children(_child.c.id),)),
        )
        .cte("may_see")
        .prefix_with("MATERIALIZED")
    )


def _restricted(adult: Whose, child_id: ColumnElement[str], now: ColumnElement[Any]) -> ColumnElement[bool]:
    """A restriction is written between records and binds the persons behind them, whichever record gives the right.

    For that child it also binds any record of the barred adult's very name and civility: the next school's feed may
    bring the same human under a new key, founding another person. A name may close; it never opens.
    """
    joined = _barred_child.join(restrictions, restrictions.c.child_record == _barred_child.c.record_id).join(
        _barred, _barred.c.id == restrictions.c.adult_record
    )
    behind = exists(
        select(_barred_adult.c.id)
        .where(
            _barred_adult.c.record_id == _barred.c.id,
            _barred_adult.c.state.in_(BINDING),
            adult(_barred_adult.c.person_id),
        )
        .correlate_except(_barred_adult)  # `each_adult` names the adult of the outermost row
    )
    return exists(
        select(restrictions.c.id)
        .select_from(joined)
        .where(
            _barred_child.c.person_id == child_id,
            _barred_child.c.state.in_(BINDING),
            stands(restrictions, now),
            or_(_barred.c.name_key == _adult.c.name_key, behind),
        )
    )
