"""Two thousand five hundred spoilt deliveries, a sample of the long count in `tests/proof/test_feed_fuzz.py`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine

from broker.domain.errors import FeedRefused
from broker.domain.feed import FeedRow
from broker.storage.engine import open_engine
from connectors.onde import OndeFeed
from connectors.onde.reviews import read_decisions, write_questions
from tests.feed_fuzz import TARGETS, Bench, Target, read_through, rehearse, spoil


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    engine = open_engine(sqlite_url)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_spoilt_deliveries_are_refused_or_told_and_leave_nothing(
    tmp_path: Path, engine: Engine, target: Target
) -> None:
    bench, random = Bench(target, tmp_path), Random(f"sample {target.name}")
    for _ in range(500):
        bench.try_one(random, engine=engine, rehearse_every=50)
    assert bench.tally.tried == 500
    assert bench.tally.accepted > 50
    assert bench.tally.rehearsed


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_delivery_that_is_spoilt_is_a_good_one(tmp_path: Path, engine: Engine, target: Target) -> None:
    for name, content in target.files.items():
        (tmp_path / name).write_bytes(content)
    assert read_through(target.reader, tmp_path)
    rehearse(target, tmp_path, engine)


def test_a_spoilt_table_of_decisions_is_refused_or_decides_for_one_in_question(tmp_path: Path) -> None:
    onde = next(target for target in TARGETS if isinstance(target.reader, OndeFeed))
    folder, table, random = tmp_path / "set", tmp_path / "questions.csv", Random("decisions")
    folder.mkdir()
    for name, content in onde.files.items():
        (folder / name).write_bytes(content)
    assert isinstance(onde.reader, OndeFeed)
    (question,) = onde.reader.questions([folder])
    write_questions(table, [question])
    good, decided = table.read_bytes().replace(b"02/03/2017;CM1 A;", b"02/03/2017;CM1 A;oui"), 0
    for _ in range(500):
        table.write_bytes(spoil(good, random, b";"))
        try:
            decisions = read_decisions(table)
            items = list(replace(onde.reader, decisions=decisions).read([folder]))
        except FeedRefused:
            continue
        assert sum(isinstance(item, FeedRow) for item in items) == 6
        assert {one.pupil for one in decisions.made.values()} <= question.keys | {""}
        decided += bool(decisions.made)
    assert decided > 10
