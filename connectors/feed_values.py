"""Single values that every kind of feed writes: keys, codes, dates, civilities, numbers to call, link codes.

A value that cannot be taken raises `Malformed`: the record is left as it stood and the operator is told.
Sources of the link codes: SIECLE `N_LIEN_ELEVE_RESPONSABLE`, used by AAF and SDET too.
"""

from __future__ import annotations

import re
from datetime import date

NAME_LENGTH = 256
"""Characters a name may have."""

CIVILITIES = {"M.": "M.", "M": "M.", "MR": "M.", "MME": "Mme", "MLLE": "Mme", "MELLE": "Mme"}

LEGACY_LINKS = {"1": "20", "2": "10", "3": "50", "4": "39", "5": "51", "6": "90"}
"""Single digits of older files. Their order is reversed: 1 was the father, the new 10 is the mother."""

LINKS = frozenset({"10", "20", "37", "38", "39", "41", "42", "43", "50", "51", "70", "90"})

_KEY = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,63}")
_CODE = 64
"""Characters a class or function code may have."""


class Malformed(Exception):
    """A record that cannot be taken; the text is the reason told to the operator."""


def name_in(text: str) -> str:
    """A name, its blanks made single. Raises `Malformed` for what no name is."""
    name = " ".join(text.split())
    if not name.isprintable():
        raise Malformed("a character in a name that no name has")
    if len(name) > NAME_LENGTH:
        raise Malformed("a name longer than any real one")
    return name


def feed_key(text: str) -> str:
    """A key of the feed (`ENTPersonJointure`, `ENTStructureJointure`). Raises `Malformed`."""
    if not _KEY.fullmatch(text):
        raise Malformed("a key with characters that no key has")
    return text


def key_told(text: str) -> str:
    """The key of a record that is told to be malformed; empty when no record has such a key."""
    return text if _KEY.fullmatch(text) else ""


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


def link_code(text: str) -> str:
    """A link code of today, from one of either generation. Raises `Malformed`."""
    link = LEGACY_LINKS.get(text, text)
    if link not in LINKS:
        raise Malformed("a relation with a link code that does not exist")
    return link
