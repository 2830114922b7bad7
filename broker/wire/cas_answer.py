"""The XML of a CAS validation answer, written (CAS Protocol 3.0.3 §2.5, Appendix A), in the shapes that services read.

The text is put together by hand from escaped parts: the same release gives the same bytes, and every name and value
passes the two functions at the end. A value that XML cannot hold is left out and its name told to the caller; a user
that XML cannot hold, or that readers would disagree on, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from broker.domain.release_rules import XmlShape
from broker.domain.released import Attribute
from broker.wire.cas_xml import MOST_SUBJECT, NAMESPACE

CODES = frozenset(
    {
        "INVALID_REQUEST",
        "INVALID_TICKET_SPEC",
        "UNAUTHORIZED_SERVICE_PROXY",
        "INVALID_PROXY_CALLBACK",
        "INVALID_TICKET",
        "INVALID_SERVICE",
        "INTERNAL_ERROR",
    }
)
"""CAS Protocol 3.0.3 §2.5.3, and no other: clients compare them as words."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_PLUMBING = frozenset({"user", "attributes", "userAttributes", "proxyGrantingTicket", "proxies"})
"""Elements that mean something in CAS itself: an attribute of such a name would be read as the answer's own part."""
_ILLEGAL = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""XML 1.0 §2.2: what no document can hold, not even escaped."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}
"""A bare carriage return would come back as a line feed (XML 1.0 §2.11)."""
_ESCAPED = re.compile('[&<>"\r]')


class Unwritable(ValueError):
    """A user, a name or a code that cannot be put into an answer."""


@dataclass(frozen=True, slots=True)
class CasAnswer:
    """The document in UTF-8, and the names of attributes of which a value could not be written (for the log)."""

    body: bytes
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Beside:
    """What an answer says beside the release.

    `facts`: of the login itself (CAS 3, §2.5.7), always under `cas:attributes`. `iou`: stands for a proxy-granting
    ticket. `proxies`: the callbacks that the ticket came through, the latest first (§2.6.2).
    """

    facts: Sequence[Attribute] = ()
    iou: str = ""
    proxies: Sequence[str] = ()


NOTHING_BESIDE = Beside()
_Texts = tuple[tuple[str, tuple[str, ...], str], ...]
"""Attributes as XML can hold them: the name, the values that are texts, the name of the list."""


@dataclass(frozen=True, slots=True)
class _Written:
    """A release as elements; `dropped` as in `CasAnswer`."""

    user: str
    told: str
    dropped: tuple[str, ...]


def write_success(
    user: str, attributes: Sequence[Attribute], *, shape: XmlShape, beside: Beside = NOTHING_BESIDE
) -> CasAnswer:
    """The answer for a ticket that was good. Raises `Unwritable` for a user or a name that XML cannot hold."""
    for fact in beside.facts:
        check_names(fact)
    written = _written(user, tuple((each.name, each.texts, each.wrap) for each in attributes), shape)
    inner = f"{written.user}{_with_facts(written.told, beside.facts)}{_proxied(beside)}"
    return CasAnswer(_document(f"<cas:authenticationSuccess>{inner}</cas:authenticationSuccess>"), written.dropped)


def write_proxy_ticket(ticket: str) -> CasAnswer:
    """The answer for a proxy-granting ticket that was good (CAS §2.7.2)."""
    inner = f"<cas:proxyTicket>{escape(ticket)}</cas:proxyTicket>"
    return CasAnswer(_document(f"<cas:proxySuccess>{inner}</cas:proxySuccess>"))


def write_proxy_failure(code: str, sentence: str) -> CasAnswer:
    """The answer for one that was not (CAS §2.7.2)."""
    return _failure("proxyFailure", code, sentence)


def write_failure(code: str, sentence: str) -> CasAnswer:
    """The answer for a ticket that was not. Raises `Unwritable` for a code that is none of the protocol's."""
    return _failure("authenticationFailure", code, sentence)


def check_user(user: str) -> None:
    """Raises `Unwritable` for a user that XML cannot hold, or that readers would not agree on."""
    if not user.strip() or user != user.strip() or len(user) > MOST_SUBJECT or not _is_writable(user):
        raise Unwritable("a user that readers would not agree on")


def check_names(attribute: Attribute) -> None:
    """Raises `Unwritable` for an attribute whose name is none, or means something in CAS itself."""
    for name in (attribute.name, attribute.wrap or attribute.name):
        if not _NAME.fullmatch(name) or name in _PLUMBING:
            raise Unwritable(f"an attribute called {name[:32]!r}")


def is_value(text: str) -> bool:
    """Tell whether XML can hold a value, and anything is left of it when it is read."""
    return bool(text.strip()) and not _ILLEGAL.search(text)


@lru_cache(maxsize=1024)
def _written(user: str, attributes: _Texts, shape: XmlShape) -> _Written:
    """The same release gives the same text: whoever is told of the same person again is not written to anew."""
    check_user(user)
    told = [Attribute(name, texts, wrap=wrap) for name, texts, wrap in attributes]
    for attribute in told:
        check_names(attribute)
    dropped = tuple(each.name for each in told if any(not is_value(text) for text in each.texts))
    return _Written(f"<cas:user>{escape(user)}</cas:user>", _SHAPES[shape](told), dropped)


def _failure(element: str, code: str, sentence: str) -> CasAnswer:
    if code not in CODES:
        raise Unwritable("not a code of the protocol")
    shown = escape(_ILLEGAL.sub("", sentence))
    return CasAnswer(_document(f'<cas:{element} code="{code}">{shown}</cas:{element}>'))


def _with_facts(told: str, facts: Sequence[Attribute]) -> str:
    """The facts of the login in the one `cas:attributes` there is, or in one of their own."""
    if not facts:
        return told
    written, opening = _elements(facts, prefix="cas:"), "<cas:attributes>"
    if told.startswith(opening):
        return opening + written + told.removeprefix(opening)
    return f"{opening}{written}</cas:attributes>{told}"


def _proxied(beside: Beside) -> str:
    iou = f"<cas:proxyGrantingTicket>{escape(beside.iou)}</cas:proxyGrantingTicket>" if beside.iou else ""
    through = "".join(f"<cas:proxy>{escape(url)}</cas:proxy>" for url in beside.proxies)
    return iou + (f"<cas:proxies>{through}</cas:proxies>" if through else "")


def _document(outcome: str) -> bytes:
    return f'<cas:serviceResponse xmlns:cas="{NAMESPACE}">{outcome}</cas:serviceResponse>'.encode()


def _in_attributes(attributes: Sequence[Attribute]) -> str:
    """`cas:attributes/cas:name` (CAS 3)."""
    written = _elements(attributes, prefix="cas:")
    return f"<cas:attributes>{written}</cas:attributes>" if written else ""


def _in_user_attributes(attributes: Sequence[Attribute]) -> str:
    """`cas:attributes/cas:userAttributes/name`, the names in no namespace."""
    written = _elements(attributes, prefix="")
    return f"<cas:attributes><cas:userAttributes>{written}</cas:userAttributes></cas:attributes>" if written else ""


def _direct(attributes: Sequence[Attribute]) -> str:
    """`cas:name` beside `cas:user`."""
    return _elements(attributes, prefix="cas:")


def _both(attributes: Sequence[Attribute]) -> str:
    """Under `cas:attributes` and beside `cas:user`, every attribute twice."""
    return _in_attributes(attributes) + _direct(attributes)


_SHAPES = {
    XmlShape.ATTRIBUTES: _in_attributes,
    XmlShape.USER_ATTRIBUTES: _in_user_attributes,
    XmlShape.DIRECT: _direct,
    XmlShape.BOTH: _both,
}


def _elements(attributes: Iterable[Attribute], *, prefix: str) -> str:
    return "".join(_element(attribute, prefix=prefix) for attribute in attributes)


def _element(attribute: Attribute, *, prefix: str) -> str:
    """One element a value; a wrapped list is one parent with its members."""
    values = [text for text in attribute.texts if is_value(text)]
    written = "".join(f"<{prefix}{attribute.name}>{escape(text)}</{prefix}{attribute.name}>" for text in values)
    if not attribute.wrap or not written:
        return written
    return f"<{prefix}{attribute.wrap}>{written}</{prefix}{attribute.wrap}>"


def _is_writable(user: str) -> bool:
    return not _ILLEGAL.search(user) and not _CONTROL.search(user)


def escape(text: str) -> str:
    """A text as an element or an attribute in double quotes holds it."""
    return _ESCAPED.sub(lambda found: _ESCAPES[found[0]], text)
