"""The catalogue of errors is the error tree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from broker.domain import errors
from broker.domain.errors import PreauError
from broker.errors_catalogue import render_catalogue

ROOT = Path(__file__).parents[3]


def leaves(kind: type[PreauError] = PreauError) -> Iterator[type[PreauError]]:
    for child in kind.__subclasses__():
        if child.__module__.startswith(errors.__name__):
            yield child
            yield from leaves(child)


def test_the_page_in_the_tree_is_the_one_the_classes_print() -> None:
    assert (ROOT / "docs" / "errors.md").read_text(encoding="utf-8") == render_catalogue()


def test_every_error_that_can_be_met_stands_in_it_once() -> None:
    page = render_catalogue()
    for kind in leaves():
        assert page.count(f"### {kind.code} {kind.__name__}\n") == (0 if kind.code.endswith("000") else 1)


def test_no_two_errors_share_a_code() -> None:
    codes = [kind.code for kind in leaves()]
    assert len(codes) == len(set(codes))
