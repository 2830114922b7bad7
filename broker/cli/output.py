"""What a sub-command prints: tables or JSON on standard output, sentences and progress on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from typing import IO, Any

DONE = 0
FAILED = 1
_CONTROL = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)), "�")
"""Names come from files: what steers a terminal, or turns the reading direction, must not reach one."""


def print_json(content: object) -> None:
    """Print a value as JSON; instants as ISO text, enums as their value."""
    print(json.dumps(content, default=_plain, ensure_ascii=False, indent=2))


def print_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under a head, in columns as wide as they need."""
    lines = [tuple(head), *(tuple(plain_text(cell) for cell in row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_pairs(pairs: Mapping[str, object]) -> None:
    """Print names and values, one pair a line."""
    width = max(map(len, pairs), default=0)
    for name, value in pairs.items():
        print(f"{name.ljust(width)}  {plain_text(value)}")


def plain_text(value: object) -> str:
    """A value as a reader wants it: minutes, not microseconds; no control characters."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S UTC")
    return "" if value is None else str(value).translate(_CONTROL)


def complain(sentences: Iterable[str]) -> None:
    """Print sentences on standard error."""
    for sentence in sentences:
        print(f"preau: {sentence.translate(_CONTROL)}", file=sys.stderr)


class Progress:
    """A bar on a terminal, nothing elsewhere (a log file has no use for one)."""

    _WIDTH = 30

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stderr
        self._shown = self._stream.isatty()
        self._last = ""

    def show(self, what: str, done: int, total: int | None) -> None:
        """Draw how far `what` got; without a known `total`, only the count."""
        if not self._shown:
            return
        share = min(done / total, 1.0) if total else 0.0
        bar = "#" * round(share * self._WIDTH)
        text = f"{what:<10} [{bar:<{self._WIDTH}}] {share:4.0%} {done:,}" if total else f"{what:<10} {done:,}"
        if text != self._last:
            self._stream.write(f"\r\x1b[K{text}")
            self._stream.flush()
            self._last = text

    def close(self) -> None:
        """Take the bar away."""
        if self._last:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def _plain(value: Any) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, frozenset | set):
        return sorted(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value)
