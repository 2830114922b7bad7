"""Reading a large set in several processes: a reader for each core, batches taken in the order of the files.

Parsing is most of an import's work, and files do not depend on each other. A thread for each reader takes a few
batches ahead, so that memory stays flat and a reader that is far ahead waits.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO

from broker.directory.reading_process import Task
from broker.directory.staging import Stager
from broker.domain.errors import FeedRefused
from broker.domain.imports import Batch, StagedRow
from broker.domain.ports import IdentityFeed

_COMMAND = (sys.executable, "-c", "from broker.directory.reading_process import main; main()")
_AHEAD = 8
_Taken = Batch | Stager | FeedRefused | None


def batches_of(
    reader: IdentityFeed, paths: Sequence[Path], stager: Stager, *, processes: int, large: int
) -> Iterator[Batch]:
    """The batches of a set, the same rows whichever way they are read; `stager` tells afterwards what was found.

    A set of fewer than `large` bytes, or in one file, is read in this process.
    Raises `FeedRefused`.
    """
    portions = reader.portions(paths)
    if processes < 2 or len(portions) < 2 or sum(portion.size for portion in portions) < large:  # noqa: PLR2004
        yield from stager.batches(reader.read(paths))
        return
    names = [portion.name for portion in portions]
    fresh = replace(stager, broken=False, counts={})
    readings: list[_Reading] = []
    try:
        readings.extend(
            _Reading(Task(reader, tuple(paths), fresh, tuple(names[first::processes])))
            for first in range(min(processes, len(names)))
        )
        staged = 0
        for number in range(len(names)):
            for batch in _batches(readings[number % processes], stager, before=staged):
                staged = batch.staged
                yield batch
        for reading in readings:
            reading.take()  # the end of its process
    finally:
        for reading in readings:
            reading.close()


def _batches(reading: _Reading, stager: Stager, *, before: int) -> Iterator[Batch]:
    """The batches of a reader's next portion, counted on from what came before it."""
    while True:
        taken = reading.take()
        if isinstance(taken, Batch):
            rows = [StagedRow(row[0], row[1] + before, *row[2:]) for row in taken.rows]
            yield Batch(rows, taken.faults, taken.staged + before)
        elif isinstance(taken, Stager):
            stager.add(taken)
            return
        else:
            raise taken or FeedRefused("a reading process ended before its file did")


class _Reading:
    """A reader of every so manyth portion, at work in its own process."""

    def __init__(self, task: Task) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(_COMMAND, stdin=pipe, stdout=pipe, env=environment)  # noqa: S603 - our own
        self._ahead: queue.Queue[_Taken] = queue.Queue(_AHEAD)
        self._thread = threading.Thread(target=_take_ahead, args=(self._process.stdout, self._ahead), daemon=True)
        self._thread.start()
        with suppress(BrokenPipeError), self._process.stdin as order:  # type: ignore[union-attr]
            pickle.dump(task, order)

    def take(self) -> _Taken:
        """What comes next; None when the process ended before its file did."""
        return self._ahead.get()

    def close(self) -> None:
        """End the process, wherever it stands; one that is through ends by itself."""
        if self._thread.is_alive():
            self._process.kill()
        self._process.wait()
        while self._thread.is_alive():
            with suppress(queue.Empty):
                self._ahead.get(timeout=0.05)
        self._process.stdout.close()  # type: ignore[union-attr]


def _take_ahead(stream: IO[bytes], ahead: queue.Queue[_Taken]) -> None:
    """Receive until the reader is through or gone: either way None comes last."""
    taken: _Taken = Batch((), (), 0)
    while taken is not None:
        try:
            taken = pickle.load(stream)  # noqa: S301 - written by our own process
        except (EOFError, OSError, pickle.UnpicklingError):
            taken = None
        ahead.put(taken)
