"""Whom to believe: the order in force on a day, and where a feed stands in it."""

from __future__ import annotations

from datetime import date

import pytest

from broker.domain.trust import ByKeys, DeclaredTrust, Disputed, Orders, order_on

OLD, NEW = ("aaf", "onde"), ("onde.0990001a", "99-2d", "onde", "aaf")
ORDERS: Orders = {date(2026, 9, 1): OLD, date(2027, 9, 1): NEW}
TRUST = DeclaredTrust({"99-2d": "aaf", "99-1d": "aaf", "onde": "onde"}, lambda _feed, _attribute: ORDERS)


@pytest.mark.parametrize(
    ("day", "order"),
    [(date(2026, 1, 1), OLD), (date(2026, 9, 1), OLD), (date(2027, 8, 31), OLD), (date(2027, 9, 1), NEW)],
)
def test_an_order_holds_from_its_day_and_the_first_before_it_too(day: date, order: tuple[str, ...]) -> None:
    assert order_on(ORDERS, day) == order


@pytest.mark.parametrize(
    ("feed", "rank"), [("onde.0990001a", 0), ("99-2d", 1), ("onde.0990002b", 2), ("99-1d", 3), ("gone", 4)]
)
def test_a_feed_stands_by_its_own_name_or_by_its_kind(feed: str, rank: int) -> None:
    assert TRUST.rank(Disputed.NAME, feed, academie="", day=date(2027, 9, 1)) == rank


def test_without_orders_keys_tell_an_academie_a_directory_and_a_school() -> None:
    told = [("99-2d", "99"), ("ent", ""), ("onde.0990001a", "")]
    ranks = [ByKeys().rank(Disputed.NAME, feed, academie=academie, day=date(2026, 9, 1)) for feed, academie in told]
    assert ranks == [0, 1, 2]
