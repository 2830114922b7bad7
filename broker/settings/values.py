"""The settings as frozen values: these classes are the only list of settings there is, their docstrings its words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from broker.domain.services import TokenAuthMethod
from policies.facts import Assurance


class SourceKind(StrEnum):
    """How a source speaks."""

    OIDC = "oidc"
    CAS = "cas"


class SourceProfile(StrEnum):
    """What a source does beyond its protocol."""

    PLAIN = ""
    EDUCONNECT = "educonnect"


class Degree(StrEnum):
    """Which schools a feed covers: 1D écoles, 2D collèges and lycées."""

    FIRST = "1D"
    SECOND = "2D"


class LogLevel(StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class SecretSettings:
    """Secrets are files, never values: nothing secret in this file, in the environment or on a command line."""

    master_file: Path
    """File of 32 to 4096 random bytes, of this user alone, mode 0600: (umask 077; openssl rand -out FILE 32). It seals
    the signing keys: losing it loses them."""


@dataclass(frozen=True, slots=True)
class TenantSettings:
    """An académie or a collectivité: scopes feeds, sources, services and the audit trail, never people."""

    id: str
    """Short name, in lower case."""
    name: str
    """Name as people know it."""


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """A directory feed: who delivers records, and of which schools."""

    id: str
    """Short name, in lower case. It becomes part of every record's id: never change it."""
    tenant: str
    """The tenant that answers for this feed."""
    academie: str
    """Two-digit number of the académie that gives the keys (`ENTPersonJointure`)."""
    degree: Degree
    """1D (écoles) or 2D (collèges and lycées)."""


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """A source that people sign in with."""

    id: str
    """Short name, in lower case. It stands in the return address (/retour/<id>) and in the audit trail."""
    kind: SourceKind
    """oidc or cas."""
    tenant: str
    """The tenant that answers for this source."""
    label: Mapping[str, str]
    """What the button says, by language; French is required."""
    issuer: str = ""
    """oidc: the issuer, exactly as its metadata writes it."""
    url: str = ""
    """cas: the address of the CAS server, up to and without /login."""
    client_id: str = ""
    """oidc: the name this broker has at the source."""
    client_secret_file: Path | None = None
    """oidc: file that holds the client secret."""
    auth_method: TokenAuthMethod = TokenAuthMethod.POST
    """oidc: client_secret_basic or client_secret_post, as the source knows this broker."""
    scopes: tuple[str, ...] = ("openid", "profile")
    """oidc: scopes to ask for."""
    profile: SourceProfile = SourceProfile.PLAIN
    """educonnect: reads FrEduCtRefId and the other attributes of EduConnect."""
    releases_references: bool = False
    """The source states directory keys (ENTPersonJointure, FrEduCtRefId) that prove which records are the person's."""
    feeds: tuple[str, ...] = ()
    """Feeds whose records this source's keys may prove; its keys mean nothing elsewhere."""
    academies: Mapping[str, str] = field(default_factory=dict)
    """How this source names académies in its keys, and their two-digit numbers."""
    ca_file: Path | None = None
    """Certificate authority to trust for this source, when it is not a public one."""
    assurance: Assurance = Assurance.LOW
    """How surely a sign-in here proves who the person is, when the source does not say: low, standard or strong."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an administrator decides about one installation."""

    issuer: str
    """Public address of the broker, https (http on loopback only), without path. Services pin it: never change it."""
    secrets: SecretSettings
    """Secrets are files, never values."""
    data_dir: Path = Path("var")
    """Folder for what the broker writes. Relative paths start at the folder of this file."""
    database_url: str = ""
    """sqlite:///… or postgresql+psycopg://…; empty: preau.sqlite in data_dir."""
    database_url_file: Path | None = None
    """File that holds database_url, where the address carries a password."""
    redis_url: str = ""
    """redis://… or rediss://…; empty: memory, which allows one worker process."""
    redis_url_file: Path | None = None
    """File that holds redis_url, where the address carries a password."""
    policies_dir: Path | None = None
    """Folder that overrides the shipped policies; none: the shipped ones."""
    services_dir: Path = Path("services")
    """Folder of the service descriptors, one *.toml a service."""
    listen: str = "127.0.0.1:8000"
    """Address and port to listen on; put a TLS proxy before it."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks of your own proxies, as 10.0.0.0/8: only they are believed when they say whom they ask for."""
    workers: int = 1
    """Worker processes; as many as cores."""
    threads: int = 8
    """Threads of each worker process."""
    log_level: LogLevel = LogLevel.INFO
    """debug, info, warning or error."""
    tenants: tuple[TenantSettings, ...] = ()
    """Académies and collectivités."""
    feeds: tuple[FeedSettings, ...] = ()
    """Directory feeds."""
    sources: tuple[SourceSettings, ...] = ()
    """Sources that people sign in with, in the order of the page."""

    @property
    def host(self) -> str:
        """Host part of `listen`."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """Port part of `listen`."""
        return int(self.listen.rpartition(":")[2])

    def feed(self, feed_id: str) -> FeedSettings | None:
        """The feed of this id."""
        return next((feed for feed in self.feeds if feed.id == feed_id), None)
