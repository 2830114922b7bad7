"""An installation in which imports are tried again and again from the same database: SQLite or PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine, select

from broker.storage import schema
from broker.storage.engine import open_engine
from tests.builders import add_account, add_session
from tests.command_line import install
from tests.deliveries import FEEDS, Deliveries, Words, ldap_feed
from tests.directories import Ent
from tests.import_forks import COMMIT, Ended, Forks, Started
from tests.servers import Postgres
from tests.whole_state import State, whole_state


class Kept(Protocol):
    """A database that can be brought back to where it was kept."""

    @property
    def url(self) -> str: ...

    def keep(self) -> None: ...

    def again(self) -> None: ...


@dataclass(frozen=True, slots=True)
class KeptSqlite:
    """A file, and a copy of it."""

    file: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.file}"

    def keep(self) -> None:
        shutil.copy(self.file, self.file.with_name("kept"))

    def again(self) -> None:
        """What a killed process left beside the file (its log) goes too."""
        for left in self.file.parent.glob(f"{self.file.name}*"):
            left.unlink()
        shutil.copy(self.file.with_name("kept"), self.file)


@dataclass(frozen=True, slots=True)
class KeptPostgres:
    """A database of a server, and one made after it."""

    server: Postgres
    name: str

    @property
    def url(self) -> str:
        return self.server.url(self.name)

    def keep(self) -> None:
        self.server.create(f"{self.name}_kept", template=self.name)

    def again(self) -> None:
        self.server.drop(self.name)
        self.server.create(self.name, template=f"{self.name}_kept")


@dataclass(frozen=True, slots=True)
class Stand:
    """An installation; every command is a process of its own."""

    forking: Forks
    database: Kept
    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "preau.toml"

    def run(self, words: Words, *, kill_before: int = 0, what: str = COMMIT) -> Ended:
        """Run a command, killed on the way or done."""
        ended = self.forking.run(*words, "--config", self.config, kill_before=kill_before, what=what)
        assert ended.was_killed or ended.status == 0, ended.said
        return ended

    def start(self, words: Words) -> Started:
        """Run a command and do not wait for it."""
        return self.forking.start(*words, "--config", self.config)

    def stopped(self, words: Words, *, before: int) -> Started:
        """Run a command until it stands still between two transactions."""
        return self.forking.stopped(*words, "--config", self.config, before=before)

    def state(self) -> State:
        with self.engine() as engine:
            return whole_state(engine)

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        engine = open_engine(self.database.url)
        yield engine
        engine.dispose()

    def add_directory(self, server: Ent) -> None:
        """Let the feed `ent` read this server."""
        with self.config.open("a", encoding="utf-8") as settings:
            settings.write(ldap_feed(server))
        secret = self.folder / "secrets" / "reader"
        secret.write_text(server.secret, encoding="utf-8")
        secret.chmod(0o600)

    def know(self, told: Deliveries) -> None:
        """Import what is known before and the first delivery; somebody signs in; keep the database as it is then."""
        self.run(told.known)
        self.run(told.first)
        with self.engine() as engine:
            _sign_in(engine, told.login)
        self.database.keep()


def stand(forking: Forks, database: Kept, folder: Path) -> Stand:
    """Install in a folder on a migrated database."""
    return Stand(forking, database, install(folder, database_url=database.url, feeds=FEEDS))


def _sign_in(engine: Engine, record: str) -> None:
    """A session of the person of a record: whatever changes its rights has to be told."""
    owner = select(schema.attachments.c.person_id).where(
        schema.attachments.c.record_id == record, schema.attachments.c.state == "attached"
    )
    with engine.begin() as conn:
        person = conn.execute(owner).scalar_one()
        account = add_account(conn, person, records=(record,))
        add_session(conn, person, account, ends_at=datetime.now(UTC) + timedelta(days=30))
