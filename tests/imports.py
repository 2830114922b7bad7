"""Imports for tests: run one, and write down what the directory then holds, free of everything random."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Row, select

from broker.directory import ImportReport, ImportRules, Intent, Progress, import_feed
from broker.directory.lease import is_gone
from broker.domain.feed import Feed
from broker.domain.ports import IdentityFeed
from broker.storage import schema
from broker.storage.sql_imports import SqlImports
from connectors.aaf import AafFeed
from tests.clock import FakeClock

FEED_2D = Feed("99-2d", "ac-test", "99", "2D")
FEED_1D = Feed("99-1d", "ac-test", "99", "1D")

OPENS = datetime(2026, 10, 1, 8, 0, tzinfo=UTC)

MOTHER, FATHER = "500101$10$1$1$0$1", "500102$20$0$1$0$0"


@dataclass
class Desk:
    """An operator's desk: imports into one database; an hour passes before each import.

    It opens when September is over, the month that most deliveries of tests are made in: none is of a day to come.
    """

    engine: Engine
    clock: FakeClock = field(default_factory=FakeClock)
    rules: ImportRules = field(default_factory=lambda: ImportRules(chunk=7, mass_change_percent=100.0))

    def __post_init__(self) -> None:
        self.clock.set(max(self.clock(), OPENS))

    def run(
        self,
        folder: Path | Sequence[Path],
        *,
        feed: Feed = FEED_2D,
        reader: IdentityFeed | None = None,
        intent: Intent = Intent.APPLY,
        rules: ImportRules | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> ImportReport:
        """Import a set, by the AAF reader unless another is given."""
        self.clock.advance(timedelta(hours=1))
        return import_feed(
            feed=feed,
            paths=[folder] if isinstance(folder, Path) else folder,
            imports=SqlImports(self.engine, is_gone=is_gone),
            reader=reader or AafFeed(),
            clock=self.clock,
            rules=rules or self.rules,
            intent=intent,
            progress=progress,
        )

    def rows(self, table: Any, *columns: str) -> list[tuple[Any, ...]]:
        """Some columns of a table, sorted."""
        with self.engine.connect() as conn:
            found = [tuple(row) for row in conn.execute(select(*(table.c[name] for name in columns)))]
        return sorted(found, key=repr)

    def open_guardianships(self) -> set[tuple[str, str]]:
        """Pairs (adult key, child key) whose guardianship stands."""
        rows = self.rows(schema.guardianships, "adult_record", "child_record", "until")
        return {(adult.partition(":")[2], child.partition(":")[2]) for adult, child, until in rows if until is None}

    def persons(self) -> list[list[str]]:
        """The records of each person, attached ones."""
        found: dict[str, list[str]] = defaultdict(list)
        for person, record, state in self.rows(schema.attachments, "person_id", "record_id", "state"):
            if state == "attached":
                found[person].append(record)
        return sorted(sorted(records) for records in found.values())


def export(engine: Engine) -> dict[str, list[Any]]:
    """Everything the directory holds, canonical: persons are named by their records, runs not at all."""
    with engine.connect() as conn:

        def rows(table: Any) -> Sequence[Row[Any]]:
            return conn.execute(select(table)).fetchall()

        persons: dict[str, list[str]] = defaultdict(list)
        for row in rows(schema.attachments):
            if row.state == "attached":
                persons[row.person_id].append(row.record_id)
        names = {person: "+".join(sorted(records)) for person, records in persons.items()}
        found: dict[str, list[Any]] = {
            "persons": [names.get(row.id, "nobody") for row in rows(schema.persons)],
            "attachments": [
                (row.record_id, names[row.person_id], row.state, row.evidence_kind, _text(row.evidence), row.score)
                for row in rows(schema.attachments)
            ],
            "audit": [
                (row.action, row.subject if row.action == "guardianship_changed" else "", row.outcome)
                for row in rows(schema.audit_events)
            ],
            "outbox": [(row.topic, names.get(row.key, row.key)) for row in rows(schema.outbox)],
            "contact_moves": [(row.record_id, row.kind, row.was, row.value) for row in rows(schema.contact_moves)],
            "staged": [tuple(row) for row in rows(schema.staged_rows)],
            "imports": [(row.state, row.checksum, row.holder) for row in rows(schema.imports)],
            "faults": [(row.file, row.line, row.reason) for row in rows(schema.import_faults)],
        }
        for table in (schema.records, schema.guardianships, schema.enrolments, schema.staff_posts):
            found[table.name] = [_plain(row) for row in rows(table)]
        for table in (schema.schools, schema.school_keys, schema.classes):
            found[table.name] = [_plain(row) for row in rows(table)]
    return {name: sorted(values, key=repr) for name, values in found.items()}


def _plain(row: Row[Any]) -> tuple[str, ...]:
    return tuple(f"{name}={value}" for name, value in row._asdict().items() if name != "seen_in")


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
