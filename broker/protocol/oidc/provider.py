"""What the endpoints of the provider share: addresses, lifetimes, scopes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from broker.domain.ports import Current
from broker.domain.services import ClaimName, RelyingParty, Service
from policies import SessionLimits

DISCOVERY_PATH = "/.well-known/openid-configuration"
JWKS_PATH = "/jwks"
AUTHORIZE_PATH = "/authorize"
RESUME_PATH = "/authorize/resume"
TOKEN_PATH = "/token"  # noqa: S105 (a path)
USERINFO_PATH = "/userinfo"
END_SESSION_PATH = "/end-session"
END_SESSION_RESUME_PATH = "/end-session/resume"
REVOCATION_PATH = "/revoke"
INTROSPECTION_PATH = "/introspect"
PUSH_PATH = "/par"
DEVICE_AUTHORIZATION_PATH = "/device_authorization"
REGISTER_PATH = "/register"

DOCUMENTATION_PATH = "/integrer"
"""The page for those who connect a service (RFC 8414 §2, `service_documentation`)."""

SCOPE_CLAIMS: dict[str, tuple[ClaimName, ...]] = {
    "openid": (),
    "profile": (ClaimName.NAME, ClaimName.GIVEN_NAME, ClaimName.FAMILY_NAME),
    "school": (ClaimName.PROFIL, ClaimName.UAI),
    "children": (ClaimName.CHILDREN,),
    "email": (ClaimName.EMAIL, ClaimName.EMAIL_VERIFIED),
    "phone": (ClaimName.PHONE_NUMBER, ClaimName.PHONE_NUMBER_VERIFIED),
    "address": (ClaimName.ADDRESS, ClaimName.POSTAL_CODE),
    "birthdate": (ClaimName.BIRTH_DATE,),
    "schooling": (
        ClaimName.CLASSES,
        ClaimName.MEF,
        ClaimName.TEACHINGS,
        ClaimName.FUNCTIONS,
        ClaimName.SUB_FUNCTIONS,
        ClaimName.STRUCTURE_TYPE,
    ),
    "directory": (ClaimName.LOGIN, ClaimName.EXTERNAL_ID, ClaimName.VECTEUR),
    "quiet_hours": (ClaimName.QUIET_UNTIL,),
    "offline_access": (),
}
"""What a scope may open at userinfo; a descriptor and the policies may give less, never more."""


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """The issuer (no trailing slash) and how long things live: the installation's `sessions.toml`, as it is now."""

    issuer: str
    lives: Current[SessionLimits]

    @property
    def access_token(self) -> timedelta:
        """How long an access token is good."""
        return self.lives.current().access_token

    @property
    def id_token(self) -> timedelta:
        """How long an ID token is good."""
        return self.lives.current().id_token

    @property
    def logout_token(self) -> timedelta:
        """How long a logout token is good."""
        return self.lives.current().logout_token


@dataclass(frozen=True, slots=True)
class Client:
    """A relying party and the service it belongs to."""

    service: Service
    party: RelyingParty


def claims_of(scopes: tuple[str, ...], client: Client, *, named: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Names of the claims that a grant covers, in claim order: what its scopes open and what was asked for by name.

    Never beyond what the descriptor declares, nor what the client's own scopes could open.
    """
    return _covered(scopes, client.party.scopes, client.service.claims, named)


@lru_cache(maxsize=1024)
def _covered(
    scopes: tuple[str, ...], registered: tuple[str, ...], declared: tuple[ClaimName, ...], named: frozenset[str]
) -> tuple[str, ...]:
    opened = _opened(scopes) | {claim for claim in _opened(registered) if claim.value in named}
    return tuple(claim.value for claim in ClaimName if claim in opened and claim in declared)


def _opened(scopes: tuple[str, ...]) -> set[ClaimName]:
    return {claim for scope in scopes for claim in SCOPE_CLAIMS.get(scope, ())}
