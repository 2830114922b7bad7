"""How surely a session proves who its person is: four words, weakest first, in rules, tables and descriptors alike."""

from __future__ import annotations

from enum import StrEnum


class Assurance(StrEnum):
    """How surely the person of this session is who they say, weakest first (`policies/assurance.toml`)."""

    NONE = "none"
    LOW = "low"
    STANDARD = "standard"
    STRONG = "strong"

    def reaches(self, required: Assurance) -> bool:
        """Tell whether this level is at least `required`."""
        return _RANKS[self] >= _RANKS[required]


_RANKS = {level: rank for rank, level in enumerate(Assurance)}
