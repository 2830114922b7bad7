"""What is wrong in what a school delivers: a list of small checks over the picture of one school. Pure.

Each check finds one kind of fault that the school itself can mend at the source. Adding a check is adding a line to
`CHECKS`. What only looks unusual is no finding: a list of what need not be mended is soon read by nobody.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from broker.domain.quality import (
    MOBILE,
    Beside,
    Finding,
    FindingKind,
    SchoolAdult,
    SchoolPicture,
    SchoolPupil,
)
from broker.domain.school import ine_is_plausible

MANY = 3
"""Adults of different names under one mobile. Two are a couple with one telephone: 4 of 527 numbers are so."""
OF_AGE = 18
YOUNGEST, OLDEST = 2, 60
"""Years of age: the first class (TPS) takes children of two; nobody older than sixty is in a class of these feeds."""

_PARENTS = frozenset({"10", "20", "50"})
"""Link codes of mother, father and guardian: who bears one is somebody's legal guardian, or a mistake."""
_UNSURE = frozenset({"", "90"})
"""Link codes that tell nothing: none stated, and other."""
_APPRENTICE = re.compile(r"\d{4}A\d{5}[A-Z]")
"""Numbers of apprentices: how their key is made is not known, so none is called wrong."""


@dataclass(frozen=True, slots=True)
class _Scene:
    """The picture with its relations at hand, and the day."""

    picture: SchoolPicture
    adults: Mapping[str, SchoolAdult]
    of_child: Mapping[str, tuple[Beside, ...]]
    of_adult: Mapping[str, tuple[Beside, ...]]
    today: date


def findings_of(picture: SchoolPicture, *, today: date) -> frozenset[Finding]:
    """Everything that is wrong in the picture of a school on this day."""
    adults = {adult.record_id: adult for adult in picture.adults}
    of_child: dict[str, list[Beside]] = defaultdict(list)
    of_adult: dict[str, list[Beside]] = defaultdict(list)
    for one in picture.beside:
        if one.adult_record in adults:
            of_child[one.child_record].append(one)
            of_adult[one.adult_record].append(one)
    scene = _Scene(
        picture,
        adults,
        {child: tuple(sorted(found, key=lambda one: one.adult_record)) for child, found in of_child.items()},
        {adult: tuple(found) for adult, found in of_adult.items()},
        today,
    )
    return frozenset(finding for check in CHECKS for finding in check(scene))


# ---- pupils -------------------------------------------------------------------------------------------------------


def _check_guardians(scene: _Scene) -> Iterator[Finding]:
    """A pupil of age answers for himself. Where a feed states no quality, that nobody is legal says nothing."""
    for pupil in scene.picture.pupils:
        if _is_of_age(pupil, scene.today):
            continue
        beside = scene.of_child.get(pupil.record_id, ())
        if not beside:
            yield _of(pupil, FindingKind.NO_GUARDIAN)
        elif any(one.link_code for one in beside) and not any(one.legal for one in beside):
            yield _of(pupil, FindingKind.NO_LEGAL_GUARDIAN)


def _check_adult_twice(scene: _Scene) -> Iterator[Finding]:
    """Within one feed: two feeds that tell of one adult are as they should be. `other` is the record too many."""
    for pupil in scene.picture.pupils:
        seen: list[Beside] = []
        for one in scene.of_child.get(pupil.record_id, ()):
            if any(_are_one(one, before, scene) for before in seen):
                yield _of(pupil, FindingKind.ADULT_TWICE, other=one.adult_record)
            seen.append(one)


def _are_one(left: Beside, right: Beside, scene: _Scene) -> bool:
    """Tell whether two adults look like one: same names and civility, and beside the child as the same thing."""
    names, civility = _parts(scene.adults[left.adult_record].name_key)
    other_names, other_civility = _parts(scene.adults[right.adult_record].name_key)
    if names != other_names or (civility and other_civility and civility != other_civility):
        return False
    codes = {left.link_code, right.link_code}
    return len(codes) == 1 or not codes.isdisjoint(_UNSURE)


def _check_birth_dates(scene: _Scene) -> Iterator[Finding]:
    for pupil in scene.picture.pupils:
        if pupil.birth_date is None:
            yield _of(pupil, FindingKind.BIRTH_DATE_MISSING)
        elif not YOUNGEST <= _age(pupil.birth_date, scene.today) <= OLDEST:
            yield _of(pupil, FindingKind.BIRTH_DATE_IMPOSSIBLE)


def _check_ines(scene: _Scene) -> Iterator[Finding]:
    for pupil in scene.picture.pupils:
        if ine_is_plausible(pupil.ine):
            if _is_of_somebody_else(pupil, scene):
                yield _of(pupil, FindingKind.INE_TWICE)
        elif pupil.ine and not _APPRENTICE.fullmatch(pupil.ine):
            yield _of(pupil, FindingKind.INE_WRONG_KEY)


def _is_of_somebody_else(pupil: SchoolPupil, scene: _Scene) -> bool:
    names, _ = _parts(pupil.name_key)
    return any(
        bearer.record_id != pupil.record_id
        and (_parts(bearer.name_key)[0] != names or _differ(bearer.birth_date, pupil.birth_date))
        for bearer in scene.picture.bearers.get(pupil.ine, ())
    )


def _check_classes(scene: _Scene) -> Iterator[Finding]:
    for pupil in scene.picture.pupils:
        if not pupil.in_class:
            yield _of(pupil, FindingKind.CLASS_MISSING)


# ---- adults -------------------------------------------------------------------------------------------------------


def _check_legal_children(scene: _Scene) -> Iterator[Finding]:
    """A contact person need not be anybody's legal guardian; a parent, or an adult beside no child at all, is odd."""
    for adult in scene.picture.adults:
        beside = scene.of_adult.get(adult.record_id, ())
        as_parent = any(one.link_code in _PARENTS for one in beside)
        if not adult.legal and (as_parent or not beside):
            yield _of(adult, FindingKind.NO_LEGAL_CHILD)


def _check_mobiles(scene: _Scene) -> Iterator[Finding]:
    names: dict[tuple[str, str], set[str]] = defaultdict(set)
    for adult in scene.picture.adults:
        names[adult.feed, adult.mobile].add(_parts(adult.name_key)[0])
    for adult in scene.picture.adults:
        if not adult.mobile:
            continue
        if not MOBILE.fullmatch(adult.mobile):
            yield _of(adult, FindingKind.MOBILE_NONE)
        elif len(names[adult.feed, adult.mobile]) >= MANY:
            yield _of(adult, FindingKind.MOBILE_SHARED)


def _check_contacts(scene: _Scene) -> Iterator[Finding]:
    """Of those who may have to be invited. A wrong number is a finding already: mending it mends both."""
    for adult in scene.picture.adults:
        beside = scene.of_adult.get(adult.record_id, ())
        invited = adult.legal or any(not one.link_code for one in beside)
        if invited and not adult.mobile and not adult.mail:
            yield _of(adult, FindingKind.NO_CONTACT)


CHECKS: tuple[Callable[[_Scene], Iterator[Finding]], ...] = (
    _check_guardians,
    _check_adult_twice,
    _check_birth_dates,
    _check_ines,
    _check_classes,
    _check_legal_children,
    _check_mobiles,
    _check_contacts,
)


# ---- inside -------------------------------------------------------------------------------------------------------


def _of(whom: SchoolPupil | SchoolAdult, kind: FindingKind, *, other: str = "") -> Finding:
    return Finding(kind, whom.feed, whom.record_id, other)


def _parts(name_key: str) -> tuple[str, str]:
    """The names and the civility of a name key."""
    names, _, civility = name_key.rpartition("|")
    return names, civility


def _differ(left: date | None, right: date | None) -> bool:
    return left is not None and right is not None and left != right


def _age(born: date, today: date) -> int:
    """Whole years; negative for a day still to come."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _is_of_age(pupil: SchoolPupil, today: date) -> bool:
    return pupil.birth_date is not None and OF_AGE <= _age(pupil.birth_date, today) <= OLDEST
