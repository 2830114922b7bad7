"""The whole broker as one WSGI application on real SQLite rows and scripted sources, reached as `carriage` says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from html import unescape
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Flask

from broker.accounts.second_factors import SecondFactors
from broker.domain.people import Profil, Reference, Space
from broker.domain.services import RelyingParty, Service, ServiceInstance, TokenAuthMethod
from broker.federation import GuessGate, Passwords, PasswordSource, Source, SourceDescription, Sources
from broker.federation.posted import PostedAnswers
from broker.federation.service_gate import ServiceGate
from broker.live import Fixed, Part
from broker.protocol.cas.routes import CasParts, build_cas_routes
from broker.protocol.cas_sources import CasServer, build_cas_source_routes
from broker.protocol.oidc.device_desk import DeviceDesk
from broker.protocol.oidc.provider import ProviderSettings
from broker.protocol.oidc.routes import ProviderParts, build_routes, keys_wanted
from broker.protocol.oidc.signing import KeyVault, Signer
from broker.protocol.saml.keys import SamlKeys
from broker.protocol.saml.provider import IdentityProvider
from broker.protocol.saml.routes import SamlParts, build_saml_routes
from broker.protocol.saml_sources import SamlParty, build_logout_routes, build_source_routes
from broker.services.register import Register
from broker.storage.sealing import FactorSeal, MasterSecret
from broker.storage.sql_access_notices import SqlAccessNotices
from broker.storage.sql_child_tokens import SqlChildTokens
from broker.storage.sql_consumptions import SqlConsumptions
from broker.storage.sql_credentials import SqlCredentials
from broker.storage.sql_details import SqlDetails
from broker.storage.sql_device_requests import SqlDeviceRequests
from broker.storage.sql_grants import SqlGrants
from broker.storage.sql_guesses import SqlGuesses
from broker.storage.sql_holdings import SqlHoldings
from broker.storage.sql_keys import SqlKeys
from broker.storage.sql_ledger import SqlLedger
from broker.storage.sql_login_faults import SqlLoginFaults
from broker.storage.sql_logouts import SqlNotices
from broker.storage.sql_people import SqlPeople
from broker.storage.sql_places import SqlPlaces
from broker.storage.sql_portraits import SqlPortraits
from broker.storage.sql_provider_logins import SqlProviderLogins
from broker.storage.sql_service_tokens import SqlServiceTokens
from broker.storage.sql_tickets import SqlTickets
from broker.storage.sql_young_classes import SqlYoungClasses
from broker.web.door import Door
from broker.web.edge import Edge
from broker.web.pages import create_pages
from broker.web.parts import FeedLabel, PageParts, SourceOffer
from policies import Assurance
from tests import builders
from tests.carriage import carry
from tests.clock import FakeClock
from tests.desk_stand import add_agents, open_desk
from tests.federations import BASE, NO_LEVELS, SOURCES, ScriptedDirectory, World, open_world, ref
from tests.own_accounts import open_ways_in, reaching_of
from tests.settable import Settable
from tests.vectors.saml_documents import connector

HOST = urlsplit(BASE).netloc
CSRF_KEY = b"k" * 32
UAI = "0990001A"
MOTHER = "mere"
"""User name of the mother at every source."""
KEY = "500101"
"""Her file number."""
_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


def service(service_id: str = "cantine", **changes: Any) -> Service:
    """A family service that every school offers."""
    party = RelyingParty(service_id, "0" * 64, (f"https://{service_id}.example/retour",), TokenAuthMethod.BASIC)
    plain = {
        "service_id": service_id, "tenant": "ac-test", "names": {"fr": service_id.title()}, "purpose": "Essais.",
        "profils": frozenset({Profil.TUTEUR, Profil.ELEVE}), "levels": frozenset(), "schools": frozenset(),
        "claims": (), "space": Space.FAMILY, "parties": (party,),
        "instances": (ServiceInstance("", f"https://{service_id}.example/"),),
    }  # fmt: skip
    return Service(**{**plain, **changes})


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. `headers` keeps repeated ones."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str

    def header(self, name: str) -> str:
        """The value of a header that comes once; empty when it does not come."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) < 2, f"{name} came {len(found)} times"
        return found[0] if found else ""

    def cookies(self) -> dict[str, str]:
        """Each `Set-Cookie` by the cookie's name, with its attributes."""
        values = [value for key, value in self.headers if key == "Set-Cookie"]
        return {value.partition("=")[0]: value.partition("=")[2] for value in values}

    @property
    def location(self) -> str:
        """Where the answer leads."""
        return self.header("Location")

    @property
    def text(self) -> str:
        """The body with its entities read."""
        return unescape(self.body)

    @property
    def token(self) -> str:
        """The form token of the page."""
        found = _TOKEN.search(self.body)
        assert found, f"no form on this page ({self.status})"
        return found[1]


@dataclass(slots=True)
class Client:
    """One browser: its cookies, and who sits at it."""

    app: Any
    world: World
    cookies: dict[str, str] = field(default_factory=dict)
    host: str = HOST

    def send(
        self,
        method: str,
        target: str,
        *,
        form: Mapping[str, str] | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request; cookies that come back are kept."""
        path, _, query = target.removeprefix(BASE).partition("?")
        body = (form if isinstance(form, str) else urlencode(form or {})).encode()
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "SCRIPT_NAME": "",
            "HTTP_HOST": self.host, "SERVER_NAME": "inside", "SERVER_PORT": "8000", "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "192.0.2.1", "wsgi.url_scheme": "https", "wsgi.input": BytesIO(body),
            "CONTENT_LENGTH": str(len(body)), "wsgi.errors": BytesIO(),
        }  # fmt: skip
        if form is not None:
            environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
        if self.cookies:
            environ["HTTP_COOKIE"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        for name, value in (headers or {}).items():
            key = name.upper().replace("-", "_")
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
        return self._run(environ)

    def get(self, target: str, **headers: str) -> Answer:
        """GET a page."""
        return self.send("GET", target, headers=headers)

    def post(self, target: str, form: Mapping[str, str], **headers: str) -> Answer:
        """POST a form with exactly these fields."""
        return self.send("POST", target, form=form, headers=headers)

    def leave(self, source: str = "educonnect", *, target: str = "/connexion", device: str = "shared") -> Answer:
        """Choose a source on the sign-in page."""
        asked = self.get(target)
        interaction = dict(parse_qsl(urlsplit(target).query))
        form = {"csrf": asked.token, "source": source, "device": device, **interaction}
        return self.post("/connexion", form)

    def come_back(self, departure: str, *, source: str = "educonnect", user: str = MOTHER) -> Answer:
        """Type a password at the source and follow its redirect back."""
        answer = self.world.upstreams[source].sign_in(departure, user)
        return self.get(f"/retour/{source}?{urlencode(answer.params)}")

    def sign_in(self, source: str = "educonnect", *, user: str = MOTHER, device: str = "shared") -> Answer:
        """The whole way in, also for a browser that somebody is signed in at."""
        left = self.leave(source, target="/connexion?but=acces", device=device)
        return self.come_back(left.location, source=source, user=user)

    def _run(self, environ: dict[str, Any]) -> Answer:
        seen: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], *_: object) -> None:
            seen["status"], seen["headers"] = int(status[:3]), headers

        body = b"".join(carry(self.app, environ, start)).decode(errors="replace")
        answer = Answer(seen["status"], tuple(seen["headers"]), body)
        for name, value in answer.cookies().items():
            plain = value.partition(";")[0]
            if "Max-Age=0" in value:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = plain
        return answer


@dataclass(frozen=True, slots=True)
class WebStand:
    """The broker and the world behind it."""

    world: World
    parts: PageParts
    pages: Flask
    door: Door
    app: Edge
    register: Settable[Register]
    ledger: SqlLedger

    def client(self, **changes: Any) -> Client:
        """A browser that has never been here."""
        return Client(self.app, self.world, **changes)

    def add_mother(self, *children: str, **names: str) -> str:
        """A mother of these children in one collège, known to every source; returns her person's id."""
        with self.world.engine.begin() as conn:
            builders.add_school(conn, UAI, name=names.get("school", "Collège Rosa-Parks"))
            mother, record = builders.add_guardian(conn, KEY)
            for place, given in enumerate(children):
                _, pupil = builders.add_pupil(conn, f"9{place}", given=given)
                builders.add_guardianship(conn, record, pupil)
                builders.enrol(conn, pupil, UAI)
        self.knows(MOTHER, KEY)
        return mother

    def knows(self, user: str, *keys: str) -> None:
        """Let every source release these file numbers for a user."""
        references: tuple[Reference, ...] = ref(*keys)
        for upstream in self.world.upstreams.values():
            upstream.releases[user] = references


@contextmanager
def open_web(
    url: str,
    clock: FakeClock,
    *,
    services: tuple[Service, ...] = (service(), service("pronote")), healthy: Callable[[], bool] = lambda: True,
    labels: Mapping[str, Mapping[str, str]] | None = None,
    levels: Mapping[str, Assurance] = NO_LEVELS,
    directory: str = "",
    own: str = "",
    agents: str = "",
) -> Iterator[WebStand]:  # fmt: skip
    """The broker on a migrated database, at the time of the builders' rows.

    `levels`: what each source proves; `directory`: the name of one more source, whose passwords we ask for;
    `own`: that of the one whose secrets are kept here; `agents`: that of the one whose people work at the desk.
    """
    with open_world(url, clock, levels) as world:
        _add_sources(world, directory, agents)
        gate = GuessGate(SqlGuesses(world.engine), CSRF_KEY)
        ways_in = open_ways_in(world, gate, own) if own else None
        register, ledger = Settable(Register(services)), SqlLedger(world.engine)
        names = (*SOURCES, *filter(None, (directory, own, agents)))
        parts = PageParts(
            issuer=BASE,
            csrf_key=CSRF_KEY,
            clock=clock,
            federation=world.federation,
            passwords=Passwords(world.federation, gate),
            factors=SecondFactors(SqlCredentials(world.engine), FactorSeal(MasterSecret(b"m" * 32))),
            people=world.federation.people,
            links=world.federation.links,
            places=SqlPlaces(world.engine),
            young_classes=SqlYoungClasses(world.engine),
            ledger=ledger,
            holdings=SqlHoldings(world.engine),
            notices=SqlNotices(world.engine),
            login_faults=SqlLoginFaults(world.engine),
            access_notices=SqlAccessNotices(world.engine),
            services=register,
            policies=world.live_policies,
            sources=_offers(names, labels or {name: {"fr": name.upper()} for name in names}, own),
            feeds={builders.FEED_1D: FeedLabel("99", "1D"), builders.FEED_2D: FeedLabel("99", "2D")},
            healthy=healthy,
            devices=_devices(world, register, gate),
            ways_in=ways_in,
            helpdesk=open_desk(world, register, gate) if agents else None,
        )
        pages = create_pages(replace(parts, reaching=ways_in and reaching_of(ways_in)))
        door = _door(world, register, pages, clock)
        yield WebStand(world, parts, pages, door, Edge(door, issuer=BASE), register, ledger)


def _offers(names: tuple[str, ...], labels: Mapping[str, Mapping[str, str]], own: str) -> dict[str, SourceOffer]:
    def offer(name: str) -> SourceOffer:
        return SourceOffer(name, labels[name], Fixed((f"https://{name}.example",)), own=name == own)

    return {name: offer(name) for name in names}


def _devices(world: World, register: Settable[Register], gate: GuessGate) -> DeviceDesk:
    service_gate = ServiceGate(world.federation.people, world.live_policies, world.federation)
    return DeviceDesk(register, SqlDeviceRequests(world.engine), SqlGrants(world.engine), service_gate, gate)


def _add_sources(world: World, directory: str, agents: str) -> None:
    if directory:
        _add_directory(world, directory)
    if agents:
        add_agents(world, agents)


def _add_directory(world: World, name: str) -> None:
    others = [each for each in map(world.federation.sources.get, world.upstreams) if isinstance(each, Source)]
    described = SourceDescription(name, "ac-test", frozenset({builders.FEED_2D}), releases_references=True)
    world.federation = replace(
        world.federation, sources=Sources([*others, PasswordSource(described, ScriptedDirectory(name))])
    )


def _door(world: World, register: Settable[Register], pages: Flask, clock: FakeClock) -> Door:
    vault = KeyVault(SqlKeys(world.engine), seal=lambda plain: plain, unseal=lambda kept: kept, tenant="ac-test")
    settings = ProviderSettings(BASE, Part(world.live_policies, lambda book: book.installation.sessions))
    people, grants = world.federation.people, SqlGrants(world.engine)
    portraits = SqlPortraits(grants, SqlPeople(world.engine), SqlDetails(world.engine))
    provider = ProviderParts(
        settings, register, people, portraits, grants,
        SqlConsumptions(world.engine), SqlLedger(world.engine), world.store, world.live_policies,
        Signer(vault, wanted=keys_wanted(register.current().all()), clock=clock), world.federation,
        SqlServiceTokens(world.engine), SqlChildTokens(world.engine),
        SqlDeviceRequests(world.engine),
    )  # fmt: skip
    cas = CasParts(
        BASE, register, people, portraits, grants, SqlTickets(grants, portraits), SqlLedger(world.engine), world.store,
        world.live_policies, world.federation,
    )  # fmt: skip
    saml = _saml_parts(world, provider, vault)
    routes = (*build_routes(provider), *build_cas_routes(cas), *build_saml_routes(saml))
    parties = [SamlParty("educonnect", b"<x/>", connector())]
    routes += build_source_routes(parties, PostedAnswers(world.store), world.federation)
    routes += build_logout_routes(parties, world.federation, issuer=BASE)
    servers = [CasServer(name, f"https://{name}.example") for name in SOURCES]
    routes += build_cas_source_routes(servers, world.federation)
    return Door(routes, fallback=pages, logins=world.federation, store=world.store, clock=clock)


def _saml_parts(world: World, provider: ProviderParts, vault: KeyVault) -> SamlParts:
    idp = IdentityProvider(BASE, provider.settings.lives)
    return SamlParts(
        idp, provider.services, provider.people, provider.portraits, provider.grants, SqlDetails(world.engine),
        SqlProviderLogins(world.engine), provider.ledger, provider.store, provider.policies,
        SamlKeys(vault, provider.signer, name=HOST), provider.logins,
    )  # fmt: skip


def as_pupil(stand: WebStand, key: str, *, given: str = "Léa", user: str = "eleve") -> str:
    """A pupil enrolled in a collège, known to every source; returns the person's id."""
    with stand.world.engine.begin() as conn:
        builders.add_school(conn, UAI, name="Collège Rosa-Parks")
        person, record = builders.add_pupil(conn, key, given=given)
        builders.enrol(conn, record, UAI)
    stand.knows(user, key)
    return person
