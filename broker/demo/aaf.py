"""Writes real AAF files: one category a file, numbered parts, DOCTYPE, the header in a comment, empty `<value/>`s.

The grammar is that of `ficAlimMENESR.dtd`; file names are `<ENT>_<Complet|Delta>_<yyyymmdd>_<Category>_<NNNN>.xml`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from broker.demo.people import Degree

Attributes = dict[str, tuple[str, ...]]

PART_SIZE = 150
"""Records in one numbered part; real exports hold some thousands, ours show that parts are joined."""

_SDET = {Degree.FIRST: "Annexe 1 version 6.3", Degree.SECOND: "Annexe 4bis version 6.4"}


class Category(StrEnum):
    """What a file holds, in the order in which files are written."""

    SCHOOL = "EtabEducNat"
    MEF = "MefEducNat"
    PUPIL = "Eleve"
    GUARDIAN = "PersRelEleve"
    STAFF = "PersEducNat"


_OPERATIONAL = {Category.SCHOOL: "categorieStructure", Category.MEF: "categorieMef"}


class Request(StrEnum):
    """What a record asks of its reader."""

    ADD = "addRequest"
    MODIFY = "modifyRequest"
    DELETE = "deleteRequest"


@dataclass(frozen=True, slots=True)
class Entry:
    """One record: its category, its join key, and its attributes in order (none for a deletion)."""

    category: Category
    key: str
    attributes: Attributes = field(default_factory=dict)
    request: Request = Request.ADD


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the file names and headers of one export say."""

    degree: Degree
    made_on: date
    complete: bool
    academie: str = "99"

    def file_name(self, category: Category, part: int) -> str:
        """Return the name of a numbered part."""
        kind = "Complet" if self.complete else "Delta"
        ent = f"ENT{self.degree}{self.academie}-PORTFICTIF"
        return f"{ent}_{kind}_{self.made_on:%Y%m%d}_{category}_{part:04d}.xml"


def write_delivery(folder: Path, delivery: Delivery, entries: Sequence[Entry]) -> tuple[Path, ...]:
    """Write one export into an emptied folder and return its files, schools first."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.xml"):
        stale.unlink()
    written = []
    for category in Category:
        chosen = [entry for entry in entries if entry.category is category]
        for part, start in enumerate(range(0, len(chosen), PART_SIZE)):
            path = folder / delivery.file_name(category, part)
            path.write_text(_document(delivery, chosen[start : start + PART_SIZE]), encoding="utf-8")
            written.append(path)
    return tuple(written)


def _document(delivery: Delivery, entries: Sequence[Entry]) -> str:
    header = (
        f'versionAF="AAF-VE2407" versionSDET="{_SDET[delivery.degree]}" codeAcademieExport="{delivery.academie}" '
        f'degre="{delivery.degree}" dateGenerationExport="{delivery.made_on:%Y%m%d}"'
    )
    lines: list[str] = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<!DOCTYPE ficAlimMENESR SYSTEM "ficAlimMENESR.dtd">',
        "<ficAlimMENESR>",
        f"<!-- {header} -->",
    ]
    for entry in entries:
        lines += _request(entry)
    return "\n".join([*lines, "</ficAlimMENESR>", ""])


def _request(entry: Entry) -> Iterator[str]:
    operational = _OPERATIONAL.get(entry.category, "categoriePersonne")
    kind = f'<attr name="{operational}"><value>{entry.category}</value></attr>'
    yield f"<{entry.request}>"
    yield f" <operationalAttributes>{kind}</operationalAttributes>"
    yield f" <identifier><id>{escape(entry.key)}</id></identifier>"
    if entry.request is Request.ADD:
        yield " <attributes>"
        yield from (f"  <attr name={quoteattr(name)}>{_values(values)}</attr>" for name, values in _each(entry))
        yield " </attributes>"
    if entry.request is Request.MODIFY:
        yield " <modifications>"
        for name, values in _each(entry):
            yield f'  <modification name={quoteattr(name)} operation="replace">{_values(values)}</modification>'
        yield " </modifications>"
    yield f"</{entry.request}>"


def _each(entry: Entry) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield from entry.attributes.items()


def _values(values: tuple[str, ...]) -> str:
    return "".join(f"<value>{escape(value)}</value>" if value else "<value/>" for value in values or ("",))
