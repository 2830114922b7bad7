"""XML that nobody trusts, read once by a parser that can do nothing but read (security: K-23, K-24).

What XML can carry against its reader is refused as bytes, before any parser: document types, entities, processing
instructions, other encodings. In messages comments and CDATA go with them: readers disagree on what a text with a
comment in it says, and no peer needs one. Metadata is written by hand too, so comments stay allowed there.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Iterable, Mapping
from threading import local
from typing import Any

from lxml import etree

from broker.wire.saml.refusals import Refusal, SamlRefused

MOST_ENCODED = 256 * 1024
MOST_BYTES = 1024 * 1024
MOST_DEPTH = 64

_DECLARATION = re.compile(
    rb"""\A(?:\xef\xbb\xbf)?<\?xml\s+version=["']1\.0["'](?:\s+encoding=["']([A-Za-z0-9._-]{1,20})["'])?"""
    rb"""(?:\s+standalone=["'](?:yes|no)["'])?\s*\?>"""
)
_ENCODINGS = frozenset({b"", b"utf-8", b"us-ascii"})
_MARKUP = re.compile(rb"<[!?]")
HARMLESS_IN_DOCUMENTS = (b"<!--", b"<![CDATA[")


LOCKED: Mapping[str, Any] = {
    "resolve_entities": False,
    "load_dtd": False,
    "dtd_validation": False,
    "no_network": True,
    "huge_tree": False,
    "remove_comments": True,
    "strip_cdata": True,
}
"""What every parser of foreign XML is told: to read, and nothing else."""


class _Parsers(local):
    """A locked parser for each thread: lxml serialises threads that share one, and making one costs a parse."""

    def __init__(self) -> None:
        self.parser = etree.XMLParser(**LOCKED)


_OF_THREAD = _Parsers()


def parse_message(body: bytes) -> etree._Element:
    """Read one protocol message. Raises `SamlRefused` for size, encoding, markup, XML or depth."""
    if len(body) > MOST_BYTES:
        raise SamlRefused(Refusal.SIZE)
    scan(body, harmless=())
    root = _parse(body)
    if _deeper(root, MOST_DEPTH):
        raise SamlRefused(Refusal.DEPTH)
    return root


def parse_document(body: bytes, *, most_bytes: int) -> etree._Element:
    """Read metadata: comments are dropped, all else as for messages; the bound is the caller's."""
    if len(body) > most_bytes:
        raise SamlRefused(Refusal.SIZE)
    scan(body, harmless=HARMLESS_IN_DOCUMENTS)
    return _parse(body)


def scan(body: bytes, *, harmless: tuple[bytes, ...]) -> None:
    """Refuse, as bytes, what must not reach a parser; in well-formed XML `<` stands nowhere but in markup."""
    if b"\x00" in body:
        raise SamlRefused(Refusal.ENCODING, "NUL")
    _check_utf8(body)
    declaration = _DECLARATION.match(body)
    if declaration and (declaration[1] or b"").lower() not in _ENCODINGS:
        raise SamlRefused(Refusal.ENCODING, "declared as something else than UTF-8")
    for mark in _MARKUP.finditer(body, declaration.end() if declaration else 0):
        if not harmless or not body.startswith(harmless, mark.start()):
            raise SamlRefused(Refusal.MARKUP)


def _check_utf8(body: bytes) -> None:
    """Piece by piece: the text of an aggregate, decoded at once, would be four times its size."""
    decoder, view = getincrementaldecoder("utf-8")(), memoryview(body)
    try:
        for start in range(0, len(body), MOST_BYTES):
            decoder.decode(view[start : start + MOST_BYTES])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise SamlRefused(Refusal.ENCODING, "not UTF-8") from None


def standalone(element: etree._Element) -> etree._Element:
    """The element as the root of its own document, with every namespace declaration that was in force around it.

    By serialising and not by copying nodes: a copy may choose another prefix for the same namespace, and the canonical
    form has prefixes in it.
    """
    return _parse(etree.tostring(element, with_tail=False))


def canonical(root: etree._Element, prefixes: Iterable[str] = ()) -> bytes:
    """Exclusive canonical XML without comments (RFC 3741). Raises `SamlRefused` where there is none.

    An error must never come out as empty bytes: the digest of nothing is known to everyone (void canonicalization).
    """
    try:
        octets = etree.tostring(
            root, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=list(prefixes) or None
        )
    except (etree.LxmlError, ValueError):
        raise SamlRefused(Refusal.DIGEST, "no canonical form") from None
    if not octets:
        raise SamlRefused(Refusal.DIGEST, "empty canonical form")
    return bytes(octets)


def _parse(body: bytes) -> etree._Element:
    try:
        return etree.fromstring(body, _OF_THREAD.parser)
    except (etree.XMLSyntaxError, ValueError):
        raise SamlRefused(Refusal.XML) from None


def _deeper(root: etree._Element, most: int) -> bool:
    level = [root]
    for _ in range(most):
        level = [child for element in level for child in element]
        if not level:
            return False
    return True
