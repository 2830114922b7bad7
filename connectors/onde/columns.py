"""The columns of the two extractions, by their exact names (ONDE, as schools hand them over)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from broker.domain.errors import FeedRefused


class Extraction(StrEnum):
    """Which of the two a file is."""

    PUPILS = "pupils"
    GUARDIANS = "guardians"


PUPIL_COLUMNS = (
    "Nom élève", "Nom d'usage élève", "Prénom élève", "Date naissance", "Sexe", "INE", "Adresse1", "Cp1", "Commune1",
    "Pays1", "Adresse2", "Cp2", "Commune2", "Pays2", "Cycle", "Niveau", "Libellé classe", "Identifiant classe",
    "Attestation fournie", "Autorisation associations", "Autorisation photo", "Décision de passage",
)  # fmt: skip
PUPIL_NEEDS = ("Nom élève", "Prénom élève", "Date naissance", "INE", "Libellé classe", "Identifiant classe")

GUARDIAN_COLUMNS = (
    "Civilité Responsable", "Nom usage responsable", "Nom responsable", "Prénom responsable", "Adresse responsable",
    "CP responsable", "Commune responsable", "Pays", "Courriel", "Téléphone domicile", "Téléphone travail",
    "Téléphone portable",
)  # fmt: skip
GUARDIAN_NEEDS = ("Civilité Responsable", "Nom responsable", "Prénom responsable")

CHILD_COLUMNS = ("Nom d'usage enfant", "Nom de famille enfant", "Prénom enfant", "Classes enfants")
"""A block of four for each child, repeated to the right."""
CHILD_NEEDS = ("Nom de famille enfant", "Prénom enfant")

_KNOWN = {
    Extraction.PUPILS: frozenset(PUPIL_COLUMNS),
    Extraction.GUARDIANS: frozenset((*GUARDIAN_COLUMNS, *CHILD_COLUMNS)),
}
_NEEDS = {Extraction.PUPILS: PUPIL_NEEDS, Extraction.GUARDIANS: (*GUARDIAN_NEEDS, *CHILD_NEEDS)}


def extraction_of(file: str, columns: Sequence[str]) -> Extraction:
    """Tell by its columns which extraction a file is. Raises `FeedRefused` naming the columns that are missing."""
    stands = frozenset(columns)
    kind = Extraction.GUARDIANS if "Nom responsable" in stands else Extraction.PUPILS
    missing = [name for name in _NEEDS[kind] if name not in stands]
    if len(missing) == len(_NEEDS[kind]):
        raise FeedRefused(
            f"{file}: none of the columns of an ONDE extraction (is it the right file, the right encoding?)"
        )
    if missing:
        raise FeedRefused(f"{file}: {kind.value}: these columns are missing: {', '.join(missing)}")
    if kind is Extraction.PUPILS and len(stands) != len(columns):
        raise FeedRefused(f"{file}: a column stands there twice")
    return kind


def unknown_columns(kind: Extraction, columns: Sequence[str]) -> tuple[int, ...]:
    """Columns that are not read because nobody here knows them, counted from 1.

    Not by name: where the first line lost its end, the next one's names and numbers stand there.
    """
    return tuple(place for place, name in enumerate(columns, start=1) if name and name not in _KNOWN[kind])


def child_blocks(columns: Sequence[str]) -> tuple[dict[str, int], ...]:
    """For each child block its columns by name, with their places; a block begins where a name comes again."""
    blocks: list[dict[str, int]] = []
    for place, name in enumerate(columns):
        if name not in CHILD_COLUMNS:
            continue
        if not blocks or name in blocks[-1]:
            blocks.append({})
        blocks[-1][name] = place
    return tuple(blocks)
