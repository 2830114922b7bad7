"""A wish to stop, from the service manager or the keyboard, as an event the worker looks at between two jobs."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_event() -> Iterator[Event]:
    """Give an event that SIGTERM and SIGINT set; the former handlers come back at the end. Main thread only."""
    stop = Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        # Not here: `set` takes a lock that the interrupted thread may be holding in `wait`.
        Thread(target=stop.set).start()

    former = {number: signal.signal(number, ask) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
