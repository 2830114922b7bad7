"""One logout on the whole application: services that listen, a mother signed in at them, the worker that tells them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jws, jwt
from joserfc.jwk import KeySet
from lxml import etree

from broker.domain.audit import Topic
from broker.domain.cas import CasClient, LogoutStyle
from broker.domain.errors import UpstreamUnavailable
from broker.domain.handles import digest
from broker.domain.keys import ChangeKeys
from broker.domain.service_clients import Binding, Endpoint
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
from broker.protocol.saml.keys import SamlKeys
from broker.protocol.saml.logout import PostXml, SamlLogout
from broker.protocol.saml.provider import IdentityProvider
from broker.storage.sql_keys import SqlKeys
from broker.storage.sql_outbox import SqlOutbox
from broker.wire.saml.assertion import Status
from broker.wire.saml.logout import Sender, build_logout_response, in_envelope
from broker.wire.saml.names import SUCCESS
from connectors.guarded import open_guarded
from connectors.outbound import Outbound
from tests.builders import NOW
from tests.clock import FakeClock
from tests.federations import BASE
from tests.oidc_stand import SECRET, VERIFIER, authorize_url, basic, challenge_of
from tests.saml_party import Message, Party
from tests.saml_posts import SAMLP, Assertion, assertion_in
from tests.saml_stand import stored_key
from tests.upstreams import Asked, Reply, Site
from tests.web_stand import HOST, Client, WebStand, open_web, service

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


def speaking_cas(name: str, *, at: str, logout: LogoutStyle = LogoutStyle.FORM) -> Service:
    """A family service that speaks CAS alone."""
    return service(name, parties=(), protocols=(Protocol.CAS,), cas=CasClient((at,), logout=logout))


def speaking_saml(name: str, *, told_at: str) -> Service:
    """A family service that speaks SAML alone, and is told by SOAP where it says an address."""
    party = Party(name, BASE)
    told = (Endpoint(Binding.SOAP, told_at),) if told_at else ()
    declared = party.declared(slo=(Endpoint(Binding.REDIRECT, party.slo_url), *told) if told else ())
    return service(name, parties=(), protocols=(Protocol.SAML,), saml=declared)


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


@dataclass
class SamlListener(Listener):
    """A service's address for SOAP: it answers as itself that it ended the session it was told of."""

    party: Party = field(default_factory=Party)

    def __call__(self, asked: Asked) -> Reply:
        self.told.append(asked)
        if self.status != HTTPStatus.OK:
            return Reply(self.status)
        request = etree.fromstring(asked.body.encode()).find(f".//{SAMLP}LogoutRequest")
        assert request is not None
        sender = Sender(self.party.entity_id, "", NOW, self.party.key)
        answer = build_logout_response(sender, in_response_to=request.get("ID", ""), status=Status(SUCCESS))
        return Reply(body=in_envelope(answer), headers={"content-type": "text/xml"})


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

    def arrive(self, browser: Client, name: str) -> Assertion:
        """Open a service that speaks SAML; returns what it was told."""
        asked = Message(Party(name, BASE), now=self.clock())
        return assertion_in(browser.get(f"{asked.path}?{asked.redirect()}").body)

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
    url: str,
    clock: FakeClock,
    *more: Service,
    heard: tuple[str, ...] = ("cantine",),
    by_cas: tuple[str, ...] = (),
    by_saml: tuple[str, ...] = (),
) -> Iterator[LogoutStand]:
    """A stand on a migrated database. `heard`: the services that are told through the back channel.

    `by_cas`, `by_saml`: services that speak that alone, at the address of their listener.
    """
    listeners = {name: Listener() for name in (*heard, *by_cas)}
    listeners |= {name: SamlListener(party=Party(name, BASE)) for name in by_saml}
    with ExitStack() as opened:
        sites = {name: opened.enter_context(Site(listener)) for name, listener in listeners.items()}
        told = tuple(listening(name, back=f"{sites[name].url}/fin") for name in heard)
        speaking = tuple(speaking_cas(name, at=f"{sites[name].url}/") for name in by_cas)
        speaking += tuple(speaking_saml(name, told_at=f"{sites[name].url}/soap") for name in by_saml)
        web = opened.enter_context(open_web(url, clock, services=(*told, *speaking, *more)))
        web.add_mother("Léa")
        outbound = open_guarded((LOOPBACK,))
        opened.callback(outbound.close)
        settings = ProviderSettings(BASE, Part(web.world.live_policies, lambda book: book.installation.sessions))
        notifier = Notifiers(
            {
                Protocol.OIDC: BackChannel(
                    settings, web.register, _signer(web, clock), partial(_post_form, outbound), strangers=no_post
                ),
                Protocol.CAS: CasLogout(web.register, partial(_post, outbound)),
                Protocol.SAML: _by_saml(web, settings, clock, partial(_post_envelope, outbound)),
            }
        )
        tell = TellLogout(notifier, clock, lambda: web.world.live_policies.current().installation.sessions.logout_tries)
        teller = Worker(outbox=SqlOutbox(web.world.engine), deliverers={Topic.LOGOUT: tell}, clock=clock)
        yield LogoutStand(web, clock, listeners, teller)


def _post_form(outbound: Outbound, url: str, body: str) -> int:
    return outbound.post_form(url, body=body, headers={}).status


def _post_envelope(outbound: Outbound, url: str, body: bytes) -> tuple[int, bytes]:
    answer = outbound.post(url, body=body, headers={"content-type": "text/xml"})
    return answer.status, answer.body


def _post(outbound: Outbound, url: str, body: str, media_type: str) -> int:
    return outbound.post_form(url, body=body, headers={"content-type": media_type}).status


def no_post(_: str, __: str) -> int:
    """Nobody is called."""
    raise UpstreamUnavailable("no stranger is called here")


def no_post_xml(_: str, __: bytes) -> tuple[int, bytes]:
    """Nobody is called."""
    raise UpstreamUnavailable("no stranger is called here")


def _signer(web: WebStand, clock: FakeClock) -> Signer:
    """The keys that the stand's door signs with."""
    return Signer(_vault(web), wanted=keys_of_clients(("ES256",)), clock=clock)


def _by_saml(web: WebStand, settings: ProviderSettings, clock: FakeClock, post: PostXml) -> SamlLogout:
    vault = _vault(web)
    vault.keys.change(ChangeKeys(clock(), (), added=(stored_key(),)))
    keys = SamlKeys(vault, _signer(web, clock), name=HOST)
    return SamlLogout(IdentityProvider(BASE, settings.lives), web.register, keys, post, strangers=no_post_xml)


def _vault(web: WebStand) -> KeyVault:
    return KeyVault(SqlKeys(web.world.engine), seal=lambda plain: plain, unseal=lambda kept: kept, tenant="ac-test")


def suspend(stand: LogoutStand, name: str) -> None:
    """Let an administrator close a service."""
    closed = InForce(suspended=frozenset({(StandingKind.SERVICE, name)}))
    stand.web.register.value = stand.web.register.value.standing(closed)


def _json(text: str) -> Any:
    return json.loads(text)
