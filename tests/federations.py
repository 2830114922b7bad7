"""A federation over real SQL adapters and scripted sources, and browsers that walk through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy import Engine, select

from broker.domain.desk import SaidPost
from broker.domain.errors import CredentialsRefused, PreauError, UpstreamRefused
from broker.domain.handles import Handle, new_handle
from broker.domain.identity import AccountKey, AuthnContext, UpstreamIdentity, UpstreamProtocol
from broker.domain.people import Reference
from broker.domain.ports import Departure, EphemeralStore, Return, UpstreamLogout
from broker.domain.sessions import Device, Session
from broker.domain.standings import InForce
from broker.federation import Arrival, Federation, LoginRequest, Source, SourceDescription, Sources
from broker.storage import schema
from broker.storage.engine import open_engine
from broker.storage.memory_store import MemoryStore
from broker.storage.sql_audit import SqlAudit
from broker.storage.sql_links import SqlLinks
from broker.storage.sql_origins import SqlOrigins
from broker.storage.sql_people import SqlPeople
from broker.storage.sql_sessions import SqlSessions
from policies import Assurance, PolicyBook, load_book
from tests.builders import FEED_1D, FEED_2D, HINTS, NOW, add_guardian, add_guardianship, add_pupil, add_school, enrol
from tests.clock import FakeClock
from tests.settable import Settable

BASE = "https://preau.example"
SOURCES = {"educonnect": frozenset({FEED_1D, FEED_2D}), "ent1": frozenset({FEED_1D}), "ent2": frozenset({FEED_2D})}

LEADS_OUT = "ent2"
"""The source whose own logout every sign-out leads through, once it `logs_out`; others offer it on shared devices."""


@dataclass(slots=True)
class ScriptedSource:
    """A source that asserts what the test says of each user. It checks the state, as every real connector does."""

    source_id: str
    releases: dict[str, tuple[Reference, ...]] = field(default_factory=dict)
    acr: str = ""
    auth_time: datetime | None = None
    tells_time: bool = True
    authority: str = ""
    fails: Exception | None = None
    burns: bool = True
    checks_state: bool = True
    numbers: count[int] = field(default_factory=lambda: count(1))
    tickets: dict[str, str] = field(default_factory=dict)
    forced: bool = False
    state_parameter: str = "state"
    hint: str = ""
    posts: dict[str, tuple[SaidPost, ...]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    amr: tuple[str, ...] = ("pwd",)
    logs_out: bool = False
    comes_back: bool = True
    hints: list[str] = field(default_factory=list)

    def start(self, *, return_url: str, state: str, force: bool) -> Departure:
        if self.fails:
            raise self.fails
        self.forced = force
        return Departure(f"https://{self.source_id}.example/login?back={return_url}&state={state}", {"state": state})

    def start_logout(self, *, hint: str, return_url: str, state: str) -> UpstreamLogout | None:
        if self.fails:
            raise self.fails
        self.hints.append(hint)
        way = f"https://{self.source_id}.example/logout?back={return_url}&state={state}"
        return UpstreamLogout(way, comes_back=self.comes_back) if self.logs_out else None

    def finish_logout(self, answer: Return, *, state: str) -> bool:
        return answer.params.get("state") == state

    def sign_in(self, departure_url: str, user: str) -> Return:
        """The person types a password at the source; what the browser then brings back."""
        asked = dict(parse_qsl(urlsplit(departure_url).query))
        ticket = f"ST-{self.source_id}-{next(self.numbers)}"
        self.tickets[ticket] = user
        return Return({"state": asked["state"], "ticket": ticket}, asked["back"])

    def finish(self, answer: Return, *, private: Mapping[str, str], now: datetime) -> UpstreamIdentity:
        if self.fails:
            raise self.fails
        if self.checks_state and answer.params["state"] != private["state"]:
            raise UpstreamRefused("state")
        ticket = answer.params.get("ticket", "")
        user = self.tickets.pop(ticket, None) if self.burns else self.tickets.get(ticket)
        if user is None:
            raise UpstreamRefused("ticket")
        return UpstreamIdentity(
            key=AccountKey(UpstreamProtocol.CAS, f"https://{self.source_id}.example", "cas:user", user),
            authn=AuthnContext(
                self.acr,
                self.amr,
                self.auth_time or now,
                self.authority or self.source_id,
                proven=self.tells_time,
            ),
            references=self.releases.get(user, ()),
            display=self.names.get(user, f"{user} tel que vu par la source"),
            logout_hint=self.hint,
            posts=self.posts.get(user, ()),
            answer=ticket,
        )


RIGHT = "juste"
"""The one password of every login of a scripted directory."""


@dataclass
class ScriptedDirectory:
    """A source that checks one password, for whomever the file number of the mother stands."""

    authority: str = "annuaire"
    fails: PreauError | None = None
    numbers: count[int] = field(default_factory=lambda: count(1))

    def place(self) -> AbstractContextManager[None]:
        return nullcontext()

    def authenticate(
        self, *, login: str, password: str, now: datetime, admit: Callable[[str], bool]
    ) -> UpstreamIdentity:
        if not admit(login) or password != RIGHT:
            raise CredentialsRefused("wrong")
        if self.fails:
            raise self.fails
        key = AccountKey(UpstreamProtocol.LDAP, "ldaps://annuaire.example", "ldap:uid", login)
        authn = AuthnContext("", ("pwd",), now, self.authority)
        return UpstreamIdentity(key, authn, references=ref("500101"), answer=f"{login} {next(self.numbers)}")


@dataclass
class World:
    """Everything a test needs to let people in."""

    engine: Engine
    clock: FakeClock
    store: EphemeralStore
    upstreams: dict[str, ScriptedSource]
    federation: Federation
    policies: PolicyBook
    live_policies: Settable[PolicyBook]
    standings: Settable[InForce]

    def browser(self) -> Browser:
        return Browser(self)

    def family(
        self, key: str, *, feed: str = FEED_2D, child: str = "", uai: str = "0990001A", may_see: bool = True
    ) -> tuple[str, str, str]:
        """A guardian and a child of a feed; returns (guardian person, child person, guardian record)."""
        with self.engine.begin() as conn:
            if conn.execute(select(schema.schools.c.uai).where(schema.schools.c.uai == uai)).first() is None:
                add_school(conn, uai)
            guardian, record = add_guardian(conn, key, feed=feed)
            person, pupil = add_pupil(conn, child or f"9{key}", feed=feed)
            add_guardianship(conn, record, pupil, may_see=may_see)
            enrol(conn, pupil, uai)
        return guardian, person, record

    def audit(self, action: str = "") -> list[dict[str, object]]:
        """Audit events, oldest first."""
        with self.engine.connect() as conn:
            rows = conn.execute(select(schema.audit_events).order_by(schema.audit_events.c.id)).mappings().all()
        return [dict(row) for row in rows if action in {"", row["action"]}]

    def rows(self, table: str) -> list[dict[str, object]]:
        """Every row of a table."""
        with self.engine.connect() as conn:
            return [dict(row) for row in conn.execute(select(schema.metadata.tables[table])).mappings()]


@dataclass
class Browser:
    """A browser: its cookies, and a person who clicks."""

    world: World
    cookie: str = field(default_factory=lambda: new_handle(Handle.BROWSER))
    session_cookie: str | None = None
    device: Device = Device.SHARED

    def begin(self, request: LoginRequest | None = None) -> str:
        return self.world.federation.begin(request or LoginRequest(), browser=self.cookie, now=self.world.clock())

    def leave(self, source: str, request: LoginRequest | None = None) -> str:
        return self.world.federation.depart(self.begin(request), source, browser=self.cookie).url

    def arrive(self, source: str, answer: Return) -> Arrival:
        arrival = self.world.federation.arrive(
            source, answer, browser=self.cookie, device=self.device, current=self.session_cookie, trace="t-test"
        )
        self.session_cookie = arrival.session_handle
        return arrival

    def sign_in(self, source: str, user: str, request: LoginRequest | None = None) -> Arrival:
        return self.arrive(source, self.world.upstreams[source].sign_in(self.leave(source, request), user))

    def session(self) -> Session | None:
        return self.world.federation.session(self.session_cookie) if self.session_cookie else None

    def children(self) -> set[str]:
        session = self.session()
        if session is None:
            return set()
        found = self.world.federation.people.children_of(session.person_id, now=self.world.clock())
        return {card.child_id for card in found}


NO_LEVELS: Mapping[str, Assurance] = {}


def build_world(
    engine: Engine, store: EphemeralStore, clock: FakeClock, levels: Mapping[str, Assurance] = NO_LEVELS
) -> World:
    """A federation of three sources: one that knows every feed, and one ENT for each feed.

    `levels`: what a login there proves, standard where nothing is said.
    """
    policies = load_book()
    live, standings = Settable(policies), Settable(InForce())
    upstreams = {name: ScriptedSource(name) for name in SOURCES}
    sources = Sources(
        Source(
            SourceDescription(
                name,
                tenant="ac-test",
                feeds=feeds,
                releases_references=True,
                assurance=levels.get(name, Assurance.STANDARD),
            ),
            upstreams[name],
            upstreams[name],
            leads_out=name == LEADS_OUT,
        )
        for name, feeds in SOURCES.items()
    )
    federation = Federation(
        sources=sources,
        people=SqlPeople(engine),
        links=SqlLinks(engine, undo_for=timedelta(days=30)),
        sessions=SqlSessions(engine, HINTS),
        audit=SqlAudit(engine, sign=_never, check=_never),
        store=store,
        policies=live,
        clock=clock,
        base_url=BASE,
        standings=standings,
        origins=SqlOrigins(engine, HINTS),
    )
    return World(engine, clock, store, upstreams, federation, policies, live, standings)


def _never(*_: object) -> Any:
    raise AssertionError("nothing is sealed here")


@contextmanager
def open_world(url: str, clock: FakeClock, levels: Mapping[str, Assurance] = NO_LEVELS) -> Iterator[World]:
    """A world on a migrated database, at the time of the builders' rows."""
    clock.set(NOW)
    engine = open_engine(url)
    try:
        yield build_world(engine, MemoryStore(clock), clock, levels)
    finally:
        engine.dispose()


def ref(*keys: str) -> tuple[Reference, ...]:
    """References of the académie 99."""
    return tuple(Reference("99", key) for key in keys)
