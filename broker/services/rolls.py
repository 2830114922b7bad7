"""Whom of a school a service is told beforehand, and what: by the same policies and rules as at a login.

A file that names everybody is the largest release there is. So nothing stands in it that a login would not tell: the
name that CAS will give, and the civil state as far as the descriptor declares it and policies let it through. Who is
whose guardian is told only where the service may be told of a guardian's children.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime

from broker.domain.details import PersonDetails
from broker.domain.errors import ReleaseRefused
from broker.domain.people import PersonView, Post, Profil, Space
from broker.domain.portraits import Portrait
from broker.domain.release_rules import PrincipalKind, ReleaseRules
from broker.domain.roll import Roll, RollEntry, RollKind
from broker.domain.services import ClaimName, Protocol, Service
from broker.services.access import Place, places_open, role_in
from broker.services.release import About, Asker, release_for, released
from policies import Policies, Role

LASTING = frozenset({PrincipalKind.SUBJECT, PrincipalKind.ID})
"""Names that may be told beforehand: a login is somebody else's one day, and the service binds an account to it."""
DATED = frozenset({RollKind.PUPIL, RollKind.TEACHER})
"""Whose birth date has a place in such a file: of nobody else is it told."""
_TOLD = (ClaimName.FAMILY_NAME, ClaimName.GIVEN_NAME, ClaimName.BIRTH_DATE)


@dataclass(frozen=True, slots=True)
class RollReader:
    """Reads what an entry is made of. `subject` gives a person's identifier at the service, drawn when it has none."""

    portrait: Callable[[str], Portrait]
    details: Callable[[PersonView], PersonDetails]
    subject: Callable[[Portrait], str]


@dataclass(frozen=True, slots=True)
class _Known:
    entry: RollEntry
    children: frozenset[str]


class LeftOut(Exception):
    """Somebody who does not come into the file, and why."""


def is_lasting(service: Service) -> bool:
    """Whether the service knows people by a name that is theirs for good."""
    return (service.release or ReleaseRules()).principal.kind in LASTING


def build_roll(
    policies: Policies, service: Service, uai: str, people: Iterable[str], read: RollReader, *, now: datetime
) -> Roll:
    """Everybody of the school among these people whom the service may be told of."""
    found: list[_Known] = []
    left_out: Counter[str] = Counter()
    school = ""
    for person_id in people:
        portrait = read.portrait(person_id)
        try:
            place = _place(policies, service, uai, portrait, now=now)
            found.append(_known(policies, service, place, portrait, read, now=now))
        except (LeftOut, ReleaseRefused) as why:
            left_out[str(why) if isinstance(why, LeftOut) else "the policies let nothing through"] += 1
            continue
        school = school or place.school
    return Roll(uai, school, _with_guardians(found), left_out)


def _place(policies: Policies, service: Service, uai: str, portrait: Portrait, *, now: datetime) -> Place:
    """Their place at the school through which the service is theirs. Raises `LeftOut`."""
    if portrait.person is None:
        raise LeftOut("no live record")
    places = places_open(policies, service, portrait.person, portrait.children, now=now)
    here = next((place for place in places if place.uai == uai), None)
    if here is None:
        raise LeftOut("the service is not theirs at this school")
    return here


def _known(
    policies: Policies, service: Service, place: Place, portrait: Portrait, read: RollReader, *, now: datetime
) -> _Known:
    person = portrait.person
    if person is None:
        raise LeftOut("no live record")
    about = About(
        person,
        portrait.children,
        subject=read.subject(portrait),
        child_subject=lambda _: "",
        now=now,
        details=read.details(person),
    )
    in_play = place.uai if service.release and service.release.school_parameter else ""
    known_as = release_for(policies, Asker(service, Protocol.CAS, in_play), about, wanted=())
    kind = _kind_of(service, person, place)
    told = _civil_state(policies, service, about, kind)
    if kind is RollKind.PUPIL and told.born is None:
        raise LeftOut("a pupil without a birth date that may be told")
    children = _children_told(policies, service, person, portrait, uai=place.uai)
    claims = told.claims | known_as.claims | ({ClaimName.CHILDREN} if children else set())
    entry = RollEntry(
        person.person_id, kind, known_as.principal, told.family, told.given, told.born, claims=frozenset(claims)
    )
    return _Known(entry, children)


@dataclass(frozen=True, slots=True)
class _CivilState:
    family: str
    given: str
    born: date | None
    claims: frozenset[ClaimName]


def _civil_state(policies: Policies, service: Service, about: About, kind: RollKind) -> _CivilState:
    """Name and birth date under their own names, whatever the descriptor calls them. Raises `LeftOut`."""
    plain = Asker(replace(service, release=None), Protocol.CAS)
    wanted = _TOLD if kind in DATED else _TOLD[:2]
    told = release_for(policies, plain, about, wanted=[claim.value for claim in wanted])
    texts = {attribute.name: attribute.texts[0] for attribute in told.attributes if attribute.texts}
    family, given = texts.get(ClaimName.FAMILY_NAME, ""), texts.get(ClaimName.GIVEN_NAME, "")
    if not family or not given:
        raise LeftOut("a name that may not be told")
    born = texts.get(ClaimName.BIRTH_DATE, "")
    return _CivilState(family, given, date.fromisoformat(born) if born else None, told.claims)


def _kind_of(service: Service, person: PersonView, place: Place) -> RollKind:
    if service.space is Space.STAFF:
        teaches = isinstance(place, Post) and place.profil is Profil.ENSEIGNANT
        return RollKind.TEACHER if teaches else RollKind.STAFF
    return RollKind.PUPIL if role_in(service, person) is Role.PUPIL else RollKind.GUARDIAN


def _children_told(
    policies: Policies, service: Service, person: PersonView, portrait: Portrait, *, uai: str
) -> frozenset[str]:
    """Children at the school of whom the service may be told that they are this guardian's."""
    if role_in(service, person) is not Role.GUARDIAN or not released(
        policies, service, person, among=(ClaimName.CHILDREN,)
    ):
        return frozenset()
    return frozenset(card.child_id for card in portrait.children if card.uai == uai and not card.by_mandate)


def _with_guardians(found: Iterable[_Known]) -> tuple[RollEntry, ...]:
    known = sorted(found, key=lambda each: (each.entry.family, each.entry.given, each.entry.person_id))
    return tuple(
        replace(
            each.entry,
            guardians=tuple(other.entry.person_id for other in known if each.entry.person_id in other.children),
        )
        if each.entry.kind is RollKind.PUPIL
        else each.entry
        for each in known
    )
