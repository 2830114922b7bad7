"""What a wrong link showed: whose data, to which sign-ins and which services, and when (RGPD articles 33 and 34).

A *side* is a person as it was before being joined with others. A sign-in of one side that could see a child of
another side is an exposure; so is everything, for a sign-in of which nobody knows whose it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

UNKNOWN = ""
"""The side of a login that may be anybody's: the one that caused the wrong link."""


@dataclass(frozen=True, slots=True)
class Span:
    """From `begin` on, before `end`."""

    begin: datetime
    end: datetime

    def within(self, other: Span) -> Span | None:
        """What both have in common; None when nothing."""
        begin, end = max(self.begin, other.begin), min(self.end, other.end)
        return Span(begin, end) if begin < end else None

    def without(self, others: Iterable[Span]) -> tuple[Span, ...]:
        """What is left of this span outside the others."""
        left: list[Span] = [self]
        for other in others:
            left = [part for span in left for part in _cut(span, other)]
        return tuple(left)


def _cut(span: Span, other: Span) -> Sequence[Span]:
    parts = ((span.begin, min(span.end, other.begin)), (max(span.begin, other.end), span.end))
    return [Span(begin, end) for begin, end in parts if begin < end]


@dataclass(frozen=True, slots=True)
class Visit:
    """A sign-in that lived within the time in question. `span` ends when it was left, ended or ran out."""

    sid: str
    account_id: str
    source_id: str
    side: str
    device: str
    span: Span


@dataclass(frozen=True, slots=True)
class VisibleChild:
    """A child that a record of `side` gave the right to see, during `span`. `places`: schools and classes of then."""

    child_id: str
    given: str
    family: str
    side: str
    through: str
    places: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class JoinedAdult:
    """A record of one of the adults who were one person: what services were told of that person is of them too."""

    side: str
    record_id: str
    given: str
    family: str


@dataclass(frozen=True, slots=True)
class Opening:
    """A service opened in a sign-in. `client_id` is the service's client; `claims` what it could receive."""

    sid: str
    client_id: str
    at: datetime
    claims: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """A line of the ledger: what a service was told of the joined person on a day (UTC)."""

    person_id: str
    service_id: str
    day: date
    claims: tuple[str, ...]
    first_at: datetime


@dataclass(frozen=True, slots=True)
class Sight:
    """A child of one side within reach of a sign-in of another: while `span`, its card could be read."""

    child: VisibleChild
    visit: Visit
    span: Span


@dataclass(frozen=True, slots=True)
class Exposure:
    """Everything known of one wrong link, within `span`. `sides` are the persons who were taken for one."""

    span: Span
    sides: tuple[str, ...]
    adults: tuple[JoinedAdult, ...]
    visits: tuple[Visit, ...]
    children: tuple[VisibleChild, ...]
    openings: tuple[Opening, ...]
    told: tuple[Told, ...]

    def sights(self) -> tuple[Sight, ...]:
        """Which sign-in could see which child that its own side gives no right to, oldest first."""
        found = [Sight(child, visit, span) for visit in self.visits for child, span in self._exposed(visit)]
        return tuple(sorted(found, key=lambda sight: (sight.span.begin, sight.visit.sid, sight.child.child_id)))

    def _exposed(self, visit: Visit) -> Iterable[tuple[VisibleChild, Span]]:
        own = {child.child_id for child in self.children if child.side == visit.side}
        for child in self.children:
            span = child.span.within(visit.span)
            if span is not None and child.child_id not in own:
                yield child, span
