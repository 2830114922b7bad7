"""The provider on its real door, real SQLite storage and real policies, reached as `carriage` says.

A family of two children, three services, a clock that stands still. `rebuilt` gives the same stand with other lists of
checks: how a test shows what one check stops.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from html import escape
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from sqlalchemy import Engine

from broker.accounts.seen_sessions import SeenSessions
from broker.domain.acts import OpenSession
from broker.domain.audit import Action, AuditEvent
from broker.domain.handles import Handle, Id, digest, new_handle, new_id
from broker.domain.identity import AuthnContext
from broker.domain.people import Profil, Space
from broker.domain.school import Level
from broker.domain.services import ClaimName, RelyingParty, Service, ServiceInstance, TokenAuthMethod
from broker.domain.sessions import Device, Session
from broker.domain.standings import InForce
from broker.federation import Federation, Sources
from broker.live import Part
from broker.protocol.cas.routes import CasParts, build_cas_routes
from broker.protocol.endpoint import Route
from broker.protocol.oidc.provider import ProviderSettings
from broker.protocol.oidc.routes import ProviderParts, build_routes, keys_wanted
from broker.protocol.oidc.signing import KeyVault, Signer
from broker.services.register import Register
from broker.storage.engine import open_engine
from broker.storage.memory_store import MemoryStore
from broker.storage.sql_audit import SqlAudit
from broker.storage.sql_child_tokens import SqlChildTokens
from broker.storage.sql_consumptions import SqlConsumptions
from broker.storage.sql_details import SqlDetails
from broker.storage.sql_device_requests import SqlDeviceRequests
from broker.storage.sql_grants import SqlGrants
from broker.storage.sql_keys import SqlKeys
from broker.storage.sql_ledger import SqlLedger
from broker.storage.sql_links import SqlLinks
from broker.storage.sql_people import SqlPeople
from broker.storage.sql_portraits import SqlPortraits
from broker.storage.sql_service_tokens import SqlServiceTokens
from broker.storage.sql_sessions import SqlSessions
from broker.storage.sql_tickets import SqlTickets
from broker.web.door import DOOR_ERROR, DOOR_POST, Door
from broker.wire.http import BROWSER_COOKIE, SESSION_COOKIE
from policies import PolicyBook, load_book
from tests import builders
from tests.carriage import carry
from tests.clock import FakeClock
from tests.settable import Settable

ISSUER = "https://preau.example"
HOST = "preau.example"
UAI = "0990001A"
SECRET = "s3cret-" + "x" * 50
VERIFIER = "v" * 43
REDIRECT = "https://cantine.example/retour"
BASIC, POST = TokenAuthMethod.BASIC, TokenAuthMethod.POST


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 §4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def service(service_id: str = "cantine", **changes: Any) -> Service:
    """A family service with one client of the same name."""
    party = RelyingParty(
        client_id=service_id,
        secret_digest=digest(SECRET),
        redirect_uris=(f"https://{service_id}.example/retour",),
        auth_method=changes.pop("auth_method", BASIC),
        scopes=("openid", "profile", "school", "children", *changes.pop("more_scopes", ())),
        signing_alg=changes.pop("signing_alg", "ES256"),
    )
    plain = Service(
        service_id=service_id, tenant="ville", names={"fr": service_id}, purpose="Essais.",
        profils=frozenset({Profil.TUTEUR}), levels=frozenset(), schools=frozenset(),
        claims=tuple(ClaimName), space=Space.FAMILY, parties=(party,),
        instances=(ServiceInstance("", f"https://{service_id}.example/"),),
    )  # fmt: skip
    return replace(plain, **changes)


SERVICES = (
    service(),
    service("bourses", auth_method=POST, levels=frozenset({Level.COLLEGE})),
    service("lycee", levels=frozenset({Level.LYCEE})),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def location(self) -> str:
        """Where the answer leads."""
        return self.headers.get("location", "")

    @property
    def told(self) -> dict[str, str]:
        """Query parameters of the address the answer leads to."""
        return dict(parse_qsl(urlsplit(self.location).query))


@dataclass(slots=True)
class Browser:
    """Cookies of one browser."""

    cookies: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stand:
    """The provider and everything behind it."""

    engine: Engine
    clock: FakeClock
    store: MemoryStore
    people: SqlPeople
    grants: SqlGrants
    sessions: SqlSessions
    signer: Signer
    policies: PolicyBook
    live_policies: Settable[PolicyBook]
    register: Settable[Register]
    standings: Settable[InForce]
    federation: Federation
    services: tuple[Service, ...]
    routes: tuple[Route, ...]
    mother: str
    children: tuple[str, ...]
    seen: SeenSessions = field(default_factory=SeenSessions)

    def call(
        self,
        method: str,
        target: str,
        *,
        browser: Browser | None = None,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | str | None = None,
    ) -> Answer:
        """Send one request to the door; errors that need a page come back as the code of the error."""
        path, _, query = target.removeprefix(ISSUER).partition("?")
        encoded = form if isinstance(form, str) else urlencode(form or {})
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "HTTP_HOST": HOST,
            "REMOTE_ADDR": "192.0.2.1", "wsgi.input": BytesIO(encoded.encode()), "CONTENT_LENGTH": str(len(encoded)),
        }  # fmt: skip
        if form is not None:
            environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
        if browser and browser.cookies:
            environ["HTTP_COOKIE"] = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        for name, value in (headers or {}).items():
            key = name.upper().replace("-", "_")
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
        return run_app(self.door, environ, browser)

    @property
    def door(self) -> Door:
        """The door itself."""
        return Door(
            self.routes,
            fallback=_error_pages,
            logins=self.federation,
            store=self.store,
            clock=self.clock,
            seen=self.seen,
        )

    def sign_in(
        self,
        person_id: str = "",
        *,
        browser: Browser | None = None,
        acr: str = "low",
        amr: tuple[str, ...] = ("pwd",),
        device: Device = Device.SHARED,
    ) -> Browser:
        """Open a session for a person (the mother) and return the browser that holds it."""
        person_id = person_id or self.mother
        now, handle = self.clock(), new_handle(Handle.SESSION)
        account = builders.add_account(self.engine, person_id)
        session = Session(
            sid=new_id(Id.SESSION), handle_digest=digest(handle), person_id=person_id, account_id=account,
            authn=AuthnContext(acr, amr, now, "ent1"), device=device, opened_at=now,
            idle_until=now + timedelta(minutes=20), ends_at=now + timedelta(hours=12),
        )  # fmt: skip
        event = AuditEvent("ville", now, Action.SIGN_IN, actor=person_id)
        self.sessions.open(OpenSession(session, "ent1", digest(handle + "answer"), None, None, (event,)))
        browser = browser or Browser({BROWSER_COOKIE: new_handle(Handle.BROWSER)})
        browser.cookies[SESSION_COOKIE] = handle
        return browser

    def rebuilt(self, change: Callable[[Any], Any]) -> Stand:
        """The same stand with `change` applied to each endpoint object behind the routes."""
        return replace(self, routes=tuple(_changed(route, change) for route in self.routes))


def authorization(client_id: str = "cantine", **changes: str | None) -> dict[str, str]:
    """A good authorization request; a change to None removes the parameter."""
    good: dict[str, str | None] = {
        "response_type": "code", "client_id": client_id, "redirect_uri": f"https://{client_id}.example/retour",
        "scope": "openid profile school children", "state": "etat-1", "nonce": "nonce-1",
        "code_challenge": challenge_of(VERIFIER), "code_challenge_method": "S256",
    }  # fmt: skip
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def authorize_url(client_id: str = "cantine", **changes: str | None) -> str:
    """The address of a good authorization request."""
    return "/authorize?" + urlencode(authorization(client_id, **changes))


def basic(client_id: str = "cantine", secret: str = SECRET) -> dict[str, str]:
    """A Basic header (RFC 6749 §2.3.1)."""
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def redemption(code: str, **changes: str | None) -> dict[str, str]:
    """A good token request of a client that authenticates by Basic."""
    good: dict[str, str | None] = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER,
    }  # fmt: skip
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def get_code(stand: Stand, browser: Browser, client_id: str = "cantine", **changes: str | None) -> str:
    """A fresh code for a signed-in browser."""
    answer = stand.call("GET", authorize_url(client_id, **changes), browser=browser)
    return answer.told["code"]


def get_tokens(stand: Stand, browser: Browser) -> dict[str, Any]:
    """Fresh tokens for a signed-in browser."""
    answer = stand.call("POST", "/token", headers=basic(), form=redemption(get_code(stand, browser)))
    tokens: dict[str, Any] = answer.json
    return tokens


@contextmanager
def open_stand(
    sqlite_url: str,
    *,
    services: tuple[Service, ...] = SERVICES,
    change: Callable[[ProviderParts, Engine], ProviderParts] = lambda parts, _: parts,
    change_cas: Callable[[CasParts], CasParts] = lambda parts: parts,
) -> Iterator[Stand]:
    """A stand on a fresh database, closed at the end. The changes are of what each provider is built from."""
    engine = open_engine(sqlite_url)
    try:
        yield _build(engine, services, change, change_cas)
    finally:
        engine.dispose()


def _build(
    engine: Engine,
    services: tuple[Service, ...],
    change: Callable[[ProviderParts, Engine], ProviderParts],
    change_cas: Callable[[CasParts], CasParts],
) -> Stand:
    clock = FakeClock(builders.NOW)
    mother, children = builders.add_family(engine, uai=UAI, children=("Léa", "Tom"))
    store, policies = MemoryStore(clock), load_book()
    live, register, standings = Settable(policies), Settable(Register(services)), Settable(InForce())
    people, grants, sessions = SqlPeople(engine), SqlGrants(engine), SqlSessions(engine, builders.HINTS)
    vault = KeyVault(SqlKeys(engine), seal=lambda plain: plain, unseal=lambda sealed: sealed, tenant="ville")
    signer = Signer(vault, wanted=keys_wanted(services), clock=clock)
    settings = ProviderSettings(ISSUER, Part(live, lambda book: book.installation.sessions))
    links = SqlLinks(engine, undo_for=policies.installation.linking.undo_by_person)
    audit = SqlAudit(engine, sign=lambda head: "", check=lambda head, signature: True)
    federation = Federation(Sources(()), people, links, sessions, audit, store, live, clock, ISSUER, standings)
    portraits = SqlPortraits(grants, people, SqlDetails(engine))
    parts = ProviderParts(
        settings, register, people, portraits, grants, SqlConsumptions(engine),
        SqlLedger(engine), store, live, signer, federation, SqlServiceTokens(engine), SqlChildTokens(engine),
        SqlDeviceRequests(engine),
    )  # fmt: skip
    cas = CasParts(
        ISSUER, register, people, portraits, grants, SqlTickets(grants, portraits), parts.ledger, store,
        live, federation,
    )  # fmt: skip
    routes = (*build_routes(change(parts, engine)), *build_cas_routes(change_cas(cas)))
    return Stand(
        engine, clock, store, people, grants, sessions, signer, policies, live, register, standings,
        federation, services, routes, mother,
        tuple(children),
    )  # fmt: skip


def _changed(route: Route, change: Callable[[Any], Any]) -> Route:
    endpoint = route.answer
    owner = change(endpoint.__self__)  # type: ignore[attr-defined]
    return replace(route, answer=getattr(owner, endpoint.__name__))  # type: ignore[attr-defined]


def _error_pages(environ: Any, start_response: Any) -> Iterable[bytes]:
    """Stand-in for the pages: the error's status, and its code as the whole body; or the form that sends itself."""
    fault, post = environ.get(DOOR_ERROR), environ.get(DOOR_POST)
    if post is not None:
        start_response("200 -", [("Content-Type", "text/html"), ("X-Action", post.action)])
        return [f'name="{name}" value="{escape(value)}"\n'.encode() for name, value in post.fields.items()]
    status, body = (fault.status, fault.code) if fault else (404, "page")
    start_response(f"{status} -", [("Content-Type", "text/plain")])
    return [body.encode()]


def run_app(app: Any, environ: dict[str, Any], browser: Browser | None) -> Answer:
    """Send one request to a WSGI application and keep its cookies."""
    seen: dict[str, Any] = {}

    def start(status: str, headers: list[tuple[str, str]], *_: object) -> None:
        seen["status"], seen["headers"] = int(status[:3]), headers

    chunks = carry(app, environ, start)
    body = b"".join(chunks)
    getattr(chunks, "close", lambda: None)()
    for name, value in seen["headers"]:
        if name == "Set-Cookie" and browser is not None:
            cookie, _, _ = value.partition(";")
            browser.cookies.update([tuple(cookie.split("=", 1))])
    headers = {name.lower(): value for name, value in seen["headers"]}
    return Answer(seen["status"], headers, body)
