"""The receipts of a logout: each service once, by the worst of what its clients answered."""

from __future__ import annotations

import pytest

from broker.domain.logouts import Notice, NoticeState
from broker.domain.standings import InForce, StandingKind
from broker.portal import Receipts, ReceiptState, build_receipts
from broker.services.register import Register
from tests.logouts import listening

BACK = listening("cantine", back="https://cantine.example/fin")
FRONT = listening("cahier", front="https://cahier.example/sortie")
NONE = listening("bourses")
CONFIRMED, WAITING, UNTOLD = NoticeState.CONFIRMED, NoticeState.WAITING, NoticeState.UNTOLD


def receipts(*notices: Notice) -> Receipts:
    return build_receipts(notices, Register((BACK, FRONT, NONE)))


def states(found: Receipts) -> dict[str, ReceiptState]:
    return {receipt.service.service_id: receipt.state for receipt in found.services}


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (CONFIRMED, ReceiptState.CONFIRMED),
        (WAITING, ReceiptState.WAITING),
        (UNTOLD, ReceiptState.UNTOLD),
    ],
)
def test_a_service_that_is_told_shows_its_answer(state: NoticeState, shown: ReceiptState) -> None:
    found = receipts(Notice("cantine", state))
    assert states(found) == {"cantine": shown}
    assert found.waiting is (state is WAITING)
    assert found.shown == ()


@pytest.mark.parametrize("state", NoticeState)
def test_a_service_without_a_back_channel_never_counts_as_confirmed(state: NoticeState) -> None:
    found = receipts(Notice("cahier", state), Notice("bourses", state), Notice("gone", state))
    assert states(found) == {"cahier": ReceiptState.SHOWN, "bourses": ReceiptState.NO_ADDRESS}
    assert found.shown == tuple((party, "") for party in FRONT.parties)
    assert not found.waiting


@pytest.mark.parametrize("order", [(CONFIRMED, WAITING), (WAITING, CONFIRMED)])
def test_of_two_answers_of_one_service_the_worse_is_shown(order: tuple[NoticeState, ...]) -> None:
    assert states(receipts(*(Notice("cantine", state) for state in order))) == {"cantine": ReceiptState.WAITING}


def test_a_suspended_service_is_framed_by_nobody() -> None:
    register = Register((FRONT,), in_force=InForce(suspended=frozenset({(StandingKind.SERVICE, "cahier")})))
    found = build_receipts([Notice("cahier", WAITING)], register)
    assert (len(found.services), found.shown) == (1, ())
