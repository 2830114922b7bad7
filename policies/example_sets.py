"""Which policies are tried with which examples: the shipped ones, the installation's, each tenant's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from broker.domain.errors import PolicyError
from policies.book import NOT_TENANTS, load_book
from policies.examples import Examples, read_examples
from policies.loader import Policies, load

T = TypeVar("T")
SHIPPED = "shipped"
INSTALLATION = "installation"


@dataclass(frozen=True, slots=True)
class ExampleSet:
    """One set of policies in force, and the examples that must come true of it. `name` is a tenant's, or ours."""

    name: str
    policies: Policies
    examples: Examples


def example_sets(overrides: Path | None) -> tuple[ExampleSet, ...]:
    """Read the shipped policies, those of a folder of overrides upon them, and each tenant's upon those.

    A tenant's examples take the place of the installation's, and these of the shipped ones. Raises `PolicyError` with
    every problem of the policies and of the examples.
    """
    tenants = tenants_of(overrides) if overrides else ()
    folders: dict[str, tuple[Path, ...]] = {SHIPPED: ()}
    if overrides:
        folders |= {INSTALLATION: (overrides,), **{tenant: (overrides, overrides / tenant) for tenant in tenants}}
    problems: list[str] = []
    shipped = _told(load, problems)
    book = _told(lambda: load_book(None, overrides, tenants), problems)
    examples = {name: _told(partial(read_examples, *places), problems) for name, places in folders.items()}
    if problems or shipped is None or book is None:
        raise PolicyError(tuple(dict.fromkeys(problems)))
    found = {SHIPPED: shipped, INSTALLATION: book.installation}
    return tuple(
        ExampleSet(name, found.get(name) or book.of(name), each) for name, each in examples.items() if each is not None
    )


def _told(read: Callable[[], T], problems: list[str]) -> T | None:
    try:
        return read()
    except PolicyError as fault:
        problems += fault.problems
        return None


def tenants_of(overrides: Path) -> tuple[str, ...]:
    """The tenants that have a folder of their own in a folder of overrides."""
    folders = (path.name for path in overrides.iterdir() if path.is_dir()) if overrides.is_dir() else ()
    return tuple(sorted(name for name in folders if name not in NOT_TENANTS and not name.startswith((".", "_"))))
