"""The provider with registration on: clients that register themselves, the documents they publish, and how they act."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Engine

from broker.domain.clock import Clock
from broker.domain.errors import UpstreamUnavailable
from broker.domain.handles import digest
from broker.domain.keys import ChangeKeys, KeyState, StoredKey
from broker.domain.people import Profil
from broker.domain.registrations import RegistrationTerms
from broker.federation import Federation
from broker.federation.agreements import Agreements
from broker.following import Arrivals
from broker.protocol.oidc.registration import RegistrationDesk
from broker.protocol.oidc.registration_checks import REGISTERED_ALGS
from broker.protocol.oidc.routes import ProviderParts
from broker.protocol.oidc.signing import keys_of_clients
from broker.services.register import Register
from broker.storage.sql_keys import SqlKeys
from broker.storage.sql_registrations import SqlRegistrations
from broker.wire import oauth
from broker.wire.http import SESSION_COOKIE
from broker.wire.jose import SigningKey, private_jwk, public_jwk
from tests.fapi import assertion, key
from tests.oidc_stand import Answer, Browser, Stand, authorization, open_stand, redemption
from tests.settable import Settable

INITIAL = "jeton-initial-" + "j" * 43
TERMS = RegistrationTerms("ville", frozenset({Profil.TUTEUR}), lasts=timedelta(days=30), most=100)
REDIRECT = "https://visiteur.example/retour"
GOOD: Mapping[str, Any] = {"redirect_uris": [REDIRECT], "client_name": "Visiteur"}


@dataclass(slots=True)
class Documents:
    """What stands at the addresses of strangers. `asked`: every call, in order."""

    at: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def fetch(self, url: str) -> bytes:
        """As the guarded caller does: the body, or `UpstreamUnavailable`."""
        self.asked.append(url)
        if url not in self.at:
            raise UpstreamUnavailable("nothing there")
        held = self.at[url]
        return held if isinstance(held, bytes) else json.dumps(held).encode()


@dataclass(frozen=True, slots=True)
class Registering:
    """A stand where clients register themselves, and the web around it."""

    stand: Stand
    documents: Documents

    def post(self, metadata: object, *, token: str = INITIAL, content_type: str = "application/json") -> Answer:
        """Ask to register."""
        return self.send("POST", "/register", metadata, token=token, content_type=content_type)

    def send(
        self, method: str, address: str, metadata: object = None, *, token: str, content_type: str = "application/json"
    ) -> Answer:
        """Call the endpoint, or the address of one client, some seconds after whoever called before."""
        self.stand.clock.advance(3)
        headers = {"Content-Type": content_type} | ({"Authorization": f"Bearer {token}"} if token else {})
        body = metadata if isinstance(metadata, str) else json.dumps(metadata)
        return self.stand.call(method, address, headers=headers, form=body)

    def register(self, **changes: Any) -> Client:
        """Register a client that gets in; a change to None removes the member."""
        asked = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
        answer = self.post(asked)
        assert answer.status == 201, answer.body
        return Client(self, answer.json)


@dataclass(frozen=True, slots=True)
class Client:
    """A client that registered, at work. `told`: what it was answered; `by`: the key that it signs with, if any."""

    at: Registering
    told: Mapping[str, Any]
    by: SigningKey | None = None

    @property
    def client_id(self) -> str:
        """Its name here."""
        return str(self.told["client_id"])

    @property
    def token(self) -> str:
        """Its registration access token."""
        return str(self.told["registration_access_token"])

    def signing(self, by: SigningKey) -> Client:
        """The same client with a key of its own."""
        return replace(self, by=by)

    def manage(self, method: str, metadata: object = None, *, token: str | None = None) -> Answer:
        """Call its own address."""
        shown = self.token if token is None else token
        return self.at.send(method, self.told["registration_client_uri"], metadata, token=shown)

    def asks(self, **changes: str | None) -> str:
        """The address that it sends a browser to."""
        asked: dict[str, str | None] = {"redirect_uri": self.told["redirect_uris"][0], "scope": "openid"}
        return "/authorize?" + urlencode(authorization(self.client_id, **{**asked, **changes}))

    def authorize(self, browser: Browser | None = None, **changes: str | None) -> Answer:
        """Send a browser, which is signed in unless given."""
        browser = browser or self.at.stand.sign_in()
        self.agreed(browser)
        return self.at.stand.call("GET", self.asks(**changes), browser=browser)

    def agreed(self, browser: Browser) -> None:
        """Let whoever is signed in there have said yes to this client before."""
        stand, service = self.at.stand, self.at.stand.register.current().by_client(self.client_id)
        session = stand.federation.unended(browser.cookies.get(SESSION_COOKIE, ""))
        if service is not None and session is not None:
            Agreements(stand.store).give(service, session)

    def redeem(self, code: str, **changes: Any) -> Answer:
        """Redeem a code by the method that it registered."""
        form = redemption(code, redirect_uri=self.told["redirect_uris"][0])
        return self.ask_token(form, **changes)

    def ask_token(self, form: Mapping[str, str], **changes: Any) -> Answer:
        """Call the token endpoint; `changes` of what it signs."""
        stand, headers, proves = self.at.stand, {}, {}
        if self.by is not None:
            shown = assertion(self.client_id, now=stand.clock(), by=self.by, **changes)
            proves = {oauth.CLIENT_ASSERTION_TYPE: oauth.JWT_BEARER, oauth.CLIENT_ASSERTION: shown}
        elif "client_secret" in self.told:
            pair = f"{self.client_id}:{self.told['client_secret']}"
            headers = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
        else:
            proves = {oauth.CLIENT_ID: self.client_id}
        return stand.call("POST", "/token", headers=headers, form={**form, **proves})

    def tokens(self, **changes: str | None) -> Mapping[str, Any]:
        """What a whole flow gives."""
        answer = self.redeem(self.authorize(**changes).told["code"])
        assert answer.status == 200, answer.body
        told: Mapping[str, Any] = answer.json
        return told

    def userinfo(self, token: str) -> Answer:
        """Ask who the person is."""
        return self.at.stand.call("GET", "/userinfo", headers={"Authorization": f"Bearer {token}"})


@contextmanager
def registering(
    sqlite_url: str,
    *,
    terms: RegistrationTerms = TERMS,
    initial: str = INITIAL,
    follow: Callable[[], object] | None = None,
) -> Iterator[Registering]:
    """A stand with registration on; `initial` empty: open to everybody. `follow`: in place of following each act."""
    documents = Documents()

    def on(parts: ProviderParts, engine: Engine) -> ProviderParts:
        registrations = SqlRegistrations(engine)
        arrivals = Arrivals(registrations, terms, clock_of(parts))
        register, declared = parts.services, parts.services.current().all()
        assert isinstance(register, Settable)

        def follow_all() -> None:
            register.value = Register((*arrivals.services(), *declared))

        _add_keys(engine, now=arrivals.clock())
        parts.signer.ensure(keys_of_clients(REGISTERED_ALGS))
        shown = digest(initial) if initial else ""
        desk = RegistrationDesk(registrations, terms, documents.fetch, shown, follow or follow_all)
        return replace(parts, fetch=documents.fetch, registration=desk)

    with open_stand(sqlite_url, change=on) as stand:
        yield Registering(stand, documents)


def _add_keys(engine: Engine, *, now: datetime) -> None:
    """The keys for RS256, made once for all stands of this process: making one costs most of a second."""
    made = [(purpose, key("RS256", name=f"provider {purpose}")) for purpose, _ in keys_of_clients(("RS256",))]
    rows = tuple(
        StoredKey(one.kid, purpose, one.alg, KeyState.ACTIVE, public_jwk(one), private_jwk(one), now, now)
        for purpose, one in made
    )
    SqlKeys(engine).change(ChangeKeys(now, (), added=rows))


def clock_of(parts: ProviderParts) -> Clock:
    """The clock of the stand, as its federation holds it."""
    assert isinstance(parts.logins, Federation)
    return parts.logins.clock
