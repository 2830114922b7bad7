"""The provider put together: every endpoint with its path and method, once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Protocol

from broker.domain.ports import Consumptions, Current, EphemeralStore, Grants, Ledger, People, Portraits, Services
from broker.domain.services import Service
from broker.federation import service_gate
from broker.federation.service_gate import ServiceGate
from broker.protocol.endpoint import Route
from broker.protocol.oidc.authorize import Authorize
from broker.protocol.oidc.client_assertions import AssertionDesk
from broker.protocol.oidc.discovery import Discovery, build_metadata
from broker.protocol.oidc.end_session import EndSession, SignOuts
from broker.protocol.oidc.pending import PendingRequests
from broker.protocol.oidc.proofs import ProofDesk
from broker.protocol.oidc.provider import (
    AUTHORIZE_PATH,
    DISCOVERY_PATH,
    END_SESSION_PATH,
    END_SESSION_RESUME_PATH,
    INTROSPECTION_PATH,
    JWKS_PATH,
    PUSH_PATH,
    RESUME_PATH,
    REVOCATION_PATH,
    TOKEN_PATH,
    USERINFO_PATH,
    ProviderSettings,
)
from broker.protocol.oidc.pushed import Push, PushedRequests
from broker.protocol.oidc.signing import Signer
from broker.protocol.oidc.token import Token
from broker.protocol.oidc.token_desk import TokenDesk
from broker.protocol.oidc.userinfo import UserInfo
from broker.wire.jose import jwks_from_json
from policies import PolicyBook

DEFAULT_ALG = "ES256"
MOST_KEY_SETS = 1024
"""Key sets of clients kept as objects: far more than an installation has clients that sign."""


class Logins(service_gate.Logins, SignOuts, Protocol):
    """What the provider asks of the federation."""


@dataclass(frozen=True, slots=True)
class ProviderParts:
    """What the provider is built from."""

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


def algs_wanted(services: Iterable[Service]) -> tuple[str, ...]:
    """Algorithms that need a key: ours, and what any client registered."""
    return tuple(sorted({DEFAULT_ALG, *(party.signing_alg for service in services for party in service.parties)}))


def build_routes(parts: ProviderParts) -> tuple[Route, ...]:
    """Every endpoint of the provider."""
    settings = parts.settings
    pending = PendingRequests(parts.store, login=lambda: settings.lives.current().interaction)
    written = lru_cache(maxsize=4)(partial(build_metadata, settings.issuer))
    discovery = Discovery(lambda: written(algs=algs_wanted(parts.services.current().all())), parts.signer)
    gate = ServiceGate(parts.people, parts.policies, parts.logins)
    assertions = AssertionDesk(settings.issuer, parts.consumptions, lru_cache(MOST_KEY_SETS)(jwks_from_json))
    proofs = ProofDesk(settings.issuer, parts.store)
    pushed = PushedRequests(parts.store, lambda: settings.lives.current().pushed)
    push = Push(parts.services, assertions, proofs, pushed)
    portraits = parts.portraits
    authorize = Authorize(settings, parts.services, parts.grants, gate, portraits, pending, parts.signer, pushed)
    token = Token(
        settings, parts.services, parts.grants, parts.ledger, parts.signer, assertions, proofs, gate, portraits
    )
    desk = TokenDesk(settings, parts.services, parts.grants, assertions)
    userinfo = UserInfo(parts.services, parts.grants, portraits, parts.ledger, parts.policies, proofs)
    posted = PendingRequests(
        parts.store, login=lambda: settings.lives.current().interaction, resume=END_SESSION_RESUME_PATH
    )
    end_session = EndSession(settings, parts.services, parts.logins, posted, parts.signer)
    readers = Readers(parts.services)
    return (
        Route("GET", DISCOVERY_PATH, discovery.metadata),
        Route("GET", JWKS_PATH, discovery.jwks),
        Route("GET", AUTHORIZE_PATH, authorize.get, pages=True, reads_session=True),
        Route("POST", AUTHORIZE_PATH, authorize.post, pages=True),
        Route("GET", RESUME_PATH, authorize.resume, pages=True, reads_session=True),
        Route("POST", PUSH_PATH, push.post, readers=readers.may_read),
        Route("GET", END_SESSION_PATH, end_session.get, pages=True, reads_session=True),
        Route("POST", END_SESSION_PATH, end_session.post, pages=True),
        Route("GET", END_SESSION_RESUME_PATH, end_session.resume, pages=True, reads_session=True),
        Route("POST", TOKEN_PATH, token.post, readers=readers.may_read),
        Route("POST", REVOCATION_PATH, desk.revoke, readers=readers.may_read),
        Route("POST", INTROSPECTION_PATH, desk.introspect),
        Route("GET", USERINFO_PATH, userinfo.answer, readers=readers.may_read),
        Route("POST", USERINFO_PATH, userinfo.answer, readers=readers.may_read),
    )
