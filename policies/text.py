"""Where things stand in a policy file: statements of Cedar and keys of TOML, with their lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from broker.domain import toml_text
from policies.bounds import DEEPEST, is_deeper, toml_faults

_TOKEN = re.compile(r"""//[^\n]*|"(?:\\.|[^"\\])*+(?:"|\\?\Z)|;|\S""", re.DOTALL)
"""A comment, a string (one that never ends is the rest), the end of a statement, or any other visible character."""


def statements(text: str) -> Iterator[tuple[int, str]]:
    """Cedar statements with the line each begins on, so that a fault is told where it stands.

    Comments before a statement are left out of it; a last statement without its semicolon is given as it is.
    """
    start: int | None = None
    for token in _TOKEN.finditer(text):
        if token[0].startswith("//"):
            continue
        if start is None:
            start = token.start()
        if token[0] == ";":
            yield text.count("\n", 0, start) + 1, text[start : token.end()]
            start = None
    if start is not None:
        yield text.count("\n", 0, start) + 1, text[start:]


class KeyLines:
    """Lines of the keys of a TOML text, which is read once for all of them."""

    def __init__(self, text: str) -> None:
        try:
            lines = toml_text.parse_toml(text).lines
        except toml_text.TomlUnreadable:
            lines = {}
        self._own = {".".join(map(str, steps)): line for steps, line in lines.items()}
        self._within: dict[str, int] = {}
        for path, line in self._own.items():
            for around in _around(path):
                self._within[around] = min(line, self._within.get(around, line))

    def line(self, path: str) -> int:
        """Line of a key by its dotted path, or of the innermost table around it that stands; 0 when none does."""
        found = next((self._own[each] for each in (path, *_around(path)) if each in self._own), 0)
        return found or self._within.get(path, 0)


def line_of_key(text: str, path: str) -> int:
    """Line of one key of a text, as `KeyLines` tells it."""
    return KeyLines(text).line(path)


def _around(path: str) -> Iterator[str]:
    """The paths around a dotted path, the innermost first."""
    while "." in path:
        path = path.rpartition(".")[0]
        yield path


@dataclass(frozen=True, slots=True)
class TomlFault:
    """Why a text is no TOML, and on which line."""

    line: int
    reason: str


def parse_toml(text: str) -> Mapping[str, Any] | TomlFault:
    """The table, or why and where it is none; lines too long and tables too deep are refused before they are walked."""
    for line, reason in toml_faults(text):
        return TomlFault(line, reason)
    try:
        table = toml_text.parse_toml(text).table
    except toml_text.TomlUnreadable as fault:
        return TomlFault(fault.line, fault.args[0])
    return TomlFault(1, f"nested deeper than {DEEPEST}") if is_deeper(table, DEEPEST) else table
