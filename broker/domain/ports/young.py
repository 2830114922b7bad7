"""Seam to classes of the youngest."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from broker.domain.young import YoungClass, YoungPupil


class YoungClasses(Protocol):
    """Classes of écoles by their codes, and their pupils."""

    def find(self, code: str) -> YoungClass | None:
        """The class of a live code."""
        ...

    def pupils(self, found: YoungClass, *, now: datetime) -> tuple[YoungPupil, ...]:
        """Who is in it now, by first name."""
        ...

    def code_of(self, uai: str, label: str, *, now: datetime) -> str:
        """The live code of a class, drawn where it has none: for its teacher to write on the board."""
        ...
