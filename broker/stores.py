"""The storage adapters put together for one process, and what the commands do with them: upgrade, import.

Beside `app.py`, the only module that knows the adapters; it knows nothing of requests, so that a command needs no
more than it uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

import policies
from broker.directory import ImportReport, ImportRules, Intent, Progress, import_feed
from broker.directory.lease import is_gone
from broker.domain.errors import SettingsError
from broker.domain.feed import Feed
from broker.settings import Settings
from broker.storage.engine import open_engine
from broker.storage.migrate import is_current, upgrade
from broker.storage.sealing import HeadSigner, load_master_secret
from broker.storage.sql_attachments import SqlAttachments
from broker.storage.sql_audit import SqlAudit
from broker.storage.sql_grants import SqlGrants
from broker.storage.sql_guardianships import SqlGuardianships
from broker.storage.sql_imports import SqlImports
from broker.storage.sql_keys import SqlKeys
from broker.storage.sql_links import SqlLinks
from broker.storage.sql_outbox import SqlOutbox
from broker.storage.sql_people import SqlPeople
from broker.storage.sql_purge import SqlPurge
from broker.storage.sql_sessions import SqlSessions
from connectors.aaf import AafFeed


def utc_now() -> datetime:
    """The real clock; everything else takes it as an argument."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Stores:
    """The adapters of the storage ports, on one database."""

    engine: Engine
    people: SqlPeople
    attachments: SqlAttachments
    links: SqlLinks
    guardianships: SqlGuardianships
    sessions: SqlSessions
    grants: SqlGrants
    keys: SqlKeys
    audit: SqlAudit
    outbox: SqlOutbox
    purge: SqlPurge

    def close(self) -> None:
        """Give back the connections."""
        self.engine.dispose()


def open_stores(settings: Settings, rules: policies.Policies) -> Stores:
    """The storage adapters; no connection is made yet. Raises `SettingsError` when the data folder cannot be made."""
    _make_data_folder(settings)
    seal = HeadSigner(load_master_secret(settings.secrets.master_file))
    engine = open_engine(settings.database_url)
    return Stores(
        engine=engine,
        people=SqlPeople(engine),
        attachments=SqlAttachments(engine),
        links=SqlLinks(engine, undo_for=rules.linking.undo_by_person),
        guardianships=SqlGuardianships(engine),
        sessions=SqlSessions(engine),
        grants=SqlGrants(engine),
        keys=SqlKeys(engine),
        audit=SqlAudit(engine, sign=seal.sign, check=seal.check),
        outbox=SqlOutbox(engine),
        purge=SqlPurge(engine, undo_for=rules.linking.undo_by_academie),
    )


def _make_data_folder(settings: Settings) -> None:
    """SQLite lives there; beside PostgreSQL nothing is written on this machine."""
    if not settings.database_url.startswith("sqlite:"):
        return
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as fault:
        raise SettingsError((f"data_dir: {settings.data_dir} cannot be made ({fault.strerror})",)) from fault


@contextmanager
def opened_stores(settings: Settings) -> Iterator[tuple[Stores, policies.Policies]]:
    """The stores on a migrated database, for a command. Raises `SettingsError`."""
    rules = policies.load(None, settings.policies_dir)
    with closing(open_stores(settings, rules)) as stores:
        check_schema(stores.engine)
        yield stores, rules


def bring_up_to_date(settings: Settings) -> bool:
    """Bring the database to the schema of this version; tells whether there was anything to do."""
    with closing(open_stores(settings, policies.load(None, settings.policies_dir))) as stores:
        if is_current(stores.engine):
            return False
        upgrade(stores.engine)
        return True


def check_schema(engine: Engine) -> None:
    """Refuse to work on a database of another version. Raises `SettingsError`."""
    if not is_current(engine):
        raise SettingsError(("the database is not at the schema of this version: run `preau db upgrade`",))


def import_delivery(
    settings: Settings,
    stores: Stores,
    rules: policies.Policies,
    *,
    feed_id: str,
    paths: Sequence[Path],
    intent: Intent,
    progress: Callable[[Progress], None],
) -> ImportReport:
    """Import one AAF delivery of a configured feed. Raises `SettingsError` for an unknown feed, and what it raises."""
    feed = settings.feed(feed_id)
    if feed is None:
        raise SettingsError((f"feeds: there is no {feed_id}",))
    linking = rules.linking
    return import_feed(
        feed=Feed(feed.id, feed.tenant, feed.academie, feed.degree),
        paths=paths,
        imports=SqlImports(stores.engine, is_gone=is_gone),
        reader=AafFeed(),
        clock=utc_now,
        rules=ImportRules(
            mass_change_percent=linking.mass_change_percent,
            in_charge_sees=linking.in_charge_sees,
            propose_from=linking.propose_from,
        ),
        intent=intent,
        progress=progress,
    )
