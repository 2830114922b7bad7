"""What was worked out a moment ago: the same person, read the same, under the same policies, is told the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from broker.domain.details import PersonDetails
from broker.domain.portraits import Portrait
from broker.domain.released import Released
from broker.domain.services import ClaimName, Service
from policies import Policies

MOST_REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class Basis:
    """The very values that a release comes from. `asked`: the client, the school in play, the claims it may be told."""

    policies: Policies
    service: Service
    subject: str
    portrait: Portrait
    details: PersonDetails
    child_subjects: Mapping[str, str]
    asked: tuple[str, ...]

    def holds(self, now: Basis) -> bool:
        """Tell whether nothing is another. A portrait is another every quarter of an hour: days begin on one."""
        return (
            self.policies is now.policies
            and self.service is now.service
            and self.subject == now.subject
            and self.portrait is now.portrait
            and self.details is now.details
            and self.child_subjects == now.child_subjects
        )


class ReleaseMemory:
    """Releases of one process. Only what was read in one statement is remembered: the rest is never the same value.

    Until when messages wait is never remembered: evenings and mornings begin at any minute.
    """

    def __init__(self, *, most: int = MOST_REMEMBERED) -> None:
        self._kept: OrderedDict[tuple[str, tuple[str, ...]], tuple[Basis, Released]] = OrderedDict()
        self._most = most
        self._lock = Lock()

    def released(self, person_id: str, basis: Basis, work: Callable[[], Released]) -> Released:
        """The release to this person's service, worked out where it is not remembered."""
        key = person_id, basis.asked
        known = self._kept.get(key)
        if known is not None and known[0].holds(basis):
            return known[1]
        released = work()
        if basis.portrait.mark and ClaimName.QUIET_UNTIL not in basis.asked:
            with self._lock:
                self._kept[key] = basis, released
                self._kept.move_to_end(key)
                if len(self._kept) > self._most:
                    self._kept.popitem(last=False)
        return released
