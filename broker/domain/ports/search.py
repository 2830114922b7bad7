"""Seam to the search of the desk (adapter in `storage`)."""

from __future__ import annotations

from typing import Protocol

from broker.domain.search import Hits, SearchAsked


class Search(Protocol):
    """Finds people at schools. What lies outside `scope` is never read: the schools are part of the question."""

    def find(self, asked: SearchAsked, scope: frozenset[str], *, after: str, limit: int) -> Hits:
        """At most `limit` persons at these schools, in the order of schools and names; `after` as a page told it."""
        ...

    def by_mobile(self, number: str) -> tuple[str, ...]:
        """The persons on whose live records this whole number stands, at any school: for who proves to hold it."""
        ...

    def schools_of(self, person_id: str) -> frozenset[str]:
        """The schools at which the person stands: as a pupil, by a post, or by their children."""
        ...
