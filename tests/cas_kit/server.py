"""What the kit needs of a server, and how answers are read: by the text of the protocol, not by the server's habits."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

CAS = "http://www.yale.edu/tp/cas"
TICKET = re.compile(r"[A-Za-z0-9-]+")


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def location(self) -> str:
        """Where it leads; empty: nowhere."""
        return self.headers.get("location", "")

    @property
    def ticket(self) -> str:
        """The ticket in the address that it leads to."""
        return dict(parse_qsl(urlsplit(self.location).query)).get("ticket", "")

    @property
    def xml(self) -> ET.Element:
        """The body as XML; an element that nobody asks for when it is none."""
        try:
            return ET.fromstring(self.body)
        except ET.ParseError:
            return ET.Element("none")

    @property
    def outcome(self) -> ET.Element:
        """The first thing in a `cas:serviceResponse`."""
        return next(iter(self.xml), ET.Element("none"))

    @property
    def json(self) -> Any:
        """The body as JSON; an empty object when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return {}


class Server(Protocol):
    """A CAS server and the things that a kit cannot do by itself: sign somebody in, receive what is sent.

    `base`: what clients are given (`https://…/cas`). `service` and `other`: two registered addresses. `proxied`: one
    that `front`, a proxy whose callback is `callback`, may enter. `features`: of `proxy`, `saml`, `json`, `method`,
    `warn`: what the server says that it has; assertions on the rest are left out.
    """

    base: str
    service: str
    other: str
    front: str
    proxied: str
    callback: str
    features: frozenset[str]

    def browser(self) -> Any:
        """A browser in which nobody is signed in."""
        ...

    def signed_in(self) -> Any:
        """A browser in which somebody is."""
        ...

    def log_in(self, browser: Any, reply: Reply) -> Reply:
        """Go through the login that an answer of `/login` leads to; returns the answer that leads to the service."""
        ...

    def get(self, path: str, browser: Any = None, **parameters: str) -> Reply:
        """GET an address under the base."""
        ...

    def post(self, path: str, body: bytes, *, media_type: str, **parameters: str) -> Reply:
        """POST to an address under the base, without a browser."""
        ...

    def at_callback(self) -> list[dict[str, str]]:
        """The parameters of every call of `callback`, oldest first."""
        ...

    def at_services(self) -> list[tuple[str, str, str]]:
        """Every logout that services were told: address, media type, body."""
        ...


@dataclass(frozen=True, slots=True)
class Assertion:
    """One thing that the text asks, by its clause, and whether it was so."""

    clause: str
    asks: str
    held: bool


@dataclass(frozen=True, slots=True)
class Told:
    """A validation answer as the protocol reads it."""

    user: str = ""
    code: str = ""
    iou: str = ""
    proxies: tuple[str, ...] = ()
    ticket: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


def read(reply: Reply) -> Told:
    """Read an answer in XML or JSON; one that is neither tells nothing."""
    if reply.headers.get("content-type", "").startswith("application/json"):
        response = reply.json.get("serviceResponse", {})
        told = next(iter(response.values()), {})
        return Told(
            told.get("user", ""), told.get("code", ""), told.get("proxyGrantingTicket", ""),
            tuple(told.get("proxies", ())), told.get("proxyTicket", ""), told.get("attributes", {}),
        )  # fmt: skip
    outcome = reply.outcome

    def texts(name: str) -> tuple[str, ...]:
        return tuple((each.text or "").strip() for each in outcome.iter(f"{{{CAS}}}{name}"))

    place = outcome.find(f"{{{CAS}}}attributes")
    attributes = {each.tag.rpartition("}")[2]: each.text or "" for each in (place if place is not None else ())}
    return Told(
        "".join(texts("user")), outcome.get("code", ""), "".join(texts("proxyGrantingTicket")), texts("proxy"),
        "".join(texts("proxyTicket")), attributes,
    )  # fmt: skip


Section = Iterator[Assertion]
