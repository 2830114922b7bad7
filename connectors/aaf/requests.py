"""The grammar of an AAF file: a stream of add, modify and delete requests, read one at a time.

Memory stays flat whatever the file holds: each request is freed once read, and a file that brings nothing but bulk
between two requests is given up. A DOCTYPE may stand there (real files have one); its DTD is never loaded, no entity
is ever expanded, nothing is fetched. A file that declares or uses an entity is not one of an académie: a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from lxml import etree

from broker.domain.feed import FeedFault
from connectors.aaf.delivery import Limits, Member, Readable

_ROOT = "ficAlimMENESR"
_REQUESTS = ("addRequest", "modifyRequest", "deleteRequest")
_BODIES = frozenset({"attributes", "modifications"})
_CATEGORIES = frozenset({"categoriePersonne", "categorieStructure", "categorieMatiere", "categorieMef"})
_ENCODING = re.compile(rb"""^(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_ENCODINGS = frozenset({b"utf-8", b"iso-8859-15", b"iso-8859-1", b"us-ascii", b"windows-1252"})
_LONGEST_KEY = 64
_LONGEST = 4096
"""Characters in one value; the longest real ones (subjects taught) stay under 500."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a file. `attributes` maps a name to its values, without the empty ones."""

    operation: str
    category: str
    key: str
    attributes: Mapping[str, list[str]]
    line: int


class Malformed(Exception):
    """A record that cannot be taken; the text is the reason told to the operator."""


class _TooMuch(Exception):
    """More bytes than any record has went by without a record."""


def read_requests(
    member: Member, *, category: str, wanted: AbstractSet[str], limits: Limits
) -> Iterator[Request | FeedFault]:
    """The requests of one file of a category, in order, with their `wanted` attributes.

    What cannot be read is a fault that names its line.
    """
    stream = _Paced(member.stream, limits.between_records)
    line = 1
    try:
        for element in _elements(stream):
            line = element.sourceline or line
            yield _request(element, wanted, category=category, file=member.name, line=line)
            _free(element)
            stream.restart()
    except _TooMuch:
        broken = _broken(member.name, line, "too much data without a record: the rest of the file was not read")
    except etree.XMLSyntaxError as error:
        reason = f"not well-formed here: the rest was not read ({_first_words(error)})"
        broken = _broken(member.name, error.lineno or line, reason)
    except Malformed as malformed:
        broken = _broken(member.name, line, str(malformed))
    else:
        return
    stream.drain()
    yield broken


def _elements(stream: _Paced) -> Iterator[Any]:
    encoding = _ENCODING.match(stream.head())
    if encoding and encoding[1].lower() not in _ENCODINGS:
        raise Malformed("an encoding that no export has: the file was not read")
    parser = etree.iterparse(
        stream,
        events=("end",),
        tag=_REQUESTS,
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        no_network=True,
        huge_tree=False,
        recover=False,
        remove_blank_text=True,
        remove_pis=True,
        remove_comments=True,
    )
    checked = False
    for _, element in parser:
        if not checked:
            checked = True
            _check_document(element.getroottree().getroot())
        yield element
    if not checked:
        _check_document(parser.root)


def _check_document(root: Any) -> None:
    if root is None or root.tag != _ROOT:
        raise Malformed(f"not an AAF file: its root is not {_ROOT}")
    dtd = root.getroottree().docinfo.internalDTD
    if dtd is not None and next(iter(dtd.iterentities()), None) is not None:
        raise Malformed("the file declares entities: it was not read")


def _request(element: Any, wanted: AbstractSet[str], *, category: str, file: str, line: int) -> Request | FeedFault:
    key = ""
    attributes: dict[str, list[str]] = {}
    try:
        for part in element:
            tag = part.tag
            if tag in _BODIES:
                _take(part, wanted, attributes)
            elif tag == "identifier":
                key = _value(part[0]) if len(part) else ""
            elif tag == "operationalAttributes":
                _check_category(part, category)
        if not key:
            return FeedFault(file, line, "a record without identifier", breaks=True)
        return Request(element.tag, category, key, attributes, line)
    except Malformed as reason:
        key = (key or element.findtext("identifier/id") or "").strip()[:_LONGEST_KEY]
        return FeedFault(file, line, str(reason), key=key, breaks=not key)


def _take(body: Any, wanted: AbstractSet[str], attributes: dict[str, list[str]]) -> None:
    for attribute in body:
        name = attribute.get("name")
        if name not in wanted:
            continue
        if name in attributes:
            raise Malformed(f"the attribute {name} stands there twice")
        if attribute.get("operation", "replace") != "replace":
            raise Malformed("a modification that is not a replacement")
        attributes[name] = [text for value in attribute if (text := _value(value))]


def _value(value: Any) -> str:
    if len(value):
        raise Malformed("an entity or an element inside a value")
    text = value.text
    if text is None:
        return ""
    if len(text) > _LONGEST:
        raise Malformed("a value longer than any real one")
    return text.strip()  # type: ignore[no-any-return]


def _check_category(part: Any, category: str) -> None:
    for attribute in part:
        if attribute.get("name") in _CATEGORIES and len(attribute):
            stated = _value(attribute[0])
            if stated and stated != category:
                raise Malformed(f"a record of category {stated[:32]} in a file of {category}")


def _free(element: Any) -> None:
    """Forget the element and everything before it: memory holds one record."""
    parent = element.getparent()
    element.clear()
    if parent is None:
        return
    while parent[0] is not element:
        del parent[0]


def _broken(file: str, line: int, reason: str) -> FeedFault:
    return FeedFault(file, line, reason, breaks=True)


def _first_words(error: etree.XMLSyntaxError) -> str:
    """The parser's own short words, without any text of the file beyond a tag name."""
    return str(error.msg or "").split(", line", 1)[0][:120]


class _Paced:
    """A stream that gives up when too many bytes went by since the last record."""

    def __init__(self, stream: Readable, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._since = 0
        self._head: bytes | None = None

    def head(self) -> bytes:
        """The first bytes, which `read` returns again."""
        self._head = self._stream.read(4096)
        return self._head

    def drain(self) -> None:
        """Read to the end: a damaged archive tells it only there, and then the whole set is refused."""
        while self._stream.read(1 << 16):
            pass

    def restart(self) -> None:
        """A record was read: count afresh."""
        self._since = 0

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes. Raises `_TooMuch`."""
        if self._head:
            data, self._head = self._head, None
        else:
            data = self._stream.read(size)
        self._since += len(data)
        if self._since > self._limit:
            raise _TooMuch
        return data
