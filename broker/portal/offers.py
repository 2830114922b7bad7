"""Which services stand on one card, in what state, and by which rule: each card is decided alone, in one role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from broker.domain.people import ChildCard, PersonView, Post, RecordKind
from broker.domain.services import Service
from broker.services.access import Moment, Weighed, weigh
from broker.services.explain import AccessExplanation, explain_access
from broker.wire.http import with_parameters
from policies import Decision, PolicyBook, Term

START = "/start"
"""Our door to services that have a login begun for them (OIDC Core §4), below it their ids."""


class OfferState(StrEnum):
    """How a card shows a service. All but the first are greyed or absent."""

    OPEN = "open"
    STEP_UP = "step_up"
    """A link that leads through a login which proves more."""
    AHEAD = "ahead"
    """Greyed: it opens on a day that is known."""
    SUSPENDED = "suspended"
    """Greyed: an administrator closed the service, or its school."""
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class ServiceLink:
    """A service on a card. `names` and `text` by language; `url` is empty where nothing can be opened.

    `opens`: the day it opens, when that lies ahead, and `text` what the descriptor tells families until then.
    """

    service_id: str
    names: Mapping[str, str]
    url: str
    state: OfferState = OfferState.OPEN
    opens: date | None = None
    text: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Offer:
    """A service weighed for one card. `url` is empty when no instance serves the school.

    Where the service has a login begun for it, `url` is a path of ours that sends the browser there.
    """

    service: Service
    weighed: Weighed
    url: str

    @property
    def decision(self) -> Decision:
        """What the policies said."""
        return self.weighed.decision

    @property
    def state(self) -> OfferState:
        """How the card shows the service: greyed only when nothing but the day or the suspension keeps it closed."""
        if not self.url:
            return OfferState.ABSENT
        if self.weighed.allowed:
            return OfferState.OPEN
        if self.weighed.step_up:
            return OfferState.STEP_UP
        return self._greyed if self._is_meant else OfferState.ABSENT

    @property
    def is_open(self) -> bool:
        """Tell whether the card shows the service as a link that opens it."""
        return self.state is OfferState.OPEN

    @property
    def _greyed(self) -> OfferState:
        facts = self.weighed.facts
        if self.service.is_suspended or facts.school_suspended:
            return OfferState.SUSPENDED
        return OfferState.AHEAD if facts.term is Term.AHEAD else OfferState.ABSENT

    @property
    def _is_meant(self) -> bool:
        """Tell whether the descriptor means this card at all: a service for others is not shown, not even greyed."""
        facts = self.weighed.facts
        return facts.profil_served and facts.school_served and facts.class_served and facts.term is not Term.OVER


@dataclass(frozen=True, slots=True)
class Viewer:
    """The person who looks, what the moment is, and the policies and services that apply.

    `source`: the id of the source logged in with, for explanations.
    """

    person: PersonView
    moment: Moment
    book: PolicyBook
    services: Sequence[Service]
    source: str = ""

    def for_child(self, card: ChildCard) -> tuple[Offer, ...]:
        """Every service weighed for one child's card, in the role of guardian alone."""
        return self._weigh(card, self._as(RecordKind.GUARDIAN), children=(card,))

    def for_pupil(self, card: ChildCard) -> tuple[Offer, ...]:
        """Every service weighed for the pupil's own enrolment."""
        return self._weigh(card, replace(self._as(RecordKind.PUPIL), pupil_at=(card,)), children=())

    def for_post(self, post: Post) -> tuple[Offer, ...]:
        """Every service weighed for one staff post."""
        return self._weigh(post, replace(self._as(RecordKind.STAFF), posts=(post,)), children=())

    def explain(self, offer: Offer) -> AccessExplanation:
        """The offer's decision told whole; nothing is decided again."""
        return explain_access(offer.service, offer.weighed, source=self.source)

    def _as(self, kind: RecordKind) -> PersonView:
        return replace(self.person, kinds=self.person.kinds & {kind}, pupil_at=(), posts=())

    def _weigh(
        self, place: ChildCard | Post, person: PersonView, *, children: Sequence[ChildCard]
    ) -> tuple[Offer, ...]:
        """But those that registered themselves: nobody here offers them, whatever number of them there is."""
        return tuple(
            Offer(
                service,
                weigh(self.book, service, person, children, moment=self.moment),
                way_into(service, place.uai),
            )
            for service in self.services
            if service.registered is None
        )


def way_into(service: Service, uai: str) -> str:
    """Where a card leads for this school: our own door where the service has logins begun; empty when nowhere."""
    url = service.url_for(uai) or ""
    if not url or not service.login_starts_at:
        return url
    return with_parameters(f"{START}/{service.service_id}", {"uai": uai})


def shown_links(offers: Sequence[Offer]) -> tuple[ServiceLink, ...]:
    """Everything a card shows, open or greyed, in the order of the register."""
    return tuple(_link(offer) for offer in offers if offer.state is not OfferState.ABSENT)


def _link(offer: Offer) -> ServiceLink:
    state, gate = offer.state, offer.weighed.place.gate
    leads = state in {OfferState.OPEN, OfferState.STEP_UP}
    ahead = state is OfferState.AHEAD
    return ServiceLink(
        offer.service.service_id,
        offer.service.names,
        offer.url if leads else "",
        state=state,
        opens=gate.day if ahead else None,
        text=gate.text if ahead else {},
    )
