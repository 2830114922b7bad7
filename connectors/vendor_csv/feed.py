"""The reader of a vendor's table: one school's list of logins in, domain records and faults out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from broker.domain.errors import FeedRefused
from broker.domain.feed import FeedFault, FeedHeader, FeedPortion, FeedRow, PersonRecord, SchoolRecord
from broker.domain.people import RecordKind
from broker.domain.school import Level, SchoolClass, ine_is_plausible
from connectors.csv_tables import Row, Table, cells_by_name, check_reach, read_table
from connectors.delivery import Limits, digest_of, files_of, members_of
from connectors.feed_values import Malformed
from connectors.vendor_csv.columns import VendorColumns
from connectors.vendor_csv.people import login_in, login_key, person_of

_OF_ONE_SCHOOL = Limits(expanded=1 << 30, members=1_000)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line whose login is known."""

    row: Row
    login: str

    @property
    def folded(self) -> str:
        """Two logins that differ by case only are one to whoever types them, and to many products."""
        return self.login.casefold()


@dataclass(frozen=True, slots=True)
class VendorCsvFeed:
    """Reads a vendor's list of one school: all pupils or all adults. Implements `IdentityFeed`.

    `separator` is one character. The file names no day, so the operator does.
    """

    uai: str
    made_on: date
    kind: RecordKind
    columns: VendorColumns
    separator: str = ";"
    level: Level | None = None
    limits: Limits = field(default=_OF_ONE_SCHOOL)

    def open(self, paths: Sequence[Path]) -> FeedHeader:
        """Look at the table. Raises `FeedRefused`: a declared column is missing, a line names another school."""
        self._table(paths)
        covers = {"school", self.kind.value} if self.kind is RecordKind.PUPIL else {self.kind.value}
        return FeedHeader("", "", complete=True, made_on=self.made_on, covers=frozenset(covers), school=self.uai)

    def portions(self, paths: Sequence[Path]) -> tuple[FeedPortion, ...]:
        """One: two lines of one login may stand anywhere."""
        files = [file for path in paths for file in files_of(path, _SUFFIXES)]
        return (FeedPortion(files[0].name, sum(file.stat().st_size for file in files)),) if files else ()

    def read(self, paths: Sequence[Path], *, portion: str = "") -> Iterator[FeedRow | FeedFault]:  # noqa: ARG002 - one portion
        """The persons in their order, before them the school of pupils."""
        table = self._table(paths)
        lines = [one if isinstance(one, FeedFault) else self._line(table, one) for one in table.rows]
        times = Counter(one.folded for one in lines if isinstance(one, _Line))
        people = [one if isinstance(one, FeedFault) else self._person(table, one, times) for one in lines]
        if self.kind is RecordKind.PUPIL:
            yield self._school(table, people)
        for one in people:
            yield one
            if isinstance(one, FeedRow):
                yield from _remarks(one)

    def checksum(self, paths: Sequence[Path]) -> str:
        """SHA-256 over school, day, declaration and the bytes of the table, whatever its name."""
        digests = sorted(
            digest_of(member.stream)
            for path in paths
            for file in files_of(path, _SUFFIXES)
            for member in members_of(file, _is_csv, self.limits)
        )
        declared = [f"{meaning}={name}" for meaning, name in sorted(self.columns.declared().items())]
        parts = [self.uai, self.made_on.isoformat(), self.kind.value, *declared, *digests]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _table(self, paths: Sequence[Path]) -> Table:
        tables = [
            read_table(member, separator=self.separator)
            for path in paths
            for file in files_of(path, _SUFFIXES)
            for member in members_of(file, _is_csv, self.limits)
        ]
        if len(tables) != 1:
            raise FeedRefused(f"one table is read at a time: there are {len(tables)}")
        (table,) = tables
        self.columns.check_header(table.file, table.columns)
        self._check_school(table)
        return table

    def _check_school(self, table: Table) -> None:
        if not self.columns.school:
            return
        place = table.columns.index(self.columns.school)
        for row in table.rows:
            if isinstance(row, Row) and len(row.cells) > place and row.cells[place].strip().upper() != self.uai:
                raise FeedRefused(f"{table.file}: line {row.line} is not of school {self.uai}")

    def _line(self, table: Table, row: Row) -> _Line | FeedFault:
        """The login of a line, or why nobody knows whom it speaks of."""
        try:
            check_reach(table.columns, row.cells, tuple(self.columns.declared().values()))
            return _Line(row, login_in(row.cells[table.columns.index(self.columns.login)].strip()))
        except Malformed as reason:
            return FeedFault(table.file, row.line, str(reason), breaks=True)

    def _person(self, table: Table, line: _Line, times: Mapping[str, int]) -> FeedRow | FeedFault:
        number, key = line.row.line, login_key(line.login, uai=self.uai)
        if times[line.folded] > 1:
            return FeedFault(table.file, number, _TWICE, kind=self.kind.value, key=key)
        by_name = cells_by_name(table.columns, line.row.cells)
        cells = {meaning: by_name[name] for meaning, name in self.columns.declared().items()}
        try:
            record = person_of(cells, login=line.login, kind=self.kind, uai=self.uai)
        except Malformed as reason:
            return FeedFault(table.file, number, str(reason), kind=self.kind.value, key=key)
        return FeedRow(table.file, number, record, addition=True)

    def _school(self, table: Table, people: Sequence[FeedRow | FeedFault]) -> FeedRow:
        records = [one.record for one in people if isinstance(one, FeedRow)]
        places = [place for record in records if isinstance(record, PersonRecord) for place in record.classes]
        labels = {one.class_code: one.class_label for one in places}
        classes = tuple(SchoolClass(code, label) for code, label in sorted(labels.items()))
        school = SchoolRecord(self.uai, self.uai, "", self.level, classes=classes)
        return FeedRow(table.file, 1, school, addition=True)


def _remarks(row: FeedRow) -> Iterator[FeedFault]:
    if isinstance(row.record, PersonRecord) and row.record.ine and not ine_is_plausible(row.record.ine):
        yield FeedFault(row.file, row.line, "the check letters of the INE do not hold", warning=True)


def _is_csv(name: str) -> bool:
    return name.lower().endswith((".csv", ".txt"))


_SUFFIXES = (".csv", ".txt", ".zip")
_TWICE = "two lines of one login: both to be reviewed, what stood was left"
