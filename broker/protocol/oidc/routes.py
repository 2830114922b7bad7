"""The provider put together: every endpoint with its path and method, once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Protocol

from broker.domain.errors import UpstreamUnavailable
from broker.domain.keys import KeyPurpose
from broker.domain.ports import (
    ChildTokens,
    Consumptions,
    Current,
    DeviceRequests,
    EphemeralStore,
    Grants,
    Ledger,
    People,
    Portraits,
    Services,
    ServiceTokens,
)
from broker.domain.services import Service
from broker.federation import service_gate
from broker.federation.agreements import Agreements
from broker.federation.service_gate import ServiceGate
from broker.protocol.endpoint import Route
from broker.protocol.oidc import access_token
from broker.protocol.oidc.authorize import Authorize
from broker.protocol.oidc.client_assertions import AssertionDesk
from broker.protocol.oidc.client_credentials import ClientCredentials
from broker.protocol.oidc.client_keys import MOST_KEY_SETS, ClientKeys, Fetch
from broker.protocol.oidc.device import DeviceAuthorization
from broker.protocol.oidc.discovery import Discovery, build_metadata
from broker.protocol.oidc.end_session import EndSession, SignOuts
from broker.protocol.oidc.envelopes import Envelopes
from broker.protocol.oidc.exchange import TokenExchange
from broker.protocol.oidc.introspection import TokenReader
from broker.protocol.oidc.pending import PendingRequests
from broker.protocol.oidc.proofs import ProofDesk
from broker.protocol.oidc.provider import (
    AUTHORIZE_PATH,
    DEVICE_AUTHORIZATION_PATH,
    DISCOVERY_PATH,
    END_SESSION_PATH,
    END_SESSION_RESUME_PATH,
    INTROSPECTION_PATH,
    JWKS_PATH,
    PUSH_PATH,
    REGISTER_PATH,
    RESUME_PATH,
    REVOCATION_PATH,
    TOKEN_PATH,
    USERINFO_PATH,
    ProviderSettings,
)
from broker.protocol.oidc.pushed import Push, PushedRequests
from broker.protocol.oidc.registration import PER_MINUTE, RegistrationDesk, RegistrationEndpoint
from broker.protocol.oidc.registration_checks import REGISTERED_ALGS
from broker.protocol.oidc.signing import Signer, WantedKey, keys_of_clients
from broker.protocol.oidc.token import Token
from broker.protocol.oidc.token_desk import TokenDesk
from broker.protocol.oidc.userinfo import UserInfo
from broker.wire import oauth
from broker.wire.jose import encryption_key
from policies import PolicyBook

DEFAULT_ALG = "ES256"


class Logins(service_gate.Logins, SignOuts, Protocol):
    """What the provider asks of the federation."""


def call_nobody(_: str) -> bytes:
    """Fetch nothing: for a provider that is given no way out."""
    raise UpstreamUnavailable("no address is called here")


@dataclass(frozen=True, slots=True)
class ProviderParts:
    """What the provider is built from. `registration` None: no client registers itself (RFC 7591)."""

    settings: ProviderSettings
    services: Current[Services]
    people: People
    portraits: Portraits
    grants: Grants
    consumptions: Consumptions
    ledger: Ledger
    store: EphemeralStore
    policies: Current[PolicyBook]
    signer: Signer
    logins: Logins
    service_tokens: ServiceTokens
    child_tokens: ChildTokens
    device_requests: DeviceRequests
    fetch: Fetch = call_nobody
    registration: RegistrationDesk | None = None


@dataclass(frozen=True, slots=True)
class Readers:
    """Whose pages may read what the endpoints answer: the exact origins of clients that run in a browser."""

    services: Current[Services]

    def may_read(self, origin: str) -> bool:
        """Tell whether a service that is not suspended registered this origin, byte for byte."""
        return any(
            origin in party.origins
            for service in self.services.current().all()
            for party in service.parties
            if not service.is_suspended
        )


def algs_wanted(services: Iterable[Service], *, registration: bool = False) -> tuple[str, ...]:
    """Algorithms that need a key: ours, what any client registered, and what one may that registers itself."""
    parties = [party for service in services for party in service.parties]
    told = {alg for party in parties for alg in (party.signing_alg, party.userinfo_alg) if alg}
    return tuple(sorted({DEFAULT_ALG, *told, *(REGISTERED_ALGS if registration else ())}))


def keys_wanted(services: Iterable[Service], *, registration: bool = False) -> tuple[WantedKey, ...]:
    """Keys that sign for these services; for access tokens only where an API reads them itself (RFC 9068)."""
    every = tuple(services)
    signed = any(resource.jwt for service in every for resource in service.resources)
    own = ((KeyPurpose.ACCESS_TOKEN, access_token.ALG),) if signed else ()
    return (*keys_of_clients(algs_wanted(every, registration=registration)), *own)


def build_routes(parts: ProviderParts) -> tuple[Route, ...]:
    """Every endpoint of the provider."""
    settings = parts.settings
    pending = PendingRequests(parts.store, login=lambda: settings.lives.current().interaction)
    discovery = _discovery(parts)
    gate = ServiceGate(parts.people, parts.policies, parts.logins)
    strangers = parts.registration.fetch if parts.registration else call_nobody
    keys = ClientKeys(parts.fetch, strangers=strangers)
    assertions = AssertionDesk(settings.issuer, parts.consumptions, keys)
    proofs = ProofDesk(settings.issuer, parts.store)
    pushed = PushedRequests(parts.store, lambda: settings.lives.current().pushed, lambda: pending.longest)
    push = Push(parts.services, assertions, proofs, pushed)
    portraits = parts.portraits
    authorize = Authorize(
        settings, parts.services, parts.grants, gate, portraits, pending, parts.signer, pushed, Agreements(parts.store)
    )
    envelopes = Envelopes(settings, parts.signer, lru_cache(MOST_KEY_SETS)(encryption_key))
    token = _token_endpoint(parts, gate, assertions, proofs, envelopes)
    desk = _token_desk(parts, assertions)
    userinfo = UserInfo(parts.services, parts.grants, portraits, parts.ledger, parts.policies, proofs, envelopes)
    posted = PendingRequests(
        parts.store, login=lambda: settings.lives.current().interaction, resume=END_SESSION_RESUME_PATH
    )
    end_session = EndSession(settings, parts.services, parts.logins, posted, parts.signer)
    readers = Readers(parts.services)
    return (
        Route("GET", DISCOVERY_PATH, discovery.metadata),
        Route("GET", JWKS_PATH, discovery.jwks),
        Route("GET", AUTHORIZE_PATH, authorize.get, pages=True, reads_session=True, asks_again=True),
        Route("POST", AUTHORIZE_PATH, authorize.post, pages=True),
        Route("GET", RESUME_PATH, authorize.resume, pages=True, reads_session=True),
        _device_route(parts, assertions),
        Route("POST", PUSH_PATH, push.post, readers=readers.may_read),
        Route("GET", END_SESSION_PATH, end_session.get, pages=True, reads_session=True),
        Route("POST", END_SESSION_PATH, end_session.post, pages=True),
        Route("GET", END_SESSION_RESUME_PATH, end_session.resume, pages=True, reads_session=True),
        Route("POST", TOKEN_PATH, token.post, readers=readers.may_read),
        Route("POST", REVOCATION_PATH, desk.revoke, readers=readers.may_read),
        Route("POST", INTROSPECTION_PATH, desk.introspect),
        Route("GET", USERINFO_PATH, userinfo.answer, readers=readers.may_read),
        Route("POST", USERINFO_PATH, userinfo.answer, readers=readers.may_read),
        *_registration_routes(parts),
    )


class _AlgsWanted:
    """What `algs_wanted` said of the register that was asked about last: a register is never changed, only replaced."""

    def __init__(self, *, registration: bool) -> None:
        self._registration = registration
        self._last: tuple[Services, tuple[str, ...]] | None = None

    def of(self, services: Services) -> tuple[str, ...]:
        last = self._last
        if last is None or last[0] is not services:
            last = self._last = services, algs_wanted(services.all(), registration=self._registration)
        return last[1]


def _discovery(parts: ProviderParts) -> Discovery:
    """The public documents, written anew when a client registers an algorithm that nobody had."""
    written = lru_cache(maxsize=4)(partial(build_metadata, parts.settings.issuer))
    registers = parts.registration is not None
    wanted = _AlgsWanted(registration=registers)

    def document() -> bytes:
        return written(algs=wanted.of(parts.services.current()), registration=registers)

    return Discovery(document, parts.signer)


def _registration_routes(parts: ProviderParts) -> tuple[Route, ...]:
    if parts.registration is None:
        return ()
    register = RegistrationEndpoint(parts.settings.issuer, parts.registration, parts.services)
    return (
        Route("POST", REGISTER_PATH, register.post, per_minute=PER_MINUTE),
        Route("GET", REGISTER_PATH, register.get, per_minute=PER_MINUTE),
        Route("PUT", REGISTER_PATH, register.put, per_minute=PER_MINUTE),
        Route("DELETE", REGISTER_PATH, register.delete, per_minute=PER_MINUTE),
    )


def _token_endpoint(
    parts: ProviderParts, gate: ServiceGate, assertions: AssertionDesk, proofs: ProofDesk, envelopes: Envelopes
) -> Token:
    """The endpoint with every grant of ours."""
    settings = parts.settings
    own_name = ClientCredentials(settings, parts.services, parts.signer, parts.service_tokens)
    exchange = TokenExchange(settings, parts.child_tokens, gate)
    return Token(
        settings, parts.services, parts.grants, parts.ledger, parts.signer, assertions, proofs, gate, parts.portraits,
        parts.device_requests, envelopes,
        grantors={oauth.CLIENT_CREDENTIALS: own_name.issue, oauth.TOKEN_EXCHANGE: exchange.issue},
    )  # fmt: skip


def _token_desk(parts: ProviderParts, assertions: AssertionDesk) -> TokenDesk:
    services, grants, own, of_child = parts.services, parts.grants, parts.service_tokens, parts.child_tokens
    reader = TokenReader(parts.settings, services, grants, own, of_child, parts.signer)
    return TokenDesk(services, grants, own, of_child, reader, assertions)


def _device_route(parts: ProviderParts, assertions: AssertionDesk) -> Route:
    device = DeviceAuthorization(parts.settings, parts.services, parts.device_requests, assertions)
    return Route("POST", DEVICE_AUTHORIZATION_PATH, device.post, per_minute=600)
