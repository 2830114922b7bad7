"""Whom to believe when feeds disagree: for each attribute a declared order of feeds, in force from a day.

Nothing is overwritten by it: every feed's value stays in its own record, and the order only says which one is shown.
Rights are no attribute: there a withdrawal wins whoever says it (`guardianship.Withdrawal`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol


class Disputed(StrEnum):
    """What feeds may disagree about."""

    NAME = "name"
    BIRTH_DATE = "birth_date"
    CONTACTS = "contacts"
    SCHOOL_CLASS = "school_class"


Orders = Mapping[date, tuple[str, ...]]
"""From which day which order holds: words are kinds of feeds, or ids of single feeds."""


class Trust(Protocol):
    """Ranks feeds."""

    def rank(self, attribute: Disputed, feed: str, *, academie: str, day: date) -> int:
        """How far from the most trusted feed (0) this one stands on that day. `academie`: of its keys, may be empty."""
        ...


class ByKeys:
    """What the keys of a feed alone tell: the académie's file, then an ENT's directory, then a school's own list.

    Only the first has an académie, only the last a feed of its own for each school (`<feed>.<uai>`).
    """

    def rank(self, attribute: Disputed, feed: str, *, academie: str, day: date) -> int:  # noqa: ARG002 - of all alike
        """See `Trust.rank`."""
        if academie:
            return 0
        return 2 if "." in feed else 1


@dataclass(frozen=True, slots=True)
class DeclaredTrust:
    """The declared orders. `kinds` are those of the feeds by id; `orders` gives the orders that speak for a feed."""

    kinds: Mapping[str, str]
    orders: Callable[[str, Disputed], Orders]

    def rank(self, attribute: Disputed, feed: str, *, academie: str, day: date) -> int:  # noqa: ARG002 - declared
        """See `Trust.rank`. A feed that is declared no more comes last."""
        declared = feed.partition(".")[0]
        order = order_on(self.orders(declared, attribute), day)
        for word in (feed, declared, self.kinds.get(declared, "")):
            if word in order:
                return order.index(word)
        return len(order)


def order_on(orders: Orders, day: date) -> tuple[str, ...]:
    """The order in force on a day: the last one that has begun; before the first, the first."""
    begun = [start for start in orders if start <= day]
    return orders[max(begun) if begun else min(orders)]
