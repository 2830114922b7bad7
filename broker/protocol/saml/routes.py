"""The identity provider put together: every endpoint with its path and method, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from broker.domain.ports import (
    Current,
    Details,
    EphemeralStore,
    Grants,
    Ledger,
    People,
    Portraits,
    ProviderLogins,
    Services,
)
from broker.federation import service_gate
from broker.federation.service_gate import ServiceGate
from broker.protocol.endpoint import Route
from broker.protocol.oidc.pending import PendingRequests
from broker.protocol.saml.answers import Answers
from broker.protocol.saml.keys import MetadataEndpoint, SamlKeys
from broker.protocol.saml.provider import (
    METADATA_PATH,
    SLO_ANSWER_PATH,
    SLO_PATH,
    SLO_RESUME_PATH,
    SOAP_PATH,
    SSO_INIT_PATH,
    SSO_PATH,
    SSO_RESUME_PATH,
    IdentityProvider,
)
from broker.protocol.saml.releases import Releases
from broker.protocol.saml.slo import Endings, SingleLogout
from broker.protocol.saml.sso import SingleSignOn
from policies import PolicyBook


class Logins(service_gate.Logins, Endings, Protocol):
    """What the identity provider asks of the federation."""


@dataclass(frozen=True, slots=True)
class SamlParts:
    """What the identity provider is built from."""

    idp: IdentityProvider
    services: Current[Services]
    people: People
    portraits: Portraits
    grants: Grants
    details: Details
    provider_logins: ProviderLogins
    ledger: Ledger
    store: EphemeralStore
    policies: Current[PolicyBook]
    keys: SamlKeys
    logins: Logins


def build_saml_routes(parts: SamlParts) -> tuple[Route, ...]:
    """Every endpoint of the identity provider."""
    metadata = MetadataEndpoint(parts.idp, parts.keys)
    sso, slo = _single_sign_on(parts), _single_logout(parts)
    return (
        Route("GET", METADATA_PATH, metadata.answer),
        Route("GET", SSO_PATH, sso.get, pages=True, reads_session=True, asks_again=True),
        Route("POST", SSO_PATH, sso.post, pages=True),
        Route("GET", SSO_RESUME_PATH, sso.resume, pages=True, reads_session=True),
        Route("GET", SSO_INIT_PATH, sso.init, pages=True, reads_session=True),
        Route("GET", SLO_PATH, slo.get, pages=True, reads_session=True),
        Route("POST", SLO_PATH, slo.post, pages=True),
        Route("GET", SLO_RESUME_PATH, slo.resume, pages=True, reads_session=True),
        Route("GET", SLO_ANSWER_PATH, slo.answer, pages=True),
        Route("POST", SOAP_PATH, slo.soap),
    )


def _single_sign_on(parts: SamlParts) -> SingleSignOn:
    return SingleSignOn(
        parts.idp,
        parts.services,
        parts.provider_logins,
        parts.ledger,
        ServiceGate(parts.people, parts.policies, parts.logins),
        parts.portraits,
        Releases(parts.grants, parts.details),
        _pending(parts, SSO_RESUME_PATH),
        Answers(parts.idp, parts.keys.signing),
    )


def _single_logout(parts: SamlParts) -> SingleLogout:
    return SingleLogout(
        parts.idp,
        parts.services,
        parts.provider_logins,
        parts.logins,
        parts.keys,
        posted=_pending(parts, SLO_RESUME_PATH),
        answered=_pending(parts, SLO_ANSWER_PATH),
    )


def _pending(parts: SamlParts, path: str) -> PendingRequests:
    def login() -> timedelta:
        return parts.idp.lives.current().interaction

    return PendingRequests(parts.store, login=login, resume=path)
