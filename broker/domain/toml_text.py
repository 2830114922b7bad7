"""A TOML text as its table and the line of each key, so that a fault is told where it stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Step = str | int
"""A key, or the place (from 0) of a table in a list of tables."""

_PART = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}|\'{3}.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|\#[^\n]*|\n|[\[\]{}=.,]|[^\s\[\]{}=.,\#"']+''',
    re.DOTALL,
)
_OPENS, _CLOSES = frozenset("[{"), frozenset("]}")


class TomlUnreadable(ValueError):
    """The text is no TOML; `line` is where reading stopped, from 1."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.line = line


@dataclass(frozen=True, slots=True)
class TomlText:
    """The table of a text, and where its keys stand."""

    table: Mapping[str, Any]
    lines: Mapping[tuple[Step, ...], int]

    def line(self, path: Sequence[Step]) -> int:
        """Line of the key or table at a path, else of the nearest table around it, else 1."""
        wanted = tuple(path)
        while wanted and wanted not in self.lines:
            wanted = wanted[:-1]
        return self.lines.get(wanted, 1)


def parse_toml(text: str) -> TomlText:
    """Read a text. Raises `TomlUnreadable`."""
    try:
        table = tomllib.loads(text)
    except ValueError as fault:  # a number of 5,000 digits is no TOMLDecodeError
        raise TomlUnreadable(*_explained(str(fault), text)) from None
    except RecursionError:
        raise TomlUnreadable("nested too deeply", 1) from None
    return TomlText(table, _lines(text))


def _explained(reason: str, text: str) -> tuple[str, int]:
    """What tomllib says, apart from the place, which it writes into the sentence."""
    what, _, where = reason.partition(" (at ")
    line = re.match(r"line (\d+)", where)
    return what, int(line[1]) if line else text.count("\n") + 1


def _lines(text: str) -> Mapping[tuple[Step, ...], int]:
    lines: dict[tuple[Step, ...], int] = {}
    counts: dict[tuple[Step, ...], int] = {}
    here: tuple[Step, ...] = ()
    for number, parts in _statements(text):
        if parts[0] != "[":
            lines.setdefault((*here, *_names(parts[: parts.index("=")])), number)
            continue
        here = _resolve(_names(parts), counts)
        if parts[1] == "[":
            counts[here] = counts.get(here, 0) + 1
            here = (*here, counts[here] - 1)
        lines.setdefault(here, number)
    return lines


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """Parts of each header or `key = value`, with the line it begins on."""
    parts: list[str] = []
    first = depth = 0
    for match in _PART.finditer(text + "\n"):
        part = match[0]
        if part == "\n" and parts and not depth:
            yield first, parts
            parts = []
        if part == "\n" or part.startswith("#"):
            continue
        if not parts:
            first = text.count("\n", 0, match.start()) + 1
        depth += (part in _OPENS) - (part in _CLOSES)
        parts.append(part)


def _names(parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in parts if part not in {"[", "]", ".", "="})


def _resolve(names: Sequence[str], counts: Mapping[tuple[Step, ...], int]) -> tuple[Step, ...]:
    """The path of a header: a list of tables met on the way stands for its last table."""
    path: tuple[Step, ...] = ()
    for place, name in enumerate(names):
        path = (*path, name)
        if path in counts and place < len(names) - 1:
            path = (*path, counts[path] - 1)
    return path
