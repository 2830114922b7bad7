"""What a service is told of a person: claims decided one by one by policies, computed anew at every call.

Nothing here is stored: a right withdrawn, a child who changed school or a restriction falls with the next call.
The names, contacts and numbers of children are never claims, nor is any reason for a right (minimisation,
RGPD article 5(1)(c)).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from broker.domain.guardianship import Right
from broker.domain.people import ChildCard, PersonView
from broker.domain.services import ClaimName, Service
from broker.services.access import places_served, profils_of, role_in
from policies import Policies, ReleaseFacts

ChildSubject = Callable[[str], str]
"""From a child's person id to the service's own identifier of that child."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What claims are computed from."""

    service: Service
    person: PersonView
    children: Sequence[ChildCard]
    child_subject: ChildSubject


def claims_for(
    policies: Policies,
    service: Service,
    person: PersonView,
    children: Sequence[ChildCard],
    *,
    child_subject: ChildSubject,
    wanted: Collection[str] | None = None,
) -> dict[str, object]:
    """Build the claims that the service may be told now. `wanted` narrows them to what a grant covers (None: all).

    A claim without a value is left out (OIDC Core §5.3.2).
    """
    told = _Told(service, person, children, child_subject)
    names = released(policies, service, person)
    built = {name.value: _BUILDERS[name](told) for name in names if wanted is None or name.value in wanted}
    return {name: value for name, value in built.items() if value}


def released(policies: Policies, service: Service, person: PersonView) -> tuple[ClaimName, ...]:
    """Names of the claims that policies let this service have of this person, in the order of `ClaimName`."""
    role = role_in(service, person)
    return tuple(
        name
        for name in _BUILDERS
        if policies.release(
            ReleaseFacts(claim=name, declared=name in service.claims, role=role, about_child=name is ClaimName.CHILDREN)
        ).allowed
    )


def _name(told: _Told) -> str:
    return f"{told.person.name.given} {told.person.name.family}".strip()


def _given_name(told: _Told) -> str:
    return told.person.name.given


def _family_name(told: _Told) -> str:
    return told.person.name.family


def _profil(told: _Told) -> list[str]:
    profils = profils_of(told.person, role_in(told.service, told.person)) & told.service.profils
    return sorted(f"National_{profil.value}" for profil in profils)


def _uai(told: _Told) -> list[str]:
    return sorted({place.uai for place in places_served(told.service, told.person, told.children)})


def _children(told: _Told) -> list[dict[str, object]]:
    cards = [c for c in places_served(told.service, told.person, told.children) if isinstance(c, ChildCard)]
    return [_child(card, told.child_subject) for card in cards]


def _child(card: ChildCard, child_subject: ChildSubject) -> dict[str, object]:
    return {
        "sub": child_subject(card.child_id),
        "uai": card.uai,
        "level": card.level.value if card.level else None,
        "class": card.class_label,
        "rights": [Right.SEE.value],
    }


_BUILDERS: dict[ClaimName, Callable[[_Told], object]] = {
    ClaimName.NAME: _name,
    ClaimName.GIVEN_NAME: _given_name,
    ClaimName.FAMILY_NAME: _family_name,
    ClaimName.PROFIL: _profil,
    ClaimName.UAI: _uai,
    ClaimName.CHILDREN: _children,
}
