"""May this person open this service? The facts are computed here, each with its grounds; the answer is the policies'.

A person has several places (a child at two schools, two children, two posts): the place that fits best decides, and
the grounds name it, so that whoever explains a decision computes nothing a second time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from broker.domain.people import ChildCard, PersonView, Post, Profil, RecordKind, Space
from broker.domain.services import Service
from broker.services.openings import OPEN, Gate, gate_of
from broker.services.ways import NO_WAYS, Ways
from policies import AccessFacts, Assurance, Decision, Mandate, Policies, PolicyBook, Role, Term
from policies.calendar_tables import calendar_of

Place = ChildCard | Post
_FAMILY_PROFILS = {Role.GUARDIAN: (Profil.TUTEUR,), Role.PUPIL: (Profil.ELEVE,)}


@dataclass(frozen=True, slots=True)
class Moment:
    """What holds for every service at one instant: how surely the session proves its person, what could prove more."""

    assurance: Assurance
    now: datetime
    ways: Ways = NO_WAYS


@dataclass(frozen=True, slots=True)
class PlaceFacts:
    """What is so at one place: an enrolment or a post. `place` None: the person has none in this role."""

    place: Place | None
    school_served: bool = False
    class_served: bool = False
    school_suspended: bool = False
    gate: Gate = OPEN
    mandate: Mandate = Mandate.NONE

    @property
    def is_open(self) -> bool:
        """Tell whether the service is offered through this place today."""
        return self.fit[: len(_OFFERED)] == _OFFERED

    @property
    def fit(self) -> tuple[int, ...]:
        """How well the place fits, the weightiest first; the best one decides."""
        return (
            self.school_served,
            self.class_served,
            not self.school_suspended,
            self.mandate is not Mandate.NOT_ACCEPTED,
            _NEARNESS[self.gate.term],
            self.mandate is Mandate.NONE,
        )


_NEARNESS = {Term.OVER: 0, Term.AHEAD: 1, Term.OPEN: 2}
_OFFERED = (1, 1, 1, 1, _NEARNESS[Term.OPEN])
_NOWHERE = PlaceFacts(None, class_served=True)


@dataclass(frozen=True, slots=True)
class Weighed:
    """A decision with the facts it was made from and their grounds.

    `step_up`: the sources that could prove what is missing, when that is all that is missing. `outage_since`: since
    when an outage excuses the assurance. `policies` are those that spoke, `kinds` what the person is.
    """

    decision: Decision
    facts: AccessFacts
    place: PlaceFacts
    policies: Policies
    kinds: frozenset[RecordKind]
    step_up: tuple[str, ...] = ()
    outage_since: datetime | None = None

    @property
    def allowed(self) -> bool:
        """Tell whether the service opens."""
        return self.decision.allowed

    @property
    def by_outage(self) -> bool:
        """Tell whether it opens only because an outage excuses the assurance: such an access is audited."""
        return self.allowed and not self.facts.assured


def may_open(
    book: PolicyBook,
    service: Service,
    person: PersonView,
    children: Sequence[ChildCard],
    *,
    assurance: Assurance,
    now: datetime,
    ways: Ways = NO_WAYS,
) -> Decision:
    """The decision alone, for whoever needs no grounds. Pages and protocols `weigh`."""
    return weigh(book, service, person, children, moment=Moment(assurance, now, ways)).decision


def weigh(
    book: PolicyBook, service: Service, person: PersonView, children: Sequence[ChildCard], *, moment: Moment
) -> Weighed:
    """Decide, and keep the facts and their grounds. The policies are those of the service's tenant."""
    policies, role = book.of(service.tenant), role_in(service, person)
    outage = _outage(policies, service, moment)
    about = _About(service, role, bool(service.profils & profils_of(person, role)), moment, outage is not None)
    places = places_in(service, person, children)
    found = sorted((look_at(policies, service, place, now=moment.now) for place in places), key=_by_fit, reverse=True)
    best = found[0] if found else _NOWHERE
    for place in found[1:]:
        if policies.access(_facts(about, place)).allowed and not policies.access(_facts(about, best)).allowed:
            best = place
    facts = _facts(about, best)
    decision = policies.access(facts)
    return Weighed(
        decision,
        facts,
        best,
        policies,
        person.kinds,
        step_up=() if decision.allowed else _step_up(policies, about, facts),
        outage_since=outage,
    )


def role_in(service: Service, person: PersonView) -> Role:
    """The role in which the person meets this service: a teacher who is a parent is one or the other, never both."""
    if service.space is Space.STAFF:
        return Role.STAFF if RecordKind.STAFF in person.kinds else Role.NONE
    if RecordKind.GUARDIAN in person.kinds:
        return Role.GUARDIAN
    return Role.PUPIL if RecordKind.PUPIL in person.kinds else Role.NONE


def profils_of(person: PersonView, role: Role) -> frozenset[Profil]:
    """National profiles that the person has in a role."""
    if role is Role.STAFF:
        return frozenset(post.profil for post in person.posts)
    return frozenset(_FAMILY_PROFILS.get(role, ()))


def places_in(service: Service, person: PersonView, children: Sequence[ChildCard]) -> Sequence[Place]:
    """The enrolments or posts through which the person meets the service, offered there or not."""
    role = role_in(service, person)
    if role is Role.GUARDIAN:
        return children
    if role is Role.PUPIL:
        return person.pupil_at
    return [post for post in person.posts if post.profil in service.profils] if role is Role.STAFF else ()


def places_open(
    policies: Policies, service: Service, person: PersonView, children: Sequence[ChildCard], *, now: datetime
) -> tuple[Place, ...]:
    """The places through which the service is offered to the person today: what a claim may tell of, and no other."""
    places = places_in(service, person, children)
    return tuple(place for place in places if look_at(policies, service, place, now=now).is_open)


def look_at(policies: Policies, service: Service, place: Place, *, now: datetime) -> PlaceFacts:
    """What is so of this service at one place."""
    return PlaceFacts(
        place,
        school_served=service.serves(uai=place.uai, level=place.level),
        class_served=_serves_class(service, place),
        school_suspended=place.uai in service.closed_schools,
        gate=_gate(policies, service, place, now=now),
        mandate=_mandate(service, place),
    )


def today_at(policies: Policies, uai: str, now: datetime) -> date:
    """The day it is at a school: services open, and enrolments begin and end, at its midnight."""
    return now.astimezone(calendar_of(policies.calendar, uai).place.time_zone).date()


@dataclass(frozen=True, slots=True)
class _About:
    """What is the same for every place of a person."""

    service: Service
    role: Role
    profil_served: bool
    moment: Moment
    excused: bool


def _by_fit(place: PlaceFacts) -> tuple[int, ...]:
    return place.fit


def _facts(about: _About, place: PlaceFacts) -> AccessFacts:
    return AccessFacts(
        role=about.role,
        mandate=place.mandate,
        profil_served=about.profil_served,
        school_served=place.school_served,
        class_served=place.class_served,
        school_suspended=place.school_suspended,
        term=place.gate.term,
        service=about.service.state,
        assurance=about.moment.assurance,
        assured=about.moment.assurance.reaches(about.service.requires),
        outage_accepted=about.excused,
    )


def _outage(policies: Policies, service: Service, moment: Moment) -> datetime | None:
    """Since when an outage excuses this session's assurance; None when it reaches, or when nothing excuses it."""
    if not service.outage or moment.assurance.reaches(service.requires):
        return None
    return moment.ways.excuse(service.requires, now=moment.now, longest=policies.assurance.outage_longest)


def _step_up(policies: Policies, about: _About, facts: AccessFacts) -> tuple[str, ...]:
    """Sources that could prove what is missing; none when something else is missing too."""
    if facts.assured:
        return ()
    required = about.service.requires
    stepped_up = replace(facts, assurance=required, assured=True, outage_accepted=False)
    return about.moment.ways.reaching(required) if policies.access(stepped_up).allowed else ()


def _gate(policies: Policies, service: Service, place: Place, *, now: datetime) -> Gate:
    is_ahead = isinstance(place, ChildCard) and place.starts is not None
    if not service.openings and not is_ahead:
        return OPEN
    return gate_of(service.openings, place, today=today_at(policies, place.uai, now))


def _serves_class(service: Service, place: Place) -> bool:
    """A post is at a school: lists of classes narrow pupils and their families only."""
    return isinstance(place, Post) or service.serves_class(uai=place.uai, class_code=place.class_code)


def _mandate(service: Service, place: Place) -> Mandate:
    if isinstance(place, Post) or not place.by_mandate:
        return Mandate.NONE
    return Mandate.ACCEPTED if service.mandates else Mandate.NOT_ACCEPTED
