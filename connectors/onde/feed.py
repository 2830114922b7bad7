"""The ONDE reader: one school's extractions in, domain records and faults out."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Generic, Protocol, Self, TypeVar

from broker.domain.errors import FeedRefused
from broker.domain.feed import FeedFault, FeedHeader, FeedPortion, FeedRow, PersonRecord, SchoolRecord
from broker.domain.guardianship import Quality
from broker.domain.people import RecordKind
from broker.domain.school import Level, SchoolClass, ine_is_plausible
from connectors.csv_tables import Row, Table, cells_by_name, check_reach, read_table
from connectors.delivery import Limits, digest_of, files_of, members_of
from connectors.feed_values import Malformed
from connectors.onde.columns import (
    GUARDIAN_NEEDS,
    PUPIL_NEEDS,
    Extraction,
    child_blocks,
    extraction_of,
    unknown_columns,
)
from connectors.onde.families import Children, Families, join, with_relations, without_relations
from connectors.onde.people import GuardianLine, PupilLine, child_named, guardian_of, pupil_of
from connectors.onde.reviews import UNDECIDED, Decisions, Question

_SCHOOL = "school"


class Line(Protocol):
    """A line that speaks of one person."""

    @property
    def record(self) -> PersonRecord:
        """What the line says of the person."""
        ...

    def is_same(self, other: Self) -> bool:
        """Tell whether another line of the same key speaks of the same human."""
        ...

    def joined(self, others: Sequence[Self]) -> Self:
        """The one line that several of one human are."""
        ...


L = TypeVar("L", bound=Line)


@dataclass(frozen=True, slots=True)
class OndeFeed:
    """Reads the extractions of one école. Implements `IdentityFeed`.

    The files name neither the school nor the day, so the operator does; they tell no legal level, so `guardians` is
    the quality that the operator declares of all adults of the extraction (a contact may see nothing). `decisions`
    are what a human answered to the questions of this very delivery.
    """

    uai: str
    made_on: date
    guardians: Quality = Quality.CONTACT
    limits: Limits = field(default_factory=Limits)
    decisions: Decisions = UNDECIDED

    def open(self, paths: Sequence[Path]) -> FeedHeader:
        """Look at the columns. Raises `FeedRefused`: no ONDE file, two of one kind, guardians without pupils."""
        kinds = {kind.value for kind, _ in self._tables(paths)}
        covers = {_SCHOOL, *(_KIND[Extraction(kind)].value for kind in kinds)}
        return FeedHeader("", "1D", complete=True, made_on=self.made_on, covers=frozenset(covers), school=self.uai)

    def portions(self, paths: Sequence[Path]) -> tuple[FeedPortion, ...]:
        """One: children are found across the files."""
        files = [file for path in paths for file in files_of(path, _SUFFIXES)]
        return (FeedPortion(files[0].name, sum(file.stat().st_size for file in files)),) if files else ()

    def read(self, paths: Sequence[Path], *, portion: str = "") -> Iterator[FeedRow | FeedFault]:  # noqa: ARG002 - one portion
        """The school, its pupils with their adults, then the adults. Raises `FeedRefused`, for stale decisions too."""
        tables = dict(self._tables(paths))
        for kind, table in tables.items():
            for place in unknown_columns(kind, table.columns):
                yield FeedFault(table.file, 1, f"column {place} is not read: its name is not known", warning=True)
        pupils, guardians = self._lines(tables)
        yield self._school(pupils)
        yield from pupils.faults
        yield from self._pupils(pupils, guardians)
        if guardians is not None:
            yield from guardians.faults
            for line, adult in guardians.good:
                yield FeedRow(guardians.file, line, adult.record, addition=True)

    def checksum(self, paths: Sequence[Path]) -> str:
        """SHA-256 over school, day, the bytes of the files, whatever their names, and what was decided of them."""
        digests = sorted(
            digest_of(member.stream)
            for path in paths
            for file in files_of(path, _SUFFIXES)
            for member in members_of(file, _is_csv, self.limits)
        )
        parts = [self.uai, self.made_on.isoformat(), *digests, *self.decisions.written()]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def questions(self, paths: Sequence[Path]) -> list[Question]:
        """What a human is asked of a delivery and did not decide yet, by the order of lines. Raises `FeedRefused`."""
        families = self._families(*self._lines(dict(self._tables(paths))))
        return [one for one in families.questions.values() if self.decisions.of(one) is None]

    def _lines(self, tables: Mapping[Extraction, Table]) -> tuple[_Lines[PupilLine], _Lines[GuardianLine] | None]:
        pupils = _Lines(tables[Extraction.PUPILS], self._pupil)
        guardians = _Lines(tables[Extraction.GUARDIANS], self._guardian) if Extraction.GUARDIANS in tables else None
        return pupils, guardians

    def _families(self, pupils: _Lines[PupilLine], guardians: _Lines[GuardianLine] | None) -> Families:
        """Who stands beside whom, and whom homonyms may speak of. Raises `FeedRefused` for a stale decision."""
        children = Children([pupil for _, pupil in pupils.good], [pupil for _, pupil in pupils.unclear])
        adults, doubtful = (guardians.good, guardians.unclear) if guardians is not None else ([], [])
        families = join(children, adults, quality=self.guardians, decisions=self.decisions)
        aside = join(children, doubtful, quality=self.guardians)
        families.unclear |= aside.unclear | set(aside.relations)
        self.decisions.check_all_asked(families.questions.values())
        return families

    def _tables(self, paths: Sequence[Path]) -> list[tuple[Extraction, Table]]:
        found: dict[Extraction, Table] = {}
        for path in paths:
            for file in files_of(path, _SUFFIXES):
                for member in members_of(file, _is_csv, self.limits):
                    table = read_table(member)
                    kind = extraction_of(table.file, table.columns)
                    if kind in found:
                        raise FeedRefused(f"{found[kind].file} and {table.file} are both extractions of {kind.value}")
                    found[kind] = table
        if Extraction.PUPILS not in found:
            raise FeedRefused("no extraction of pupils: adults are found through their children")
        return sorted(found.items(), key=lambda one: list(Extraction).index(one[0]))

    def _school(self, pupils: _Lines[PupilLine]) -> FeedRow:
        labels = {one.class_code: one.class_label for _, pupil in pupils.good for one in pupil.record.classes}
        classes = tuple(SchoolClass(code, label) for code, label in sorted(labels.items()))
        school = SchoolRecord(key=self.uai, uai=self.uai, name="", level=Level.ECOLE, classes=classes)
        return FeedRow(pupils.file, 1, school, addition=True)

    def _pupils(
        self, pupils: _Lines[PupilLine], guardians: _Lines[GuardianLine] | None
    ) -> Iterator[FeedRow | FeedFault]:
        families = self._families(pupils, guardians)
        if guardians is not None:
            yield from (FeedFault(guardians.file, line, reason, warning=True) for line, reason in families.reviews)
        # A pupil whose line is lost may bear the names of another, an adult whose line is lost any of these children.
        settled = guardians is not None and not guardians.broken and not pupils.broken
        for line, pupil in pupils.good:
            record = with_relations(pupil.record, families) if settled else without_relations(pupil.record)
            if record.ine and not ine_is_plausible(record.ine):
                yield FeedFault(pupils.file, line, "the check letters of the INE do not hold", warning=True)
            yield FeedRow(pupils.file, line, record, addition="relations" in record.stated)

    def _pupil(self, table: Table, row: Row) -> PupilLine:
        check_reach(table.columns, row.cells, PUPIL_NEEDS)
        return pupil_of(cells_by_name(table.columns, row.cells), uai=self.uai)

    def _guardian(self, table: Table, row: Row) -> GuardianLine:
        check_reach(table.columns, row.cells, GUARDIAN_NEEDS)
        blocks = child_blocks(table.columns)
        ends = [max(block.values()) + 1 for block in blocks]
        if len(row.cells) not in {min(blocks[0].values()), *ends} and table.is_cut(row, width=len(table.columns)):
            raise Malformed("a last line that ends within what it says of a child")
        children = [child_named(row.cells, block) for block in blocks]
        return guardian_of(cells_by_name(table.columns, row.cells), children, uai=self.uai)


class _Lines(Generic[L]):
    """The lines of one table: those that can be taken, those of homonyms, and what is told of the others."""

    def __init__(self, table: Table, read: Callable[[Table, Row], L]) -> None:
        self.file = table.file
        self.faults: list[FeedFault] = []
        self.good: list[tuple[int, L]] = []
        self.unclear: list[tuple[int, L]] = []
        by_key: dict[str, list[tuple[int, L]]] = defaultdict(list)
        for row in table.rows:
            if isinstance(row, FeedFault):
                self.faults.append(row)
                continue
            try:
                line = read(table, row)
            except Malformed as reason:
                # Without key nobody can tell who this is: the set is not complete, so that nobody is retired by it.
                self.faults.append(FeedFault(self.file, row.line, str(reason), breaks=True))
                continue
            by_key[line.record.key].append((row.line, line))
        for lines in by_key.values():
            self._sort(lines)

    @property
    def broken(self) -> bool:
        """Tell whether a line was lost of which nobody knows whom it spoke of."""
        return any(fault.breaks for fault in self.faults)

    def _sort(self, lines: list[tuple[int, L]]) -> None:
        (number, first), *rest = lines
        others = [line for _, line in rest]
        if all(first.is_same(other) for other in others):
            self.good.append((number, first.joined(others)))
            return
        self.unclear += lines
        record = first.record
        self.faults += [
            FeedFault(self.file, line, _HOMONYMS, kind=record.kind.value, key=record.key) for line, _ in lines
        ]


def _is_csv(name: str) -> bool:
    return name.lower().endswith((".csv", ".txt"))


_SUFFIXES = (".csv", ".txt", ".zip")
_KIND = {Extraction.PUPILS: RecordKind.PUPIL, Extraction.GUARDIANS: RecordKind.GUARDIAN}
_HOMONYMS = "two lines that nobody can tell apart (same names): both to be reviewed, what stood was left"
