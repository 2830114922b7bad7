"""Databases for long counts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from broker.storage.engine import open_engine
from tests.contract.statements import without_fsync


@pytest.fixture
def sqlite_engine(sqlite_url: str) -> Iterator[Engine]:
    """An engine on a fresh SQLite database that does not wait for the disk."""
    engine = without_fsync(open_engine(sqlite_url))
    yield engine
    engine.dispose()
