"""ONDE extractions for tests: an école's pupils and the adults beside them, as its director downloads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from broker.domain.feed import Feed
from connectors.onde.columns import CHILD_COLUMNS, GUARDIAN_COLUMNS, PUPIL_COLUMNS


def feed_of_school(uai: str) -> Feed:
    """The part of the feed `onde` that one école delivers."""
    return Feed(f"onde.{uai.lower()}", "ac-test", "", "1D", school=uai)


@dataclass(frozen=True, slots=True)
class Child:
    """A pupil as a line of the extraction."""

    family: str
    given: str
    born: date
    ine: str = ""
    label: str = "CM1 A"


@dataclass(frozen=True, slots=True)
class Adult:
    """An adult as a line of the extraction, and the children named in it."""

    family: str
    given: str
    civility: str = "Mme"
    mobile: str = ""
    mail: str = ""
    children: tuple[Child, ...] = ()


def write_set(folder: Path, children: Iterable[Child], adults: Iterable[Adult] = ()) -> Path:
    """A folder with both extractions."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "eleves.csv").write_bytes(_csv(PUPIL_COLUMNS, [_pupil(child) for child in children]))
    head = [*GUARDIAN_COLUMNS, *CHILD_COLUMNS * 4]
    (folder / "responsables.csv").write_bytes(_csv(head, [_guardian(adult) for adult in adults]))
    return folder


def _pupil(child: Child) -> list[str]:
    row = dict.fromkeys(PUPIL_COLUMNS, "")
    row |= {"Nom élève": child.family, "Prénom élève": child.given, "Date naissance": f"{child.born:%d/%m/%Y}"}
    row |= {"INE": child.ine, "Libellé classe": child.label, "Identifiant classe": child.label.replace(" ", "")}
    return list(row.values())


def _guardian(adult: Adult) -> list[str]:
    row = dict.fromkeys(GUARDIAN_COLUMNS, "")
    row |= {"Civilité Responsable": adult.civility, "Nom responsable": adult.family, "Prénom responsable": adult.given}
    row |= {"Téléphone portable": adult.mobile, "Courriel": adult.mail}
    cells = list(row.values())
    for child in adult.children:
        cells += ["", child.family, child.given, child.label]
    return cells + [""] * (len(GUARDIAN_COLUMNS) + 4 * len(CHILD_COLUMNS) - len(cells))


def _csv(head: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    return "".join(";".join(row) + "\r\n" for row in [list(head), *rows]).encode("utf-8-sig")
