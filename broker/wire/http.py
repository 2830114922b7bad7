"""Plain request and response values: what protocol endpoints take and give, without any web framework."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote_plus, unquote_plus

from broker.domain.errors import InvalidRequest

SESSION_COOKIE = "__Host-preau-session"
"""Holds a `Handle.SESSION`. The `__Host-` prefix keeps neighbours on sister domains from planting one."""
BROWSER_COOKIE = "__Host-preau-browser"
"""Holds a `Handle.BROWSER`: binds logins in progress and CSRF tokens to one browser; opens nothing by itself."""
FAREWELL_COOKIE = "__Host-preau-farewell"
"""Holds a `Handle.FAREWELL`: lets the browser that signed out, and no other, see who was told."""

MOST_PARAMETERS = 64
LONGEST_KEPT = 512
_ADDRESS = ("http%3A", "https%3A", "http%3a", "https%3a")
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*")
_COOKIE_FLAGS = "Path=/; HttpOnly; Secure; SameSite=Lax"

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PlainRequest:
    """One HTTP request. Header names are lower case; `query` is still encoded; `body` was capped at the door."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    remote: str = ""


def is_walked_to(request: PlainRequest) -> bool:
    """Tell whether a person's browser came here as a page: to an image or a frame elsewhere no cookie of ours is sent.

    Nor is what a browser only fetches beforehand, in case the person goes there. Browsers say so (Fetch Metadata §2,
    `Sec-Purpose`); whoever does not say is believed.
    """
    as_page = request.headers.get("sec-fetch-dest", "document") == "document"
    return as_page and "prefetch" not in request.headers.get("sec-purpose", "")


@dataclass(frozen=True, slots=True)
class PlainResponse:
    """One HTTP response."""

    status: int
    headers: Headers = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Form:
    """Decoded parameters. A name that came more than once is in `repeated` and has no value at all."""

    values: Mapping[str, str]
    repeated: frozenset[str] = frozenset()


def parse_form(encoded: str) -> Form:
    """Decode `application/x-www-form-urlencoded`, keeping apart what came more than once.

    An empty value counts as absent (RFC 6749 §3.1). Raises `InvalidRequest` for bytes that are not UTF-8, for control
    characters (NUL is an error of its own in some databases) and for more than 64 parameters.
    """
    if encoded.count("&") >= MOST_PARAMETERS:
        raise InvalidRequest("too many parameters")
    try:
        pairs = [_pair(part) for part in encoded.split("&") if part]
    except ValueError as fault:
        raise InvalidRequest("undecodable parameters") from fault
    values: dict[str, str] = {}
    repeated: set[str] = set()
    for name, value in pairs:
        if not (name.isprintable() and value.isprintable()):
            raise InvalidRequest("control character in a parameter")
        if name in values:
            repeated.add(name)
        values[name] = value
    kept = {name: value for name, value in values.items() if value and name not in repeated}
    return Form(kept, frozenset(repeated))


def _pair(part: str) -> tuple[str, str]:
    """A name and its value, read as `urllib.parse.parse_qsl` does; most need no decoding."""
    name, _, value = part.partition("=")
    if "%" in part or "+" in part:
        is_address = value.startswith(_ADDRESS) and len(value) <= LONGEST_KEPT
        return _decoded(name), _address(value) if is_address else _decoded(value)
    return name, value


def _decoded(text: str) -> str:
    return unquote_plus(text, errors="strict")


@lru_cache(maxsize=1024)
def _address(text: str) -> str:
    """An address of a service comes with every request for it: the same text is decoded once."""
    return _decoded(text)


def parse_once(encoded: str) -> dict[str, str]:
    """Decode parameters of which none may come twice. Raises `InvalidRequest` (RFC 6749 §3.1, §3.2)."""
    form = parse_form(encoded)
    if form.repeated:
        raise InvalidRequest(f"repeated parameters: {sorted(form.repeated)}")
    return dict(form.values)


def parse_body(request: PlainRequest) -> dict[str, str]:
    """Decode a form body. Raises `InvalidRequest` for another content type or a repeated parameter."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise InvalidRequest("body is not a form")
    try:
        return parse_once(request.body.decode("ascii"))
    except UnicodeDecodeError as fault:
        raise InvalidRequest("form body is not ASCII") from fault


def parse_cookies(header: str) -> dict[str, str]:
    """Read a `Cookie` header. A name that comes twice is dropped: which of the two is ours cannot be known."""
    cookies: dict[str, str] = {}
    twice: set[str] = set()
    for part in header.split(";"):
        name, equals, value = part.strip().partition("=")
        if not equals:
            continue
        if name in cookies:
            twice.add(name)
        cookies[name] = value
    return {name: value for name, value in cookies.items() if name not in twice}


def cookie_header(name: str, value: str) -> tuple[str, str]:
    """Build a `Set-Cookie` header that lives as long as the browser is open; never `SameSite=None`."""
    return ("Set-Cookie", f"{name}={value}; {_COOKIE_FLAGS}")


def kept_cookie_header(name: str, value: str, *, seconds: int) -> tuple[str, str]:
    """Build a `Set-Cookie` header that lives for a number of seconds; 0 clears the cookie."""
    return ("Set-Cookie", f"{name}={value}; Max-Age={seconds}; {_COOKIE_FLAGS}")


def parting_headers(farewell: str, *, seconds: int) -> Headers:
    """What empties a browser of who was here; the language stays. `farewell`: the handle to keep instead, if any.

    Not "cookies" in `Clear-Site-Data`: that would also empty every neighbour on the same registrable domain.
    """
    kept = (kept_cookie_header(FAREWELL_COOKIE, farewell, seconds=seconds),) if farewell else ()
    gone = (kept_cookie_header(name, "", seconds=0) for name in (SESSION_COOKIE, BROWSER_COOKIE))
    return (("Clear-Site-Data", '"cache", "storage"'), *gone, *kept)


def json_response(status: int, content: Mapping[str, object], *, headers: Headers = ()) -> PlainResponse:
    """Answer with JSON."""
    body = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    return PlainResponse(status, (("Content-Type", "application/json"), *headers), body)


def redirect_response(url: str, *, headers: Headers = ()) -> PlainResponse:
    """Answer with a redirect by GET. Always 303: a 307 would replay a credential POST (RFC 9700 §4.12)."""
    return PlainResponse(303, (("Location", url), *headers))


def with_parameters(url: str, parameters: Mapping[str, str]) -> str:
    """Add query parameters to a URL, keeping its own byte for byte (RFC 6749 §4.1.2)."""
    if not parameters:
        return url
    added = "&".join([f"{_quoted(name)}={_quoted(value)}" for name, value in parameters.items()])
    return f"{url}{'&' if '?' in url else '?'}{added}"


def _quoted(text: str) -> str:
    """As in a query; handles and names, which are most of what is sent, stand for themselves."""
    return text if _PLAIN.fullmatch(text) else quote_plus(text)
