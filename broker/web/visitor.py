"""Who sends this request: the browser, the language it reads, the session it holds."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Request, g, request

from broker.domain.handles import Handle, is_handle, new_handle
from broker.domain.people import PersonName, PersonView
from broker.domain.sessions import Device, Session
from broker.web.cookies import DEVICE_COOKIE, KNOWN_COOKIE, LANGUAGE_COOKIE
from broker.web.door import ADDRESS
from broker.web.edge import TRACE, new_trace
from broker.web.languages import FRENCH, Language, choose_language, offered_at
from broker.web.parts import PageParts
from broker.web.software import name_software
from broker.wire.http import BROWSER_COOKIE, SESSION_COOKIE, parse_cookies

SECOND = "/second"
NEW_KEY = f"{SECOND}/cle/nouvelle"


class SecondWanted(Exception):
    """The page is for those who also showed a second factor: not a fault, the browser is led to where it is asked."""


class NotSignedIn(Exception):
    """The page is for signed-in people: not a fault, the browser is led to the sign-in page."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """The request's browser. `browser` is drawn when absent; `session_handle` is empty when none was sent.

    `known` is the cookie of a known device and `address` the caller's, as the door saw it. `software`: what the browser
    calls itself.
    `asked_language` and `kept_language` are as sent, unchecked; `language` is what was made of them.
    """

    browser: str
    is_new: bool
    known: str
    address: str
    session_handle: str
    device: Device
    language: Language
    asked_language: str
    kept_language: str
    trace: str
    software: str = ""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A visitor whose session is live, and the person behind it."""

    session: Session
    person: PersonView


def read_visitor(incoming: Request) -> Visitor:
    """Read the cookies of a request; one that came twice counts as absent (which is ours cannot be known)."""
    cookies = parse_cookies(incoming.headers.get("Cookie", ""))
    browser = cookies.get(BROWSER_COOKIE, "")
    known = is_handle(Handle.BROWSER, browser)
    handle = cookies.get(SESSION_COOKIE, "")
    asked = incoming.args.get("lang", "") if incoming.method == "GET" else ""
    kept = cookies.get(LANGUAGE_COOKIE, "")
    language = choose_language(asked=asked, kept=kept)
    return Visitor(
        browser=browser if known else new_handle(Handle.BROWSER),
        is_new=not known,
        known=cookies.get(KNOWN_COOKIE, ""),
        address=str(incoming.environ.get(ADDRESS, "")),
        session_handle=handle if is_handle(Handle.SESSION, handle) else "",
        device=Device.OWN if cookies.get(DEVICE_COOKIE) == Device.OWN else Device.SHARED,
        language=language if language in offered_at(incoming.path) else FRENCH,
        asked_language=asked,
        kept_language=kept,
        trace=str(incoming.environ.get(TRACE) or new_trace()),
        software=name_software(incoming.headers.get("User-Agent", "")),
    )


def current_visitor() -> Visitor:
    """The visitor of the request at hand, read once."""
    if "visitor" not in g:
        g.visitor = read_visitor(request)
    visitor: Visitor = g.visitor
    return visitor


def find_session(parts: PageParts) -> Session | None:
    """The live session of the request, if any; noted for the warning before it ends (`idle`)."""
    handle = current_visitor().session_handle
    session = parts.federation.session(handle) if handle else None
    g.session = session
    return session


def find_signed_in(parts: PageParts) -> SignedIn | None:
    """The live session of the request and its person, who is nobody's parent once no live record speaks of them."""
    session = find_session(parts)
    if session is None:
        return None
    person = parts.people.person(session.person_id, now=parts.clock())
    return SignedIn(session, person or PersonView(session.person_id, PersonName("", ""), frozenset()))


def find_half(parts: PageParts) -> Session | None:
    """The session of the request that only lacks its second factor, if any. It opens nothing but the page for it."""
    handle = current_visitor().session_handle
    return parts.federation.live.half(handle, now=parts.clock()) if handle else None


def second_path(onward: str) -> str:
    """Address of the page that asks for the second factor, and leads on."""
    return f"{SECOND}?{urlencode({'de': onward})}"


def require_second(parts: PageParts) -> SignedIn:
    """The live session of somebody who also showed a second factor. Raises `NotSignedIn`, `SecondWanted`."""
    me = require_signed_in(parts)
    if not me.session.has_second:
        raise SecondWanted
    return me


def require_signed_in(parts: PageParts) -> SignedIn:
    """The live session and its person. Raises `NotSignedIn`."""
    me = find_signed_in(parts)
    if me is None:
        raise NotSignedIn
    return me
