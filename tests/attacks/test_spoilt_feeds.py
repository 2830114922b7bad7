"""Two thousand five hundred spoilt deliveries, a sample of the long count in `tests/proof/test_feed_fuzz.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine

from broker.storage.engine import open_engine
from tests.feed_fuzz import TARGETS, Bench, Target, read_through, rehearse


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
