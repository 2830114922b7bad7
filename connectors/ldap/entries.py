"""Entries as plain values: a name and texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.ldap.names import BadName, Dn, parse_dn

MOST_VALUES = 2_000
"""Values of one attribute; the most there are is a large school's groups."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: its name, and its attributes by their names in lower case.

    `unreadable` names the attributes that hold something other than text; they are in `attributes` no longer.
    """

    dn: Dn
    attributes: Mapping[str, tuple[str, ...]]
    unreadable: frozenset[str] = field(default_factory=frozenset)

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of an attribute that is not blank."""
        return self.attributes.get(name.lower(), ())

    def first(self, *names: str) -> str:
        """The first value of the first of these attributes that has one; empty when none has."""
        return next((values[0] for name in names if (values := self.all(name))), "")

    def only(self, name: str) -> str:
        """The value of an attribute that has exactly one; else empty."""
        values = self.all(name)
        return values[0] if len(values) == 1 else ""


@dataclass(frozen=True, slots=True)
class Illegible:
    """An entry whose very name cannot be read: nobody can tell whom it speaks of."""

    reason: str


def entry_of(answered: Mapping[str, Any]) -> Entry | Illegible:
    """Read one entry as ldap3 answers it, from its octets: the library guesses encodings, we do not."""
    attributes: dict[str, tuple[str, ...]] = {}
    unreadable: set[str] = set()
    try:
        dn = parse_dn(answered["raw_dn"].decode())
    except (BadName, UnicodeDecodeError):
        return Illegible("an entry whose name cannot be read")
    for name, octets in answered["raw_attributes"].items():
        lower = name.lower()
        values = _texts(octets)
        if values is None or lower in attributes:
            unreadable.add(lower)
        elif values:
            attributes[lower] = values
    for name in unreadable:
        attributes.pop(name, None)
    return Entry(dn, attributes, frozenset(unreadable))


def _texts(octets: list[bytes]) -> tuple[str, ...] | None:
    """The values that are not blank; None when one is no text or there are more than any entry has."""
    if len(octets) > MOST_VALUES:
        return None
    try:
        texts = [value.decode().strip() for value in octets]
    except UnicodeDecodeError:
        return None
    if any("\0" in text for text in texts):
        return None
    return tuple(text for text in texts if text)
