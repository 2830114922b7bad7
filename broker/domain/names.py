"""Names: folding for comparison, never for display. A folded name alone proves nothing (§1 of the design)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae"})
"""Letters that NFKD leaves whole."""
_PARTICLES = frozenset((
    "de", "du", "des", "la", "le", "les", "d", "l", "da", "do", "dos", "di", "van", "von", "der", "den", "el", "al",
    "ben", "bin",
))  # fmt: skip
"""They stand in many names, and tell none from another."""


def fold(text: str) -> str:
    """Fold a name for comparison: no accents, case, hyphens or apostrophes ("Léa-Ève" → "lea eve")."""
    bare = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).translate(_LIGATURES)
    letters = (c if c.isalnum() else " " for c in bare if not unicodedata.combining(c))
    return " ".join("".join(letters).split())


def name_key(*, family: str, given: str, civility: str) -> str:
    """Key under which two records may be *compared* (blocking): folded family and given name, and civility."""
    return f"{fold(family)}|{fold(given)}|{fold(civility)}"


def words_of(name: str) -> frozenset[str]:
    """The words of a name, folded, in whatever order they are written."""
    return frozenset(fold(name).split())


def words_of_each(names: Iterable[str]) -> frozenset[frozenset[str]]:
    """The words of each name, to tell who is called like one of them; who has no name is called like nobody."""
    return frozenset(words for words in map(words_of, names) if words)


def family_words(family: str) -> frozenset[str]:
    """The words by which a family is told from another: each half of a double name, no particle but where all are."""
    words = words_of(family)
    return words - _PARTICLES or words
