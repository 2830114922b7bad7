"""The portal page: one card for each enrolment of each child, and what a pupil or a member of staff has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from broker.domain.people import ChildCard, PersonName, Post, RecordKind
from broker.portal.offers import ServiceLink, Viewer, shown_links


@dataclass(frozen=True, slots=True)
class Card:
    """One child (or the pupil) at one school, with the services to show there, open or greyed."""

    child: ChildCard
    services: tuple[ServiceLink, ...]
    is_suspended: bool
    """An administrator closed the school: nothing opens there, and one sentence says it for every service."""


@dataclass(frozen=True, slots=True)
class Place:
    """One post of a member of staff, with its services."""

    post: Post
    services: tuple[ServiceLink, ...]
    is_suspended: bool


@dataclass(frozen=True, slots=True)
class HomePage:
    """What the portal prints. `has_family` is true for a guardian, even one without a child to show.

    And for whoever no live record speaks of any more: both read "aucun enfant rattaché".
    """

    name: PersonName
    has_family: bool
    children: tuple[Card, ...]
    pupil: tuple[Card, ...]
    staff: tuple[Place, ...]


def build_home(viewer: Viewer, children: Sequence[ChildCard]) -> HomePage:
    """Build the portal from the cards that may be seen, in the order they were delivered."""
    person, closed = viewer.person, frozenset[str]().union(*(service.closed_schools for service in viewer.services))
    return HomePage(
        name=person.name,
        has_family=RecordKind.GUARDIAN in person.kinds or not person.kinds,
        children=tuple(Card(card, shown_links(viewer.for_child(card)), card.uai in closed) for card in children),
        pupil=tuple(Card(card, shown_links(viewer.for_pupil(card)), card.uai in closed) for card in person.pupil_at),
        staff=tuple(Place(post, shown_links(viewer.for_post(post)), post.uai in closed) for post in person.posts),
    )
