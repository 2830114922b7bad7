"""Distinguished names by their parsed components, never by their text (RFC 4514).

Two spellings of one name are one name; a text that only looks like the beginning or the end of a name is none.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

MOST_CHARACTERS = 1024
"""Characters of a name; the longest real ones stay under 200."""

_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+")
_SPECIAL = frozenset(',+"\\<>;=')
_HEX = frozenset("0123456789abcdefABCDEF")

Assertion = tuple[str, str]
"""One attribute of a name and its value."""


class BadName(ValueError):
    """A text that is no distinguished name."""


@dataclass(frozen=True, slots=True)
class Dn:
    """A name as its components, the entry's own first. Each component is one attribute and value, seldom several.

    Equal when all components are, as the server compares them: without case, runs of spaces as one.
    """

    folded: tuple[tuple[Assertion, ...], ...]
    text: str
    """Written anew from the components, so that nothing but them ever reaches a directory."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dn) and self.folded == other.folded

    def __hash__(self) -> int:
        return hash(self.folded)

    def __str__(self) -> str:
        return self.text

    @property
    def canonical(self) -> str:
        """One text for all spellings of the name."""
        return _written(self.folded)

    def within(self, base: Dn) -> bool:
        """Tell whether this is a name below `base`."""
        depth = len(base.folded)
        return len(self.folded) > depth and self.folded[-depth:] == base.folded

    def value_of(self, attribute: str) -> str:
        """The value in the entry's own component, when that is this attribute alone; else empty."""
        own = _assertions_of(self.text)[0]
        return own[0][1] if len(own) == 1 and own[0][0].lower() == attribute.lower() else ""


def parse_dn(text: str) -> Dn:
    """Read a name. Raises `BadName`, also for an empty one: to bind as nobody always succeeds (RFC 4513 §5.1.2)."""
    if len(text) > MOST_CHARACTERS:
        raise BadName("longer than any real name")
    components = _assertions_of(text)
    return Dn(folded=tuple(_folded(one) for one in components), text=_written(components))


def _assertions_of(text: str) -> tuple[tuple[Assertion, ...], ...]:
    return tuple(tuple(_assertion(part) for part in _split(rdn, "+")) for rdn in _split(text, ","))


def _split(text: str, separator: str) -> Iterator[str]:
    """Cut at every separator that no backslash escapes."""
    start = 0
    place = 0
    while place < len(text):
        if text[place] == "\\":
            place += 2
            continue
        if text[place] == separator:
            yield text[start:place]
            start = place + 1
        place += 1
    yield text[start:]


def _assertion(text: str) -> Assertion:
    name, separator, value = text.partition("=")
    name = name.strip(" ")
    if not separator or not _ATTRIBUTE.fullmatch(name):
        raise BadName("a component without attribute")
    plain = _unescaped(_trimmed(value))
    if not plain:
        raise BadName("a component without value")
    return name, plain


def _trimmed(value: str) -> str:
    """Without the spaces around it; one that a backslash escapes is part of the value."""
    value = value.lstrip(" ")
    bare = value.rstrip(" ")
    backslashes = len(bare) - len(bare.rstrip("\\"))
    return f"{bare} " if backslashes % 2 and len(bare) < len(value) else bare


def _unescaped(value: str) -> str:
    if value.startswith("#"):
        raise BadName("a value in its encoded form")  # no name of the national schema needs one
    found = bytearray()
    place = 0
    while place < len(value):
        char = value[place]
        if char != "\\":
            if char in _SPECIAL and char != "=":
                raise BadName("a special character that nothing escapes")
            found += _utf8(char)
            place += 1
            continue
        pair = value[place + 1 : place + 3]
        if len(pair) == 2 and _HEX.issuperset(pair):  # noqa: PLR2004 - two digits make an octet
            found.append(int(pair, 16))
            place += 3
        elif pair[:1] and (pair[0] in _SPECIAL or pair[0] in " #"):
            found += pair[0].encode()
            place += 2
        else:
            raise BadName("an escape that does not exist")
    return _checked(found)


def _utf8(char: str) -> bytes:
    try:
        return char.encode()
    except UnicodeEncodeError as error:
        raise BadName("a character that no text has") from error


def _checked(value: bytearray) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise BadName("a value that is not UTF-8") from error
    if any(unicodedata.category(char) in {"Cc", "Cs"} for char in text):
        raise BadName("a control character in a name")
    return text


def _folded(component: tuple[Assertion, ...]) -> tuple[Assertion, ...]:
    return tuple(sorted((name.lower(), fold_value(value)) for name, value in component))


def fold_value(value: str) -> str:
    """A value as caseIgnoreMatch compares it (RFC 4518): one spelling of each character, no case, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).casefold()).split())


def _written(components: tuple[tuple[Assertion, ...], ...]) -> str:
    return ",".join("+".join(f"{name}={_escaped(value)}" for name, value in one) for one in components)


def _escaped(value: str) -> str:
    last = len(value) - 1
    return "".join(
        f"\\{char}"
        if char in _SPECIAL or (char == " " and place in {0, last}) or (char == "#" and place == 0)
        else char
        for place, char in enumerate(value)
    )
