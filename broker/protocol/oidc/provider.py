"""What the endpoints of the provider share: addresses, lifetimes, scopes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from broker.domain.services import ClaimName, RelyingParty, Service

DISCOVERY_PATH = "/.well-known/openid-configuration"
JWKS_PATH = "/jwks"
AUTHORIZE_PATH = "/authorize"
RESUME_PATH = "/authorize/resume"
TOKEN_PATH = "/token"  # noqa: S105 (a path)
USERINFO_PATH = "/userinfo"

SCOPE_CLAIMS: dict[str, tuple[ClaimName, ...]] = {
    "openid": (),
    "profile": (ClaimName.NAME, ClaimName.GIVEN_NAME, ClaimName.FAMILY_NAME),
    "school": (ClaimName.PROFIL, ClaimName.UAI),
    "children": (ClaimName.CHILDREN,),
}
"""What a scope may open at userinfo; a descriptor and the policies may give less, never more."""


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """The issuer (no trailing slash) and how long things live (`policies/sessions.toml`)."""

    issuer: str
    code: timedelta
    access_token: timedelta
    id_token: timedelta
    interaction: timedelta
    copy: timedelta


@dataclass(frozen=True, slots=True)
class Client:
    """A relying party and the service it belongs to."""

    service: Service
    party: RelyingParty


def claims_of(scopes: tuple[str, ...], service: Service) -> tuple[str, ...]:
    """Names of the claims that a grant covers: what its scopes open and the descriptor declares, in claim order."""
    opened = {claim for scope in scopes for claim in SCOPE_CLAIMS.get(scope, ())}
    return tuple(claim.value for claim in ClaimName if claim in opened and claim in service.claims)
