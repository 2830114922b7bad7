"""What was weighed a moment ago and was a yes: the same person before the same service needs no second weighing.

A no is never remembered: it is explained, and what could prove more is looked at anew. A portrait is another as soon
as anything in it is, and every quarter of an hour: the days on which services open and places begin start on one.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from broker.domain.assurance import Assurance
from broker.domain.portraits import Portrait
from broker.domain.services import Service
from broker.services.access import Weighed
from policies import PolicyBook

MOST_REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class WeighBasis:
    """The very values that a decision comes from."""

    book: PolicyBook
    service: Service
    portrait: Portrait
    assurance: Assurance

    def holds(self, now: WeighBasis) -> bool:
        """Tell whether nothing is another."""
        return (
            self.book is now.book
            and self.service is now.service
            and self.portrait is now.portrait
            and self.assurance is now.assurance
        )


class WeighMemory:
    """Decisions of one process, the newest kept; of portraits alone that were read in one statement."""

    def __init__(self, *, most: int = MOST_REMEMBERED) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[WeighBasis, Weighed]] = OrderedDict()
        self._most = most
        self._lock = Lock()

    def find(self, person_id: str, basis: WeighBasis) -> Weighed | None:
        """The yes that came from the same, if it is remembered."""
        known = self._kept.get((person_id, basis.service.service_id))
        return known[1] if known is not None and known[0].holds(basis) else None

    def keep(self, person_id: str, basis: WeighBasis, yes: Weighed) -> None:
        """Remember a yes."""
        if not basis.portrait.mark:
            return
        key = person_id, basis.service.service_id
        with self._lock:
            self._kept[key] = basis, yes
            self._kept.move_to_end(key)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
