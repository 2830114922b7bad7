"""A cheap keep-alive HTTP/1.1 client on asyncio, for loopback alone: its own cost must not hide the server's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

Cookies = dict[str, str]
_LOOPBACK = frozenset({"127.0.0.1", "localhost"})
_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: the status, the head as it came, the body."""

    status: int
    head: bytes
    body: bytes

    def all_of(self, name: str) -> list[str]:
        """Every value of a header."""
        lines = (line.partition(b":") for line in self.head.split(b"\r\n")[1:])
        return [value.strip().decode("latin-1") for key, _, value in lines if key.decode("latin-1").lower() == name]

    def header(self, name: str) -> str:
        """The first value of a header; empty when there is none."""
        return next(iter(self.all_of(name)), "")


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.buffer = bytearray()
        self.answer: asyncio.Future[Response] | None = None
        self.closed = False
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(ConnectionError(f"closed by the server: {exc}"))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        found = read_response(self.buffer)
        if found is None or self.answer is None or self.answer.done():
            return
        response, end = found
        del self.buffer[:end]
        self.closed = b"\r\nconnection: close" in response.head.lower()
        self.answer.set_result(response)


def read_response(buffer: bytearray) -> tuple[Response, int] | None:
    """The first whole response of a buffer and where it ends; None while there is none."""
    at = buffer.find(_END)
    if at < 0:
        return None
    head, start = bytes(buffer[:at]), at + len(_END)
    low, status = head.lower(), int(head[9:12])
    found = low.find(b"\r\ncontent-length:")
    if found >= 0:
        line_end = low.find(b"\r\n", found + 2)
        end = start + int(low[found + 17 : line_end if line_end > 0 else None])
        return (Response(status, head, bytes(buffer[start:end])), end) if len(buffer) >= end else None
    if b"\r\ntransfer-encoding: chunked" in low:
        body, end = _chunks(buffer, start)
        return (Response(status, head, body), end) if end else None
    return Response(status, head, b""), start


def _chunks(buffer: bytearray, start: int) -> tuple[bytes, int]:
    parts, at = [], start
    while True:
        line_end = buffer.find(b"\r\n", at)
        if line_end < 0:
            return b"", 0
        size = int(bytes(buffer[at:line_end]).split(b";")[0], 16)
        if len(buffer) < line_end + size + 4:
            return b"", 0
        if not size:
            return b"".join(parts), line_end + 4
        parts.append(bytes(buffer[line_end + 2 : line_end + 2 + size]))
        at = line_end + size + 4


class Client:
    """One keep-alive connection, opened again when the server closes it."""

    def __init__(self, base: str) -> None:
        place = urlsplit(base)
        if place.hostname not in _LOOPBACK:
            raise SystemExit("loopback alone is measured")
        self._host, self._port = place.hostname, place.port
        self._connection: _Connection | None = None

    async def send(self, request: bytes) -> Response:
        """Send a request made by `request` and wait for its answer, 30 s at most."""
        for _ in range(2):
            connection = await self._ready()
            connection.answer = asyncio.get_running_loop().create_future()
            assert connection.transport
            connection.transport.write(request)
            try:
                async with asyncio.timeout(30):
                    return await connection.answer
            except ConnectionError:
                continue
        raise ConnectionError("closed twice")

    def close(self) -> None:
        """Close the connection."""
        if self._connection and self._connection.transport:
            self._connection.transport.close()

    async def _ready(self) -> _Connection:
        if self._connection is None or self._connection.closed:
            self.close()
            loop = asyncio.get_running_loop()
            _, self._connection = await loop.create_connection(_Connection, self._host, self._port)
        return self._connection


def request(
    method: str,
    path: str,
    host: str,
    *,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    cookies: Cookies | None = None,
) -> bytes:
    """Serialise a request; made outside the measured time."""
    body = urlencode(form).encode() if form is not None else b""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    if form is not None:
        lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
    if cookies:
        lines.append("Cookie: " + "; ".join(f"{name}={value}" for name, value in cookies.items()))
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
