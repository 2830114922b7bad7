"""Seam to the journal of the desk (adapter in `storage`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from broker.domain.desk_journal import JournalAsked, JournalEntry, NamedPerson


class DeskJournal(Protocol):
    """The trail as who looks after a desk reads it. Whether somebody may is decided before (`helpdesk.journal`)."""

    def read(self, asked: JournalAsked) -> tuple[JournalEntry, ...]:
        """The newest entries within the scope, newest first. An event of no school is of those where its agent acts."""
        ...

    def names(self, person_ids: Collection[str]) -> Mapping[str, NamedPerson]:
        """Who these ids are."""
        ...
