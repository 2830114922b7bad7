"""One moment by which a whole exchange is over: looking the name up, connecting, TLS, headers, body.

The timeouts of an HTTP client are for each read: whoever answers a byte a second meets them for hours. Here every step
is given what is left, and the system's resolver, which cannot be told to stop, is left behind in a thread of its own.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from typing import Any

import httpcore
import httpx

from broker.domain.errors import SourceCrowded, UpstreamUnavailable

Lookup = Callable[[str, int], Iterable[str]]

_LEFT: ContextVar[Callable[[], float]] = ContextVar("left")
"""Seconds until the exchange under way in this thread must be over."""
_KEPT_IDLE = 5.0


@contextmanager
def over_within(seconds: float, monotonic: Callable[[], float]) -> Iterator[None]:
    """Bound what is exchanged in the block: past `seconds` each step of it raises `UpstreamUnavailable`."""
    ends = monotonic() + seconds
    token = _LEFT.set(lambda: ends - monotonic())
    try:
        yield
    finally:
        _LEFT.reset(token)


def look_up(host: str, port: int) -> tuple[str, ...]:
    """The addresses of a host, as the system's resolver tells them. Raises `OSError`."""
    return tuple(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


@dataclass(frozen=True, slots=True)
class Resolver:
    """Looks names up within the time that is left. `room`: look-ups under way, of which those left behind are part."""

    room: threading.BoundedSemaphore
    lookup: Lookup = look_up

    def __call__(self, host: str, port: int) -> tuple[str, ...]:
        """The addresses. Raises `OSError`, `ValueError` for a name that is none, `UpstreamUnavailable` if too slow."""
        if _is_literal(host):
            return tuple(self.lookup(host, port))
        if not self.room.acquire(blocking=False):
            raise SourceCrowded("too many names looked up at once")
        told: SimpleQueue[tuple[str, ...] | Exception] = SimpleQueue()
        threading.Thread(target=self._tell, args=(host, port, told), name="lookup", daemon=True).start()
        try:
            found = told.get(timeout=_left(None))
        except Empty:
            raise UpstreamUnavailable("answer too slow") from None
        if isinstance(found, Exception):
            raise found
        return found

    def _tell(self, host: str, port: int, told: SimpleQueue[tuple[str, ...] | Exception]) -> None:
        try:
            told.put(tuple(self.lookup(host, port)))
        except (OSError, ValueError) as fault:
            told.put(fault)
        finally:
            self.room.release()


class TimedTransport(httpx.HTTPTransport):
    """The transport of httpx, over sockets whose every step is given the time that is left (`over_within`)."""

    def __init__(self, trust: ssl.SSLContext, *, at_once: int, kept: int) -> None:
        super().__init__(verify=trust, trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=trust,
            max_connections=at_once,
            max_keepalive_connections=kept,
            keepalive_expiry=_KEPT_IDLE,
            network_backend=_Backend(Resolver(threading.BoundedSemaphore(at_once))),
        )


class _Backend(httpcore.NetworkBackend):
    def __init__(self, resolve: Lookup) -> None:
        self._resolve = resolve
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        fault: Exception = httpcore.ConnectError("no address")
        for address in self._addresses(host, port):
            try:
                return _Stream(self._inner.connect_tcp(address, port, _left(timeout), local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as refused:
                fault = refused
        raise fault

    def _addresses(self, host: str, port: int) -> Iterable[str]:
        try:
            return self._resolve(host, port)
        except (OSError, ValueError) as fault:
            raise httpcore.ConnectError("no address") from fault


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _left(most: float | None) -> float:
    """Seconds that a step may take. Raises `UpstreamUnavailable` when there are none."""
    left = _LEFT.get()()
    if left <= 0:
        raise UpstreamUnavailable("answer too slow")
    return left if most is None else min(left, most)


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
