"""The page "Pourquoi cette page ?": for each card, the records, facts and rules that led to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from broker.domain.identity import AccountState, LinkedAccount
from broker.domain.people import CardReason, ChildCard
from broker.portal.offers import Offer, Viewer
from policies.explain import explain

_SHOWN_DIGITS = 2


@dataclass(frozen=True, slots=True)
class ServiceStory:
    """Why a service is or is not on a card. `sentences` are French msgids: the reasons of the rules that spoke."""

    names: Mapping[str, str]
    is_open: bool
    at_this_school: bool
    begun: bool
    has_address: bool
    sentences: tuple[str, ...]


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
class WhyPage:
    """Every card explained, and the version of the rules that decided."""

    stories: tuple[CardStory, ...]
    pupil: tuple[CardStory, ...]
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
                services=_stories(viewer.for_child(card)),
            )
            for card in children
        ),
        pupil=tuple(CardStory(card, (), _stories(viewer.for_pupil(card))) for card in viewer.person.pupil_at),
        rules_version=viewer.policies.version,
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


def _stories(offers: Sequence[Offer]) -> tuple[ServiceStory, ...]:
    return tuple(
        ServiceStory(
            names=offer.service.names,
            is_open=offer.is_open,
            at_this_school=offer.at_this_school,
            begun=offer.begun,
            has_address=bool(offer.url),
            sentences=explain(offer.decision).sentences,
        )
        for offer in offers
    )


def mask_reference(key: str) -> str:
    """Show the last two digits of a file number: enough to compare with a letter, too little to copy from a screen."""
    return "•" * max(len(key) - _SHOWN_DIGITS, 2) + key[-_SHOWN_DIGITS:] if len(key) > _SHOWN_DIGITS else "•" * 4
