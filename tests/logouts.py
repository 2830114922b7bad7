"""One logout on the whole application: services that listen, a mother signed in at them, the worker that tells them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jws, jwt
from joserfc.jwk import KeySet

from broker.domain.audit import Topic
from broker.domain.cas import CasClient
from broker.domain.errors import UpstreamUnavailable
from broker.domain.handles import digest
from broker.domain.services import Protocol, RelyingParty, Service, TokenAuthMethod
from broker.domain.standings import InForce, StandingKind
from broker.jobs.deliver import TellLogout
from broker.jobs.work import Tick, Worker
from broker.live import Part
from broker.protocol.cas.logout import CasLogout
from broker.protocol.notifiers import Notifiers
from broker.protocol.oidc.back_channel import BackChannel
from broker.protocol.oidc.provider import ProviderSettings
from broker.protocol.oidc.signing import KeyVault, Signer, keys_of_clients
from broker.storage.sql_keys import SqlKeys
from broker.storage.sql_outbox import SqlOutbox
from connectors.guarded import open_guarded
from connectors.outbound import Outbound
from tests.clock import FakeClock
from tests.federations import BASE
from tests.oidc_stand import SECRET, VERIFIER, authorize_url, basic, challenge_of
from tests.upstreams import Asked, Reply, Site
from tests.web_stand import Client, WebStand, open_web, service

LOOPBACK = "127.0.0.0/8"
GOODBYE = "https://cantine.example/au-revoir"
"""The one registered post-logout address of `cantine`."""


def listening(name: str, *, back: str = "", front: str = "") -> Service:
    """A family service that registered addresses of logout."""
    party = RelyingParty(
        name, digest(SECRET), (f"https://{name}.example/retour",), TokenAuthMethod.BASIC,
        post_logout_redirect_uris=(f"https://{name}.example/au-revoir",),
        backchannel_logout_uri=back, frontchannel_logout_uri=front,
    )  # fmt: skip
    return service(name, parties=(party,))


def speaking_cas(name: str, *, at: str) -> Service:
    """A family service that speaks CAS alone."""
    return service(name, parties=(), protocols=(Protocol.CAS,), cas=CasClient((at,)))


@dataclass
class Listener:
    """A service's own back-channel endpoint: what it was told, and what it answers next."""

    status: int = 200
    told: list[Asked] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Reply:
        self.told.append(asked)
        return Reply(self.status)

    @property
    def tokens(self) -> list[str]:
        """The logout tokens that came, oldest first."""
        return [asked.form["logout_token"] for asked in self.told]


@dataclass(frozen=True, slots=True)
class LogoutStand:
    """The broker, the mother's browser, and what stands behind."""

    web: WebStand
    clock: FakeClock
    listeners: Mapping[str, Listener]
    teller: Worker

    def browser(self, *opened: str) -> Client:
        """A browser in which the mother has signed in, and opened these services."""
        browser = self.web.client()
        browser.sign_in()
        for name in opened:
            self.open(browser, name)
        return browser

    def open(self, browser: Client, name: str = "cantine", **changes: str) -> str:
        """Open a service and return the ID token that it receives."""
        answer = browser.get(authorize_url(name, scope="openid", code_challenge=challenge_of(VERIFIER), **changes))
        told = dict(parse_qsl(urlsplit(answer.location).query))
        form = {
            "grant_type": "authorization_code", "code": told["code"], "code_verifier": VERIFIER,
            "redirect_uri": f"https://{name}.example/retour",
        }  # fmt: skip
        tokens = self.web.client().send("POST", "/token", form=form, headers=basic(name))
        id_token: str = _json(tokens.body)["id_token"]
        return id_token

    def enter(self, browser: Client, name: str) -> str:
        """Open a service that speaks CAS, as its client does; returns the ticket that its session is known by."""
        service = self.web.register.current().by_client(f"cas:{name}")
        assert service is not None
        assert service.cas is not None
        asked = urlencode({"service": service.cas.services[0]})
        ticket = dict(parse_qsl(urlsplit(browser.get(f"/cas/login?{asked}").location).query))["ticket"]
        told = self.web.client().get(f"/cas/serviceValidate?{asked}&ticket={ticket}").body
        assert "authenticationSuccess" in told
        return ticket

    def tell(self) -> Tick:
        """What the worker does within its seconds."""
        return self.teller.tick(self.clock())

    def read(self, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Header and claims of a token of ours, verified by the published keys."""
        keys = KeySet.import_key_set(_json(self.web.client().get("/jwks").body))
        header: dict[str, Any] = dict(jws.extract_compact(token.encode()).headers())
        claims: dict[str, Any] = dict(jwt.decode(token, keys, algorithms=["ES256", "RS256"]).claims)
        return header, claims


def is_signed_in(browser: Client) -> bool:
    """Tell whether the broker still knows this browser."""
    return browser.get("/acces").status == 200


def end_session(browser: Client, **parameters: str) -> Any:
    """Ask for a logout by GET."""
    return browser.get("/end-session" + ("?" + urlencode(parameters) if parameters else ""))


def says_goodbye(browser: Client, answer: Any) -> Any:
    """Follow to our own signed-out page, which must be what the answer leads to."""
    assert (answer.status, answer.location) == (303, "/au-revoir")
    return browser.get("/au-revoir")


@contextmanager
def open_logouts(
    url: str, clock: FakeClock, *more: Service, heard: tuple[str, ...] = ("cantine",), by_cas: tuple[str, ...] = ()
) -> Iterator[LogoutStand]:
    """A stand on a migrated database. `heard`: the services that are told through the back channel.

    `by_cas`: services that speak CAS alone, at the address of their listener.
    """
    listeners = {name: Listener() for name in (*heard, *by_cas)}
    with ExitStack() as opened:
        sites = {name: opened.enter_context(Site(listener)) for name, listener in listeners.items()}
        told = tuple(listening(name, back=f"{sites[name].url}/fin") for name in heard)
        speaking = tuple(speaking_cas(name, at=f"{sites[name].url}/") for name in by_cas)
        web = opened.enter_context(open_web(url, clock, services=(*told, *speaking, *more)))
        web.add_mother("Léa")
        outbound = open_guarded((LOOPBACK,))
        opened.callback(outbound.close)
        settings = ProviderSettings(BASE, Part(web.world.live_policies, lambda book: book.installation.sessions))
        by_openid = BackChannel(
            settings,
            web.register,
            _signer(web, clock),
            lambda to, body: outbound.post_form(to, body=body, headers={}).status,
            strangers=no_post,
        )
        notifier = Notifiers(
            {Protocol.OIDC: by_openid, Protocol.CAS: CasLogout(web.register, partial(_post, outbound))}
        )
        tell = TellLogout(notifier, clock, lambda: web.world.live_policies.current().installation.sessions.logout_tries)
        teller = Worker(outbox=SqlOutbox(web.world.engine), deliverers={Topic.LOGOUT: tell}, clock=clock)
        yield LogoutStand(web, clock, listeners, teller)


def _post(outbound: Outbound, url: str, body: str, media_type: str) -> int:
    return outbound.post_form(url, body=body, headers={"content-type": media_type}).status


def no_post(_: str, __: str) -> int:
    """Nobody is called."""
    raise UpstreamUnavailable("no stranger is called here")


def _signer(web: WebStand, clock: FakeClock) -> Signer:
    """The keys that the stand's door signs with."""
    vault = KeyVault(SqlKeys(web.world.engine), seal=lambda plain: plain, unseal=lambda kept: kept, tenant="ac-test")
    return Signer(vault, wanted=keys_of_clients(("ES256",)), clock=clock)


def suspend(stand: LogoutStand, name: str) -> None:
    """Let an administrator close a service."""
    closed = InForce(suspended=frozenset({(StandingKind.SERVICE, name)}))
    stand.web.register.value = stand.web.register.value.standing(closed)


def _json(text: str) -> Any:
    return json.loads(text)
