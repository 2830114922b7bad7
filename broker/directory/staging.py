"""From a stream of delivered items to batches of staged rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from broker.directory.content import content_hash, encode_person, encode_school
from broker.domain.feed import FeedFault, FeedRow, PersonRecord, Removal, SchoolRecord
from broker.domain.imports import Batch, Op, StagedRow
from broker.domain.people import RecordKind

SCHOOL = "school"
PHASES = {SCHOOL: 0, RecordKind.PUPIL.value: 1, RecordKind.GUARDIAN.value: 2, RecordKind.STAFF.value: 3}
"""Order of application, whatever the order of the files in an archive: enrolments need their schools."""

_WARNINGS_KEPT = 1_000
"""Warnings stored of one delivery; the others are counted (an anonymised set warns at every pupil)."""


@dataclass(slots=True)
class Stager:
    """Turns delivered items into batches, and counts what they tell of the delivery."""

    in_charge_sees: bool
    size: int
    broken: bool = False
    counts: dict[str, int] = field(default_factory=dict)

    def batches(self, items: Iterable[FeedRow | FeedFault]) -> Iterator[Batch]:
        """Batches of at most `size` items."""
        rows: list[StagedRow] = []
        faults: list[FeedFault] = []
        seq = before = 0
        for seq, item in enumerate(items, start=1):
            if isinstance(item, FeedFault):
                self._fault(item, seq, rows, faults)
            else:
                rows.append(self._row(item, seq))
            if seq - before == self.size:
                yield Batch(rows=rows, faults=faults, staged=seq)
                rows, faults, before = [], [], seq
        if seq > before:
            yield Batch(rows=rows, faults=faults, staged=seq)

    def add(self, other: Stager) -> None:
        """Count in what another stager found in its part of the set."""
        self.broken = self.broken or other.broken
        for what, count in other.counts.items():
            self.counts[what] = self.counts.get(what, 0) + count

    def _fault(self, fault: FeedFault, seq: int, rows: list[StagedRow], faults: list[FeedFault]) -> None:
        self.broken = self.broken or fault.breaks
        what = "warnings" if fault.warning else "faults"
        self.counts[what] = self.counts.get(what, 0) + 1
        if fault.key and fault.kind in PHASES:
            rows.append(StagedRow(PHASES[fault.kind], seq, fault.key, fault.kind, Op.KEEP.value, "", 0, ""))
        if not fault.warning or self.counts[what] <= _WARNINGS_KEPT:
            faults.append(fault)

    def _row(self, item: FeedRow, seq: int) -> StagedRow:
        record = item.record
        if isinstance(record, Removal):
            kind = record.kind.value if record.kind else SCHOOL
            return StagedRow(PHASES[kind], seq, record.key, kind, Op.DELETE.value, "", 0, "")
        if isinstance(record, SchoolRecord):
            return self._staged(item, seq, key=record.key, kind=SCHOOL, payload=encode_school(record), relations=0)
        return self._person(item, record, seq)

    def _person(self, item: FeedRow, record: PersonRecord, seq: int) -> StagedRow:
        return self._staged(
            item,
            seq,
            key=record.key,
            kind=record.kind.value,
            payload=encode_person(record),
            relations=len(record.relations),
        )

    def _staged(self, item: FeedRow, seq: int, *, key: str, kind: str, payload: str, relations: int) -> StagedRow:
        digest = content_hash(payload, in_charge_sees=self.in_charge_sees)
        op = Op.ADD if item.addition else Op.MODIFY
        return StagedRow(PHASES[kind], seq, key, kind, op.value, digest, relations, payload)
