"""What AAF attributes hold: the first of several names, an address in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Attributes = Mapping[str, Sequence[str]]


def first(attributes: Attributes, *names: str) -> str:
    """The first value of the first of these attributes that has one."""
    for name in names:
        values = attributes.get(name)
        if values:
            return values[0]
    return ""


def address(attributes: Attributes) -> str:
    """Street lines, postal code and town as one line; empty when there is no street."""
    lines = first(attributes, "ENTPersonAdresse").replace("$", " ").split()
    if not lines:
        return ""
    place = (first(attributes, "ENTPersonCodePostal"), first(attributes, "ENTPersonVille"))
    return " ".join([*lines, *(part for part in place if part)])
