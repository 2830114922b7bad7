"""`docs/errors.md`, printed from the error tree: every code with its three audiences."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator
from pathlib import Path

from broker.domain.errors import PreauError

_HEAD = """\
# Errors

Printed from the error tree by `python -m broker.errors_catalogue`; a test keeps it so.

Each error has three audiences. The person reads the French sentence and a trace number. The service gets the code of
its own standard, where there is one. The log gets the cause under the same trace number: search it for the number.
"""


def render_catalogue() -> str:
    """The whole page: families in order, then each code."""
    parts = [_HEAD]
    for family in _families():
        parts.append(f"## {family.code[:-3]}xxx {_first_line(family)}\n")
        parts += [_entry(kind) for kind in (family, *_below(family)) if not kind.code.endswith("000")]
    return "\n".join(parts)


def _families() -> list[type[PreauError]]:
    return sorted(PreauError.__subclasses__(), key=lambda kind: kind.code)


def _below(kind: type[PreauError]) -> Iterator[type[PreauError]]:
    for child in sorted(kind.__subclasses__(), key=lambda found: found.code):
        yield child
        yield from _below(child)


def _entry(kind: type[PreauError]) -> str:
    to_service = f"`{kind.spec_error}`" if kind.spec_error else "nothing"
    way = ", by redirect where the address is sound" if kind.may_redirect else ""
    return (
        f"### {kind.code} {kind.__name__}\n\n"
        f"{_first_line(kind)}\n\n"
        f"- Person: « {kind.title} » {kind.sentence} {kind.next_step} {kind.who}\n"
        f"- Service: {to_service}{way}\n"
        f"- HTTP status {kind.status}; log level {logging.getLevelName(kind.level).lower()}\n"
    )


def _first_line(kind: type[PreauError]) -> str:
    return " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())


if __name__ == "__main__":
    Path("docs/errors.md").write_text(render_catalogue(), encoding="utf-8")
