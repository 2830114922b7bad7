"""Seam to the people of a school, for files that are handed to services beforehand."""

from __future__ import annotations

from typing import Protocol


class Rolls(Protocol):
    """Who has to do with a school."""

    def people_at(self, uai: str) -> tuple[str, ...]:
        """Persons with an enrolment or a post there, or a guardianship of whoever has; what they may is not asked."""
        ...
