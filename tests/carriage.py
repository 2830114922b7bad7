"""How a request of a test reaches the application: called in process, or over real TLS on loopback.

Stands build one WSGI environment for either. Over HTTPS an ordinary client verifies the certificate, issued for the
name in `Host`: what a plan of the OpenID Foundation asks of a provider over HTTPS is asked of a real answer.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import unquote

import httpx

from tests.certificates import ThrowAwayCa

App = Callable[[dict[str, Any], Any], Iterable[bytes]]
Carrier = Callable[[App, dict[str, Any], Any], Iterable[bytes]]


def in_process(app: App, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Call the application here: quick, and an error in it is an error of the test."""
    return app(environ, start_response)


_carrier: ContextVar[Carrier] = ContextVar("carrier", default=in_process)


def carry(app: App, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Send a request to the application, in the way that holds now."""
    return _carrier.get()(app, environ, start_response)


@contextmanager
def carried_by(carrier: Carrier) -> Iterator[None]:
    """Let every stand send its requests by this carrier within the block."""
    token = _carrier.set(carrier)
    try:
        yield
    finally:
        _carrier.reset(token)


class HttpsFront:
    """A threaded TLS server on a free loopback port, and the client that trusts its authority and nobody else.

    It serves whichever application a request is carried to: one handshake serves many stands.
    """

    def __init__(self, ca: ThrowAwayCa, *, hosts: tuple[str, ...]) -> None:
        files = ca.issue(hosts=hosts, stem="https-front")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        self.app: App = in_process  # type: ignore[assignment]
        self.fault: Exception | None = None
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"front": self}))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._trust = ca.trust()
        self._clients: dict[str, httpx.HTTPTransport] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients.values():
            client.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def __call__(self, app: App, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Be the carrier: the environment becomes a request over TLS, the answer comes back as the application's."""
        self.app, self.fault = app, None
        answer = self._client(environ["HTTP_HOST"]).handle_request(self._request(environ))
        body = answer.read()
        if self.fault is not None:
            raise self.fault
        headers = [(name.decode(), value.decode("latin-1")) for name, value in answer.headers.raw]
        start_response(f"{answer.status_code} -", headers)
        return [body]

    def _client(self, host: str) -> httpx.HTTPTransport:
        """A client for each name: a kept connection was verified for the name that it was opened with."""
        if host not in self._clients:
            self._clients[host] = httpx.HTTPTransport(verify=self._trust, trust_env=False)
        return self._clients[host]

    def _request(self, environ: dict[str, Any]) -> httpx.Request:
        host, query = environ["HTTP_HOST"], environ["QUERY_STRING"]
        target = environ["PATH_INFO"] + (f"?{query}" if query else "")
        return httpx.Request(
            environ["REQUEST_METHOD"],
            f"https://127.0.0.1:{self._server.server_address[1]}{target}",
            headers=_headers_of(environ),
            content=environ["wsgi.input"].read(),
            extensions={"sni_hostname": host, "timeout": {"connect": 10.0, "read": 30.0, "write": 10.0, "pool": 10.0}},
        )


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A handshake that the client broke off is told to the test by the client."""


class _Handler(BaseHTTPRequestHandler):
    """One connection, kept alive: each request of it becomes a WSGI environment."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    wbufsize = -1  # head and body in one piece: two would wait for each other on a quiet line
    disable_nagle_algorithm = True
    front: ClassVar[HttpsFront]

    def _serve(self) -> None:
        started: list[tuple[str, list[tuple[str, str]]]] = []
        try:
            chunks = self.front.app(self._environ(), lambda status, headers, *_: started.append((status, headers)))
            body = b"".join(chunks)
            getattr(chunks, "close", lambda: None)()
            status, headers = started[-1]
        except Exception as fault:  # noqa: BLE001 - raised again where the test waits for the answer
            self.front.fault, (status, headers), body = fault, ("500 -", []), b""
        self.send_response_only(int(status[:3]))
        for name, value in headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = _serve  # noqa: N815 - names of the library

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Tests print nothing."""

    def _environ(self) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.command, "SCRIPT_NAME": "", "PATH_INFO": unquote(path, "latin-1"),
            "QUERY_STRING": query, "SERVER_NAME": "inside", "SERVER_PORT": "443", "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": self.client_address[0], "CONTENT_LENGTH": str(len(body)), "wsgi.url_scheme": "https",
            "wsgi.input": BytesIO(body), "wsgi.errors": BytesIO(),
        }  # fmt: skip
        for name, value in self.headers.items():
            key = name.upper().replace("-", "_")
            if key not in {"CONTENT_LENGTH", "CONNECTION"}:
                environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
        return environ


def _headers_of(environ: dict[str, Any]) -> dict[str, str]:
    told = {key.removeprefix("HTTP_"): value for key, value in environ.items() if key.startswith("HTTP_")}
    if "CONTENT_TYPE" in environ:
        told["CONTENT_TYPE"] = environ["CONTENT_TYPE"]
    return {name.replace("_", "-"): value for name, value in told.items()}
