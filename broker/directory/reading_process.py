"""A process that reads one portion of a set, started by `readers`.

It takes its task from standard input and writes batches to standard output, both pickled: the two ends are the same
program, and nobody else holds the pipes. When its importing process is gone, the first write tells it to end.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from broker.directory.staging import Stager
from broker.domain.errors import FeedRefused
from broker.domain.ports import IdentityFeed


@dataclass(frozen=True, slots=True)
class Task:
    """What a reading process is to read."""

    reader: IdentityFeed
    paths: Sequence[Path]
    stager: Stager
    portion: str


def read_portion(task: Task, out: BinaryIO) -> None:
    """Write the batches of a portion, then what its stager counted, or the refusal."""
    try:
        for batch in task.stager.batches(task.reader.read(task.paths, portion=task.portion)):
            pickle.dump(batch, out, protocol=pickle.HIGHEST_PROTOCOL)
            out.flush()
        pickle.dump(task.stager, out)
    except FeedRefused as refused:
        pickle.dump(refused, out)
    out.flush()


def main() -> None:
    """Read one task and do it."""
    with suppress(BrokenPipeError, KeyboardInterrupt):
        read_portion(pickle.load(sys.stdin.buffer), sys.stdout.buffer)  # noqa: S301 - written by our own process
