"""Bring a database to the schema of this version, one revision after the other, in one transaction.

Never part of serving: `preau db upgrade` (and the demo) calls it. Two at once wait for each other. Alembic is imported
where it is used: a serving process only asks which revision is the newest, and would keep 10 MiB for that.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from broker.storage.engine import reading, writing

if TYPE_CHECKING:
    from alembic.config import Config

_SCRIPTS = Path(__file__).parent / "migrations"
_TOLD = re.compile(r'^(revision|down_revision) = "(\w+)"', re.MULTILINE)
_LOCK = 0x50726561755F6462
"""Key of the advisory lock: any constant that is ours ("Preau_db" in ASCII)."""


def upgrade(engine: Engine) -> None:
    """Apply every revision that this database has not seen. Raises `StorageUnavailable`."""
    from alembic import command

    with writing(engine) as conn:
        if conn.dialect.name == "postgresql":
            conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        command.upgrade(_config(conn), "head")


def is_current(engine: Engine) -> bool:
    """Tell whether the database stands at the newest revision: serving refuses to start otherwise."""
    with reading(engine) as conn:
        if not inspect(conn).has_table("alembic_version"):
            return False
        return conn.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [newest_revision()]


def newest_revision() -> str:
    """The revision that no other one follows, as the scripts themselves say."""
    texts = [script.read_text(encoding="utf-8") for script in sorted((_SCRIPTS / "versions").glob("*.py"))]
    told = [dict(_TOLD.findall(each)) for each in texts]
    followed = {each.get("down_revision") for each in told}
    newest: str
    (newest,) = [each["revision"] for each in told if each["revision"] not in followed]
    return newest


def draft(engine: Engine, *, message: str, number: str) -> None:
    """For developers: write the revision that leads from this database to `schema`. Read it before you keep it."""
    from alembic import command

    with writing(engine) as conn:
        command.revision(_config(conn), message=message, rev_id=number, autogenerate=True)


def _config(conn: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = conn
    return config
