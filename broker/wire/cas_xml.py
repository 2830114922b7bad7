"""The XML of a CAS validation answer, read strictly (CAS Protocol 3.0.3 §2.5; SDET attribute shapes).

Real servers write attributes in four shapes (see `_attributes`); all are read, also at once. What the XML itself can
carry against its reader is refused before parsing: document types, entities, processing instructions, other encodings
than the ones in which those can be seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from broker.domain.errors import UpstreamRefused

NAMESPACE = "http://www.yale.edu/tp/cas"
MOST_BYTES = 256 * 1024
MOST_DEPTH = 12
MOST_VALUES = 512
MOST_SUBJECT = 255

_DECLARATION = re.compile(
    rb"""\A\s*<\?xml\s+version=["']1\.[01]["'](?:\s+encoding=["']([A-Za-z0-9._-]{1,20})["'])?"""
    rb"""(?:\s+standalone=["'](?:yes|no)["'])?\s*\?>"""
)
_ENCODINGS = frozenset({b"utf-8", b"us-ascii", b"iso-8859-1", b"iso-8859-15", b"windows-1252"})
"""All write `<`, `!` and `?` as ASCII does: what is refused below cannot hide in another encoding."""
_MARKUP = re.compile(rb"<[!?]")
_HARMLESS = (b"<!--", b"<![CDATA[")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
_TICKET = re.compile(r"ST-[A-Za-z0-9._-]{1,253}")
_PLUMBING = frozenset({"user", "attributes", "proxyGrantingTicket", "proxies"})


@dataclass(frozen=True, slots=True)
class CasSuccess:
    """Who the ticket was for. `attributes`: every value by attribute name, whatever shape it came in."""

    user: str
    attributes: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class CasFailure:
    """The server refused the ticket; `code` as in CAS §2.5.3 (`INVALID_TICKET` …), empty when it gave none."""

    code: str


def parse_service_response(body: bytes) -> CasSuccess | CasFailure:
    """Read the answer of `/serviceValidate` or `/p3/serviceValidate`. Raises `UpstreamRefused`."""
    root = _root(body)
    if root.tag != _cas("serviceResponse"):
        raise UpstreamRefused("not a CAS serviceResponse, or in another namespace")
    outcomes = list(_elements(root))
    if len(outcomes) != 1:
        raise UpstreamRefused("a CAS answer has exactly one outcome")
    outcome = outcomes[0]
    if outcome.tag == _cas("authenticationFailure"):
        return CasFailure(_code(outcome.get("code", "")))
    if outcome.tag != _cas("authenticationSuccess"):
        raise UpstreamRefused("unknown outcome in a CAS answer")
    if outcome.find(_cas("proxies")) is not None:
        raise UpstreamRefused("a proxied ticket is not a person's login")
    return CasSuccess(_user(root, outcome), _attributes(outcome))


def parse_logout_request(body: bytes) -> str:
    """The ticket that a server's logout request names (CAS §2.3.3, Appendix C). Raises `UpstreamRefused`."""
    root = _root(body)
    if root.tag != f"{{{_SAMLP}}}LogoutRequest":
        raise UpstreamRefused("not a CAS logout request")
    named = list(root.iter(f"{{{_SAMLP}}}SessionIndex"))
    if len(named) != 1 or named[0].getparent() is not root:
        raise UpstreamRefused("a CAS logout request names exactly one session")
    ticket = _text(named[0])
    if not _TICKET.fullmatch(ticket):
        raise UpstreamRefused("no usable ticket in a CAS logout request")
    return ticket


def _root(body: bytes) -> etree._Element:
    if len(body) > MOST_BYTES:
        raise UpstreamRefused("CAS answer too large")
    _refuse_dangerous(body)
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, dtd_validation=False, no_network=True, huge_tree=False
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise UpstreamRefused("CAS answer is not well-formed XML") from None
    if any(_depth(element) > MOST_DEPTH for element in root.iter()):
        raise UpstreamRefused("CAS answer too deep")
    return root


def _refuse_dangerous(body: bytes) -> None:
    """Refuse what could name other files or change what is read, before any XML parser sees it."""
    if b"\x00" in body or body.startswith((b"\xfe\xff", b"\xff\xfe", b"+/v")):
        raise UpstreamRefused("CAS answer in an encoding that hides markup")
    text = body.removeprefix(b"\xef\xbb\xbf")
    declaration = _DECLARATION.match(text)
    if declaration and declaration[1] and declaration[1].lower() not in _ENCODINGS:
        raise UpstreamRefused("CAS answer in an unexpected encoding")
    rest = text[declaration.end() :] if declaration else text
    for mark in _MARKUP.finditer(rest):
        if not rest.startswith(_HARMLESS, mark.start()):
            raise UpstreamRefused("document type, entity or processing instruction in a CAS answer")


def _depth(element: etree._Element) -> int:
    return sum(1 for _ in element.iterancestors())


def _user(root: etree._Element, success: etree._Element) -> str:
    """The one user. Two are refused: clients differ on which they take, and so would we and the next reader."""
    users = list(root.iter(_cas("user")))
    if len(users) != 1 or users[0].getparent() is not success or any(True for _ in _elements(users[0])):
        raise UpstreamRefused("a CAS answer names exactly one user")
    name = _text(users[0])
    if not name or len(name) > MOST_SUBJECT or _CONTROL.search(name):
        raise UpstreamRefused("empty or unusable CAS user")
    return name


def _attributes(success: etree._Element) -> Mapping[str, tuple[str, ...]]:
    """All values by name, each once, from the four shapes met in service.

    They are `cas:attributes/cas:x` (CAS 3), `cas:attributes/cas:userAttributes/x` without namespace, `cas:x` beside
    `cas:user`, and the first and third at once.
    """
    found: dict[str, dict[str, None]] = {}
    for place in _places(success):
        for name, value in _values(place):
            found.setdefault(name, {})[value] = None
    if sum(len(values) for values in found.values()) > MOST_VALUES:
        raise UpstreamRefused("too many attribute values in a CAS answer")
    return {name: tuple(values) for name, values in found.items()}


def _places(success: etree._Element) -> Iterator[etree._Element]:
    """The elements that are attributes, in whatever shape."""
    for child in _elements(success):
        name = _name(child)
        if name and name not in _PLUMBING:
            yield child
        if name == "attributes":
            for inner in _elements(child):
                yield from _elements(inner) if _name(inner) == "userAttributes" else (inner,)


def _values(attribute: etree._Element) -> Iterator[tuple[str, str]]:
    """Values of one attribute; a wrapped list (plural parent, singular children) answers to both names."""
    name = _name(attribute)
    if not name:
        return
    members = list(_elements(attribute))
    if not members:
        value = _text(attribute)
        if value:
            yield name, value
        return
    for member in members:
        value = _text(member)
        if value and _name(member) and not list(_elements(member)):
            yield name, value
            yield _name(member), value


def _elements(parent: etree._Element) -> Iterator[etree._Element]:
    return (child for child in parent if isinstance(child.tag, str))


def _name(element: etree._Element) -> str:
    """Local name of an element in the CAS namespace or in none; empty for any other namespace."""
    tag = str(element.tag)
    if not tag.startswith("{"):
        return tag
    return tag.removeprefix(_cas("")) if tag.startswith(_cas("")) else ""


def _text(element: etree._Element) -> str:
    """Text of a leaf. One split by a comment is refused: readers disagree on which half counts."""
    if any(not isinstance(child.tag, str) for child in element):
        raise UpstreamRefused("comment inside a value of a CAS answer")
    return (element.text or "").strip()


def _code(text: str) -> str:
    """A failure code safe to log: letters and underscores only."""
    return text if re.fullmatch(r"[A-Z_]{1,40}", text) else ""


def _cas(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"
