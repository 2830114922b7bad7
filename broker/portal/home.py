"""The portal page: one card for each enrolment of each child, and what a pupil or a member of staff has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from broker.domain.people import ChildCard, PersonName, Post, RecordKind
from broker.portal.offers import ServiceLink, Viewer, open_links


@dataclass(frozen=True, slots=True)
class Card:
    """One child (or the pupil) at one school, with the services that are open there."""

    child: ChildCard
    services: tuple[ServiceLink, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """One post of a member of staff, with its services."""

    post: Post
    services: tuple[ServiceLink, ...]


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
    person = viewer.person
    return HomePage(
        name=person.name,
        has_family=RecordKind.GUARDIAN in person.kinds or not person.kinds,
        children=tuple(Card(card, open_links(viewer.for_child(card))) for card in children),
        pupil=tuple(Card(card, open_links(viewer.for_pupil(card))) for card in person.pupil_at),
        staff=tuple(Place(post, open_links(viewer.for_post(post))) for post in person.posts),
    )
