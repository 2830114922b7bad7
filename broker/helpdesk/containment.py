"""Containment as one walk: who is concerned, in batches, until nobody is left; a broken run begins again.

What is done to a person twice changes nothing more, so that no place has to be remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from broker.domain.containment import Concerned, Contain, Extent, Measure
from broker.domain.handles import Id, new_id
from broker.domain.ports import Containments

BATCH = 100
"""Persons in one transaction: short enough that nobody waits for its locks."""


@dataclass(frozen=True, slots=True)
class Order:
    """What an administrator orders. `reason` is kept in the trail, never on a page."""

    which: Concerned
    measure: Measure
    tenant: str
    reason: str
    actor: str


def carry_out(containments: Containments, order: Order, *, clock: Callable[[], datetime]) -> Iterator[Extent]:
    """Contain everybody concerned; yields what has been done so far after each batch."""
    batch, after = new_id(Id.BATCH), ""
    done = Extent(0, 0, 0, 0)
    while concerned := containments.persons(order.which, after=after, limit=BATCH, now=clock()):
        act = Contain(
            concerned, order.measure, order.which.source, order.tenant, order.reason, order.actor, batch, clock()
        )
        done = _sum(done, containments.contain(act))
        after = concerned[-1]
        yield done


def _sum(one: Extent, other: Extent) -> Extent:
    return Extent(
        one.persons + other.persons,
        one.sessions + other.sessions,
        one.logins + other.logins,
        one.secrets + other.secrets,
    )
