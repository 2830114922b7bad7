"""Rights that a feed took back, as SQL: what other feeds gave before opens nothing (in words: `Withdrawal`).

An école's file that is a month late still gives a father the right that the collège's file took back last week. The
later word counts, and of two words of one day the one that closes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, exists, func, not_, or_, select

from broker.domain.people import AttachmentState
from broker.storage.schema import attachments, guardianships, records

_BINDING = (AttachmentState.ATTACHED.value, AttachmentState.FROZEN.value)

_taken = guardianships.alias("taken")
_taken_child = attachments.alias("taken_child")
_taken_adult = records.alias("taken_adult")
_taken_at = attachments.alias("taken_at")
_later = guardianships.alias("later")
_kept = guardianships.alias("kept")
_kept_adult = records.alias("kept_adult")
_before = guardianships.alias("before")


def is_withdrawn(
    adult: Callable[[ColumnElement[str]], ColumnElement[bool]],
    adult_record: FromClause,
    child_id: ColumnElement[str],
    now: ColumnElement[Any],
) -> ColumnElement[bool]:
    """Tell of a row of `guardianships`, of this adult's record, whether another feed took the right back since.

    As a restriction it binds the persons behind the records, and for that child any record of the same name and
    civility. The feed's own later grant to the same record ends it.
    """
    behind = exists(
        select(_taken_at.c.id)
        .where(
            _taken_at.c.record_id == _taken.c.adult_record,
            _taken_at.c.state.in_(_BINDING),
            adult(_taken_at.c.person_id),
        )
        .correlate_except(_taken_at)
    )
    return exists(
        select(_taken.c.child_record)
        .select_from(
            _taken_child.join(_taken, _taken.c.child_record == _taken_child.c.record_id).join(
                _taken_adult, _taken_adult.c.id == _taken.c.adult_record
            )
        )
        .where(
            _taken_child.c.person_id == child_id,
            _taken_child.c.state.in_(_BINDING),
            _taken.c.withdrawn.is_not(None),
            _taken.c.withdrawn <= now,
            _taken.c.feed != guardianships.c.feed,
            func.coalesce(guardianships.c.given, guardianships.c.since) <= _taken.c.withdrawn,
            or_(_taken_adult.c.name_key == adult_record.c.name_key, behind),
            not_(_given_again()),
            not_(_kept_under_another_key()),
        )
    )


def still_closes(taken: FromClause) -> ColumnElement[bool]:
    """Tell of a row of `guardianships` whether it took back what another feed goes on giving: forgotten, it would open.

    So would one that tells that a homonym stood beside the child then. Asked of the child alone, whoever the adult is:
    a few rows too many are kept, and none too few.
    """
    mine, other, given = attachments.alias("mine"), attachments.alias("other"), guardianships.alias("given")
    closing = guardianships.alias("closing")
    tells = exists(
        select(closing.c.since)
        .where(
            closing.c.child_record == taken.c.child_record,
            closing.c.withdrawn.is_not(None),
            closing.c.until > taken.c.since,
            closing.c.until <= taken.c.until,
        )
        .correlate_except(closing)
    )
    return and_(
        or_(taken.c.withdrawn.is_not(None), tells),
        exists(
            select(given.c.since)
            .select_from(
                mine.join(other, other.c.person_id == mine.c.person_id).join(
                    given, given.c.child_record == other.c.record_id
                )
            )
            .where(
                mine.c.record_id == taken.c.child_record,
                mine.c.state.in_(_BINDING),
                other.c.state == AttachmentState.ATTACHED.value,
                given.c.feed != taken.c.feed,
                given.c.until.is_(None),
                given.c.may_see,
            )
            .correlate_except(mine, other, given)
        ),
    )


def _given_again() -> ColumnElement[bool]:
    return exists(
        select(_later.c.since)
        .where(
            _later.c.adult_record == _taken.c.adult_record,
            _later.c.child_record == _taken.c.child_record,
            _later.c.since > _taken.c.since,
            _later.c.may_see,
        )
        .correlate_except(_later)
    )


def _kept_under_another_key() -> ColumnElement[bool]:
    """The feed gives the same right to a record of the same given name and civility: a key or a family name changed.

    That record took the place: one that stood beside the child already is another man, who keeps his own right.
    """
    same = and_(
        _kept_adult.c.given_name == _taken_adult.c.given_name, _kept_adult.c.civility == _taken_adult.c.civility
    )
    return exists(
        select(_kept.c.since)
        .select_from(_kept.join(_kept_adult, _kept_adult.c.id == _kept.c.adult_record))
        .where(
            _kept.c.child_record == _taken.c.child_record,
            _kept.c.feed == _taken.c.feed,
            _kept.c.link_code == _taken.c.link_code,
            _kept.c.since >= _taken.c.until,
            _kept.c.until.is_(None),
            _kept.c.may_see,
            _kept_adult.c.retired_at.is_(None),
            same,
            not_(_stood_already()),
        )
        .correlate_except(_kept, _kept_adult)
    )


def _stood_already() -> ColumnElement[bool]:
    """The record stood beside the child, with whatever right, until the right was taken or longer.

    Its open relation may be younger: another quality, or a child who left and came back, begins a new one.
    """
    return exists(
        select(_before.c.since)
        .where(
            _before.c.adult_record == _kept.c.adult_record,
            _before.c.child_record == _kept.c.child_record,
            _before.c.since < _taken.c.until,
            _before.c.until >= _taken.c.until,
        )
        .correlate_except(_before)
    )
