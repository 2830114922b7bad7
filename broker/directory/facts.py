"""Dated facts: from what stands and what a delivery states, the rows to add and the rows to change. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar


class Fact(Protocol):
    """A dated row."""

    @property
    def since(self) -> datetime:
        """First instant."""
        ...

    @property
    def until(self) -> datetime | None:
        """First instant at which it no longer stands; None while it does."""
        ...


F = TypeVar("F", bound=Fact)


@dataclass(slots=True)
class FactChanges(Generic[F]):
    """Rows to insert, rows to write over by their key, and which facts began, changed or ended."""

    inserted: list[F] = field(default_factory=list)
    rewritten: list[F] = field(default_factory=list)
    began: list[F] = field(default_factory=list)
    altered: list[F] = field(default_factory=list)
    ended: list[F] = field(default_factory=list)


def change_facts(
    current: Iterable[F],
    wanted: Mapping[Hashable, F],
    *,
    identity: Callable[[F], Hashable],
    now: datetime,
    dated: Callable[[F, datetime, datetime | None], F],
) -> FactChanges[F]:
    """Bring the facts of one record to what is wanted.

    `current` holds the open rows and those that began at `now` (this very run, applied again or in an earlier chunk):
    a row that began at `now` is written over, any other one is ended at `now` and followed by a new row.
    `dated(fact, since, until)` gives a fact other dates.
    """
    changes: FactChanges[F] = FactChanges()
    open_rows: dict[Hashable, F] = {}
    of_this_run: dict[Hashable, F] = {}
    for row in current:
        if row.since == now:
            of_this_run[identity(row)] = row
        if row.until is None:
            open_rows[identity(row)] = row
    for key, row in open_rows.items():
        if key not in wanted:
            changes.rewritten.append(dated(row, row.since, now))
            changes.ended.append(row)
    for key, fact in wanted.items():
        before = open_rows.get(key)
        if before is not None and dated(fact, before.since, None) == before:
            continue
        (changes.began if before is None else changes.altered).append(fact)
        if before is not None and before.since != now:
            changes.rewritten.append(dated(before, before.since, now))
        fresh = dated(fact, now, None)
        (changes.rewritten if key in of_this_run else changes.inserted).append(fresh)
    return changes
