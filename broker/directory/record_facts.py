"""The dated facts that a record states: who stands beside a pupil, where a pupil learns, where staff work. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TypeVar

from broker.directory.facts import FactChanges, change_facts
from broker.domain.feed import ClassMembership, PersonRecord
from broker.domain.guardianship import Quality, Right, rights_of
from broker.domain.imports import CONTACT_HOLD, EnrolmentRow, GuardianshipRow, PostFactRow


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What holds for a whole run. `now` dates every fact of it and is the same after a resume.

    `made_at`: when the delivery was made, None where it does not say. A late file tells what was, whenever it is read.
    """

    import_id: str
    feed: str
    tenant: str
    academie: str
    now: datetime
    in_charge_sees: bool
    made_at: datetime | None = None
    contact_hold: timedelta = CONTACT_HOLD

    @property
    def told(self) -> datetime:
        """When the feed itself said what it says: never later than we heard it."""
        return min(self.made_at or self.now, self.now)


@cache
def _rights(quality: Quality, in_charge_sees: bool) -> tuple[bool, bool]:
    rights = rights_of(quality, in_charge_sees=in_charge_sees)
    return Right.SEE in rights, Right.ACT in rights


def guardianship_changes(
    pupil: PersonRecord, record_id: str, current: Sequence[GuardianshipRow], around: Circumstances
) -> FactChanges[GuardianshipRow]:
    """Bring the guardianships over a pupil to what the pupil's own record says: what it leaves out has fallen.

    `current` also holds what ended when the pupil left, where it is about one who comes back.
    """
    wanted: dict[Hashable, GuardianshipRow] = {}
    told = around.told
    for one in pupil.relations:
        may_see, may_act = _rights(one.quality, around.in_charge_sees)
        adult = f"{around.feed}:{one.adult_key}"
        wanted[adult] = GuardianshipRow(
            adult_record=adult,
            child_record=record_id,
            since=around.now,
            until=None,
            feed=around.feed,
            link_code=one.link_code,
            quality=one.quality.value,
            may_see=may_see,
            may_act=may_act,
            pays=one.pays,
            contact_first=one.contact_first,
            given=told,
        )
    if not current:
        return _changes(current, wanted, around)
    return _with_withdrawals(current, wanted, around)


def _with_withdrawals(
    current: Sequence[GuardianshipRow], wanted: dict[Hashable, GuardianshipRow], around: Circumstances
) -> FactChanges[GuardianshipRow]:
    """The changes, each right dated by when the feed first gave it, or took it back.

    A pupil who left and came back interrupts nothing. A key that takes the place of another one inherits its date: or
    a list whose keys change with every telephone number would give each right anew.
    """
    before = {row.adult_record: row for row in sorted(current, key=lambda row: row.since)}
    lost = {key: row for key, row in before.items() if row.may_see and key not in wanted}
    for key, row in wanted.items():
        wanted[key] = _dated_right(row, before.get(row.adult_record), lost.values(), around)
    changes = _changes([row for row in current if row.until in (None, around.now)], wanted, around)
    ended = {(row.adult_record, row.since) for row in lost.values() if row.withdrawn is None}
    changes.rewritten = [
        row._replace(withdrawn=around.told) if (row.adult_record, row.since) in ended else row
        for row in changes.rewritten
    ]
    gone = [row for row in lost.values() if row.until not in (None, around.now)]
    changes.rewritten += [row._replace(withdrawn=around.told) for row in gone if row.withdrawn is None]
    return changes


def _dated_right(
    row: GuardianshipRow, before: GuardianshipRow | None, lost: Iterable[GuardianshipRow], around: Circumstances
) -> GuardianshipRow:
    """A wanted row with what is known of it: since when it is given, and when it was taken back."""
    if before is None:
        earlier = [one.given or one.since for one in lost if one.link_code == row.link_code]
        return row._replace(given=min([*earlier, around.told]))
    if before.may_see and row.may_see:
        return row._replace(given=before.given)
    if row.may_see:
        return row
    taken = before.may_see and before.quality != row.quality  # otherwise our own policy changed, not the feed
    return row._replace(given=before.given, withdrawn=around.told if taken else before.withdrawn)


def enrolment_changes(
    pupil: PersonRecord,
    record_id: str,
    current: Sequence[EnrolmentRow],
    schools: Mapping[str, str],
    around: Circumstances,
) -> tuple[FactChanges[EnrolmentRow], set[str]]:
    """Bring a pupil's enrolments to what is stated; also the keys of schools that the feed does not know (yet)."""
    places = list(pupil.classes)
    if pupil.school_key and all(place.school_key != pupil.school_key for place in places):
        # At a school, but in no class yet: so it is every September.
        places.append(ClassMembership(pupil.school_key, "", ""))
    wanted: dict[Hashable, EnrolmentRow] = {}
    for place in places:
        uai = schools.get(place.school_key)
        if uai is not None:
            wanted[uai, place.class_code] = EnrolmentRow(
                record_id=record_id,
                uai=uai,
                class_code=place.class_code,
                since=around.now,
                until=None,
                class_label=place.class_label,
                mef=pupil.mef,
                level_code=pupil.level_code,
                starts_on=place.since,
                ends_on=place.until,
            )
    unknown = {place.school_key for place in places if place.school_key not in schools}
    return _changes(current, wanted, around), unknown


def post_changes(
    staff: PersonRecord,
    record_id: str,
    current: Sequence[PostFactRow],
    schools: Mapping[str, str],
    around: Circumstances,
) -> tuple[FactChanges[PostFactRow], set[str]]:
    """Bring the posts of a member of staff to what is stated; also the keys of unknown schools."""
    wanted: dict[Hashable, PostFactRow] = {}
    for post in staff.posts:
        uai = schools.get(post.school_key)
        if uai is not None:
            fact = PostFactRow(record_id, uai, post.function, around.now, None, post.profil.value)
            wanted[uai, post.function] = fact
    unknown = {post.school_key for post in staff.posts if post.school_key not in schools}
    return _changes(current, wanted, around), unknown


F = TypeVar("F", GuardianshipRow, EnrolmentRow, PostFactRow)


def _changes(current: Sequence[F], wanted: dict[Hashable, F], around: Circumstances) -> FactChanges[F]:
    if not current:
        fresh = list(wanted.values())
        return FactChanges(inserted=fresh, began=fresh)
    return change_facts(current, wanted, identity=_identity, now=around.now, dated=_dated)


def _identity(row: GuardianshipRow | EnrolmentRow | PostFactRow) -> Hashable:
    if isinstance(row, GuardianshipRow):
        return row.adult_record
    if isinstance(row, EnrolmentRow):
        return (row.uai, row.class_code)
    return (row.uai, row.function)


def _dated(row: F, since: datetime, until: datetime | None) -> F:
    return row._replace(since=since, until=until)
