"""The composition root: settings become adapters, adapters become a broker. The only module that imports everything.

`build` is one straight list of what is made from what. Nothing is looked up by name at run time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from broker.declared import read_register
from broker.domain.audit import Topic
from broker.domain.clock import Clock
from broker.domain.errors import SettingsError, StorageUnavailable
from broker.domain.ports import Current, LogoutNotifier
from broker.domain.services import Service
from broker.federation import Federation, GuessGate, Passwords
from broker.following import FollowedRegister, follow_policies
from broker.jobs.deliver import TellLogout, deliverers
from broker.jobs.work import Worker
from broker.live import Live, Part, Watcher
from broker.logs import configure_logging
from broker.protocol.oidc.back_channel import BackChannel
from broker.protocol.oidc.provider import ProviderSettings
from broker.protocol.oidc.routes import ProviderParts, algs_wanted, build_routes
from broker.protocol.oidc.signing import KeyVault, Signer
from broker.services.register import Register
from broker.settings import Settings, load_settings
from broker.sources import offers, open_sources
from broker.storage.engine import reading
from broker.storage.memory_store import MemoryStore
from broker.storage.redis_store import RedisStore
from broker.storage.sealing import MasterSecret, UnsealError, load_master_secret
from broker.storage.sql_purge import SqlPurge
from broker.stores import Stores, check_schema, open_stores, opened_stores, read_book, utc_now
from broker.web.door import Door
from broker.web.edge import Edge
from broker.web.forwarded import forwarded_address
from broker.web.pages import create_pages
from broker.web.parts import FeedLabel, PageParts
from connectors.guarded import open_guarded
from policies import PolicyBook

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

INSTALLATION = "preau"
"""Audit partition of what concerns no tenant: the installation's own keys."""
_SIGNING = "signing key"


@dataclass(frozen=True, slots=True)
class Broker:
    """Everything a process of the broker holds, assembled. `wsgi` answers requests; `close` gives all back."""

    settings: Settings
    policies: Live[PolicyBook]
    clock: Clock
    stores: Stores
    ephemeral: MemoryStore | RedisStore
    services: FollowedRegister
    notifier: BackChannel
    federation: Federation
    watcher: Watcher
    wsgi: WSGIApplication
    resources: ExitStack

    def close(self) -> None:
        """End the watcher and give back every connection."""
        self.watcher.stop()
        self.resources.close()


@dataclass(frozen=True, slots=True)
class Decisions:
    """What an administrator may change while all runs."""

    book: Live[PolicyBook]
    register: FollowedRegister


def build(settings: Settings, *, clock: Clock = utc_now) -> Broker:
    """Assemble a broker. Raises `SettingsError` with every problem, also for a database that is not migrated."""
    book, declared = _load_decisions(settings)
    with ExitStack() as opened:
        stores = open_stores(settings, book)
        opened.callback(stores.close)
        check_schema(stores.engine)
        master = load_master_secret(settings.secrets.master_file)
        ephemeral = open_ephemeral(settings, master, clock=clock)
        opened.callback(ephemeral.close)
        signer = _open_signer(stores, master, declared.all(), clock=clock)
        register = FollowedRegister(settings, standings=stores.standings, signer=signer)
        live = Decisions(follow_policies(settings), register)
        federation = Federation(
            sources=open_sources(settings.sources, opened),
            people=stores.people,
            links=stores.links,
            sessions=stores.sessions,
            audit=stores.audit,
            store=ephemeral,
            policies=live.book,
            clock=clock,
            base_url=settings.issuer,
            standings=Part(live.register, lambda register: register.in_force),
        )
        provider_settings = _provider_settings(settings, live.book)
        notifier = _open_notifier(settings, provider_settings, live.register, signer, opened)
        provider = ProviderParts(
            provider_settings,
            live.register,
            stores.people,
            stores.portraits,
            stores.grants,
            stores.consumptions,
            stores.ledger,
            ephemeral,
            live.book,
            signer,
            federation,
        )
        pages = create_pages(_page_parts(settings, live, stores, federation, master, clock=clock))
        address = forwarded_address(settings.trusted_proxies)
        routes = build_routes(provider)
        door = Door(routes, fallback=pages, logins=federation, store=ephemeral, clock=clock, address=address)
        wsgi = Edge(door, issuer=settings.issuer)
        watcher = Watcher((live.book, live.register))
        return Broker(
            settings, live.book, clock, stores, ephemeral, live.register, notifier, federation, watcher, wsgi,
            opened.pop_all(),
        )  # fmt: skip


def _page_parts(
    settings: Settings,
    live: Decisions,
    stores: Stores,
    federation: Federation,
    master: MasterSecret,
    *,
    clock: Clock,
) -> PageParts:
    return PageParts(
        issuer=settings.issuer,
        csrf_key=master.derive("csrf"),
        clock=clock,
        federation=federation,
        passwords=Passwords(federation, GuessGate(stores.guesses, master.derive("guesses"))),
        people=stores.people,
        links=stores.links,
        ledger=stores.ledger,
        holdings=stores.holdings,
        notices=stores.notices,
        services=live.register,
        policies=live.book,
        sources=offers(settings.sources),
        feeds={feed.id: FeedLabel(feed.academie, feed.degree_of_schools) for feed in settings.feeds},
        healthy=partial(answers, stores.engine),
    )


def create_wsgi() -> WSGIApplication:
    """The application for a WSGI server: `granian --interface wsgi --factory broker.app:create_wsgi`."""
    settings = load_settings(None, os.environ)
    configure_logging(settings.log_level)
    broker = build(settings)
    broker.watcher.start()
    if not settings.redis_url:
        worker = build_worker(broker.stores, broker.ephemeral, broker.policies, clock=broker.clock)
        for name, each in (
            ("worker", worker),
            ("teller", build_teller(broker.stores, broker.notifier, broker.policies, clock=broker.clock)),
        ):
            Thread(target=each.run, args=(Event(),), name=name, daemon=True).start()
    return broker.wsgi


def build_worker(
    stores: Stores, ephemeral: MemoryStore | RedisStore, book: Current[PolicyBook], *, clock: Clock
) -> Worker:
    """The worker. With memory it must run in the serving process: nobody else can drop a copy from there."""

    def kept() -> Mapping[str, timedelta]:
        rules = book.current().installation
        return rules.retention.spans(rules.linking)

    return Worker(
        outbox=stores.outbox,
        audit=stores.audit,
        purges=(SqlPurge(stores.engine, kept=kept), ephemeral),
        deliverers=deliverers(ephemeral),
        clock=clock,
    )


def build_teller(stores: Stores, notifier: LogoutNotifier, book: Current[PolicyBook], *, clock: Clock) -> Worker:
    """The worker that tells services of logouts: apart, so that one that hangs delays nobody but services."""
    tell = TellLogout(notifier, clock, tries=lambda: book.current().installation.sessions.logout_tries)
    return Worker(outbox=stores.outbox, deliverers={Topic.LOGOUT: tell}, clock=clock)


def run_worker(settings: Settings, stop: Event, *, clock: Clock = utc_now) -> None:
    """Do what comes after acts until `stop` is set, beside serving processes that share a Redis."""
    master = load_master_secret(settings.secrets.master_file)
    with ExitStack() as opened:
        stores, _ = opened.enter_context(opened_stores(settings))
        ephemeral = opened.enter_context(closing(open_ephemeral(settings, master, clock=clock)))
        book = follow_policies(settings)
        signer = _open_signer(stores, master, read_register(settings).all(), clock=clock)
        register = FollowedRegister(settings, standings=stores.standings, signer=signer)
        notifier = _open_notifier(settings, _provider_settings(settings, book), register, signer, opened)
        watcher = Watcher((book, register))
        watcher.start()
        opened.callback(watcher.stop)
        teller = Thread(target=build_teller(stores, notifier, book, clock=clock).run, args=(stop,), name="teller")
        teller.start()
        opened.callback(teller.join)
        build_worker(stores, ephemeral, book, clock=clock).run(stop)


def _provider_settings(settings: Settings, book: Live[PolicyBook]) -> ProviderSettings:
    return ProviderSettings(settings.issuer, Part(book, lambda book: book.installation.sessions))


def _open_notifier(
    settings: Settings,
    provider: ProviderSettings,
    register: FollowedRegister,
    signer: Signer,
    resources: ExitStack,
) -> BackChannel:
    try:
        outbound = open_guarded(settings.reachable_networks, ca_file=settings.services_ca_file)
    except OSError as fault:
        raise SettingsError((f"services_ca_file: cannot be read ({type(fault).__name__})",)) from fault
    resources.callback(outbound.close)
    return BackChannel(
        provider, register, signer, post=lambda url, body: outbound.post_form(url, body=body, headers={}).status
    )


def open_ephemeral(settings: Settings, master: MasterSecret, *, clock: Clock) -> MemoryStore | RedisStore:
    """Redis where there is one, else this process's memory."""
    if settings.redis_url:
        return RedisStore(settings.redis_url, clock, tag_key=master.derive("redis"))
    return MemoryStore(clock)


def answers(engine: Engine) -> bool:
    """Tell whether the database answers."""
    try:
        with reading(engine) as conn:
            conn.exec_driver_sql("SELECT 1")
    except StorageUnavailable:
        return False
    return True


def _load_decisions(settings: Settings) -> tuple[PolicyBook, Register]:
    """Policies and services; the faults of both are told together."""
    problems: list[str] = []
    book: PolicyBook | None = None
    register: Register | None = None
    try:
        book = read_book(settings)
    except SettingsError as fault:
        problems += fault.problems
    try:
        register = read_register(settings)
    except SettingsError as fault:
        problems += fault.problems
    if book is None or register is None:
        raise SettingsError(tuple(problems))
    return book, register


def _open_signer(stores: Stores, master: MasterSecret, services: Iterable[Service], *, clock: Clock) -> Signer:
    """The signing keys, made at the first start. Raises `SettingsError` when another master secret sealed them."""
    vault = KeyVault(
        stores.keys,
        seal=partial(master.seal, purpose=_SIGNING),
        unseal=partial(master.unseal, purpose=_SIGNING),
        tenant=INSTALLATION,
    )
    try:
        return Signer(vault, algs=algs_wanted(services), clock=clock)
    except UnsealError as fault:
        raise SettingsError(("secrets.master_file: the signing keys were sealed under another secret",)) from fault
