"""The provider put together: every endpoint with its path and method, once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from broker.domain.ports import EphemeralStore, Grants, People, Services
from broker.domain.services import Service
from broker.protocol.endpoint import Route
from broker.protocol.oidc.authorize import Authorize
from broker.protocol.oidc.copies import TokenCopies
from broker.protocol.oidc.discovery import Discovery, build_metadata
from broker.protocol.oidc.pending import PendingRequests
from broker.protocol.oidc.provider import (
    AUTHORIZE_PATH,
    DISCOVERY_PATH,
    JWKS_PATH,
    RESUME_PATH,
    TOKEN_PATH,
    USERINFO_PATH,
    ProviderSettings,
)
from broker.protocol.oidc.signing import Signer
from broker.protocol.oidc.token import Token
from broker.protocol.oidc.userinfo import UserInfo, bearer_copy_key
from policies import Policies

DEFAULT_ALG = "ES256"


@dataclass(frozen=True, slots=True)
class ProviderParts:
    """What the provider is built from."""

    settings: ProviderSettings
    services: Services
    people: People
    grants: Grants
    store: EphemeralStore
    policies: Policies
    signer: Signer


def algs_wanted(services: Iterable[Service]) -> tuple[str, ...]:
    """Algorithms that need a key: ours, and what any client registered."""
    return tuple(sorted({DEFAULT_ALG, *(party.signing_alg for service in services for party in service.parties)}))


def build_routes(parts: ProviderParts) -> tuple[Route, ...]:
    """Every endpoint of the provider."""
    settings = parts.settings
    copies = TokenCopies(parts.store, lifetime=settings.copy)
    pending = PendingRequests(parts.store, login=settings.interaction)
    document = build_metadata(settings.issuer, algs=algs_wanted(parts.services.all()))
    discovery = Discovery(document, parts.signer)
    authorize = Authorize(settings, parts.services, parts.people, parts.grants, parts.policies, pending, parts.signer)
    token = Token(settings, parts.services, parts.grants, parts.signer)
    userinfo = UserInfo(parts.services, parts.people, parts.grants, parts.policies, copies)
    return (
        Route("GET", DISCOVERY_PATH, discovery.metadata),
        Route("GET", JWKS_PATH, discovery.jwks),
        Route("GET", AUTHORIZE_PATH, authorize.get, pages=True, reads_session=True),
        Route("POST", AUTHORIZE_PATH, authorize.post, pages=True),
        Route("GET", RESUME_PATH, authorize.resume, pages=True, reads_session=True),
        Route("POST", TOKEN_PATH, token.post),
        Route("GET", USERINFO_PATH, userinfo.answer, copy_key=bearer_copy_key),
        Route("POST", USERINFO_PATH, userinfo.answer, copy_key=bearer_copy_key),
    )
