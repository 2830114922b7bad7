"""Seam to containment: who is concerned, and the measure upon them, in batches that a broken run resumes."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from broker.domain.containment import Concerned, Contain, Extent


class Containments(Protocol):
    """Closes what many people have open, at once."""

    def extent(self, which: Concerned, *, now: datetime) -> Extent:
        """How far it would reach; changes nothing."""
        ...

    def persons(self, which: Concerned, *, after: str, limit: int, now: datetime) -> tuple[str, ...]:
        """Living persons concerned, by id, after this one."""
        ...

    def contain(self, act: Contain) -> Extent:
        """Carry it out; returns what it ended. Done twice it changes nothing more."""
        ...
