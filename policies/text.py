"""Where things stand in a policy file: statements of Cedar and keys of TOML, with their lines."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

_TOKEN = re.compile(r"""//[^\n]*|"(?:\\.|[^"\\])*"|;|\S""", re.DOTALL)
"""A comment, a string, the end of a statement, or any other visible character."""


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


def line_of_key(text: str, key: str) -> int:
    """Line on which a TOML key or table first stands; 0 when it does not."""
    stands = re.compile(rf"""^\s*\[?\[?\s*["']?{re.escape(key)}["']?\s*(=|\]|\.)""")
    return next((number for number, line in enumerate(text.splitlines(), start=1) if stands.match(line)), 0)


def parse_toml(text: str) -> dict[str, Any] | str:
    """The table, or the reason why it is none (with its line, as tomllib words it)."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        return str(fault)
