"""One SIECLE export read whole: what it says of itself, and its entries as plain texts.

A file speaks of one school, and its sections explain each other in any order, so it is held whole, within limits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from broker.domain.errors import FeedRefused
from broker.domain.feed import FeedFault
from connectors.delivery import Limits, Member
from connectors.feed_values import Malformed, day, feed_key
from connectors.xml_stream import elements_of, value_of

MOST_ENTRIES = 100_000
LARGEST = 64 << 20
"""Entries of one file and characters read of them: a lycée of 3,000 pupils has about 20,000 and 5 million."""

_UAI = re.compile(r"[0-9]{7}[A-Z]")
_YEAR = re.compile(r"\d{4}")
_FAMILY = "BEE_"
_PARAMETERS = "PARAMETRES"
_DATA = "DONNEES"


class Export(StrEnum):
    """Which of the exports a file is, by the name of its root."""

    PUPILS = "BEE_ELEVES"
    GUARDIANS = "BEE_RESPONSABLES"


_NAMES = ("NOM_DE_FAMILLE", "NOM_USAGE", "PRENOM", "TEL_PORTABLE", "MEL")
READ: Mapping[str, frozenset[str]] = {
    "ELEVE": frozenset({*_NAMES, "ID_NATIONAL", "DATE_NAISS", "CODE_MEF", "DATE_SORTIE"}),
    "STRUCTURES_ELEVE": frozenset(),
    "PERSONNE": frozenset({*_NAMES, "NOM", "LC_CIVILITE", "ADRESSE_ID"}),
    "ADRESSE": frozenset(
        {"LIGNE1_ADRESSE", "LIGNE2_ADRESSE", "LIGNE3_ADRESSE", "LIGNE4_ADRESSE", "CODE_POSTAL", "LIBELLE_POSTAL"}
    ),
    "RESPONSABLE_ELEVE": frozenset(
        {
            "PERSONNE_ID", "NIVEAU_RESPONSABILITE", "RESP_LEGAL", "CODE_PARENTE", "PAIE_FRAIS_SCOLAIRES",
            "RESP_FINANCIER", "A_CONTACTER_EN_PRIORITE", "PERS_CONTACT",
        }
    ),
}  # fmt: skip
"""What is read of each kind of entry. Only what stands directly in it: `SCOLARITE_AN_DERNIER` repeats the same names
for last year's school."""

_SECTIONS = {
    Export.PUPILS: frozenset({"ELEVE", "STRUCTURES_ELEVE"}),
    Export.GUARDIANS: frozenset({"PERSONNE", "ADRESSE", "RESPONSABLE_ELEVE"}),
}
_ID = {
    "ELEVE": "ELEVE_ID",
    "STRUCTURES_ELEVE": "ELEVE_ID",
    "PERSONNE": "PERSONNE_ID",
    "ADRESSE": "ADRESSE_ID",
    "RESPONSABLE_ELEVE": "ELEVE_ID",
}
_TAGS = (_PARAMETERS, *READ)
_OF_PARAMETERS = frozenset({"UAJ", "ANNEE_SCOLAIRE", "DATE_EXPORT"})
_OF_STRUCTURE = frozenset({"CODE_STRUCTURE", "TYPE_STRUCTURE"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a section: its identifier (empty when it has none) and its texts; `reason` when it is malformed."""

    line: int
    id: str
    texts: Mapping[str, str]
    divisions: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Parameters:
    """Of which school a file speaks, in which school year, and the day it was made."""

    school: str
    year: str
    made_on: date


@dataclass(frozen=True, slots=True)
class SiecleFile:
    """An export: what it says of itself, its entries by element name, and where reading it ended too early."""

    name: str
    export: Export
    parameters: Parameters
    entries: Mapping[str, list[Entry]]
    faults: list[FeedFault] = field(default_factory=list)


def read_file(member: Member, *, limits: Limits) -> SiecleFile | None:
    """Read an export; None when it is another one of SIECLE (classes, nomenclatures). Raises `FeedRefused`."""
    reading = _Reading(member.name)
    for element in elements_of(member, tags=_TAGS, check_root=reading.begin, limits=limits):
        if isinstance(element, FeedFault):
            reading.faults.append(element)
        elif reading.export is None:
            return None
        else:
            reading.take(element)
    return reading.finished()


class _Reading:
    """A file while it is read."""

    def __init__(self, name: str) -> None:
        self.export: Export | None = None
        self.faults: list[FeedFault] = []
        self._name = name
        self._parameters: Parameters | None = None
        self._entries: dict[str, list[Entry]] = {tag: [] for tag in READ}
        self._count = 0
        self._size = 0

    def begin(self, root: Any) -> None:
        tag = root.tag if root is not None else ""
        if not tag.startswith(_FAMILY):
            raise Malformed(f"not an export of SIECLE: its root is neither {Export.PUPILS} nor {Export.GUARDIANS}")
        self.export = Export(tag) if tag in set(Export) else None

    def take(self, element: Any) -> None:
        section = element.getparent()
        above = section.getparent() if section is not None else None
        if element.tag == _PARAMETERS and above is None:
            self._parameters = self._parameters or _parameters(self._name, element)
        elif above is not None and above.tag == _DATA and element.tag in _SECTIONS[self.export or Export.PUPILS]:
            entry = _entry(element)
            self._entries[element.tag].append(entry)
            self._count += 1
            self._size += sum(map(len, (*entry.texts.values(), *entry.divisions)))
            if self._count > MOST_ENTRIES or self._size > LARGEST:
                raise FeedRefused(f"{self._name}: more entries than any school has")

    def finished(self) -> SiecleFile | None:
        if self._parameters is None:
            if self.faults:
                raise FeedRefused(f"{self._name}: {self.faults[0].reason}")
            if self.export is None:
                return None
            raise FeedRefused(f"{self._name}: no {_PARAMETERS}, so that nobody knows of which school it speaks")
        return SiecleFile(self._name, self.export or Export.PUPILS, self._parameters, self._entries, self.faults)


def _parameters(file: str, element: Any) -> Parameters:
    try:
        texts = _texts(element, _OF_PARAMETERS)
        made_on = day(texts.get("DATE_EXPORT", ""))
    except Malformed as reason:
        raise FeedRefused(f"{file}: {_PARAMETERS}: {reason}") from None
    school, year = texts.get("UAJ", "").upper(), texts.get("ANNEE_SCOLAIRE", "")
    if not _UAI.fullmatch(school) or made_on is None or not _YEAR.fullmatch(year):
        raise FeedRefused(f"{file}: {_PARAMETERS}: no UAJ, no ANNEE_SCOLAIRE or no DATE_EXPORT")
    return Parameters(school, year, made_on)


def _entry(element: Any) -> Entry:
    tag, line = element.tag, element.sourceline or 0
    key = ""
    try:
        key = _identifier(element, tag)
        divisions = _divisions(element) if tag == "STRUCTURES_ELEVE" else ()
        return Entry(line, key, _texts(element, READ[tag]), divisions)
    except Malformed as reason:
        return Entry(line, key, {}, reason=str(reason))


def _identifier(element: Any, tag: str) -> str:
    """The number by which SIECLE knows a pupil, an adult or an address: an attribute, but for a relation."""
    name = _ID[tag]
    text = _texts(element, {name}).get(name, "") if tag == "RESPONSABLE_ELEVE" else element.get(name, "").strip()
    if not text:
        raise Malformed("an entry without identifier")
    return feed_key(text)


def _divisions(element: Any) -> tuple[str, ...]:
    """Codes of the classes (`TYPE_STRUCTURE` D); the groups beside them (G) are not read."""
    found = [_texts(part, _OF_STRUCTURE) for part in element if part.tag == "STRUCTURE"]
    codes = (one.get("CODE_STRUCTURE", "") for one in found if one.get("TYPE_STRUCTURE", "").upper() == "D")
    return tuple(dict.fromkeys(one for one in codes if one))


def _texts(element: Any, wanted: frozenset[str] | set[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for part in element:
        name = part.tag
        if name in _TAGS:
            raise Malformed("an entry inside an entry")
        if name not in wanted:
            continue
        if name in texts:
            raise Malformed(f"the element {name} stands there twice")
        texts[name] = value_of(part)
    return texts
