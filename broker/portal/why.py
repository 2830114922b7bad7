"""The page "Pourquoi cette page ?": for each card, the records, facts and rules that led to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from broker.domain.identity import AccountState, LinkedAccount
from broker.domain.people import CardReason, ChildCard, Post
from broker.portal.offers import Offer, OfferState, Viewer
from broker.services.explain import AccessExplanation, FactTold
from policies.explain import explain

_SHOWN_DIGITS = 2


_TELLS_NOTHING = frozenset({("mandate", "none"), ("school_suspended", "no"), ("outage_accepted", "no")})
"""Facts that are so for nearly everybody and decided nothing: a family need not read them service by service."""


@dataclass(frozen=True, slots=True)
class ServiceStory:
    """Why a service is or is not on a card. `sentences` are French msgids: the reasons of the rules that spoke."""

    state: OfferState
    explanation: AccessExplanation
    sentences: tuple[str, ...]
    facts: tuple[FactTold, ...]
    has_address: bool


@dataclass(frozen=True, slots=True)
class CardProof:
    """One dated fact behind a card, and the login that named the adult's record, if one did."""

    reason: CardReason
    account: LinkedAccount | None


@dataclass(frozen=True, slots=True)
class CardStory:
    """Why a card is there: the dated facts behind it, and its services."""

    child: ChildCard
    proofs: tuple[CardProof, ...]
    services: tuple[ServiceStory, ...]


@dataclass(frozen=True, slots=True)
class PostStory:
    """The services of one staff post."""

    post: Post
    services: tuple[ServiceStory, ...]


@dataclass(frozen=True, slots=True)
class WhyPage:
    """Every card explained, and the version of the rules that decided."""

    stories: tuple[CardStory, ...]
    pupil: tuple[CardStory, ...]
    staff: tuple[PostStory, ...]
    rules_version: str


def build_why(
    viewer: Viewer,
    children: Sequence[ChildCard],
    reasons: Sequence[CardReason],
    accounts: Sequence[LinkedAccount],
) -> WhyPage:
    """Explain the very cards of the portal; a reason for a card that is not shown is dropped."""
    return WhyPage(
        stories=tuple(
            CardStory(
                child=card,
                proofs=tuple(
                    CardProof(reason, _naming_account(reason, accounts))
                    for reason in reasons
                    if (reason.child_id, reason.uai) == (card.child_id, card.uai)
                ),
                services=_stories(viewer, viewer.for_child(card)),
            )
            for card in children
        ),
        pupil=tuple(CardStory(card, (), _stories(viewer, viewer.for_pupil(card))) for card in viewer.person.pupil_at),
        staff=tuple(PostStory(post, _stories(viewer, viewer.for_post(post))) for post in viewer.person.posts),
        rules_version=viewer.book.version,
    )


def _naming_account(reason: CardReason, accounts: Sequence[LinkedAccount]) -> LinkedAccount | None:
    """The linked login whose evidence names the adult's record: it is what joined the record to the person."""
    record = f"{reason.adult_feed}:{reason.adult_reference.key}"
    named = (
        account
        for account in accounts
        if account.state is AccountState.LINKED and record in account.evidence.detail.get("records", "").split(",")
    )
    return next(named, None)


def _stories(viewer: Viewer, offers: Sequence[Offer]) -> tuple[ServiceStory, ...]:
    return tuple(_story(offer, viewer.explain(offer)) for offer in offers)


def _story(offer: Offer, explanation: AccessExplanation) -> ServiceStory:
    return ServiceStory(
        state=offer.state,
        explanation=explanation,
        sentences=explain(offer.decision).sentences,
        facts=tuple(told for told in explanation.facts if (told.fact, told.value) not in _TELLS_NOTHING),
        has_address=bool(offer.url),
    )


def mask_reference(key: str) -> str:
    """Show the last two digits of a file number: enough to compare with a letter, too little to copy from a screen."""
    return "•" * max(len(key) - _SHOWN_DIGITS, 2) + key[-_SHOWN_DIGITS:] if len(key) > _SHOWN_DIGITS else "•" * 4
