"""What the directory itself says of entries that are one human (SDET, class ENTPersonRelation).

`rapproché`: both accounts live and one is the main one; `fusionné`: one took the other's place. Either entry may state
it. It is evidence for whoever attaches records to persons, and attaches nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from broker.domain.people import RecordKind, Reference
from connectors.feed_values import Malformed
from connectors.ldap.entries import Entry


class Nature(StrEnum):
    """How two records are tied."""

    RAPPROCHE = "rapproche"
    FUSIONNE = "fusionne"
    ONE_ENTRY = "one_entry"
    """A guardian and a member of staff in one and the same entry."""


@dataclass(frozen=True, slots=True)
class Tie:
    """Two records of the feed that the directory calls one human, by their keys; `main` is the account that stays."""

    nature: Nature
    main: str
    other: str


@dataclass(frozen=True, slots=True)
class KnownAs:
    """The authoritative references of one record: an entry that bears several says that they are one human."""

    kind: RecordKind
    key: str
    references: tuple[Reference, ...]


_STATED = (
    ("ENTPersRelRapprochPrincipal", Nature.RAPPROCHE, False),
    ("ENTPersRelRapprochSecondaire", Nature.RAPPROCHE, True),
    ("ENTPersRelFusionPrincipal", Nature.FUSIONNE, False),
    ("ENTPersRelFusionSecondaire", Nature.FUSIONNE, True),
)
"""Attribute, nature, and whether the entry that states it is the main one."""


def stated_ties(entry: Entry, own: str, keys_at: Callable[[str], str]) -> Iterator[Tie | Malformed]:
    """What one entry of key `own` states; a name that leads nowhere is told, the others stand.

    `keys_at` gives the key of an entry of the same sort (pupil, adult) by its name, or raises `Malformed`.
    """
    for attribute, nature, is_main in _STATED:
        for value in entry.all(attribute):
            try:
                other = keys_at(value)
            except Malformed as reason:
                yield Malformed(f"{attribute}: {reason}")
                continue
            if other == own:
                yield Malformed(f"{attribute}: an entry tied to itself")
                continue
            yield Tie(nature, own, other) if is_main else Tie(nature, other, own)
