"""The dated facts that a record states: who stands beside a pupil, where a pupil learns, where staff work. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TypeVar

from broker.directory.facts import FactChanges, change_facts
from broker.domain.feed import ClassMembership, PersonRecord
from broker.domain.guardianship import Quality, Right, rights_of
from broker.domain.imports import EnrolmentRow, GuardianshipRow, PostFactRow


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What holds for a whole run. `now` dates every fact of it and is the same after a resume."""

    import_id: str
    feed: str
    tenant: str
    academie: str
    now: datetime
    in_charge_sees: bool


@cache
def _rights(quality: Quality, in_charge_sees: bool) -> tuple[bool, bool]:
    rights = rights_of(quality, in_charge_sees=in_charge_sees)
    return Right.SEE in rights, Right.ACT in rights


def guardianship_changes(
    pupil: PersonRecord, record_id: str, current: Sequence[GuardianshipRow], around: Circumstances
) -> FactChanges[GuardianshipRow]:
    """Bring the guardianships over a pupil to what the pupil's own record says: what it leaves out has fallen."""
    wanted: dict[Hashable, GuardianshipRow] = {}
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
        )
    return _changes(current, wanted, around)


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
