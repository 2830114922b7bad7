"""Which services stand on one card, and by which rule: each card is decided alone, in the one role it speaks of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from broker.domain.people import ChildCard, PersonView, Post, RecordKind
from broker.domain.services import Service
from broker.services.access import has_begun, may_open
from policies import Assurance, Decision, Policies


@dataclass(frozen=True, slots=True)
class ServiceLink:
    """One click: a service that is open at one school. `names` by language."""

    service_id: str
    names: Mapping[str, str]
    url: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A service weighed for one card. `url` is empty when no instance serves the school."""

    service: Service
    decision: Decision
    at_this_school: bool
    begun: bool
    url: str

    @property
    def is_open(self) -> bool:
        """Tell whether the card shows the service as a link."""
        return self.decision.allowed and self.at_this_school and self.begun and bool(self.url)


@dataclass(frozen=True, slots=True)
class Viewer:
    """The person who looks and how surely the session proves it, with the rules and services that apply."""

    person: PersonView
    assurance: Assurance
    policies: Policies
    services: Sequence[Service]

    def for_child(self, card: ChildCard) -> tuple[Offer, ...]:
        """Every service weighed for one child's card, in the role of guardian alone."""
        return self._weigh(card, RecordKind.GUARDIAN, children=(card,))

    def for_pupil(self, card: ChildCard) -> tuple[Offer, ...]:
        """Every service weighed for the pupil's own enrolment."""
        return self._weigh(card, RecordKind.PUPIL, children=())

    def for_post(self, post: Post) -> tuple[Offer, ...]:
        """Every service weighed for one staff post."""
        return self._weigh(post, RecordKind.STAFF, children=())

    def _weigh(self, place: ChildCard | Post, kind: RecordKind, *, children: Sequence[ChildCard]) -> tuple[Offer, ...]:
        person = replace(
            self.person,
            kinds=self.person.kinds & {kind},
            pupil_at=(place,) if kind is RecordKind.PUPIL and isinstance(place, ChildCard) else (),
            posts=(place,) if isinstance(place, Post) else (),
        )
        return tuple(
            Offer(
                service=service,
                decision=may_open(self.policies, service, person, children, assurance=self.assurance),
                at_this_school=service.serves(uai=place.uai, level=place.level),
                begun=has_begun(place),
                url=service.url_for(place.uai) or "",
            )
            for service in self.services
        )


def open_links(offers: Sequence[Offer]) -> tuple[ServiceLink, ...]:
    """The links of a card, in the order of the register."""
    return tuple(
        ServiceLink(offer.service.service_id, offer.service.names, offer.url) for offer in offers if offer.is_open
    )
