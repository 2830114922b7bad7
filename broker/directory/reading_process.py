"""A process that reads some portions of a set, started by `readers`.

It takes its task from standard input and writes batches to standard output, both pickled: the two ends are the same
program, and nobody else holds the pipes. When its importing process is gone, the first write tells it to end.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
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
    """One that has counted nothing: each portion gets a copy."""
    portions: Sequence[str]


def read_portions(task: Task, out: BinaryIO) -> None:
    """For each portion, write its batches, then what its stager counted; a refusal ends it."""
    try:
        for portion in task.portions:
            stager = replace(task.stager, counts={})
            for batch in stager.batches(task.reader.read(task.paths, portion=portion)):
                pickle.dump(batch, out, protocol=pickle.HIGHEST_PROTOCOL)
                out.flush()
            pickle.dump(stager, out)
    except FeedRefused as refused:
        pickle.dump(refused, out)
    out.flush()


def main() -> None:
    """Read one task and do it."""
    with suppress(BrokenPipeError, KeyboardInterrupt):
        read_portions(pickle.load(sys.stdin.buffer), sys.stdout.buffer)  # noqa: S301 - written by our own process
