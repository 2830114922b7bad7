"""The grammar of an AAF file: a stream of add, modify and delete requests, read one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from broker.domain.feed import FeedFault
from connectors.aaf.filenames import KIND_OF_CATEGORY
from connectors.delivery import Limits, Member
from connectors.feed_values import Malformed, key_told
from connectors.xml_stream import elements_of, value_of, values_of

_ROOT = "ficAlimMENESR"
_REQUESTS = ("addRequest", "modifyRequest", "deleteRequest")
_BODIES = frozenset({"attributes", "modifications"})
_CATEGORIES = frozenset({"categoriePersonne", "categorieStructure", "categorieMatiere", "categorieMef"})


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a file. `attributes` maps a name to its values, without the empty ones."""

    operation: str
    category: str
    key: str
    attributes: Mapping[str, list[str]]
    line: int


def read_requests(
    member: Member, *, category: str, wanted: AbstractSet[str], limits: Limits
) -> Iterator[Request | FeedFault]:
    """The requests of one file of a category, in order, with their `wanted` attributes.

    What cannot be read is a fault that names its line.
    """
    line = 1
    for element in elements_of(member, tags=_REQUESTS, check_root=_check_root, limits=limits):
        if isinstance(element, FeedFault):
            yield element
            return
        line = element.sourceline or line
        yield _request(element, wanted, category=category, file=member.name, line=line)


def _check_root(root: Any) -> None:
    if root is None or root.tag != _ROOT:
        raise Malformed(f"not an AAF file: its root is not {_ROOT}")


def _request(element: Any, wanted: AbstractSet[str], *, category: str, file: str, line: int) -> Request | FeedFault:
    key = ""
    attributes: dict[str, list[str]] = {}
    try:
        for part in element:
            tag = part.tag
            if tag in _BODIES:
                _take(part, wanted, attributes)
            elif tag == "identifier":
                key = value_of(part[0]) if len(part) else ""
            elif tag == "operationalAttributes":
                _check_category(part, category)
        if not key:
            return FeedFault(file, line, "a record without identifier", breaks=True)
        return Request(element.tag, category, key, attributes, line)
    except Malformed as reason:
        key = key_told((key or element.findtext("identifier/id") or "").strip())
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
        attributes[name] = values_of(attribute)


def _check_category(part: Any, category: str) -> None:
    for attribute in part:
        if attribute.get("name") in _CATEGORIES and len(attribute):
            stated = value_of(attribute[0])
            if stated and stated != category:
                other = stated if stated in KIND_OF_CATEGORY else "another"
                raise Malformed(f"a record of category {other} in a file of {category}")
