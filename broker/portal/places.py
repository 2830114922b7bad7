"""The pages "Mes appareils" and "Qui a utilisé mon accès": where a person is signed in, and every sign-in of a year."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from broker.domain.places import Passage

HISTORY = timedelta(days=365)
"""As long as sign-ins are kept (`policies/retention.toml`)."""
ON_A_PAGE = 20


@dataclass(frozen=True, slots=True)
class PlaceLine:
    """One sign-in. `is_here`: by which the page at hand was asked for."""

    passage: Passage
    is_here: bool


@dataclass(frozen=True, slots=True)
class PlacesPage:
    """Lines, newest first. `number`: of this page, from 1; `has_more`: there are older ones on the next."""

    lines: tuple[PlaceLine, ...]
    number: int = 1
    has_more: bool = False

    @property
    def has_others(self) -> bool:
        """Tell whether the person is signed in anywhere else than here."""
        return any(line.passage.is_open and not line.is_here for line in self.lines)


def build_places(passages: Sequence[Passage], *, here: str, number: int = 1) -> PlacesPage:
    """Mark the sign-in of this session among at most a page of them; one more tells that there is a next page."""
    lines = tuple(PlaceLine(each, each.sid == here) for each in passages[:ON_A_PAGE])
    return PlacesPage(lines, number, has_more=len(passages) > ON_A_PAGE)
