"""Seam to where a person is signed in, and to closing it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from broker.domain.places import CloseSessions, Freeze, Passage


class Places(Protocol):
    """The sign-ins of a person, and closing what is open. Nothing here opens anything."""

    def passages(
        self, person_id: str, *, since: datetime, now: datetime, offset: int, limit: int
    ) -> tuple[Passage, ...]:
        """The person's sign-ins since then, newest first."""
        ...

    def open_places(self, person_id: str, *, now: datetime) -> tuple[Passage, ...]:
        """The sign-ins that are still open, newest first."""
        ...

    def close(self, act: CloseSessions) -> int:
        """Carry the closing out, have the services told; returns how many sessions it ended."""
        ...

    def freeze(self, act: Freeze) -> None:
        """Carry the freeze out, have the services told. Raises `NoSuchSubject` for a login of somebody else's."""
        ...
