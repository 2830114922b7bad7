"""The composition root: settings become adapters, adapters become a broker. The only module that imports everything.

`build` is one straight list of what is made from what. Nothing is looked up by name at run time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING

from broker.accounts.screens import Screens
from broker.accounts.second_factors import SecondFactors
from broker.declared import read_register, registration_terms
from broker.desk import open_helpdesk
from broker.domain.audit import Topic
from broker.domain.clock import Clock
from broker.domain.errors import SettingsError
from broker.domain.handles import digest
from broker.domain.ports import Current, LogoutNotifier
from broker.federation import Federation, GuessGate, Passwords, Sources
from broker.federation.posted import PostedAnswers
from broker.federation.service_gate import ServiceGate
from broker.following import FollowedRegister, arrivals_of, follow_policies
from broker.jobs.deliver import TellLogout, deliverers
from broker.jobs.work import Worker
from broker.live import Live, Part, Watcher
from broker.logs import configure_logging
from broker.metadata import open_keeper
from broker.own_accounts import open_own_accounts
from broker.portal import read_sandbox
from broker.protocol.cas.routes import CasParts, build_cas_routes
from broker.protocol.cas_sources import build_cas_source_routes
from broker.protocol.endpoint import Route
from broker.protocol.notifiers import Notifiers
from broker.protocol.oidc.client_keys import Fetch
from broker.protocol.oidc.device_desk import DeviceDesk
from broker.protocol.oidc.key_care import KeyCare
from broker.protocol.oidc.provider import ProviderSettings
from broker.protocol.oidc.registration import RegistrationDesk
from broker.protocol.oidc.routes import ProviderParts, build_routes
from broker.protocol.oidc.signing import Signer
from broker.protocol.saml.logout import SamlFrames
from broker.protocol.saml.routes import build_saml_routes
from broker.protocol.saml_sources import build_logout_routes, build_source_routes
from broker.request_lines import open_request_lines
from broker.saml_identity import SamlIdentity, open_saml_identity, saml_parts
from broker.saml_providers import follow_providers
from broker.services.register import Register
from broker.settings import Settings, load_settings
from broker.settings.secret_files import read_secret
from broker.signing_keys import open_key_care, open_signer
from broker.sources import cas_servers, offers, open_sources, saml_parties
from broker.storage.memory_store import MemoryStore
from broker.storage.redis_store import RedisStore
from broker.storage.sealing import FactorSeal, MasterSecret, load_master_secret
from broker.storage.sql_purge import SqlPurge
from broker.stores import Stores, answers, check_schema, open_stores, opened_stores, read_book, utc_now
from broker.telling import open_notice_teller
from broker.ways_out import open_notifier, open_way_out, visit
from broker.web.door import Door, NoteRequest, log_request
from broker.web.edge import Edge
from broker.web.forwarded import forwarded_address
from broker.web.pages import create_pages
from broker.web.parts import FeedLabel, PageParts, SourceOffer
from connectors.guarded import FETCH_LIMITS, fetch_once
from policies import PolicyBook

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


@dataclass(frozen=True, slots=True)
class Broker:
    """Everything a process of the broker holds, assembled. `wsgi` answers requests; `close` gives all back."""

    settings: Settings
    policies: Live[PolicyBook]
    clock: Clock
    stores: Stores
    ephemeral: MemoryStore | RedisStore
    services: FollowedRegister
    notifier: Notifiers
    keys: KeyCare
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


def build(settings: Settings, *, clock: Clock = utc_now, note: NoteRequest = log_request) -> Broker:
    """Assemble a broker; `note` writes the line of each request.

    Raises `SettingsError` with every problem, also for a database that is not migrated.
    """
    book, declared = _load_decisions(settings)
    with ExitStack() as opened:
        stores = open_stores(settings, book)
        opened.callback(stores.close)
        check_schema(stores.engine)
        master = load_master_secret(settings.secrets.master_file)
        ephemeral = open_ephemeral(settings, master, clock=clock)
        opened.callback(ephemeral.close)
        policies = follow_policies(settings)
        care = open_key_care(settings, stores.keys, master, policies)
        signer = open_signer(care, declared.all(), registration=settings.registration.enabled, clock=clock)
        live = Decisions(policies, _follow_register(settings, stores, signer, clock=clock))
        providers = follow_providers(settings)
        own = open_own_accounts(settings, stores, opened, clock=clock)
        sources = open_sources(settings, opened, providers, own.opener)
        federation = _federation(settings, stores, ephemeral, live, sources, clock=clock)
        provider_settings = _provider_settings(settings, live.book)
        saml = open_saml_identity(settings, live.book, care.vault, signer)
        notifier = open_notifier(settings, provider_settings, live.register, signer, saml, opened)
        shown = offers(settings.sources, providers)
        parts = _page_parts(settings, live, stores, federation, master, saml, clock=clock, shown=shown)
        gate, upstreams = parts.passwords.gate, federation.upstreams
        helpdesk = open_helpdesk(own, live.book, live.register, upstreams, gate, Screens(ephemeral))
        pages = create_pages(replace(parts, **own.parts(federation, master), helpdesk=helpdesk))
        fetch = partial(fetch_once, open_way_out(settings, opened, limits=FETCH_LIMITS))
        strangers = open_way_out(settings, opened, strangers=True, limits=FETCH_LIMITS)
        provider = _provider_parts(provider_settings, live, stores, ephemeral, signer, federation)
        desk = _registration_desk(settings, stores, live.register, partial(fetch_once, strangers))
        routes = build_routes(replace(provider, fetch=fetch, registration=desk))
        routes += build_saml_routes(saml_parts(provider, stores, saml, federation))
        routes += _source_routes(settings, federation, ephemeral)
        calls_back = partial(visit, open_way_out(settings, opened, limits=FETCH_LIMITS))
        routes += build_cas_routes(_cas_parts(provider, stores, calls_back))
        address = forwarded_address(settings.trusted_proxies)
        door = Door(routes, fallback=pages, logins=federation, store=ephemeral, clock=clock, address=address, note=note)
        return Broker(
            settings, live.book, clock, stores, ephemeral, live.register, notifier, care, federation,
            Watcher((live.book, live.register, signer, saml.keys, *providers.values())),
            Edge(door, issuer=settings.issuer), opened.pop_all(),
        )  # fmt: skip


def _federation(
    settings: Settings,
    stores: Stores,
    ephemeral: MemoryStore | RedisStore,
    live: Decisions,
    sources: Sources,
    *,
    clock: Clock,
) -> Federation:
    return Federation(
        sources=sources,
        people=stores.people,
        links=stores.links,
        sessions=stores.sessions,
        audit=stores.audit,
        store=ephemeral,
        policies=live.book,
        clock=clock,
        base_url=settings.issuer,
        standings=Part(live.register, lambda register: register.in_force),
        origins=stores.origins,
    )


def _source_routes(
    settings: Settings, federation: Federation, ephemeral: MemoryStore | RedisStore
) -> tuple[Route, ...]:
    """What sources tell us by an address of their own: answers of SAML, logouts of SAML and CAS."""
    parties = saml_parties(federation.sources)
    return (
        *build_source_routes(parties, PostedAnswers(ephemeral), federation),
        *build_logout_routes(parties, federation, issuer=settings.issuer),
        *build_cas_source_routes(cas_servers(settings.sources), federation),
    )


def _provider_parts(
    settings: ProviderSettings,
    live: Decisions,
    stores: Stores,
    ephemeral: MemoryStore | RedisStore,
    signer: Signer,
    federation: Federation,
) -> ProviderParts:
    return ProviderParts(
        settings=settings,
        services=live.register,
        people=stores.people,
        portraits=stores.portraits,
        grants=stores.grants,
        consumptions=stores.consumptions,
        ledger=stores.ledger,
        store=ephemeral,
        policies=live.book,
        signer=signer,
        logins=federation,
        service_tokens=stores.service_tokens,
        child_tokens=stores.child_tokens,
        device_requests=stores.device_requests,
    )


def _cas_parts(provider: ProviderParts, stores: Stores, visit: Callable[[str], int]) -> CasParts:
    return CasParts(
        issuer=provider.settings.issuer,
        services=provider.services,
        people=stores.people,
        portraits=stores.portraits,
        grants=stores.grants,
        tickets=stores.tickets,
        ledger=stores.ledger,
        store=provider.store,
        policies=provider.policies,
        logins=provider.logins,
        visit=visit,
    )


def _page_parts(
    settings: Settings,
    live: Decisions,
    stores: Stores,
    federation: Federation,
    master: MasterSecret,
    saml: SamlIdentity,
    *,
    clock: Clock,
    shown: Mapping[str, SourceOffer],
) -> PageParts:
    guesses = GuessGate(stores.guesses, master.derive("guesses"))
    return PageParts(
        issuer=settings.issuer,
        csrf_key=master.derive("csrf"),
        clock=clock,
        federation=federation,
        passwords=Passwords(federation, guesses),
        factors=SecondFactors(stores.credentials, FactorSeal(master)),
        people=stores.people,
        links=stores.links,
        places=stores.places,
        young_classes=stores.young_classes,
        ledger=stores.ledger,
        holdings=stores.holdings,
        notices=stores.notices,
        login_faults=stores.login_faults,
        access_notices=stores.access_notices,
        services=live.register,
        policies=live.book,
        sources=shown,
        feeds={feed.id: FeedLabel(feed.academie, feed.degree_of_schools) for feed in settings.feeds},
        healthy=partial(answers, stores.engine),
        devices=DeviceDesk(
            live.register,
            stores.device_requests,
            stores.grants,
            ServiceGate(stores.people, live.book, federation),
            guesses,
        ),
        sandbox=read_sandbox(settings.sandbox_file) if settings.sandbox_file else None,
        saml_frames=SamlFrames(saml.idp, saml.keys),
    )


def create_wsgi() -> WSGIApplication:
    """The application for a WSGI server: `granian --interface wsgi --factory broker.app:create_wsgi`."""
    settings = load_settings(None, os.environ)
    configure_logging(settings.log_level)
    broker = build(settings, note=open_request_lines(utc_now))
    broker.watcher.start()
    if not settings.redis_url:
        worker = build_worker(broker.stores, broker.ephemeral, broker.policies, broker.keys, clock=broker.clock)
        for name, each in (
            ("worker", worker),
            ("teller", build_teller(broker.stores, broker.notifier, broker.policies, clock=broker.clock)),
            ("metadata", open_keeper(settings, broker.services, broker.resources, clock=broker.clock)),
            (
                "notices",
                open_notice_teller(settings, broker.stores, broker.policies, broker.resources, clock=broker.clock),
            ),
        ):
            Thread(target=each.run, args=(Event(),), name=name, daemon=True).start()
    return broker.wsgi


def build_worker(
    stores: Stores, ephemeral: MemoryStore | RedisStore, book: Current[PolicyBook], care: KeyCare, *, clock: Clock
) -> Worker:
    """The worker. With memory it must run in the serving process: nobody else can drop a copy from there."""

    def kept() -> Mapping[str, timedelta]:
        rules = book.current().installation
        return rules.retention.spans(rules.linking)

    return Worker(
        outbox=stores.outbox,
        audit=stores.audit,
        purges=(SqlPurge(stores.engine, kept=kept), ephemeral),
        chores=(care.tend, stores.search_index.catch_up),
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
        care = open_key_care(settings, stores.keys, master, book)
        services = read_register(settings).all()
        signer = open_signer(care, services, registration=settings.registration.enabled, clock=clock)
        register = _follow_register(settings, stores, signer, clock=clock)
        saml = open_saml_identity(settings, book, care.vault, signer)
        notifier = open_notifier(settings, _provider_settings(settings, book), register, signer, saml, opened)
        watcher = Watcher((book, register, signer, saml.keys))
        watcher.start()
        opened.callback(watcher.stop)
        keeper = open_keeper(settings, register, opened, clock=clock)
        for name, each in (
            ("teller", build_teller(stores, notifier, book, clock=clock)),
            ("metadata", keeper),
            ("notices", open_notice_teller(settings, stores, book, opened, clock=clock)),
        ):
            beside = Thread(target=each.run, args=(stop,), name=name)
            beside.start()
            opened.callback(beside.join)
        build_worker(stores, ephemeral, book, care, clock=clock).run(stop)


def _provider_settings(settings: Settings, book: Live[PolicyBook]) -> ProviderSettings:
    return ProviderSettings(settings.issuer, Part(book, lambda book: book.installation.sessions))


def _follow_register(settings: Settings, stores: Stores, signer: Signer, *, clock: Clock) -> FollowedRegister:
    arrivals = arrivals_of(settings, stores.registrations, clock)
    return FollowedRegister(settings, standings=stores.standings, signer=signer, arrivals=arrivals)


def _registration_desk(
    settings: Settings, stores: Stores, register: FollowedRegister, fetch: Fetch
) -> RegistrationDesk | None:
    terms, file = registration_terms(settings), settings.registration.token_file
    if terms is None:
        return None
    initial = digest(read_secret(file)) if file else ""
    return RegistrationDesk(stores.registrations, terms, fetch, initial, changed=register.refresh_registered)


def open_ephemeral(settings: Settings, master: MasterSecret, *, clock: Clock) -> MemoryStore | RedisStore:
    """Redis where there is one, else this process's memory."""
    if settings.redis_url:
        return RedisStore(settings.redis_url, clock, tag_key=master.derive("redis"))
    return MemoryStore(clock)


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
