"""Records read one by one from an XML file that nobody trusts.

Memory stays flat whatever the file holds: each record is freed once read, and a file that brings nothing but bulk
between two records is given up. A DOCTYPE may stand there (real files have one); its DTD is never loaded, no entity
is ever expanded, nothing is fetched. A file that declares or uses an entity is not one of an administration: a fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from lxml import etree

from broker.domain.feed import FeedFault
from connectors.delivery import Limits, Member, Readable
from connectors.feed_values import Malformed

_ENCODING = re.compile(rb"""^(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_ENCODINGS = frozenset({b"utf-8", b"iso-8859-15", b"iso-8859-1", b"us-ascii", b"windows-1252"})
_KINDS = {
    getattr(etree.ErrorTypes, name): name.removeprefix("ERR_").replace("_", " ").lower()
    for name in dir(etree.ErrorTypes)
    if name.startswith("ERR_")
}
_LONGEST = 4096
"""Characters in one value; the longest real ones (subjects taught) stay under 500."""


class _TooMuch(Exception):
    """More bytes than any record has went by without a record."""


def elements_of(
    member: Member, *, tags: Sequence[str], check_root: Callable[[Any], None], limits: Limits
) -> Iterator[Any | FeedFault]:
    """The elements with these names, each whole and freed when the next is asked for; last, a fault that ended it.

    `check_root` is shown the root before anything else, and raises `Malformed` for a file that is none of its own.
    """
    stream = _Paced(member.stream, limits.between_records)
    line = 1
    try:
        for element in _parsed(stream, tags, check_root):
            line = element.sourceline or line
            yield element
            _free(element)
            stream.restart()
    except _TooMuch:
        reason = "too much data without a record: the rest of the file was not read"
    except etree.XMLSyntaxError as error:
        line = error.lineno or line
        reason = f"not well-formed here: the rest was not read ({_kind_of(error)})"
    except Malformed as malformed:
        reason = str(malformed)
    else:
        return
    stream.drain()
    yield FeedFault(member.name, line, reason, breaks=True)


def value_of(element: Any) -> str:
    """The text of an element that holds nothing else. Raises `Malformed`."""
    return next(iter(values_of((element,))), "")


def values_of(elements: Iterable[Any]) -> list[str]:
    """The texts of elements that hold nothing else, without the empty ones. Raises `Malformed`."""
    texts = []
    for element in elements:
        if len(element):
            raise Malformed("an entity or an element inside a value")
        text = (element.text or "").strip()
        if len(text) > _LONGEST:
            raise Malformed("a value longer than any real one")
        if text:
            texts.append(text)
    return texts


def _parsed(stream: _Paced, tags: Sequence[str], check_root: Callable[[Any], None]) -> Iterator[Any]:
    head = stream.head()
    encoding = _ENCODING.match(head)
    if b"\0" in head or (encoding and encoding[1].lower() not in _ENCODINGS):
        raise Malformed("an encoding that no export has: the file was not read")
    parser = etree.iterparse(
        stream,
        events=("end",),
        tag=tags,
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
            _check_document(element.getroottree().getroot(), check_root)
        yield element
    if not checked:
        _check_document(parser.root, check_root)


def _check_document(root: Any, check_root: Callable[[Any], None]) -> None:
    check_root(root)
    dtd = root.getroottree().docinfo.internalDTD
    if dtd is not None and next(iter(dtd.iterentities()), None) is not None:
        raise Malformed("the file declares entities: it was not read")


def _free(element: Any) -> None:
    """Forget the element and everything before it: memory holds one record."""
    parent = element.getparent()
    element.clear()
    if parent is None:
        return
    while parent[0] is not element:
        del parent[0]


def _kind_of(error: etree.XMLSyntaxError) -> str:
    """The parser's name for a fault; its message quotes the file, which may be a child's number."""
    return _KINDS.get(error.code, "unknown")


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
