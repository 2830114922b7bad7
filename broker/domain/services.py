"""Services that people open, as their descriptor declares them. Without a descriptor a service gets no claim at all."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from broker.domain.people import Profil, Space
from broker.domain.school import Level


class ClaimName(StrEnum):
    """Claims a service may ask for. The INE, another adult's contact and a family reason are not on this list."""

    NAME = "name"
    GIVEN_NAME = "given_name"
    FAMILY_NAME = "family_name"
    PROFIL = "profil"
    UAI = "uai"
    CHILDREN = "children"


class TokenAuthMethod(StrEnum):
    """How a confidential client proves itself at the token endpoint (OIDC Core §9)."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """An OpenID Connect client of a service. `secret_digest` is the SHA-256 (hex) of a 256-bit random secret."""

    client_id: str
    secret_digest: str
    redirect_uris: tuple[str, ...]
    auth_method: TokenAuthMethod
    scopes: tuple[str, ...] = ("openid",)
    signing_alg: str = "ES256"


@dataclass(frozen=True, slots=True)
class ServiceInstance:
    """Where one school's people open the service. `uai` empty: one address for every school."""

    uai: str
    url: str


@dataclass(frozen=True, slots=True)
class Service:
    """What a person opens. `names` by language; `claims` is the most it may ever receive, policies may give less."""

    service_id: str
    tenant: str
    names: dict[str, str]
    purpose: str
    profils: frozenset[Profil]
    levels: frozenset[Level]
    schools: frozenset[str]
    claims: tuple[ClaimName, ...]
    space: Space
    parties: tuple[RelyingParty, ...]
    instances: tuple[ServiceInstance, ...]

    def serves(self, *, uai: str, level: Level | None) -> bool:
        """Tell whether the service is offered at this school (empty sets mean every level, every school)."""
        return (not self.schools or uai in self.schools) and (not self.levels or level in self.levels)

    def party(self, client_id: str) -> RelyingParty | None:
        """The client of this service with this identifier, byte for byte."""
        return next((party for party in self.parties if party.client_id == client_id), None)

    def url_for(self, uai: str) -> str | None:
        """Address of the instance for a school, else the one for all, else None."""
        by_school = {instance.uai: instance.url for instance in self.instances}
        return by_school.get(uai) or by_school.get("")
