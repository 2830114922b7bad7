"""The outermost WSGI layer, in front of the door and of the pages: one Host, one trace number, the base headers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from broker.web.headers import base_headers

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

TRACE = "preau.trace"
"""Key in the WSGI environment of the request's trace number: on error pages, in the log, in audit events."""
HEALTH = "/sante"


def new_trace() -> str:
    """Draw a trace number: ten digits in groups, easy to say on the telephone in any language."""
    digits = f"{int.from_bytes(os.urandom(8)) % 10**10:010d}"
    return f"{digits[:3]}-{digits[3:7]}-{digits[7:]}"


class Edge:
    """Wraps the whole application. Addresses are built from the issuer alone, and a foreign Host gets 421.

    The health page answers under any Host: the probes of containers and proxies call by address, and it says nothing.
    """

    def __init__(self, app: WSGIApplication, *, issuer: str) -> None:
        parts = urlsplit(issuer)
        port = {"http": "80", "https": "443"}[parts.scheme]
        self._app = app
        self._hosts = frozenset({parts.netloc.lower(), f"{parts.hostname}:{parts.port or port}"})
        self._base = tuple((name.lower(), name, value) for name, value in base_headers(secure=parts.scheme == "https"))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        environ[TRACE] = new_trace()
        begin = self._hardened(start_response)
        if environ.get("HTTP_HOST", "").lower() not in self._hosts and environ.get("PATH_INFO") != HEALTH:
            begin("421 Misdirected Request", [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", "0")])
            return [b""]
        if not environ.get("QUERY_STRING", "").isascii():  # RFC 3986 §2: what else there is comes percent-encoded
            begin("400 Bad Request", [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", "0")])
            return [b""]
        return self._app(environ, begin)

    def _hardened(self, start_response: StartResponse) -> Callable[..., Callable[[bytes], object]]:
        def begin(status: str, headers: list[tuple[str, str]], *fault: object) -> Callable[[bytes], object]:
            present = {name.lower() for name, _ in headers}
            added = [(name, value) for lower, name, value in self._base if lower not in present]
            return start_response(status, headers + added, *fault)  # type: ignore[arg-type]

        return begin
