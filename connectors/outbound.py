"""The one HTTP client by which connectors call a source: short waits, small answers, no redirects, its own trust.

A source that hangs, floods, redirects or shows a wrong certificate degrades itself alone: calls are bounded in time,
in size and in number at once, and every failure is `UpstreamUnavailable` (`SourceCrowded` where the bound is ours).
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from broker.domain.errors import SourceCrowded, UpstreamUnavailable
from connectors.deadline import TimedTransport, over_within


@dataclass(frozen=True, slots=True)
class OutboundLimits:
    """Bounds of one call, in seconds and bytes. `whole`: from the name to the last byte, however it drips."""

    connect: float = 2.0
    read: float = 5.0
    whole: float = 8.0
    most_bytes: int = 256 * 1024
    retries: int = 2
    pause: float = 0.1
    at_once: int = 32
    """Calls under way to one source: one slow source must not hold every thread of the broker."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a source answered: status, headers in lower case, the whole body (at most `most_bytes`)."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Outbound:
    """Calls to one source. Proxies and trust stores of the environment are not read: settings decide."""

    client: httpx.Client
    limits: OutboundLimits
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    room: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(32))

    def get_once(self, url: str, *, headers: Mapping[str, str] | None = None) -> Answer:
        """GET without a second try: a ticket is spent by its first validation, good or bad (CAS §3.1.1)."""
        return self._send(_Call("GET", url, headers or {}))

    def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> Answer:
        """GET something that a second try cannot change; tried again on failure and on 502, 503, 504."""
        call = _Call("GET", url, headers or {})
        for attempt in range(self.limits.retries):
            try:
                answer = self._send(call)
            except UpstreamUnavailable:
                self.sleep(self.limits.pause * (attempt + 1))
                continue
            if answer.status not in {502, 503, 504}:
                return answer
            self.sleep(self.limits.pause * (attempt + 1))
        return self._send(call)

    def post_form(self, url: str, *, body: str, headers: Mapping[str, str]) -> Answer:
        """POST a form, once."""
        form = {"content-type": "application/x-www-form-urlencoded", **headers}
        return self._send(_Call("POST", url, form, body.encode()))

    def post(self, url: str, *, body: bytes, headers: Mapping[str, str]) -> Answer:
        """POST something else than a form, once."""
        return self._send(_Call("POST", url, headers, body))

    def close(self) -> None:
        """Give back the connections."""
        self.client.close()

    def _send(self, call: _Call) -> Answer:
        with self._place(), over_within(self.limits.whole, self.monotonic):
            try:
                return self._exchange(call)
            except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as fault:
                # The URL of a call may hold a ticket: only the kind of fault goes to the log.
                raise UpstreamUnavailable(f"{call.method} failed: {type(fault).__name__}") from None

    def _exchange(self, call: _Call) -> Answer:
        request = self.client.build_request(call.method, call.url, headers=dict(call.headers), content=call.body)
        response = self.client.send(request, stream=True)
        try:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise UpstreamUnavailable("compressed answer")  # not asked for; a few bytes could unfold to gigabytes
            body = bytearray()
            for piece in response.iter_raw():
                body += piece
                if len(body) > self.limits.most_bytes:
                    raise UpstreamUnavailable("answer too large")
            return Answer(response.status_code, dict(response.headers), bytes(body))
        finally:
            response.close()

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self.room.acquire(blocking=False):
            raise SourceCrowded("too many calls to this source at once")
        try:
            yield
        finally:
            self.room.release()


def open_outbound(*, ca_file: Path | None = None, limits: OutboundLimits | None = None) -> Outbound:
    """Make the client of one source. `ca_file` replaces the public authorities for this source alone.

    Raises `OSError` when the file cannot be read (`ssl.SSLError`, its subclass, when it holds no certificate).
    """
    bounds = limits or OutboundLimits()
    trust = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    client = httpx.Client(
        transport=TimedTransport(trust, at_once=bounds.at_once, kept=4),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(bounds.read, connect=bounds.connect),
        headers={"user-agent": "preau", "accept-encoding": "identity"},
    )
    return Outbound(client=client, limits=bounds, room=threading.BoundedSemaphore(bounds.at_once))
