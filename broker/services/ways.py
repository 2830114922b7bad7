"""Which sources could prove more than the session at hand does, and which of them are known to be down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.domain.assurance import Assurance


@dataclass(frozen=True, slots=True)
class Way:
    """A source: the most that a login there can ever prove, and since when it is known to be down (None: it is not).

    `closed`: an administrator closed it, so that nobody can be led there; that counts as down too.
    """

    source_id: str
    assurance: Assurance
    down_since: datetime | None = None
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Ways:
    """Every source of one moment. `linked_at`: when the login in use was linked, None when nobody looked."""

    every: tuple[Way, ...] = ()
    linked_at: datetime | None = None

    @property
    def down(self) -> frozenset[str]:
        """Sources that are known to be down."""
        return frozenset(way.source_id for way in self.every if way.down_since is not None)

    def reaching(self, required: Assurance) -> tuple[str, ...]:
        """Open sources that can prove this much, those that answer first."""
        able = [way for way in self.every if way.assurance.reaches(required) and not way.closed]
        return tuple(way.source_id for way in sorted(able, key=lambda way: way.down_since is not None))

    def outage_since(self, required: Assurance) -> datetime | None:
        """Since when no source that could prove this much answers; None while one does, and where none ever could."""
        since = [way.down_since for way in self.every if way.assurance.reaches(required)]
        known = [moment for moment in since if moment is not None]
        return max(known) if known and len(known) == len(since) else None

    def excuse(self, required: Assurance, *, now: datetime, longest: timedelta) -> datetime | None:
        """Since when an outage excuses a lower assurance; None when none does.

        Only for a login that was linked before: whoever could cut a source off would otherwise choose by what weaker
        one to come in.
        """
        since = self.outage_since(required)
        if since is None or self.linked_at is None or self.linked_at >= since:
            return None
        return since if now - since <= longest else None


NO_WAYS = Ways()
"""Nothing is known of any source: nobody is led to one, and no outage excuses anything."""
