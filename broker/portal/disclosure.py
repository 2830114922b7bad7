"""The page "Qui reçoit quoi": for each service the person can open or that ever received something, what and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from broker.domain.people import ChildCard
from broker.domain.released import Release
from broker.domain.services import ClaimName, Service
from broker.portal.offers import Offer, OfferState, Viewer
from broker.services.release import released

_CAN_OPEN = frozenset({OfferState.OPEN, OfferState.STEP_UP})


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One service. `claims` is what it may be told of this person now; `last` the last that it was told, if anything.

    `children`: given names of those for whom it is open, when it is open for some and not for others; else empty.
    """

    service: Service
    claims: tuple[ClaimName, ...]
    can_open: bool
    children: tuple[str, ...]
    last: Release | None


@dataclass(frozen=True, slots=True)
class DisclosurePage:
    """Services of the register, and what was told to services that have left it since (the last of each)."""

    services: tuple[Disclosure, ...]
    gone: tuple[Release, ...]


def build_disclosures(viewer: Viewer, children: Sequence[ChildCard], releases: Sequence[Release]) -> DisclosurePage:
    """Build the page. `releases`: everything told of this person, newest first."""
    last: dict[str, Release] = {}
    for release in releases:
        last.setdefault(release.service_id, release)
    openings = _openings(viewer, children)
    shown = tuple(
        _disclosure(viewer, service, openings.get(service.service_id), children, last.get(service.service_id))
        for service in viewer.services
        if service.service_id in openings or service.service_id in last
    )
    known = {service.service_id for service in viewer.services}
    return DisclosurePage(shown, tuple(release for name, release in last.items() if name not in known))


def _disclosure(
    viewer: Viewer, service: Service, opened: frozenset[str] | None, children: Sequence[ChildCard], last: Release | None
) -> Disclosure:
    return Disclosure(
        service=service,
        claims=released(viewer.book.of(service.tenant), service, viewer.person) if opened is not None else (),
        can_open=opened is not None,
        children=_told_apart(opened or frozenset(), children),
        last=last,
    )


def _openings(viewer: Viewer, children: Sequence[ChildCard]) -> dict[str, frozenset[str]]:
    """Services the person can open, each with the ids of the children for whom it is open (none: for the person)."""
    found: dict[str, frozenset[str]] = {}
    for child_id, offer in _offers(viewer, children):
        if offer.state in _CAN_OPEN:
            name = offer.service.service_id
            found[name] = found.get(name, frozenset()) | ({child_id} if child_id else frozenset())
    return found


def _offers(viewer: Viewer, children: Sequence[ChildCard]) -> Iterator[tuple[str, Offer]]:
    yield from ((card.child_id, offer) for card in children for offer in viewer.for_child(card))
    yield from (("", offer) for card in viewer.person.pupil_at for offer in viewer.for_pupil(card))
    yield from (("", offer) for post in viewer.person.posts for offer in viewer.for_post(post))


def _told_apart(opened: frozenset[str], children: Sequence[ChildCard]) -> tuple[str, ...]:
    """Given names of the children concerned, once each; nothing when it is every child, or none."""
    names = {card.child_id: card.given for card in children}
    return tuple(given for child_id, given in names.items() if child_id in opened) if opened != names.keys() else ()
