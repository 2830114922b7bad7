"""Seams to what is wrong in a school's deliveries, and to which children no account reaches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from broker.domain.quality import Deliveries, QualityCheck, SchoolFamilies, SchoolPicture, TrackedFinding


class Quality(Protocol):
    """The findings of one school at a time: memory holds one school."""

    def knows(self, uai: str) -> bool:
        """Tell whether any feed ever named this school."""
        ...

    def deliveries(self, feeds: Sequence[str]) -> Deliveries:
        """The last applied delivery of each of these feeds."""
        ...

    def picture(self, uai: str, *, feeds: Sequence[str], own: Sequence[str]) -> SchoolPicture:
        """What these feeds say of the school. `own`: those that speak of no other school: all their adults are its."""
        ...

    def track(self, check: QualityCheck) -> bool:
        """Open, confirm and close findings in one transaction; False, and nothing, when a delivery came meanwhile."""
        ...

    def findings(self, uai: str) -> tuple[TrackedFinding, ...]:
        """Every finding of a school, open ones first, then the last closed."""
        ...


class Reach(Protocol):
    """Who may see the children of one school, and whether they sign in: memory holds one school."""

    def schools(self) -> Sequence[str]:
        """UAIs of the schools that have pupils, in order."""
        ...

    def families(self, uai: str, *, now: datetime) -> SchoolFamilies | None:
        """Read one school; None when no feed ever named it."""
        ...
