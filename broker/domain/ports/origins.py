"""Seam to the database for how sessions were opened: to sign out upstream, and for sources that end a session."""

from __future__ import annotations

from typing import Protocol

from broker.domain.origins import SessionOrigin
from broker.domain.sessions import Session


class Origins(Protocol):
    """How sessions were opened. Kept with the session, so for as long as it; gone once its visit was ended."""

    def of_visit(self, visit: str) -> tuple[SessionOrigin, ...]:
        """The sources of a visit that nobody ended, each once, by its latest session; the latest source first."""
        ...

    def opened_by(self, answer: str) -> Session | None:
        """The session that nobody ended of the visit that this answer (by digest) opened or went on."""
        ...
