"""The import of one delivery, as one straight walk.

    open → stage → difference → guard → apply → retire → found persons → finish

Every step ends in the database: killed anywhere, the same call takes up where it stopped and ends in the same state.
What was staged by halves is staged again: everything after it stands on the staged rows alone.
Facts of a run are dated with one instant, fixed when applying begins and kept over every resume.
"""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from broker.directory.founding import Founder
from broker.directory.guard import CONFIRMED, CORRECTED, FEW, JOINED, mass_changes, recent_changes
from broker.directory.ids import IdSource
from broker.directory.lease import own_holder
from broker.directory.likeness import SameContacts
from broker.directory.opening import Delivery, check_header
from broker.directory.planning import plan_chunk
from broker.directory.readers import batches_of
from broker.directory.record_facts import Circumstances
from broker.directory.staging import Stager
from broker.domain.audit import Action, AuditEvent
from broker.domain.clock import Clock
from broker.domain.errors import FeedRefused, ImportBusy, ImportHeld
from broker.domain.feed import Feed, FeedFault, FeedHeader
from broker.domain.handles import Id, new_id
from broker.domain.imports import CONTACT_HOLD, Chunk, ChunkPlan, ImportDifference, ImportRun, ImportState, Lease
from broker.domain.ports import DirectoryStore, IdentityFeed, ImportRuns, Matcher
from broker.domain.school import Level, level_of_mefstat

LEASE = timedelta(seconds=90)
"""How long a silent process keeps its feed; a process known to be dead loses it at once."""

FAULTS_SHOWN = 1_000


def refuse_to_wait(busy: ImportBusy) -> None:
    """The patience of somebody who would rather come back."""
    raise busy


class Imports(ImportRuns, DirectoryStore, Protocol):
    """What an import needs of the database."""


@dataclass(frozen=True, slots=True)
class ImportRules:
    """The numbers of `policies/linking.toml` that an import goes by, the matcher, and the measures of the work.

    What runs of the last `mass_change_window` changed counts together. `patience` is shown each `ImportBusy` met when
    a run is to be opened: where it returns, it is asked for again. `chunk` rows go into one transaction; `readers`
    processes parse a set of several files and `large` bytes or more. `contact_hold`: how long a changed number waits.
    """

    mass_change_percent: float = 5.0
    mass_change_window: timedelta = timedelta(hours=24)
    mass_change_few: float = FEW
    in_charge_sees: bool = False
    propose_from: float = 0.75
    matcher: Matcher = field(default_factory=SameContacts)
    patience: Callable[[ImportBusy], None] = refuse_to_wait
    contact_hold: timedelta = CONTACT_HOLD
    chunk: int = 5_000
    readers: int = field(default_factory=lambda: os.cpu_count() or 1)
    large: int = 64 << 20


_COLLECT_AFTER = 500_000
"""Objects made since the last collection."""


class Intent(StrEnum):
    """What the operator wants: apply unless too much would change, apply even so, or only see what would change."""

    APPLY = "apply"
    CONFIRM = "confirm"
    REHEARSE = "rehearse"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a step got; `total` is None while it is not known."""

    step: str
    done: int
    total: int | None


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. `state`: done, rehearsed (dry run) or nothing_to_do (this delivery was the last applied)."""

    feed: str
    state: str
    import_id: str = ""
    complete: bool = False
    made_on: date | None = None
    resumed: bool = False
    counts: Mapping[str, int] | None = None
    difference: ImportDifference | None = None
    faults: tuple[FeedFault, ...] = ()


@contextmanager
def _few_collections() -> Iterator[None]:
    """Let garbage be collected seldom: a chunk is a hundred thousand tuples, and none of them is part of a cycle.

    Walking them over and over took a quarter of the import's time.
    """
    usual = gc.get_threshold()
    gc.set_threshold(_COLLECT_AFTER, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


@_few_collections()
def import_feed(
    *,
    feed: Feed,
    paths: Sequence[Path],
    imports: Imports,
    reader: IdentityFeed,
    clock: Clock,
    rules: ImportRules | None = None,
    intent: Intent = Intent.APPLY,
    progress: Callable[[Progress], None] | None = None,
) -> ImportReport:
    """Import one delivery of a feed, or take up an unfinished import of it.

    Raises `FeedRefused` (the set cannot be read as a whole, is another académie's or of a day yet to come),
    `ImportStale`, `ImportBusy`, and `ImportHeld` with the difference when too much would change: nothing was applied,
    the same call with `Intent.CONFIRM` applies it.
    """
    walk = _Walk(
        feed=feed,
        imports=imports,
        reader=reader,
        clock=clock,
        rules=rules or ImportRules(),
        progress=progress or _silent,
        holder=own_holder(),
    )
    header = reader.open(paths)
    check_header(header, feed, today=clock().date())
    fresh = walk.fresh_run(header, checksum=reader.checksum(paths))
    if intent is Intent.REHEARSE:
        return walk.rehearse(replace(fresh, state=ImportState.REHEARSAL), paths)
    while (run := walk.open(fresh, live=header.live)) is not None:
        if run.state is ImportState.STAGING:
            run = walk.stage(run, paths)
        difference = None
        if run.state in {ImportState.STAGED, ImportState.HELD}:
            difference, run = walk.weigh(run, intent)
        run = walk.apply(run)
        if run.checksum == fresh.checksum:
            resumed = run.import_id != fresh.import_id
            return walk.report(run, state="done", difference=difference, resumed=resumed)
    return ImportReport(feed=feed.id, state="nothing_to_do", complete=header.complete, made_on=header.made_on)


def _silent(_progress: Progress) -> None:
    return None


@dataclass(frozen=True, slots=True)
class _Walk:
    """The steps of one import; each takes a run and gives the run as it stands after."""

    feed: Feed
    imports: Imports
    reader: IdentityFeed
    clock: Clock
    rules: ImportRules
    progress: Callable[[Progress], None]
    holder: str
    history: list[ImportRun] = field(default_factory=list)
    """Earlier runs of the feed, newest first, as they were when the run was opened."""

    def fresh_run(self, header: FeedHeader, *, checksum: str) -> ImportRun:
        return ImportRun(
            import_id=new_id(Id.IMPORT),
            feed=self.feed.id,
            tenant=self.feed.tenant,
            academie=self.feed.academie,
            complete=header.complete,
            checksum=checksum,
            made_on=header.made_on,
            state=ImportState.STAGING,
            started_at=self.clock(),
            covers=header.covers,
        )

    def open(self, fresh: ImportRun, *, live: bool) -> ImportRun | None:
        delivery = Delivery(fresh, live)

        def choose(history: Sequence[ImportRun]) -> ImportRun | None:
            self.history[:] = history
            return delivery.choose(history)

        while True:
            try:
                return self.imports.begin(self.feed.id, lease=self._lease(), decide=choose)
            except ImportBusy as busy:
                self.rules.patience(busy)

    def stage(self, run: ImportRun, paths: Sequence[Path]) -> ImportRun:
        stager = Stager(in_charge_sees=self.rules.in_charge_sees, size=self.rules.chunk)
        rules = self.rules
        try:
            for batch in batches_of(self.reader, paths, stager, processes=rules.readers, large=rules.large):
                self.imports.stage(run, batch, lease=self._lease())
                run = replace(run, staged=batch.staged)
                self.progress(Progress("stage", batch.staged, None))
        except FeedRefused:
            # The operator is told; files that cannot be read must not keep every later delivery waiting.
            self.imports.settle(replace(run, state=ImportState.SUPERSEDED), lease=self._lease())
            raise
        run = replace(run, complete=run.complete and not stager.broken, counts=stager.counts)
        if run.state is ImportState.REHEARSAL:
            return self.imports.settle(run, lease=self._lease())
        run = replace(run, state=ImportState.STAGED)
        return self.imports.settle(run, lease=self._lease(), audit=[self._event(run, Action.IMPORT_STARTED)])

    def weigh(self, run: ImportRun, intent: Intent) -> tuple[ImportDifference, ImportRun]:
        difference = self._difference(run)
        recent = recent_changes(self.history, now=self.clock(), window=self.rules.mass_change_window)
        rules = self.rules
        percent, few = rules.mass_change_percent, rules.mass_change_few
        reasons = mass_changes(difference, percent=percent, recent=recent, few=few)
        if reasons and intent is not Intent.CONFIRM:
            if run.state is not ImportState.HELD:
                held = replace(run, state=ImportState.HELD)
                self.imports.settle(held, lease=self._lease(), audit=[self._event(run, Action.IMPORT_HELD)])
            raise ImportHeld("; ".join(reasons), difference)
        kept = Counter(
            {
                CONFIRMED: int(intent is Intent.CONFIRM),
                JOINED: difference.guardianships_joined,
                CORRECTED: difference.joined_corrected,
            }
        )
        counts = Counter(run.counts) + kept
        run = replace(run, state=ImportState.APPLYING, applied_at=self.clock(), counts=counts)
        return difference, self.imports.settle(run, lease=self._lease())

    def apply(self, run: ImportRun) -> ImportRun:
        around = self._around(run)
        founder = Founder(around, self.rules.matcher, self.rules.propose_from, IdSource())
        size = self.rules.chunk

        def plan(chunk: Chunk) -> ChunkPlan:
            return plan_chunk(chunk, around)

        run = self._repeat("apply", run, lambda at, lease: self.imports.apply(at, size=size, lease=lease, plan=plan))
        if run.complete:
            run = self._repeat(
                "retire", run, lambda at, lease: self.imports.retire(at, size=size, lease=lease, plan=plan)
            )
        run = self._repeat(
            "found", run, lambda at, lease: self.imports.found(at, size=size, lease=lease, decide=founder.decide)
        )
        self.imports.level_schools(run, lease=self._lease(), decide=level_of_pupils)
        final = replace(run, state=ImportState.DONE)
        self.imports.finish(final, lease=self._lease(), audit=[self._event(final, Action.IMPORT_FINISHED)])
        return final

    def _repeat(self, step: str, run: ImportRun, act: Callable[[ImportRun, Lease], ImportRun | None]) -> ImportRun:
        """Do a step chunk by chunk until nothing of it is left."""
        while (moved := act(run, self._lease())) is not None:
            run = moved
            self.progress(Progress(step, run.cursor, run.staged))
        return run

    def rehearse(self, run: ImportRun, paths: Sequence[Path]) -> ImportReport:
        opened = self.imports.begin(self.feed.id, lease=self._lease(), decide=lambda _history: run)
        run = opened or run
        try:
            run = self.stage(run, paths)
            return self.report(run, state="rehearsed", difference=self._difference(run))
        finally:
            self.imports.finish(run, lease=self._lease(), audit=())

    def report(
        self,
        run: ImportRun,
        *,
        state: str,
        difference: ImportDifference | None,
        resumed: bool = False,
    ) -> ImportReport:
        return ImportReport(
            feed=self.feed.id,
            state=state,
            import_id=run.import_id,
            complete=run.complete,
            made_on=run.made_on,
            resumed=resumed,
            counts=dict(run.counts),
            difference=difference,
            faults=self.imports.faults(run, limit=FAULTS_SHOWN),
        )

    def _difference(self, run: ImportRun) -> ImportDifference:
        around = self._around(replace(run, applied_at=self.clock()))
        return self.imports.difference(run, plan=lambda chunk: plan_chunk(chunk, around), size=self.rules.chunk)

    def _around(self, run: ImportRun) -> Circumstances:
        return Circumstances(
            import_id=run.import_id,
            feed=run.feed,
            tenant=run.tenant,
            academie=run.academie,
            now=run.applied_at or run.started_at,
            in_charge_sees=self.rules.in_charge_sees,
            made_at=datetime.combine(run.made_on, time(), UTC) if run.made_on else None,
            contact_hold=self.rules.contact_hold,
        )

    def _lease(self) -> Lease:
        now = self.clock()
        return Lease(holder=self.holder, now=now, until=now + LEASE)

    def _event(self, run: ImportRun, action: Action) -> AuditEvent:
        return AuditEvent(
            tenant=run.tenant,
            at=self.clock(),
            action=action,
            actor=f"feed:{run.feed}",
            subject=run.import_id,
            detail={"checksum": run.checksum, **{name: str(count) for name, count in sorted(run.counts.items())}},
        )


def level_of_pupils(level_codes: Mapping[str, int]) -> Level | None:
    """Level of a school from how many of its pupils bear which MEFSTAT; the most frequent wins."""
    levels: Counter[Level] = Counter()
    for code, count in sorted(level_codes.items()):
        level = level_of_mefstat(code)
        if level:
            levels[level] += count
    return levels.most_common(1)[0][0] if levels else None
