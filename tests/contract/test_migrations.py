"""The revisions lead to the schema, on both databases, and can be run twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect

from broker.storage.engine import open_engine
from broker.storage.migrate import is_current, upgrade
from broker.storage.schema import metadata
from tests.conftest import SQL_PARAMS


@pytest.fixture(params=SQL_PARAMS)
def bare_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database without any table."""
    sqlite = f"sqlite:///{tmp_path / 'bare.sqlite'}"
    engine = open_engine(sqlite if request.param == "sqlite" else request.getfixturevalue("empty_postgres_url"))
    yield engine
    engine.dispose()


def test_the_revisions_build_exactly_the_schema(bare_engine: Engine) -> None:
    upgrade(bare_engine)
    with bare_engine.connect() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True, "target_metadata": metadata})
        assert compare_metadata(context, metadata) == []


def test_every_index_condition_is_in_the_database(bare_engine: Engine) -> None:
    upgrade(bare_engine)
    dialect = bare_engine.dialect.name
    declared = {
        str(index.name)
        for table in metadata.tables.values()
        for index in table.indexes
        if index.dialect_options[dialect]["where"] is not None
    }
    inspector = inspect(bare_engine)
    built = {
        index["name"]
        for name in metadata.tables
        for index in inspector.get_indexes(name)
        if index.get("dialect_options", {}).get(f"{dialect}_where") is not None
    }
    assert built == declared


def test_upgrading_twice_changes_nothing(bare_engine: Engine) -> None:
    assert not is_current(bare_engine)
    upgrade(bare_engine)
    upgrade(bare_engine)
    assert is_current(bare_engine)
