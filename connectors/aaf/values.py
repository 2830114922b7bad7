"""Single values of AAF attributes: keys, dates, flags, numbers to call."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date

from connectors.aaf.requests import Malformed

Attributes = Mapping[str, Sequence[str]]

_KEY = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,63}")
_CODE = 64
"""Characters a class or function code may have."""


def first(attributes: Attributes, *names: str) -> str:
    """The first value of the first of these attributes that has one."""
    for name in names:
        values = attributes.get(name)
        if values:
            return values[0]
    return ""


def feed_key(text: str) -> str:
    """A key of the feed (`ENTPersonJointure`, `ENTStructureJointure`). Raises `Malformed`."""
    if not _KEY.fullmatch(text):
        raise Malformed("a key with characters that no key has")
    return text


def code(text: str) -> str:
    """A code joined on (class, function). Raises `Malformed`."""
    if len(text) > _CODE:
        raise Malformed("a code longer than any real one")
    return text


def day(text: str) -> date | None:
    """A day written `dd/mm/yyyy`; None when empty. Raises `Malformed`."""
    if not text:
        return None
    if len(text) != 10 or text[2] != "/" or text[5] != "/":  # noqa: PLR2004 - dd/mm/yyyy
        raise Malformed("a date that is not dd/mm/yyyy")
    try:
        return date(int(text[6:]), int(text[3:5]), int(text[:2]))
    except ValueError as error:
        raise Malformed("a date that does not exist") from error


def phone(text: str) -> str:
    """A telephone number as `+` and digits where it can be told, so that two spellings of it compare equal."""
    digits = "".join(c for c in text if c.isdigit())
    if text.startswith("+"):
        return f"+{digits}"
    if digits.startswith("00"):
        return f"+{digits[2:]}"
    return f"+33{digits[1:]}" if len(digits) == 10 and digits[0] == "0" else digits  # noqa: PLR2004 - 0X XX XX XX XX


def address(attributes: Attributes) -> str:
    """Street lines, postal code and town as one line; empty when there is no street."""
    lines = first(attributes, "ENTPersonAdresse").replace("$", " ").split()
    if not lines:
        return ""
    place = (first(attributes, "ENTPersonCodePostal"), first(attributes, "ENTPersonVille"))
    return " ".join([*lines, *(part for part in place if part)])
