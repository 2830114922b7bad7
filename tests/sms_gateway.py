"""A real SMS gateway on loopback: an HTTP server that notes what is posted and answers as a test asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import cast


@dataclass
class SmsGateway:
    """What the gateway was sent: headers in lower case, and the body. `status`: what it answers."""

    url: str = ""
    status: int = 202
    posted: list[tuple[dict[str, str], str]] = field(default_factory=list)


class _Server(ThreadingHTTPServer):
    gateway: SmsGateway


class _Post(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        gateway = cast("_Server", self.server).gateway
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        gateway.posted.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(gateway.status)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing: what was posted is in the gateway."""


@contextmanager
def sms_gateway() -> Iterator[SmsGateway]:
    """A gateway that listens until the end of the block."""
    with _Server(("127.0.0.1", 0), _Post) as server:
        server.gateway = SmsGateway(f"http://127.0.0.1:{server.server_port}/v1/messages")
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        serving.start()
        try:
            yield server.gateway
        finally:
            server.shutdown()
            serving.join()
