"""The AAF reader: a delivery in, domain records and faults out, as one stream."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from broker.domain.errors import FeedRefused
from broker.domain.feed import (
    DirectoryRecord,
    FeedFault,
    FeedHeader,
    FeedPortion,
    FeedRow,
    PersonRecord,
    Removal,
    SchoolRecord,
)
from broker.domain.people import RecordKind
from broker.domain.school import ine_is_plausible, uai_is_plausible
from connectors.aaf import people, schools
from connectors.aaf.filenames import KIND_OF_CATEGORY, KNOWN, MEF, ORDER, FileName, check_one_set, parse_name
from connectors.aaf.header import FileHeader, read_header
from connectors.aaf.people import KINDS, person_of
from connectors.aaf.relations import weakened
from connectors.aaf.requests import Request, read_requests
from connectors.aaf.schools import school_of
from connectors.aaf.values import first
from connectors.delivery import Limits, Member, digest_of, files_of, members_of
from connectors.feed_values import Malformed, feed_key, key_told

_HEAD = 1 << 14
_OF_MEF = frozenset({"ENTMefJointure", "ENTMEFSTAT11"})
WANTED = {"EtabEducNat": schools.ATTRIBUTES, **dict.fromkeys(KINDS, people.ATTRIBUTES)}
"""What is read of each category: the rest of a file (subjects taught, groups) is never even looked at."""


@dataclass(frozen=True, slots=True)
class AafFeed:
    """Reads AAF exports of either degree (AAF; SDET annexe 4bis). Implements `IdentityFeed`."""

    limits: Limits = field(default_factory=Limits)

    def open(self, paths: Sequence[Path]) -> FeedHeader:
        """Look at names and header comments. Raises `FeedRefused`."""
        names, headers = self._survey(paths)
        check_one_set(names)
        degree = _agreed("degrees", {name.degree for name in names} | {header.degree for header in headers})
        academie = _agreed("académies", {header.academie for header in headers})
        days = {header.made_on for header in headers if header.made_on}
        return FeedHeader(
            academie=academie,
            degree=degree,
            complete=all(name.complete and not name.uai for name in names),
            made_on=max(days, default=names[0].day),
            covers=frozenset(KIND_OF_CATEGORY[n.category] for n in names if n.category in KIND_OF_CATEGORY),
        )

    def portions(self, paths: Sequence[Path]) -> tuple[FeedPortion, ...]:
        """The files one by one (an archive is one), in reading order."""
        return tuple(FeedPortion(file.name, file.stat().st_size) for file in _in_order(paths))

    def read(self, paths: Sequence[Path], *, portion: str = "") -> Iterator[FeedRow | FeedFault]:
        """Stream the records, schools first where the files stand one by one.

        With `portion`, the records of that file alone; what concerns the whole set comes with the first.
        """
        names, headers = self._survey(paths)
        check_one_set(names)
        degree = _agreed("degrees", {name.degree for name in names} | {header.degree for header in headers})
        files = _in_order(paths)
        levels: dict[str, str] = {}
        faults = list(self._read_levels(files, names, into=levels))
        if portion in {"", files[0].name}:
            yield from _remarks(names)
            yield from faults
        chosen = [file for file in files if portion in {"", file.name}]
        for member, name in self._members(chosen, frozenset(KIND_OF_CATEGORY)):
            wanted = WANTED[name.category]
            for request in read_requests(member, category=name.category, wanted=wanted, limits=self.limits):
                yield from _deliver(request, name, degree=degree, levels=levels)

    def checksum(self, paths: Sequence[Path]) -> str:
        """SHA-256 over the name and bytes of every XML file, in order of name, however the files are packed."""
        found = [
            (member.name, digest_of(member.stream))
            for path in paths
            for file in files_of(path)
            for member in members_of(file, _is_xml, self.limits)
        ]
        return hashlib.sha256("".join(f"{name}\0{digest}\n" for name, digest in sorted(found)).encode()).hexdigest()

    def _survey(self, paths: Sequence[Path]) -> tuple[list[FileName], list[FileHeader]]:
        names: list[FileName] = []
        headers: list[FileHeader] = []
        for path in paths:
            for file in files_of(path):
                for member in members_of(file, _is_xml, self.limits):
                    name = parse_name(member.name)
                    if name is None:
                        raise FeedRefused(f"not named like a file of an AAF export: {member.name}")
                    names.append(name)
                    headers.append(read_header(member.stream.read(_HEAD)))
        return names, headers

    def _read_levels(
        self, files: Sequence[Path], names: Sequence[FileName], *, into: dict[str, str]
    ) -> Iterator[FeedFault]:
        """MEF code to MEFSTAT, from the set's own table; small (a few thousand lines), so it is kept."""
        if not any(name.category == MEF for name in names):
            return
        for member, _ in self._members(files, frozenset({MEF})):
            for request in read_requests(member, category=MEF, wanted=_OF_MEF, limits=self.limits):
                if isinstance(request, FeedFault):
                    yield replace(request, breaks=False)
                elif mefstat := first(request.attributes, "ENTMEFSTAT11"):
                    into[first(request.attributes, "ENTMefJointure") or request.key] = mefstat

    def _members(self, files: Sequence[Path], categories: frozenset[str]) -> Iterator[tuple[Member, FileName]]:
        def wanted(name: str) -> bool:
            parsed = parse_name(name)
            return parsed is not None and parsed.category in categories

        for file in files:
            for member in members_of(file, wanted, self.limits):
                name = parse_name(member.name)
                if name is not None:
                    yield member, name


def _is_xml(name: str) -> bool:
    return name.lower().endswith(".xml")


def _in_order(paths: Sequence[Path]) -> list[Path]:
    return sorted((file for path in paths for file in files_of(path)), key=_reading_order)


def _reading_order(file: Path) -> tuple[int, str]:
    name = parse_name(file.name)
    known = name is not None and name.category in KNOWN
    return (ORDER.index(name.category) if known and name else len(ORDER), file.name)


def _agreed(what: str, values: set[str]) -> str:
    stated = values - {""}
    if len(stated) > 1:
        raise FeedRefused(f"the set mixes {what}: {', '.join(sorted(stated))}")
    return next(iter(stated), "")


def _remarks(names: Sequence[FileName]) -> Iterator[FeedFault]:
    """What is worth telling about the set itself: categories not read, and sets of one school."""
    for category, count in sorted(Counter(name.category for name in names if name.category not in KNOWN).items()):
        file = next(name.name for name in names if name.category == category)
        yield FeedFault(file, 0, f"category {category} is not read ({count} files)", warning=True)
    of_one_school = next((name for name in names if name.uai and name.complete), None)
    if of_one_school:
        reason = "complete for one school only: nobody is retired by it"
        yield FeedFault(of_one_school.name, 0, reason, warning=True)


def _deliver(
    request: Request | FeedFault, name: FileName, *, degree: str, levels: Mapping[str, str]
) -> Iterator[FeedRow | FeedFault]:
    kind = KIND_OF_CATEGORY[name.category]
    if isinstance(request, FeedFault):
        yield replace(request, kind=kind)
        return
    try:
        record = _record(request, name, degree=degree, levels=levels)
    except Malformed as reason:
        key = key_told(request.key)
        yield FeedFault(name.name, request.line, str(reason), kind=kind, key=key, breaks=not key)
        return
    for remark in _remarks_on(record, request, degree=degree):
        yield FeedFault(name.name, request.line, remark, warning=True)
    yield FeedRow(file=name.name, line=request.line, record=record, addition=request.operation == "addRequest")


def _record(request: Request, name: FileName, *, degree: str, levels: Mapping[str, str]) -> DirectoryRecord:
    if request.operation == "deleteRequest":
        kind: RecordKind | None = KINDS.get(name.category)
        return Removal(kind=kind, key=feed_key(request.key))
    if name.category == "EtabEducNat":
        return school_of(request, degree=degree)
    return person_of(request, degree=degree, levels=levels)


def _remarks_on(record: DirectoryRecord, request: Request, *, degree: str) -> Iterator[str]:
    """Warnings about a record that is taken; real files hold dummies, so a national number never rejects it."""
    if isinstance(record, SchoolRecord) and not uai_is_plausible(record.uai):
        yield f"the check letter of UAI {record.uai} does not hold"
    if isinstance(record, PersonRecord) and record.ine and not ine_is_plausible(record.ine):
        yield "the check letters of the INE do not hold"
    if weakened(request.attributes.get("ENTElevePersRelEleve", ()), degree=degree):
        yield "a relation without legal level: its adult is taken for a contact"
