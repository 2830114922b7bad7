"""The storage adapters put together for one process, and bringing a database up to date.

Beside `app.py`, the only module that knows the adapters; it knows nothing of requests, so that a command needs no
more than it uses.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import partial
from typing import get_type_hints

from sqlalchemy import Engine

import policies
from broker.domain.clock import SchoolDay
from broker.domain.errors import SettingsError, StorageUnavailable
from broker.domain.trust import DeclaredTrust
from broker.services.access import today_at
from broker.settings import Settings
from broker.storage.engine import open_engine, reading
from broker.storage.migrate import is_current, upgrade
from broker.storage.sealing import HeadSigner, HintSeal, load_master_secret
from broker.storage.sql_access_notices import SqlAccessNotices
from broker.storage.sql_attachments import SqlAttachments
from broker.storage.sql_audit import SqlAudit
from broker.storage.sql_channels import SqlChannels
from broker.storage.sql_child_tokens import SqlChildTokens
from broker.storage.sql_codes import SqlCodes
from broker.storage.sql_colleagues import SqlColleagues
from broker.storage.sql_consumptions import SqlConsumptions
from broker.storage.sql_contacts import SqlContacts
from broker.storage.sql_containment import SqlContainments
from broker.storage.sql_credentials import SqlCredentials
from broker.storage.sql_desk_files import SqlDeskFiles
from broker.storage.sql_desk_journal import SqlDeskJournal
from broker.storage.sql_desk_posts import SqlDeskPosts
from broker.storage.sql_desk_requests import SqlDeskRequests
from broker.storage.sql_details import SqlDetails
from broker.storage.sql_device_requests import SqlDeviceRequests
from broker.storage.sql_exposure import SqlExposure
from broker.storage.sql_family_facts import SqlFamilyFacts
from broker.storage.sql_grants import SqlGrants
from broker.storage.sql_guardianships import SqlGuardianships
from broker.storage.sql_guesses import SqlGuesses
from broker.storage.sql_holdings import SqlHoldings
from broker.storage.sql_keys import SqlKeys
from broker.storage.sql_ledger import SqlLedger
from broker.storage.sql_links import SqlLinks
from broker.storage.sql_login_faults import SqlLoginFaults
from broker.storage.sql_logouts import SqlNotices
from broker.storage.sql_origins import SqlOrigins
from broker.storage.sql_outbox import SqlOutbox
from broker.storage.sql_people import SqlPeople
from broker.storage.sql_places import SqlPlaces
from broker.storage.sql_portraits import SqlPortraits
from broker.storage.sql_provider_logins import SqlProviderLogins
from broker.storage.sql_quality import SqlQuality
from broker.storage.sql_reach import SqlReach
from broker.storage.sql_registrations import SqlRegistrations
from broker.storage.sql_rolls import SqlRolls
from broker.storage.sql_search import SqlSearch
from broker.storage.sql_search_index import SqlSearchIndex
from broker.storage.sql_service_tokens import SqlServiceTokens
from broker.storage.sql_sessions import SqlSessions
from broker.storage.sql_sms_counts import SqlSmsCounts
from broker.storage.sql_standings import SqlStandings
from broker.storage.sql_tickets import SqlTickets
from broker.storage.sql_young_classes import SqlYoungClasses


def utc_now() -> datetime:
    """The real clock; everything else takes it as an argument."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Stores:
    """The adapters of the storage ports, on one database.

    One that needs the database alone has `field(init=False)`, and is made of the type that it states.
    """

    engine: Engine
    people: SqlPeople
    details: SqlDetails
    links: SqlLinks
    sessions: SqlSessions
    origins: SqlOrigins
    grants: SqlGrants
    portraits: SqlPortraits
    tickets: SqlTickets
    audit: SqlAudit
    channels: SqlChannels
    ledger: SqlLedger = field(init=False)
    attachments: SqlAttachments = field(init=False)
    guardianships: SqlGuardianships = field(init=False)
    guesses: SqlGuesses = field(init=False)
    holdings: SqlHoldings = field(init=False)
    places: SqlPlaces = field(init=False)
    young_classes: SqlYoungClasses = field(init=False)
    service_tokens: SqlServiceTokens = field(init=False)
    child_tokens: SqlChildTokens = field(init=False)
    device_requests: SqlDeviceRequests = field(init=False)
    consumptions: SqlConsumptions = field(init=False)
    containments: SqlContainments = field(init=False)
    provider_logins: SqlProviderLogins = field(init=False)
    keys: SqlKeys = field(init=False)
    notices: SqlNotices = field(init=False)
    login_faults: SqlLoginFaults = field(init=False)
    outbox: SqlOutbox = field(init=False)
    exposure: SqlExposure = field(init=False)
    quality: SqlQuality = field(init=False)
    reach: SqlReach = field(init=False)
    rolls: SqlRolls = field(init=False)
    desk_posts: SqlDeskPosts = field(init=False)
    desk_files: SqlDeskFiles = field(init=False)
    desk_journal: SqlDeskJournal = field(init=False)
    desk_requests: SqlDeskRequests = field(init=False)
    colleagues: SqlColleagues = field(init=False)
    search: SqlSearch = field(init=False)
    search_index: SqlSearchIndex = field(init=False)
    standings: SqlStandings = field(init=False)
    registrations: SqlRegistrations = field(init=False)
    sms_counts: SqlSmsCounts = field(init=False)
    credentials: SqlCredentials = field(init=False)
    codes: SqlCodes = field(init=False)
    contacts: SqlContacts = field(init=False)
    family_facts: SqlFamilyFacts = field(init=False)
    access_notices: SqlAccessNotices = field(init=False)

    def __post_init__(self) -> None:
        """Make the adapters of the database alone."""
        kinds = get_type_hints(Stores)
        for each in fields(self):
            if not each.init:
                object.__setattr__(self, each.name, kinds[each.name](self.engine))

    def close(self) -> None:
        """Give back the connections."""
        self.engine.dispose()


def open_stores(settings: Settings, book: policies.PolicyBook) -> Stores:
    """The storage adapters; no connection is made yet. Raises `SettingsError` when the data folder cannot be made."""
    _make_data_folder(settings)
    (seal, hints), engine = _seals(settings), open_engine(settings.database_url)
    rules, grants, school_day = book.installation, SqlGrants(engine), partial(today_at, book.installation)
    people, details = _readers(engine, declared_trust(settings, book), school_day)
    portraits = SqlPortraits(grants, people, details)
    return Stores(
        engine=engine,
        people=people,
        details=details,
        links=SqlLinks(engine, undo_for=rules.linking.undo_by_person),
        sessions=SqlSessions(engine, hints),
        origins=SqlOrigins(engine, hints),
        grants=grants,
        portraits=portraits,
        tickets=SqlTickets(grants, portraits),
        audit=SqlAudit(engine, sign=seal.sign, check=seal.check),
        channels=SqlChannels(engine, school_day=school_day),
    )


def _seals(settings: Settings) -> tuple[HeadSigner, HintSeal]:
    """What the master secret vouches for in the database, and what it keeps from whoever reads that."""
    master = load_master_secret(settings.secrets.master_file)
    return HeadSigner(master), HintSeal(master)


def _readers(engine: Engine, trust: DeclaredTrust, school_day: SchoolDay) -> tuple[SqlPeople, SqlDetails]:
    """Those who read persons, by the same trust and the same days."""
    people = SqlPeople(engine, school_day=school_day, trust=trust)
    return people, SqlDetails(engine, school_day=school_day, trust=trust)


def declared_trust(settings: Settings, book: policies.PolicyBook) -> DeclaredTrust:
    """Whom to believe when feeds disagree: for each feed its tenant's orders, as this process found them."""
    tenants = {feed.id: feed.tenant for feed in settings.feeds}
    return DeclaredTrust(
        kinds={feed.id: feed.kind.value for feed in settings.feeds},
        orders=lambda feed, attribute: book.of(tenants.get(feed, "")).trust.of(attribute),
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
def opened_stores(settings: Settings) -> Iterator[tuple[Stores, policies.PolicyBook]]:
    """The stores on a migrated database, for a command. Raises `SettingsError`."""
    book = read_book(settings)
    with closing(open_stores(settings, book)) as stores:
        check_schema(stores.engine)
        yield stores, book


@contextmanager
def opened_for_closing(settings: Settings) -> Iterator[Stores]:
    """The stores under the policies as shipped: what an administrator closes must not wait until theirs are mended.

    Raises `SettingsError`.
    """
    with closing(open_stores(settings, policies.load_book())) as stores:
        check_schema(stores.engine)
        yield stores


def read_book(settings: Settings) -> policies.PolicyBook:
    """The policies of the installation and of every tenant. Raises `PolicyError` with every problem."""
    return policies.load_book(None, settings.policies_dir, [tenant.id for tenant in settings.tenants])


def bring_up_to_date(settings: Settings) -> bool:
    """Bring the database to the schema of this version; tells whether there was anything to do."""
    with closing(open_stores(settings, read_book(settings))) as stores:
        if is_current(stores.engine):
            return False
        upgrade(stores.engine)
        return True


def check_schema(engine: Engine) -> None:
    """Refuse to work on a database of another version. Raises `SettingsError`."""
    if not is_current(engine):
        raise SettingsError(("the database is not at the schema of this version: run `preau db upgrade`",))


def answers(engine: Engine) -> bool:
    """Tell whether the database answers."""
    try:
        with reading(engine) as conn:
            conn.exec_driver_sql("SELECT 1")
    except StorageUnavailable:
        return False
    return True
