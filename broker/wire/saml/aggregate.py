"""Signed metadata, of one entity or of thousands, verified and taken apart as a stream (Metadata §2.3, §3; S-41).

An aggregate is larger than all messages of a day, and its one signature is over all of it. So its canonical form is
made entity by entity, hashed, and handed on; no tree of the whole is ever held. What is handed on are the very bytes
that were hashed, and they are nothing until `read_signed` returns: the last entity could be the forged one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from lxml import etree
from lxml.etree import _Element as Element

from broker.wire.saml.gate import DIGESTS, Signed, check_digest, check_signature, is_signed, signature_of, verify
from broker.wire.saml.keys import VerifyingKey
from broker.wire.saml.names import MDRPI, ds, md
from broker.wire.saml.refusals import Refusal, SamlRefused
from broker.wire.saml.schema import check_schema
from broker.wire.saml.xml import HARMLESS_IN_DOCUMENTS, LOCKED, canonical, parse_document, scan, standalone

MOST_AGGREGATE = 192 * 1024 * 1024
MOST_ENTITY = 1024 * 1024
MOST_ENTITIES = 50_000

Keep = Callable[[str, bytes], None]
"""Takes an entity's name and its canonical form, as it stands between `start` and `end` of the head."""

_ROOT = re.compile(rb"<(?:[^\s<>:/]+:)?(EntitiesDescriptor|EntityDescriptor)[\s>]")
_CLOSED = re.compile(rb"</(?:[^\s<>:/]+:)?(?:EntityDescriptor|Extensions|Signature)\s*>")
"""Where the stream is cut: nothing but what is complete stands in the tree then."""
_START_TAG = re.compile(rb'<([^\s>]+)(?: [^\s=]+="[^"]*")*>')
_WHITE = frozenset(" \t\n")
_PARTS = (md("EntityDescriptor"), md("Extensions"))


@dataclass(frozen=True, slots=True)
class SignedHead:
    """What stands around every entity, canonical (empty where there is one alone), and until when all of it is good.

    `made`: when it was published, by its own words (SAML Metadata RPI §2.2 `creationInstant`); None: it does not say.
    """

    start: bytes
    end: bytes
    until: datetime
    made: datetime | None = None


def read_signed(octets: bytes, keys: Iterable[VerifyingKey], keep: Keep) -> SignedHead:
    """Verify a document that one of these keys signed whole, and hand its entities on. Raises `SamlRefused`."""
    if len(octets) > MOST_AGGREGATE:
        raise SamlRefused(Refusal.SIZE)
    scan(octets, harmless=HARMLESS_IN_DOCUMENTS)
    root = _ROOT.search(octets)
    if root is None:
        raise SamlRefused(Refusal.ROOT)
    return _read_many(octets, keys, keep) if root[1] == b"EntitiesDescriptor" else _read_one(octets, keys, keep)


def until_of(*elements: Element) -> datetime | None:
    """The first moment at which any of these stops being valid (Metadata §2.3.1). Raises `SamlRefused`."""
    try:
        stated = [
            datetime.fromisoformat(each.get("validUntil") or "") for each in elements if "validUntil" in each.attrib
        ]
    except ValueError:
        raise SamlRefused(Refusal.TIME, "validUntil is no time") from None
    if any(each.tzinfo is None for each in stated):
        raise SamlRefused(Refusal.TIME, "validUntil without a zone")
    return min(stated, default=None)


def _read_one(octets: bytes, keys: Iterable[VerifyingKey], keep: Keep) -> SignedHead:
    root = parse_document(octets, most_bytes=MOST_ENTITY)
    if root.tag != md("EntityDescriptor"):
        raise SamlRefused(Refusal.ROOT)
    if not is_signed(root):
        raise SamlRefused(Refusal.UNSIGNED)
    check_schema(standalone(root.find(ds("Signature"))))
    verified = verify(root, keys).element
    keep(verified.get("entityID", ""), canonical(verified))
    return SignedHead(b"", b"", _demanded(verified), _made(verified.find(md("Extensions"))))


def _read_many(octets: bytes, keys: Iterable[VerifyingKey], keep: Keep) -> SignedHead:
    walk: _Walk | None = None
    for child in _children(octets):
        if walk is None:
            walk = _Walk(child, keys, keep)
        else:
            walk.take(child)
    if walk is None:
        raise SamlRefused(Refusal.UNSIGNED)
    return walk.end()


def _demanded(root: Element) -> datetime:
    """Signed metadata without an end would be good for ever in the hands of whoever kept an old copy."""
    until = until_of(root)
    if until is None:
        raise SamlRefused(Refusal.TIME, "no validUntil")
    return until


def _made(extensions: Element | None) -> datetime | None:
    """When a document was published; what is no time with a zone is as good as nothing said."""
    said = extensions.find(f"{{{MDRPI}}}PublicationInfo") if extensions is not None else None
    try:
        made = datetime.fromisoformat(said.get("creationInstant") or "") if said is not None else None
    except ValueError:
        return None
    return made if made is not None and made.tzinfo is not None else None


def _children(octets: bytes) -> Iterator[Element]:
    """The children of the root, each as soon as it is complete and before anything behind it is read."""
    parser = etree.XMLPullParser(
        events=("end",),
        tag=(*_PARTS, ds("Signature"), md("EntitiesDescriptor")),
        collect_ids=False,
        **LOCKED,
    )
    try:
        for piece in _pieces(octets):
            parser.feed(piece)
            yield from (element for _, element in parser.read_events() if _is_child(element))
        parser.close()
    except (etree.XMLSyntaxError, ValueError):
        raise SamlRefused(Refusal.XML) from None


def _pieces(octets: bytes) -> Iterator[bytes]:
    start = 0
    for closed in _CLOSED.finditer(octets):
        if closed.end() - start > MOST_ENTITY:
            raise SamlRefused(Refusal.SIZE, "an entity")
        yield octets[start : closed.end()]
        start = closed.end()
    yield octets[start:]


def _is_child(element: Element) -> bool:
    parent = element.getparent()
    return parent is not None and parent.getparent() is None


class _Walk:
    """The canonical form of an `EntitiesDescriptor`, made while its children go by."""

    def __init__(self, signature: Element, keys: Iterable[VerifyingKey], keep: Keep) -> None:
        """Begin with the signature, the first child there is (Metadata §2.3.1). Raises `SamlRefused`."""
        root = signature.getparent()
        if root is None or root.tag != md("EntitiesDescriptor"):
            raise SamlRefused(Refusal.ROOT)
        if signature.tag != ds("Signature") or len(root) != 1:
            raise SamlRefused(Refusal.UNSIGNED)
        alone = standalone(signature)
        check_schema(alone)
        self._signed: Signed = signature_of(root, alone)
        self._prefixes = check_signature(self._signed, keys)
        self._root, self._last, self._keep = root, signature, keep
        self._start, self._end = _shell(canonical(root, self._prefixes))
        self._digest = DIGESTS[self._signed.digest_method](self._start)
        self._count = 0
        self._made: datetime | None = None
        self._text(root.text)
        root.text = None

    def take(self, child: Element) -> None:
        """Hash the next child, in its place. Raises `SamlRefused`."""
        if child.tag not in _PARTS or child.getprevious() is not self._last or child.getnext() is not None:
            raise SamlRefused(Refusal.SCHEMA, "something else than entities")
        if child.tag == md("Extensions") and self._last.tag == ds("Signature"):
            self._made = _made(child)
        self._text(self._last.tail)
        self._root.remove(self._last)
        self._last = child
        whole = canonical(self._root, self._prefixes)
        if not whole.startswith(self._start) or not whole.endswith(self._end):
            raise SamlRefused(Refusal.DIGEST, "no canonical form")
        octets = whole[len(self._start) : -len(self._end)]
        self._digest.update(octets)
        if child.tag == md("EntityDescriptor"):
            self._hand_on(child.get("entityID", ""), octets)

    def end(self) -> SignedHead:
        """Compare what was hashed with what was signed. Raises `SamlRefused`."""
        if len(self._root) != 1 or self._root[0] is not self._last:
            raise SamlRefused(Refusal.SCHEMA, "something behind the entities")
        self._text(self._last.tail)
        self._digest.update(self._end)
        check_digest(self._signed, self._digest.digest())
        head = parse_document(self._start + self._end, most_bytes=MOST_ENTITY)
        return SignedHead(self._start, self._end, _demanded(head), self._made)

    def _hand_on(self, name: str, octets: bytes) -> None:
        self._count += 1
        if self._count > MOST_ENTITIES or len(octets) > MOST_ENTITY:
            raise SamlRefused(Refusal.SIZE)
        self._keep(name, octets)

    def _text(self, text: str | None) -> None:
        """Text between entities is white space: anything else would be said to nobody."""
        if not set(text or "") <= _WHITE:
            raise SamlRefused(Refusal.SCHEMA, "text between entities")
        self._digest.update((text or "").encode())


def _shell(whole: bytes) -> tuple[bytes, bytes]:
    """The start tag of a canonical document, and the end tag to it."""
    start = _START_TAG.match(whole)
    if start is None:
        raise SamlRefused(Refusal.DIGEST, "no canonical form")
    return start[0], b"</" + start[1] + b">"
