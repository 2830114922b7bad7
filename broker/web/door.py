"""The door of the protocol endpoints: plain WSGI, no framework, a table of routes.

An endpoint takes a plain request and gives a plain answer. Whatever needs a page (a login, an error that a person
reads) and every other path falls through to the pages. Nothing is parsed, imported or compiled here once a request
that could be done once a process.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from broker.accounts.seen_sessions import SeenSessions
from broker.accounts.session_copy import copy_key
from broker.domain.clock import Clock
from broker.domain.errors import InvalidRequest, PreauError, TooManyRequests, UnavailableError, UnexpectedFault
from broker.domain.handles import Handle, digest, is_handle, new_handle
from broker.domain.ports import EphemeralStore, Limit
from broker.domain.sessions import Session
from broker.federation import CALLBACK, SIGN_IN, LoginRequest, sign_in_path
from broker.federation.guess_gate import network_of
from broker.protocol.answers import refusal_json
from broker.protocol.endpoint import Call, NeedsLogin, Route, SelfPost
from broker.web.edge import TRACE, new_trace
from broker.wire.http import (
    BROWSER_COOKIE,
    SESSION_COOKIE,
    Headers,
    PlainRequest,
    PlainResponse,
    cookie_header,
    parse_cookies,
    redirect_response,
)

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

DOOR_ERROR = "preau.error"
"""Key in the WSGI environment under which an error is left for the pages to show."""
DOOR_POST = "preau.post"
"""Key under which an answer is left that a page is to carry to a service by POST."""
ADDRESS = "preau.address"
"""Key in the WSGI environment under which the caller's address is left for the pages."""
MOST_BODY_BYTES = 64 * 1024
ONE_MINUTE = 60
LOGIN_STEPS_PER_MINUTE = 600
"""From one address: ten a second. A whole school may stand behind it, and lesson time begins for all at once."""

_STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
_ALWAYS: Headers = (("Referrer-Policy", "no-referrer"), ("X-Frame-Options", "DENY"))
_CGI_HEADERS = {"CONTENT_TYPE": "content-type", "CONTENT_LENGTH": "content-length"}

log = logging.getLogger(__name__)


class NoteRequest(Protocol):
    """Writes the line of a request that was answered."""

    def __call__(self, *, trace: str, method: str, path: str, status: str, ms: float) -> None:
        """Write it: the path, never the query, which holds codes."""
        ...


def log_request(*, trace: str, method: str, path: str, status: str, ms: float) -> None:
    """Write it as any other line (`broker.request_lines` costs a request less)."""
    told = {"trace": trace, "method": method, "path": path, "status": status, "ms": ms}
    logging.getLogger("broker.access").info("request", extra=told)


class Logins(Protocol):
    """What the door needs of the federation."""

    def session_beside(self, handle: str, copy: bytes | None) -> Session | None:
        """The live session behind a cookie, or None; `copy`: what the ephemeral store holds of it, if anything."""
        ...

    def begin(self, request: LoginRequest, *, browser: str, now: datetime) -> str:
        """Begin a login for this browser and return its handle."""
        ...


def peer_address(environ: WSGIEnvironment) -> str:
    """Who calls, as the server saw it; headers that a caller can write are not asked."""
    return str(environ.get("REMOTE_ADDR", ""))


class Door:
    """Serves the routes of the protocols; every other path, and every page, is the fallback's."""

    def __init__(
        self,
        routes: Iterable[Route],
        *,
        fallback: WSGIApplication,
        logins: Logins,
        store: EphemeralStore,
        clock: Clock,
        address: Callable[[WSGIEnvironment], str] = peer_address,
        note: NoteRequest = log_request,
        seen: SeenSessions | None = None,
    ) -> None:
        self._routes = {(route.method, route.path): route for route in routes}
        self._methods = {path: self._methods_of(path) for _, path in self._routes}
        self._beside = frozenset(route.path for route in self._routes.values() if route.beside_page)
        self._fallback = fallback
        self._logins = logins
        self._store = store
        self._clock = clock
        self._address = address
        self._note = note
        self._seen = seen or SeenSessions()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request and write one line about it. The line names the path, never the query: it holds codes."""
        began = time.perf_counter()
        trace = environ.get(TRACE) or environ.setdefault(TRACE, new_trace())
        seen: list[str] = []

        def noting(status: str, headers: list[tuple[str, str]], *fault: object) -> Callable[[bytes], object]:
            seen.append(status)
            return start_response(status, headers, *fault)  # type: ignore[arg-type]

        try:
            return self._answer(environ, noting, trace=trace)
        finally:
            self._note(
                trace=trace,
                method=environ["REQUEST_METHOD"],
                path=environ.get("PATH_INFO", ""),
                status=seen[-1][:3] if seen else "",
                ms=round((time.perf_counter() - began) * 1000, 2),
            )

    def _answer(self, environ: WSGIEnvironment, start: StartResponse, *, trace: str) -> Iterable[bytes]:
        path, method = environ.get("PATH_INFO", ""), environ["REQUEST_METHOD"]
        if path not in self._methods or (path in self._beside and (method, path) not in self._routes):
            return self._show_page(environ, start)
        if method == "OPTIONS" and "HTTP_ORIGIN" in environ:
            return _send(self._preflight(path, environ["HTTP_ORIGIN"]), start)
        route = self._routes.get(("GET" if method == "HEAD" else method, path))
        if route is None or (method == "HEAD" and route.pages):
            return _send(PlainResponse(405, (("Allow", self._methods[path]),)), start)
        try:
            answer = self._ask(route, environ, trace=trace)
        except PreauError as fault:
            return self._refuse(route, fault, environ, start, trace=trace)
        except Exception:
            # The last wall: whatever went wrong is for the log, and the caller learns that it was our fault.
            log.exception("unexpected fault", extra={"trace": trace, "code": UnexpectedFault.code})
            return self._refuse(route, UnexpectedFault("see the log"), environ, start, trace=trace)
        return self._tell(route, answer, environ, start)

    def _tell(
        self, route: Route, answer: PlainResponse | SelfPost, environ: WSGIEnvironment, start: StartResponse
    ) -> Iterable[bytes]:
        if isinstance(answer, SelfPost):
            environ[DOOR_POST] = answer
            return self._fallback(environ, start)
        return _send(_readable(answer, route, environ), start, without_body=environ["REQUEST_METHOD"] == "HEAD")

    def _show_page(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Let the pages answer; a step of a login is counted first, because each costs a call to a source."""
        step, address = _login_step(environ), self._address(environ)
        environ[ADDRESS] = address
        try:
            if step:
                self._count(Limit(f"volume:{step}:{address}", LOGIN_STEPS_PER_MINUTE, ONE_MINUTE))
        except TooManyRequests as fault:
            environ[DOOR_ERROR] = fault
        return self._fallback(environ, start)

    def _ask(self, route: Route, environ: WSGIEnvironment, *, trace: str) -> PlainResponse | SelfPost:
        request = read_request(environ, remote=self._address(environ))
        now = self._clock()
        session = self._admit(route, request, now=now)
        browser = request.cookies.get(BROWSER_COOKIE, "")
        is_new = not is_handle(Handle.BROWSER, browser)
        call = Call(
            request,
            now,
            trace=trace,
            browser=new_handle(Handle.BROWSER) if is_new else browser,
            session=session,
        )
        answer = route.answer(call)
        return self._begin_login(answer, call, is_new=is_new) if isinstance(answer, NeedsLogin) else answer

    def _begin_login(self, answer: NeedsLogin, call: Call, *, is_new: bool) -> PlainResponse:
        interaction = self._logins.begin(answer.login, browser=call.browser, now=call.now)
        cookies = (cookie_header(BROWSER_COOKIE, call.browser),) if is_new else ()
        return redirect_response(sign_in_path(interaction), headers=cookies)

    def _admit(self, route: Route, request: PlainRequest, *, now: datetime) -> Session | None:
        """Count the request and find its session; what is fetched comes in one round trip with the counting."""
        limit = Limit(f"volume:{route.path}:{network_of(request.remote)}", route.per_minute, ONE_MINUTE)
        handle = _session_handle(route, request)
        if not handle:
            self._count(limit)
            return None
        handle_digest = digest(handle)
        seen = self._seen.find(handle_digest, now=now) if route.asks_again else None
        copy = self._count(limit, copy_key="" if seen else copy_key(handle_digest))
        if seen is not None:
            return seen
        session = self._logins.session_beside(handle, copy)
        if session is not None and route.asks_again:
            self._seen.keep(session, now=now)
        return session

    def _count(self, limit: Limit, *, copy_key: str = "") -> bytes | None:
        try:
            admission = self._store.admit((limit,), copy_key=copy_key)
        except UnavailableError:
            return None  # volume is the one thing that may go unlimited while the store is away
        if not admission.allowed:
            raise TooManyRequests(f"more than {limit.most} a minute", retry_after=admission.retry_after)
        return admission.copy

    def _refuse(
        self, route: Route, fault: PreauError, environ: WSGIEnvironment, start: StartResponse, *, trace: str
    ) -> Iterable[bytes]:
        if not route.pages:
            wait: Headers = (("Retry-After", str(fault.retry_after)),) if isinstance(fault, TooManyRequests) else ()
            return _send(_readable(refusal_json(fault, trace=trace, headers=wait), route, environ), start)
        environ[DOOR_ERROR] = fault
        return self._fallback(environ, start)

    def _preflight(self, path: str, origin: str) -> PlainResponse:
        """Answer a browser that asks whether a page may send what its script wants to send (Fetch §3.2)."""
        methods = [m for m, known in self._routes if known == path and _reads(self._routes[m, known], origin)]
        if not methods:
            return PlainResponse(405, (("Allow", self._methods[path]),))
        allowed: Headers = (
            ("Access-Control-Allow-Methods", ", ".join(sorted(methods))),
            ("Access-Control-Allow-Headers", "authorization, content-type, dpop"),
            ("Access-Control-Max-Age", str(ONE_MINUTE)),
        )
        return PlainResponse(204, (*allowed, *_for_reader(origin)))

    def _methods_of(self, path: str) -> str:
        return ", ".join(sorted(method for method, known in self._routes if known == path))


def _session_handle(route: Route, request: PlainRequest) -> str:
    """The handle in the session cookie, for a route that reads it; empty when there is none of ours."""
    handle = request.cookies.get(SESSION_COOKIE, "") if route.reads_session else ""
    return handle if is_handle(Handle.SESSION, handle) else ""


def _reads(route: Route, origin: str) -> bool:
    return route.readers is not None and route.readers(origin)


def _for_reader(origin: str) -> Headers:
    return (("Access-Control-Allow-Origin", origin), ("Vary", "Origin"))


def _readable(answer: PlainResponse, route: Route, environ: WSGIEnvironment) -> PlainResponse:
    """The answer, for pages of a registered origin to read; never with cookies: tokens travel in the header."""
    origin = environ.get("HTTP_ORIGIN", "")
    if not origin or not _reads(route, origin):
        return answer
    return PlainResponse(answer.status, (*answer.headers, *_for_reader(origin)), answer.body)


def _login_step(environ: WSGIEnvironment) -> str:
    """Which step of a login a request for a page is; empty when it is none."""
    path: str = environ.get("PATH_INFO", "")
    if (path == SIGN_IN or path.startswith(f"{SIGN_IN}/")) and environ["REQUEST_METHOD"] == "POST":
        return SIGN_IN
    return CALLBACK if path.startswith(CALLBACK) else ""


def read_request(environ: WSGIEnvironment, *, remote: str) -> PlainRequest:
    """Read a WSGI environment into a plain request. Raises `InvalidRequest` for a body of more than 64 KiB."""
    headers = {name: str(value) for key, value in environ.items() if (name := _header_name(key))}
    return PlainRequest(
        method=environ["REQUEST_METHOD"],
        path=environ.get("PATH_INFO", ""),
        query=environ.get("QUERY_STRING", ""),
        headers=headers,
        cookies=parse_cookies(headers.get("cookie", "")),
        body=_read_body(environ),
        remote=remote,
    )


@lru_cache(maxsize=512)
def _header_name(key: str) -> str:
    """The header that a key of the WSGI environment holds; empty for a key that holds none."""
    if key.startswith("HTTP_"):
        return key.removeprefix("HTTP_").replace("_", "-").lower()
    return _CGI_HEADERS.get(key, "")


def _read_body(environ: WSGIEnvironment) -> bytes:
    stated = environ.get("CONTENT_LENGTH") or "0"
    if environ.get("HTTP_TRANSFER_ENCODING") or not (stated.isascii() and stated.isdigit()):
        raise InvalidRequest("a body of unknown length")
    length = int(stated)
    if length > MOST_BODY_BYTES:
        raise InvalidRequest("body too large")
    return environ["wsgi.input"].read(length) if length else b""


def _send(answer: PlainResponse, start: StartResponse, *, without_body: bool = False) -> Iterable[bytes]:
    length = ("Content-Length", str(len(answer.body)))
    start(_STATUS_LINES[answer.status], [*answer.headers, *_ALWAYS, length])
    return [b"" if without_body else answer.body]
