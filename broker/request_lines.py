"""The line about each request, kept for a moment and written with its neighbours.

Of a short request a third was its own log line: a record made, formatted and written, and at each write the interpreter
handed to another thread and won back. Here a line is put together as the general formatter would write it, and a
thread of its own writes what has come together, some times a second. What else is logged is written at once, as ever:
a line about a request may therefore stand after what its request told. A process that is killed loses the last moment
of these lines; audit events are not among them.
"""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Callable
from datetime import UTC
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from multiprocessing.util import Finalize
from threading import Event, Thread
from typing import IO

from broker.domain.clock import Clock
from broker.logs import masked_text

PAUSE = 0.25
"""Seconds between two writings."""
MOST = 2_000
"""Lines that wait; the request that comes to more writes them itself, so that no burst fills the memory."""


class RequestLines:
    """Writes one JSON object a request to `stream`. `masked` takes out of a path what must not be logged."""

    def __init__(self, stream: IO[str], clock: Clock, *, masked: Callable[[str], str]) -> None:
        self._stream = stream
        self._clock = clock
        self._masked = lru_cache(maxsize=1024)(lambda path: quoted(masked(path)))
        self._waiting: deque[str] = deque()
        self._stop = Event()

    def start(self) -> None:
        """Write from now on, by a thread of this process; what waits when the process ends is written then."""
        Thread(target=self._run, name="request-lines", daemon=True).start()
        # Worker processes end through multiprocessing, which asks its own list and not that of `atexit`.
        Finalize(None, self._end, exitpriority=1)

    def note(self, *, trace: str, method: str, path: str, status: str, ms: float) -> None:
        """Keep the line of one request: its path, never its query, which holds codes."""
        at = self._clock().astimezone(UTC).isoformat().replace("+00:00", "Z")
        self._waiting.append(
            f'{{"at": "{at}", "event": "request", "level": "info", "logger": "broker.access", '
            f'"method": {quoted(method)}, "ms": {ms}, "path": {self._masked(path)}, "status": {quoted(status)}, '
            f'"trace": {quoted(trace)}}}\n'
        )
        if len(self._waiting) >= MOST:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        lines = []
        try:
            while True:
                lines.append(self._waiting.popleft())
        except IndexError:
            pass
        if lines:
            self._stream.write("".join(lines))
            self._stream.flush()

    def _run(self) -> None:
        while not self._stop.wait(PAUSE):
            self.flush()

    def _end(self) -> None:
        self._stop.set()
        self.flush()


def open_request_lines(clock: Clock) -> Callable[..., None]:
    """What writes the line of a request of this process, where the log's level has a place for them."""
    if not logging.getLogger().isEnabledFor(logging.INFO):
        return keep_no_lines
    lines = RequestLines(sys.stderr, clock, masked=masked_text)
    lines.start()
    return lines.note


def keep_no_lines(*, trace: str, method: str, path: str, status: str, ms: float) -> None:
    """For a log level at which nobody wants to read of requests."""
