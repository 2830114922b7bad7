"""Seam to what is held of one person, for that person's own eyes."""

from __future__ import annotations

from typing import Protocol

from broker.domain.holdings import HeldRecord


class Holdings(Protocol):
    """Everything held of a person that no other port tells. Never read to decide anything."""

    def records_of(self, person_id: str) -> tuple[HeldRecord, ...]:
        """The records attached to the person, also those that their feed no longer names; oldest first."""
        ...
