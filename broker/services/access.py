"""May this person open this service? The facts are computed here; the answer is the policies'."""

from __future__ import annotations

from collections.abc import Sequence

from broker.domain.people import ChildCard, PersonView, Post, Profil, RecordKind, Space
from broker.domain.services import Service
from policies import AccessFacts, Assurance, Decision, Policies, Role


def may_open(
    policies: Policies, service: Service, person: PersonView, children: Sequence[ChildCard], *, assurance: Assurance
) -> Decision:
    """Decide whether the person may open the service, with the rules that spoke."""
    role = role_in(service, person)
    facts = AccessFacts(
        role=role,
        profil_served=bool(service.profils & profils_of(person, role)),
        school_served=bool(places_served(service, person, children)),
        assurance=assurance,
    )
    return policies.access(facts)


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


def places_served(service: Service, person: PersonView, children: Sequence[ChildCard]) -> tuple[ChildCard | Post, ...]:
    """The enrolments and posts through which the service is offered to the person; none lies ahead in time."""
    role = role_in(service, person)
    places: dict[Role, Sequence[ChildCard | Post]] = {
        Role.GUARDIAN: children,
        Role.PUPIL: person.pupil_at,
        Role.STAFF: [post for post in person.posts if post.profil in service.profils],
    }
    return tuple(place for place in places.get(role, ()) if has_begun(place) and _offered(service, place))


def has_begun(place: ChildCard | Post) -> bool:
    """Tell whether an enrolment has begun: one that lies ahead opens nothing yet."""
    return isinstance(place, Post) or place.starts is None


def _offered(service: Service, place: ChildCard | Post) -> bool:
    return service.serves(uai=place.uai, level=place.level)


_FAMILY_PROFILS = {Role.GUARDIAN: (Profil.TUTEUR,), Role.PUPIL: (Profil.ELEVE,)}
