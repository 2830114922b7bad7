"""Bring a database to the schema of this version, one revision after the other, in one transaction.

Never part of serving: `preau db upgrade` (and the demo) calls it. Two at once wait for each other.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from broker.storage.engine import reading, writing

_SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = 0x50726561755F6462
"""Key of the advisory lock: any constant that is ours ("Preau_db" in ASCII)."""


def upgrade(engine: Engine) -> None:
    """Apply every revision that this database has not seen. Raises `StorageUnavailable`."""
    with writing(engine) as conn:
        if conn.dialect.name == "postgresql":
            conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        command.upgrade(_config(conn), "head")


def is_current(engine: Engine) -> bool:
    """Tell whether the database stands at the newest revision: serving refuses to start otherwise."""
    with reading(engine) as conn:
        seen = MigrationContext.configure(conn).get_current_revision()
        return seen == ScriptDirectory.from_config(_config(conn)).get_current_head()


def draft(engine: Engine, *, message: str, number: str) -> None:
    """For developers: write the revision that leads from this database to `schema`. Read it before you keep it."""
    with writing(engine) as conn:
        command.revision(_config(conn), message=message, rev_id=number, autogenerate=True)


def _config(conn: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = conn
    return config
