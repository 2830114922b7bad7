"""Services that people open, as their descriptor declares them. Without a descriptor a service gets no claim at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from broker.domain.assurance import Assurance
from broker.domain.people import Profil, Space
from broker.domain.school import Level
from broker.domain.service_clients import SAML_CLIENT, ServiceProvider

if TYPE_CHECKING:
    from broker.domain.cas import CasClient
    from broker.domain.release_rules import ReleaseRules


_LOOPBACK = re.compile(r"http://(?P<host>127\.0\.0\.1|\[::1\])(?::(?P<port>[1-9][0-9]{0,4}))?(?P<rest>/[^#\s]*|)")


class ClaimName(StrEnum):
    """Claims a service may ask for. The INE, another adult's contact and a family reason are not on this list.

    All but `CHILDREN` and, for a guardian, `VECTEUR` (FrEduVecteur) speak of the person alone: a guardian's release
    never holds a child's birth date, class or MEF.
    """

    NAME = "name"
    GIVEN_NAME = "given_name"
    FAMILY_NAME = "family_name"
    PROFIL = "profil"
    UAI = "uai"
    CHILDREN = "children"
    BIRTH_DATE = "birthdate"
    EMAIL = "email"
    EMAIL_VERIFIED = "email_verified"
    PHONE_NUMBER = "phone_number"
    PHONE_NUMBER_VERIFIED = "phone_number_verified"
    ADDRESS = "address"
    POSTAL_CODE = "postal_code"
    LOGIN = "login"
    EXTERNAL_ID = "external_id"
    CLASSES = "classes"
    MEF = "mef"
    TEACHINGS = "teachings"
    FUNCTIONS = "functions"
    SUB_FUNCTIONS = "sub_functions"
    STRUCTURE_TYPE = "structure_type"
    VECTEUR = "vecteur"
    QUIET_UNTIL = "quiet_until"


NO_TEXT = frozenset({ClaimName.CHILDREN, ClaimName.EMAIL_VERIFIED, ClaimName.PHONE_NUMBER_VERIFIED, ClaimName.ADDRESS})
"""Claims that are an object, or true or false: only OpenID Connect can say them."""


class TokenAuthMethod(StrEnum):
    """How a client proves itself at the token endpoint (OIDC Core §9). `none`: a public client, held by PKCE alone."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    PRIVATE_KEY_JWT = "private_key_jwt"
    NONE = "none"


class GrantType(StrEnum):
    """By what a client may get tokens (RFC 7591 §2). Refresh tokens follow from the scope `offline_access`."""

    AUTHORIZATION_CODE = "authorization_code"
    CLIENT_CREDENTIALS = "client_credentials"
    DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
    TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 (a name)


class Protocol(StrEnum):
    """By what protocol a service asks who somebody is."""

    OIDC = "oidc"
    SAML = "saml"
    CAS = "cas"


class ClientKind(StrEnum):
    """Where a client runs. What runs on a person's device keeps no secret (RFC 8252 §8.4, RFC 6749 §2.1)."""

    WEB = "web"
    NATIVE = "native"
    BROWSER = "browser"


class ServiceState(StrEnum):
    """How far a service is trusted: as its descriptor says, looked at by an administrator, or closed by one."""

    DECLARED = "declared"
    VERIFIED = "verified"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Encryption:
    """How something is encrypted to a client: `alg` for the content key, `enc` for the content (RFC 7518 §4, §5)."""

    alg: str
    enc: str


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """An OpenID Connect client of a service. `secret_digest` is the SHA-256 (hex) of a 256-bit random secret.

    A native or browser client is public: no secret, `auth_method` none. `origins` are the exact origins whose pages may
    read answers (Fetch §3.2, CORS). `jwks` is the JWK set (JSON) of a client that signs, or is encrypted to. `par`: its
    requests come pushed, in no other way (RFC 9126 §6); `dpop`: its tokens are bound to a key (RFC 9449 §5.2).
    `pkce_waiver` is the written reason why a client that authenticates may go without PKCE; empty: it must not.
    `userinfo_alg` signs userinfo, empty: it is plain JSON; the encryptions are to a key of `jwks`, None: not encrypted.
    `grant_types`: by what it gets tokens, and by nothing else; `service_scopes`: what it may do in its own name;
    `child_scopes`: what it may do for one child, in the place of a guardian; `device_offline`: its screens may renew
    their tokens by themselves.
    The three addresses of logout are exact too; empty: the client registered none. `jwks_uri` is where keys are instead
    of `jwks`. `initiate_login_uri`: where a login may be begun for it (OIDC Core §4). `self_registered`: nobody here
    declared it (RFC 7591), OpenID Connect Core alone binds it; `assertion_alg` is what it said it signs with.
    """

    client_id: str
    secret_digest: str
    redirect_uris: tuple[str, ...]
    auth_method: TokenAuthMethod
    scopes: tuple[str, ...] = ("openid",)
    signing_alg: str = "ES256"
    kind: ClientKind = ClientKind.WEB
    origins: tuple[str, ...] = ()
    jwks: str = ""
    par: bool = False
    dpop: bool = False
    pkce_waiver: str = ""
    userinfo_alg: str = ""
    userinfo_encryption: Encryption | None = None
    id_token_encryption: Encryption | None = None
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str = ""
    frontchannel_logout_uri: str = ""
    jwks_uri: str = ""
    initiate_login_uri: str = ""
    self_registered: bool = False
    assertion_alg: str = ""
    grant_types: frozenset[GrantType] = frozenset({GrantType.AUTHORIZATION_CODE})
    service_scopes: tuple[str, ...] = ()
    child_scopes: tuple[str, ...] = ()
    device_offline: bool = False

    def accepts_redirect(self, uri: str) -> bool:
        """Tell whether answers may be sent there: byte for byte as registered (RFC 9700 §2.1).

        A native client's loopback address may come with any port: it is drawn when the app listens (RFC 8252 §7.3).
        """
        if uri in self.redirect_uris:
            return True
        asked = _LOOPBACK.fullmatch(uri) if self.kind is ClientKind.NATIVE else None
        if asked is None or int(asked["port"] or 80) not in range(1, 65536):
            return False
        known = (_LOOPBACK.fullmatch(registered) for registered in self.redirect_uris)
        return any(one and (one["host"], one["rest"]) == (asked["host"], asked["rest"]) for one in known)


@dataclass(frozen=True, slots=True)
class Resource:
    """An API of a service, named by its address (RFC 8707): tokens for it are good there and nowhere else.

    `client_id` is the client of the service that asks whether a token is good; `clients` are those that may get one.
    `scopes`: what it takes, of whoever is let in; a token for it says nothing else. `jwt`: it reads RFC 9068 tokens
    itself; else they are opaque.
    """

    uri: str
    client_id: str
    clients: frozenset[str]
    scopes: frozenset[str]
    jwt: bool = False


@dataclass(frozen=True, slots=True)
class ServiceInstance:
    """Where one school's people open the service. `uai` empty: one address for every school."""

    uai: str
    url: str


@dataclass(frozen=True, slots=True)
class Operator:
    """Who runs a service and how to reach them. `processor`: on behalf of the school (RGPD article 28)."""

    name: str
    contact: str
    processor: bool = False


@dataclass(frozen=True, slots=True)
class Accessibility:
    """The declared RGAA rate in percent and its statement. `rate` None: not declared, and pages say so."""

    rate: int | None
    statement: str


@dataclass(frozen=True, slots=True)
class OpeningDates:
    """From when to when (days included) a school, one of its levels or classes has the service.

    `class_code` is what the feed names the class by; empty: the whole level or school. `text` by language: what
    families read until then.
    """

    uai: str
    level: Level | None
    class_code: str
    opens: date | None
    closes: date | None
    text: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SelfRegistered:
    """What a service that registered itself says of itself, and nobody checked. Addresses: empty where it told none.

    `host` is where its answers go, the one thing that is certain of it; it is forgotten at `until`.
    """

    host: str
    until: datetime
    client_uri: str = ""
    logo_uri: str = ""
    policy_uri: str = ""
    tos_uri: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """What a person opens. `names` by language; `claims` is the most it may ever receive, policies may give less.

    `classes` are written UAI:code ("0990001A:6B"); empty: every class. `requires` is the least assurance, `mandates`
    whether a third adult may use it for a child, `outage` whether a lower assurance is taken while the source that
    would give the required one is down. `state` and `closed_schools` (suspended by an administrator: no service there,
    and in no claim) come from the standings, never from the descriptor. `registered`: it registered itself; None: a
    descriptor declares it. `cas` and `saml`: how it is known by these, None: not at all. `sector_host` is that of a
    `sector_identifier_uri`, which such a client alone can have.
    """

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
    operator: Operator | None = None
    data: str = ""
    legal_basis: str = ""
    retention: str = ""
    rights_url: str = ""
    accessibility: Accessibility | None = None
    protocols: tuple[Protocol, ...] = (Protocol.OIDC,)
    classes: frozenset[str] = field(default_factory=frozenset)
    requires: Assurance = Assurance.LOW
    mandates: bool = False
    outage: bool = False
    openings: tuple[OpeningDates, ...] = ()
    state: ServiceState = ServiceState.DECLARED
    closed_schools: frozenset[str] = field(default_factory=frozenset)
    release: ReleaseRules | None = None
    resources: tuple[Resource, ...] = ()
    registered: SelfRegistered | None = None
    cas: CasClient | None = None
    sector_host: str = ""
    saml: ServiceProvider | None = None

    @property
    def sector(self) -> str:
        """Where one subject of a person is good (OIDC Core §8.1): the service, or the host that it shares one with.

        Marked, so that a host never passes for the service of that name.
        """
        return f"host:{self.sector_host}" if self.sector_host else self.service_id

    @property
    def saml_client(self) -> str:
        """The name under which its SAML logins are granted."""
        return f"{SAML_CLIENT}{self.service_id}"

    @property
    def login_starts_at(self) -> str:
        """Where a login may be begun for the service (OIDC Core §4); empty where it takes none that it did not ask."""
        return next((party.initiate_login_uri for party in self.parties if party.initiate_login_uri), "")

    @property
    def is_suspended(self) -> bool:
        """Tell whether an administrator closed the service: it is given nothing while that stands."""
        return self.state is ServiceState.SUSPENDED

    def serves_class(self, *, uai: str, class_code: str) -> bool:
        """Tell whether the service is offered to this class: a school of which none is named is served whole."""
        if f"{uai}:{class_code}" in self.classes:
            return True
        return not any(each.startswith(f"{uai}:") for each in self.classes)

    def serves(self, *, uai: str, level: Level | None) -> bool:
        """Tell whether the service is offered at this school (empty sets mean every level, every school)."""
        return (not self.schools or uai in self.schools) and (not self.levels or level in self.levels)

    def party(self, client_id: str) -> RelyingParty | None:
        """The client of this service with this identifier, byte for byte."""
        return next((party for party in self.parties if party.client_id == client_id), None)

    def resource(self, uri: str) -> Resource | None:
        """The API of this service at this address, byte for byte."""
        return next((resource for resource in self.resources if resource.uri == uri), None)

    def url_for(self, uai: str) -> str | None:
        """Address of the instance for a school, else the one for all, else None."""
        by_school = {instance.uai: instance.url for instance in self.instances}
        return by_school.get(uai) or by_school.get("")
