"""What userinfo worked out a moment ago: the same person, read the same, under the same policies, is told the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from broker.domain.portraits import TokenPortrait
from broker.domain.released import Released
from broker.domain.services import ClaimName, Service
from policies import Policies

MOST_REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class Worked:
    """A release, and the very values that it came from."""

    policies: Policies
    service: Service
    found: TokenPortrait
    released: Released

    def holds(self, policies: Policies, service: Service, found: TokenPortrait) -> bool:
        """Tell whether nothing is another. A portrait is another every quarter of an hour: days begin on one."""
        return (
            self.policies is policies
            and self.service is service
            and self.found.token.subject == found.token.subject
            and self.found.portrait is found.portrait
            and self.found.details is found.details
            and self.found.child_subjects == found.child_subjects
        )


class ReleaseMemory:
    """Releases of one process. Only what was read in one statement is remembered: the rest is never the same value.

    Until when messages wait is never remembered: evenings and mornings begin at any minute.
    """

    def __init__(self, *, most: int = MOST_REMEMBERED) -> None:
        self._kept: OrderedDict[tuple[str, str, str, tuple[str, ...]], Worked] = OrderedDict()
        self._most = most
        self._lock = Lock()

    def released(
        self, policies: Policies, service: Service, found: TokenPortrait, work: Callable[[], Released]
    ) -> Released:
        """The release of what was found, worked out where it is not remembered."""
        grant = found.token.grant
        key = grant.person_id, grant.client_id, grant.school, found.token.claims
        known = self._kept.get(key)
        if known is not None and known.holds(policies, service, found):
            return known.released
        released = work()
        if found.portrait.mark and ClaimName.QUIET_UNTIL not in found.token.claims:
            with self._lock:
                self._kept[key] = Worked(policies, service, found, released)
                self._kept.move_to_end(key)
                if len(self._kept) > self._most:
                    self._kept.popitem(last=False)
        return released
