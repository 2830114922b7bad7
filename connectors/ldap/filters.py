"""Search filters, made of parts: whatever a person types is only ever a value in one of them (RFC 4515).

Values are brought to one form first and escaped after, so that no later change of form makes a special character of a
plain one; everything but ASCII letters and digits is escaped, so that no grammar is left to speak.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Protocol

LONGEST_LOGIN = 256
"""Characters; the schema bounds ENTPersonLogin at 64 where published."""

_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")


class BadLogin(ValueError):
    """What was typed can be nobody's login."""


class Filter(Protocol):
    """A part of a filter."""

    def __str__(self) -> str:
        """Write it for the directory."""
        ...


@dataclass(frozen=True, slots=True)
class Equals:
    """The attribute has this value. Raises `ValueError` for a name that is no attribute, `TypeError` for a non-text."""

    attribute: str
    value: str

    def __post_init__(self) -> None:
        if not _ATTRIBUTE.fullmatch(self.attribute):
            raise ValueError("not the name of an attribute")

    def __str__(self) -> str:
        return f"({self.attribute}={escaped(self.value)})"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds."""

    parts: tuple[Filter, ...]

    def __str__(self) -> str:
        return f"(&{''.join(str(part) for part in self.parts)})"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Filter, ...]

    def __str__(self) -> str:
        return f"(|{''.join(str(part) for part in self.parts)})"


def escaped(value: str) -> str:
    """A value in which no character means anything to a filter. Raises `TypeError` for what is not text.

    Lists and bytes slip past the escaping of LDAP libraries (CVE-2025-61911): `normalize` takes neither.
    """
    octets = unicodedata.normalize("NFC", value).encode()
    return "".join(chr(octet) if octet in _PLAIN else f"\\{octet:02x}" for octet in octets)


def login_of(typed: str) -> str:
    """A login as it may be asked for: one form of each character, no spaces around. Raises `BadLogin`."""
    login = unicodedata.normalize("NFC", typed).strip()
    if not login or len(login) > LONGEST_LOGIN:
        raise BadLogin("empty or longer than any real login")
    if any(unicodedata.category(char).startswith("C") for char in login):
        raise BadLogin("a character that no login has")  # controls, invisible marks, halves of characters
    return login
