"""The revisions lead to the schema, on both databases, and can be run twice."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect

from broker.storage import migrate
from broker.storage.engine import open_engine
from broker.storage.migrate import is_current, newest_revision, upgrade
from broker.storage.schema import metadata
from tests.conftest import SQL_PARAMS

ROOT = Path(__file__).parents[2]


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


def test_the_newest_revision_is_the_one_that_alembic_names() -> None:
    """Serving asks the scripts themselves: Alembic would stay in the memory of every worker."""
    scripts = ScriptDirectory(str(Path(migrate.__file__).parent / "migrations"))
    assert newest_revision() == scripts.get_current_head()


def test_a_serving_process_imports_no_alembic() -> None:
    told = "import sys, broker.app; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", told], cwd=ROOT, check=False).returncode == 0
