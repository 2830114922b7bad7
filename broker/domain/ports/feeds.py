"""Seams to what delivers records and what compares them: feeds, matchers, and the storage of imports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from broker.domain.audit import AuditEvent
from broker.domain.feed import FeedFault, FeedHeader, FeedPortion, FeedRow
from broker.domain.founding import FoundingPlan, Surroundings, Unattached
from broker.domain.imports import Batch, Chunk, ChunkPlan, ImportDifference, ImportRun, Lease
from broker.domain.people import RecordKind
from broker.domain.school import Level


class IdentityFeed(Protocol):
    """A set of files or a directory that delivers records."""

    def open(self, paths: Sequence[Path]) -> FeedHeader:
        """Look at the set without reading it through. Raises `FeedRefused`."""
        ...

    def portions(self, paths: Sequence[Path]) -> tuple[FeedPortion, ...]:
        """What can be read apart from the rest, in reading order: `read` gives the same as all of them in turn."""
        ...

    def read(self, paths: Sequence[Path], *, portion: str = "") -> Iterator[FeedRow | FeedFault]:
        """Stream the records, schools first; memory stays flat. A malformed record is a `FeedFault`, never an end."""
        ...

    def checksum(self, paths: Sequence[Path]) -> str:
        """SHA-256 (hex) over the set's content, in order: the same delivery twice is known as such."""
        ...


@dataclass(frozen=True, slots=True)
class ScoredPair:
    """A likeness between two guardian records of different feeds, from 0 to 1: supports a proposal, never a link."""

    left: str
    right: str
    score: float
    grounds: str


class Matcher(Protocol):
    """Scored reconciliation. Its results are at most proposed."""

    def score(self, candidates: Iterable[tuple[MatchSubject, MatchSubject]]) -> Iterator[ScoredPair]:
        """Score candidate pairs."""
        ...


@dataclass(frozen=True, slots=True)
class MatchSubject:
    """What a matcher compares of a guardian record. Contacts are compared, never shown."""

    record_id: str
    name_key: str
    birth_name: str
    mobile: str
    mail: str
    address: str


class ImportRuns(Protocol):
    """The import's own bookkeeping: open a run, stage everything, look at the difference, close it.

    Every write checks and renews the lease: a process that lost it writes nothing more (`ImportBusy`).
    """

    def begin(
        self, feed: str, *, lease: Lease, decide: Callable[[Sequence[ImportRun]], ImportRun | None]
    ) -> ImportRun | None:
        """Under the lock of all imports: let `decide` look at the feed's runs (newest first) and open what it returns.

        A new run supersedes unfinished ones that were not yet applied; one in the middle of its staging comes back
        with nothing staged. What dead dry runs left is dropped. None opens nothing. Whatever `decide` raises
        goes through. Raises `ImportBusy` while a living holder works on a run of any feed; rehearsals neither wait nor
        keep anybody waiting.
        """
        ...

    def stage(self, run: ImportRun, batch: Batch, *, lease: Lease) -> None:
        """Add staged rows and faults, and move the count of staged items, in one transaction."""
        ...

    def settle(self, run: ImportRun, *, lease: Lease, audit: Sequence[AuditEvent] = ()) -> ImportRun:
        """Write the state, completeness, instant and counts of a run between two steps; returns it."""
        ...

    def difference(self, run: ImportRun, *, plan: Callable[[Chunk], ChunkPlan], size: int) -> ImportDifference:
        """Compare what is staged with what is live; writes nothing. `plan` is asked about pupils already known."""
        ...

    def finish(self, run: ImportRun, *, lease: Lease, audit: Sequence[AuditEvent]) -> None:
        """Close the run in the state it carries and drop its staged rows (a rehearsal leaves nothing at all)."""
        ...

    def faults(self, run: ImportRun, *, limit: int) -> tuple[FeedFault, ...]:
        """The first faults of a run, errors before warnings."""
        ...


class DirectoryStore(Protocol):
    """What an import writes, chunk by chunk, one transaction each; decisions come in as functions of values.

    Each step gives the run as it then stands, its counts with it, or None when nothing of the step is left.
    """

    def apply(self, run: ImportRun, *, size: int, lease: Lease, plan: Callable[[Chunk], ChunkPlan]) -> ImportRun | None:
        """Apply the next chunk after the cursor and move the cursor with it."""
        ...

    def retire(
        self, run: ImportRun, *, size: int, lease: Lease, plan: Callable[[Chunk], ChunkPlan]
    ) -> ImportRun | None:
        """Retire the next records that a complete run did not see."""
        ...

    def found(
        self,
        run: ImportRun,
        *,
        size: int,
        lease: Lease,
        decide: Callable[[RecordKind, Sequence[Unattached], Surroundings], FoundingPlan],
    ) -> ImportRun | None:
        """Give persons to unattached records among the next staged rows, pupils first, and move the cursor."""
        ...

    def level_schools(
        self, run: ImportRun, *, lease: Lease, decide: Callable[[Mapping[str, int]], Level | None]
    ) -> None:
        """Give a level to schools without one, from the counts of their pupils' level codes."""
        ...
