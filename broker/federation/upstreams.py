"""The sources as they stand now: closed by an administrator, known to be down, or open; and what each can prove."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from broker.domain.assurance import Assurance
from broker.domain.errors import CredentialsRefused, SourceSuspended, TicketRefused, UpstreamUnavailable
from broker.domain.ports import Current
from broker.domain.standings import InForce, StandingKind
from broker.federation.availability import Availability
from broker.federation.sources import AnySource, SourceDescription, Sources
from broker.services.ways import Way
from policies import Policies, PolicyBook


@dataclass(frozen=True, slots=True)
class Upstreams:
    """Configured sources, what administrators and outages make of them, and the policies of their tenants."""

    sources: Sources
    availability: Availability
    policies: Current[PolicyBook]
    standings: Current[InForce]

    def open_ones(self) -> tuple[SourceDescription, ...]:
        """What is known of each source that no administrator closed."""
        closed = self.standings.current()
        return tuple(
            each for each in self.sources.descriptions() if not closed.closes(StandingKind.SOURCE, each.source_id)
        )

    def open_source(self, source_id: str) -> AnySource:
        """The source and its connector. Raises `PageNotFound`, `SourceSuspended`."""
        source = self.sources.get(source_id)
        if self.standings.current().closes(StandingKind.SOURCE, source_id):
            raise SourceSuspended(f"source {source_id} is suspended")
        return source

    def rules(self, source_id: str, book: PolicyBook | None = None) -> Policies:
        """The policies of the tenant that answers for a source: its sessions, its assurance, its undo.

        `book`: that of a decision under way, which reads no second version.
        """
        return (book or self.policies.current()).of(self.tenant_of(source_id))

    def tenant_of(self, source_id: str) -> str:
        """The tenant that answers for a source; empty when the source is gone from the settings."""
        return next((each.tenant for each in self.sources.descriptions() if each.source_id == source_id), "")

    def ways(self, book: PolicyBook | None = None, *, now: datetime) -> tuple[Way, ...]:
        """Every source, also the closed ones: the most it can prove, and since when it is known not to."""
        suspects, held = self.availability.suspects(), book or self.policies.current()
        return tuple(self._way(each, suspects, held, now=now) for each in self.sources.descriptions())

    def able(self, required: Assurance) -> tuple[SourceDescription, ...]:
        """Open sources that can prove this much; every open source where none can (the service then says no)."""
        offered = self.open_ones()
        return tuple(each for each in offered if each.assurance.reaches(required)) or offered

    def note(self, source_id: str, fault: Exception | None, *, now: datetime) -> None:
        """Remember how a connector fared: silence counts against the source, its own answer clears, even a refusal.

        Our own bound of calls tells nothing of it: a crowd with made-up tickets would make an outage of it.
        """
        if fault is None or isinstance(fault, TicketRefused | CredentialsRefused):
            self.availability.succeeded(source_id)
        elif isinstance(fault, UpstreamUnavailable):
            self.availability.failed(source_id, self.rules(source_id).assurance, now=now)

    def _way(self, source: SourceDescription, suspects: frozenset[str], book: PolicyBook, *, now: datetime) -> Way:
        closed_since = self.standings.current().closed_since(source.source_id)
        if closed_since is not None:
            return Way(source.source_id, source.assurance, closed_since, closed=True)
        if source.source_id not in suspects:
            return Way(source.source_id, source.assurance)
        rules = book.of(source.tenant).assurance
        since = self.availability.down_since(source.source_id, rules, now=now)
        return Way(source.source_id, source.assurance, since)


def preferred(
    able: tuple[SourceDescription, ...], *, down: frozenset[str], known: Iterable[str], current: str
) -> tuple[SourceDescription, ...]:
    """Where to prove more: never nowhere.

    Sources that answer first; of these, others than the current one, which has said what it can; of these, those where
    the person signs in already.
    """
    up = tuple(each for each in able if each.source_id not in down) or able
    others = tuple(each for each in up if each.source_id != current) or up
    linked = frozenset(known)
    return tuple(each for each in others if each.source_id in linked) or others
