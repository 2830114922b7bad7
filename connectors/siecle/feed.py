"""The SIECLE reader: one school's exports in, domain records and faults out."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from broker.domain.errors import FeedRefused
from broker.domain.feed import PERSON_FIELDS, FeedFault, FeedHeader, FeedPortion, FeedRow, PersonRecord, SchoolRecord
from broker.domain.people import RecordKind
from broker.domain.school import Level, SchoolClass, ine_is_plausible, uai_is_plausible
from connectors.delivery import Limits, digest_of, files_of, members_of
from connectors.feed_values import Malformed
from connectors.siecle.files import Entry, Export, SiecleFile, read_file
from connectors.siecle.people import guardian_of, has_left, pupil_of
from connectors.siecle.relations import Generation, generation_of, relations_of

_OF_ONE_SCHOOL = Limits(expanded=1 << 30, members=1_000)


@dataclass(frozen=True, slots=True)
class SiecleFeed:
    """Reads the exports of one collège or lycée, zipped or not. Implements `IdentityFeed`.

    A file names its school and its day itself. `level` is what the operator declares of the school: the exports hold
    no MEFSTAT to tell it from.
    """

    level: Level | None = None
    limits: Limits = field(default=_OF_ONE_SCHOOL)

    def open(self, paths: Sequence[Path]) -> FeedHeader:
        """Look at the set. Raises `FeedRefused`: two schools, days or years, two files of a kind, no pupils."""
        exports = self._exports(paths)
        said = exports.pupils.parameters
        covers = {"school", RecordKind.PUPIL.value}
        if exports.guardians is not None:
            covers.add(RecordKind.GUARDIAN.value)
        return FeedHeader("", "2D", complete=True, made_on=said.made_on, covers=frozenset(covers), school=said.school)

    def portions(self, paths: Sequence[Path]) -> tuple[FeedPortion, ...]:
        """One: the files explain each other."""
        files = [file for path in paths for file in files_of(path, _SUFFIXES)]
        return (FeedPortion(files[0].name, sum(file.stat().st_size for file in files)),) if files else ()

    def read(self, paths: Sequence[Path], *, portion: str = "") -> Iterator[FeedRow | FeedFault]:  # noqa: ARG002 - one portion
        """The school, its pupils with the adults beside them, then the adults."""
        exports = self._exports(paths)
        yield from exports.remarks
        pupils = _Pupils(exports)
        yield self._school(exports.pupils, pupils)
        yield from exports.pupils.faults
        yield from pupils.rows()
        if exports.guardians is not None:
            yield from exports.guardians.faults
            yield from pupils.faults
            yield from _guardians(exports.guardians)

    def checksum(self, paths: Sequence[Path]) -> str:
        """SHA-256 over the bytes of the files, whatever their names and however they are packed."""
        digests = sorted(
            digest_of(member.stream)
            for path in paths
            for file in files_of(path, _SUFFIXES)
            for member in members_of(file, _is_xml, self.limits)
        )
        return hashlib.sha256("\n".join(digests).encode()).hexdigest()

    def _exports(self, paths: Sequence[Path]) -> _Exports:
        found: dict[Export, SiecleFile] = {}
        remarks: list[FeedFault] = []
        for path in paths:
            for packed in files_of(path, _SUFFIXES):
                for member in members_of(packed, _is_xml, self.limits):
                    file = read_file(member, limits=self.limits)
                    if file is None:
                        remarks.append(FeedFault(member.name, 0, "an export that is not read", warning=True))
                        continue
                    if file.export in found:
                        raise FeedRefused(f"{found[file.export].name} and {file.name} are both {file.export}")
                    found[file.export] = file
        return _one_set(found, remarks)

    def _school(self, file: SiecleFile, pupils: _Pupils) -> FeedRow:
        uai = file.parameters.school
        codes = sorted({code for one in pupils.divisions.values() for code in one if len(code) <= _CODE})
        classes = tuple(SchoolClass(code, code) for code in codes)
        return FeedRow(file.name, 1, SchoolRecord(uai, uai, "", self.level, classes=classes), addition=True)


@dataclass(frozen=True, slots=True)
class _Exports:
    """The files of one delivery, which speak of one school on one day."""

    pupils: SiecleFile
    guardians: SiecleFile | None
    generation: Generation | None
    remarks: Sequence[FeedFault]


def _one_set(found: dict[Export, SiecleFile], remarks: list[FeedFault]) -> _Exports:
    if Export.PUPILS not in found:
        raise FeedRefused(f"no {Export.PUPILS}: adults are known through the pupils")
    pupils, guardians = found[Export.PUPILS], found.get(Export.GUARDIANS)
    if guardians is not None and guardians.parameters != pupils.parameters:
        # Adults of an older day beside today's pupils would give back rights that were withdrawn between the two.
        raise FeedRefused(f"{pupils.name} and {guardians.name} are of two schools, two school years or two days")
    uai = pupils.parameters.school
    if not uai_is_plausible(uai):
        remarks.append(FeedFault(pupils.name, 0, f"the check letter of UAI {uai} does not hold", warning=True))
    return _Exports(pupils, guardians, generation_of(guardians) if guardians else None, remarks)


class _Pupils:
    """The pupils of a delivery, each with classes and adults, or with what their entry cannot be taken for."""

    def __init__(self, exports: _Exports) -> None:
        self.faults: list[FeedFault] = []
        """Relations that nobody can give to a pupil."""
        self.divisions: dict[str, tuple[str, ...]] = {}
        self._file = exports.pupils
        self._generation = exports.generation
        self._unclear: dict[str, str] = {}
        """Pupils who stay as they stood, and why."""
        self._unsaid: set[str] = {"classes"} if self._file.faults else set()
        self._relations = self._by_pupil(exports)
        self._place()

    def rows(self) -> Iterator[FeedRow | FeedFault]:
        """A row for each pupil of the school, a fault for each one who cannot be taken."""
        file, said = self._file.name, self._file.parameters
        times = Counter(entry.id for entry in self._file.entries["ELEVE"])
        for entry in self._file.entries["ELEVE"]:
            try:
                _check_whole(entry, times)
                self._check_class(entry)
                if has_left(entry, on=said.made_on):
                    continue
                record = self._with_adults(pupil_of(entry, uai=said.school, divisions=self.divisions.get(entry.id, ())))
            except Malformed as reason:
                yield _fault(file, entry, str(reason), RecordKind.PUPIL)
                continue
            if record.ine and not ine_is_plausible(record.ine):
                yield FeedFault(file, entry.line, "the check letters of the INE do not hold", warning=True)
            yield FeedRow(file, entry.line, record, addition=record.stated == PERSON_FIELDS)

    def _check_class(self, entry: Entry) -> None:
        if entry.id in self._unclear:
            raise Malformed(f"classes that cannot be read: {self._unclear[entry.id]}")

    def _with_adults(self, record: PersonRecord) -> PersonRecord:
        if self._generation is None or "relations" in self._unsaid:
            return record._replace(stated=PERSON_FIELDS - self._unsaid - {"relations"})
        relations = relations_of(self._relations.get(record.key, ()), self._generation)
        return record._replace(relations=relations, stated=PERSON_FIELDS - self._unsaid)

    def _by_pupil(self, exports: _Exports) -> dict[str, list[Entry]]:
        found: dict[str, list[Entry]] = defaultdict(list)
        if exports.guardians is None:
            return found
        if exports.guardians.faults:
            # Relations may have been lost with the end of the file: those that stand before it are half a family.
            self._unsaid.add("relations")
        for entry in exports.guardians.entries["RESPONSABLE_ELEVE"]:
            if entry.id:
                found[entry.id].append(entry)
                continue
            self._unsaid.add("relations")
            self.faults.append(FeedFault(exports.guardians.name, entry.line, entry.reason, breaks=True))
        return found

    def _place(self) -> None:
        """Put the pupils into their classes; a class of nobody knows whom leaves all of them where they were."""
        for entry in self._file.entries["STRUCTURES_ELEVE"]:
            if not entry.id:
                self._unsaid.add("classes")
                self._file.faults.append(FeedFault(self._file.name, entry.line, entry.reason, breaks=True))
            elif entry.reason:
                self._unclear[entry.id] = entry.reason
            else:
                before = self.divisions.get(entry.id, ())
                self.divisions[entry.id] = tuple(dict.fromkeys((*before, *entry.divisions)))


def _guardians(file: SiecleFile) -> Iterator[FeedRow | FeedFault]:
    addresses = {entry.id: entry for entry in file.entries["ADRESSE"] if entry.id and not entry.reason}
    times = Counter(entry.id for entry in file.entries["PERSONNE"])
    for entry in file.entries["PERSONNE"]:
        try:
            _check_whole(entry, times)
            record = guardian_of(entry, addresses=addresses)
        except Malformed as reason:
            yield _fault(file.name, entry, str(reason), RecordKind.GUARDIAN)
            continue
        yield FeedRow(file.name, entry.line, record, addition=True)


def _check_whole(entry: Entry, times: Mapping[str, int]) -> None:
    if entry.reason:
        raise Malformed(entry.reason)
    if times[entry.id] > 1:
        raise Malformed("the identifier stands there twice: both to be reviewed, what stood was left")


def _fault(file: str, entry: Entry, reason: str, kind: RecordKind) -> FeedFault:
    """What is told of an entry; without key nobody knows whom it spoke of, so the set is not complete."""
    return FeedFault(file, entry.line, reason, kind=kind.value, key=entry.id, breaks=not entry.id)


def _is_xml(name: str) -> bool:
    return name.lower().endswith(".xml")


_SUFFIXES = (".xml", ".zip")
_CODE = 64
