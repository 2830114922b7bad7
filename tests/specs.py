"""Which clause of which standard is proven by which tests: read from `@pytest.mark.spec("RFC 6749 §4.1.2")`.

`python -m tests.specs` prints the table; the README's is made from `collect()`.
"""

from __future__ import annotations

import contextlib
import io
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pytest


class SpecMarks:
    """Pytest plugin: keeps, for each clause, the tests that carry it."""

    def __init__(self) -> None:
        self._tests: defaultdict[str, list[str]] = defaultdict(list)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Read the marks of what was collected."""
        for item in session.items:
            for mark in item.iter_markers("spec"):
                for clause in mark.args:
                    self._tests[clause].append(item.nodeid)

    def clauses(self) -> dict[str, tuple[str, ...]]:
        """Tests by clause, both in natural order."""
        return {clause: tuple(sorted(set(tests))) for clause, tests in sorted(self._tests.items())}


def collect(paths: Sequence[str] = ("tests",)) -> dict[str, tuple[str, ...]]:
    """Return clause → ids of the tests that carry it, running none. Raises `RuntimeError` when a file does not load."""
    marks = SpecMarks()
    said = io.StringIO()
    options: list[Any] = ["--collect-only", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *paths]
    with contextlib.redirect_stdout(said):
        status = pytest.main(options, plugins=[marks])
    if status not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        raise RuntimeError(said.getvalue())
    return marks.clauses()


def main() -> None:
    """Print the table as Markdown."""
    lines = ["| clause | proven by |", "| --- | --- |"]
    lines += [f"| {clause} | {', '.join(f'`{test}`' for test in tests)} |" for clause, tests in collect().items()]
    print("\n".join(lines))  # noqa: T201 - a script's output


if __name__ == "__main__":
    main()
