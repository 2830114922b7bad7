"""CSV on standard output or in a file: every cell is text, none is a formula, and the file is its owner's alone."""

from __future__ import annotations

import csv
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

from broker.cli.output import plain_text

_FORMULA = ("=", "+", "-", "@", "\N{REPLACEMENT CHARACTER}")
"""What begins so is computed by a spreadsheet instead of shown (CWE-1236): names come from files. Tabs and line ends
begin a formula too; `plain_text` has made them replacement characters."""


def write_csv(stream: IO[str], head: Sequence[str], rows: Iterable[Sequence[object]], *, separator: str = ",") -> None:
    """Write a head and rows."""
    writer = csv.writer(stream, delimiter=separator, lineterminator="\n")
    writer.writerow(head)
    for row in rows:
        writer.writerow([safe_cell(value) for value in row])


def safe_cell(value: object) -> str:
    """A value as text that a spreadsheet shows and never computes; instants as ISO text."""
    text = value.isoformat() if isinstance(value, datetime) else plain_text(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


@contextmanager
def private_file(path: Path) -> Iterator[IO[str]]:
    """A file for office software (UTF-8 with its mark), readable by its owner alone: it names children."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(number, "w", encoding="utf-8-sig", newline="") as stream:
        if stat.S_ISREG(os.fstat(number).st_mode):
            os.fchmod(number, 0o600)  # one that was there keeps its mode otherwise
        yield stream
