"""The settings as frozen values: these classes are the only list of settings there is, their docstrings its words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from broker.domain.school import Level
from broker.domain.services import TokenAuthMethod
from broker.settings.message_values import LetterSettings, MailSettings, SmsSettings
from policies.facts import Assurance


class SourceKind(StrEnum):
    """How a source speaks."""

    OIDC = "oidc"
    CAS = "cas"
    LDAP = "ldap"
    SAML = "saml"
    OWN = "own"


class SourceProfile(StrEnum):
    """What a source does beyond its protocol."""

    PLAIN = ""
    EDUCONNECT = "educonnect"
    AGENTS = "agents"


class SourceLogout(StrEnum):
    """Whether a sign-out here leads through the source's own."""

    BY_KIND = ""
    UPSTREAM = "upstream"
    NONE = "none"


class Degree(StrEnum):
    """Which schools a feed covers: 1D écoles, 2D collèges and lycées."""

    FIRST = "1D"
    SECOND = "2D"


class FeedKind(StrEnum):
    """What a feed is read from."""

    AAF = "aaf"
    ONDE = "onde"
    SIECLE = "siecle"
    CSV = "csv"
    LDAP = "ldap"

    @property
    def by_school(self) -> bool:
        """Tell whether every school delivers for itself: each is then a feed of its own, below this one."""
        return self in {FeedKind.ONDE, FeedKind.SIECLE, FeedKind.CSV}


class GuardiansAre(StrEnum):
    """What the operator declares of all adults that an extraction holds, where the file itself tells no level."""

    CONTACT = "contact"
    LEGAL = "legal"


class ListOf(StrEnum):
    """Whom a vendor's list speaks of."""

    PUPILS = "pupils"
    GUARDIANS = "guardians"


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
    """A directory feed: who delivers records, and of which schools. docs/feeds.md tells each kind."""

    id: str
    """Short name, in lower case. It becomes part of every record's id: never change it."""
    tenant: str
    """The tenant that answers for this feed."""
    kind: FeedKind = FeedKind.AAF
    """aaf, onde, siecle, csv or ldap. With onde, siecle and csv each school is a feed of its own: <id>.<uai>."""
    academie: str = ""
    """aaf: two-digit number of the académie that gives the keys (`ENTPersonJointure`)."""
    degree: Degree | None = None
    """aaf: 1D (écoles) or 2D (collèges and lycées)."""
    guardians: GuardiansAre | None = None
    """onde: what the adults of the extraction are: contact (they see nothing; taken when nothing is said) or legal."""
    level: Level | None = None
    """siecle, csv: level of all its schools when they have one; what a feed with names says of a school is kept."""
    people: ListOf | None = None
    """csv: whom the list speaks of, pupils or guardians."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """csv: which column means what, as { login = "Identifiant", family = "Nom", given = "Prénom" }; never guessed."""
    separator: str = ""
    """csv: the character between two cells; a semicolon when nothing is said."""
    url: str = ""
    """ldap: address of the directory, ldaps://… or ldap://… (StartTLS); never without TLS."""
    reader_dn: str = ""
    """ldap: name of the account that reads; it needs no right to write."""
    reader_password_file: Path | None = None
    """ldap: file that holds that account's password."""
    ca_file: Path | None = None
    """ldap: certificate authority to trust for this directory, when it is not a public one."""
    people_dn: str = ""
    """ldap: name below which persons stand."""
    structures_dn: str = ""
    """ldap: name below which schools stand."""
    key_attribute: str = ""
    """ldap: attribute that holds each person's own key for good; uid when nothing is said. Never change it."""
    academies: Mapping[str, str] = field(default_factory=dict)
    """ldap: how the directory names académies in `ENTPersonJointure`, and their two-digit numbers."""

    @property
    def degree_of_schools(self) -> str:
        """Degree of the schools that it speaks of, `1D` or `2D`; empty where it may be any."""
        of_kind = {FeedKind.ONDE: Degree.FIRST, FeedKind.SIECLE: Degree.SECOND}
        return str(self.degree or of_kind.get(self.kind) or "")


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """A source that people sign in with."""

    id: str
    """Short name, in lower case. It stands in the return address (/retour/<id>) and in the audit trail."""
    kind: SourceKind
    """oidc, cas, ldap, saml or own. A key of another kind is refused; docs/sources.md tells each."""
    tenant: str
    """The tenant that answers for this source."""
    label: Mapping[str, str]
    """What the button says, by language; French is required."""
    issuer: str = ""
    """oidc: the issuer, exactly as its metadata writes it. saml: the provider's entityID; never change it."""
    url: str = ""
    """cas: the address of the CAS server, up to and without /login. ldap: that of the directory, ldaps://… or ldap://…
    (StartTLS), never without TLS; it is part of every account's key: never change it."""
    client_id: str = ""
    """oidc: the name this broker has at the source."""
    client_secret_file: Path | None = None
    """oidc: file that holds the client secret."""
    auth_method: TokenAuthMethod = TokenAuthMethod.POST
    """oidc: client_secret_basic or client_secret_post, as the source knows this broker."""
    scopes: tuple[str, ...] = ("openid", "profile")
    """oidc: scopes to ask for."""
    acr_values: tuple[str, ...] = ()
    """oidc: what a sign-in there must prove, the best first, as eidas2 eidas1; any other is refused."""
    profile: SourceProfile = SourceProfile.PLAIN
    """educonnect: reads FrEduCtRefId and the other attributes of EduConnect. agents: an academy's staff desk."""
    metadata_file: Path | None = None
    """saml: the provider's metadata, as its administrator gave it to you over a way that you trust."""
    metadata_url: str = ""
    """saml: or where they are published, signed, and fetched by `preau work`; reachable_networks and services_ca_file
    hold for it too."""
    metadata_certificate_file: Path | None = None
    """saml: certificate (PEM) of the key that signs what is at metadata_url, had over a way that you trust."""
    key_file: Path | None = None
    """saml: our RSA key towards this provider (PEM): it signs what we ask and opens what is encrypted to us."""
    certificate_file: Path | None = None
    """saml: a certificate of that key (PEM), self-signed is fine. The provider finds it in /saml/sp/<id>/metadata."""
    reader_dn: str = ""
    """ldap: name of the account that looks people up; it needs no right to write."""
    reader_password_file: Path | None = None
    """ldap: file that holds that account's password."""
    people_dn: str = ""
    """ldap: name below which persons stand."""
    login_attributes: tuple[str, ...] = ()
    """ldap: attributes that hold what people write as their login; ENTPersonLogin when nothing is said."""
    subject_attribute: str = ""
    """ldap, saml: attribute that holds each person's own key for good. ldap: uid when nothing is said; saml: the
    persistent NameID, with the profile agents the work mail (ctemail, mail). Never change it."""
    decoy_dn: str = ""
    """ldap: an entry whose password nobody knows. Unknown logins are tried there, so that none answers sooner."""
    releases_references: bool = False
    """The source states directory keys (ENTPersonJointure, FrEduCtRefId) that prove which records are the person's."""
    feeds: tuple[str, ...] = ()
    """Feeds whose records this source's keys may prove; its keys mean nothing elsewhere."""
    academies: Mapping[str, str] = field(default_factory=dict)
    """cas, ldap: how this source names académies in its keys, and their two-digit numbers."""
    ca_file: Path | None = None
    """Certificate authority to trust for this source, when it is not a public one."""
    logout: SourceLogout = SourceLogout.BY_KIND
    """oidc, cas, saml: upstream leads every sign-out through the source's own, none offers it on shared devices alone;
    nothing said: upstream for saml, none for the others, whose way back has to be agreed first (docs/sources.md)."""
    logout_hosts: tuple[str, ...] = ()
    """saml: hosts that the provider may name as the place to sign out (FrEduUrlRetour); else that of its sign-in."""
    desk: bool = False
    """oidc, saml: its people are agents of the desk (docs/desk.md): who has no record comes in all the same, under the
    limits of staff, and what the profile agents reads gives posts. Never for a source that families use."""
    desk_application: str = "preau"
    """The name by which heads delegate our desk (applicationname in FrEduResDel)."""
    assurance: Assurance = Assurance.LOW
    """How surely a sign-in here proves who the person is, when the source does not say: low, standard or strong."""

    @property
    def leads_out(self) -> bool:
        """Whether a sign-out here leads through the source's own."""
        by_kind = SourceLogout.UPSTREAM if self.kind is SourceKind.SAML else SourceLogout.NONE
        return (self.logout or by_kind) is SourceLogout.UPSTREAM

    @property
    def subjects_in(self) -> str:
        """ldap: the attribute that holds each person's own key, said or not."""
        return self.subject_attribute or "uid"


@dataclass(frozen=True, slots=True)
class HashingSettings:
    """What comparing a secret of the source `own` costs this machine (argon2id); dearer for guessers, and for it."""

    memory_kib: int = 19456
    """KiB of memory for each hash, 19456 or more."""
    passes: int = 2
    """Passes over that memory, 2 or more."""
    workers: int = 0
    """How many are made at once in each worker process; 0: as many as cores but one."""
    waiting: int = 4
    """How many more may wait; the next is told to come back. Less than `threads`, or nobody else is served then."""


@dataclass(frozen=True, slots=True)
class FederationSettings:
    """A federation whose signed metadata complete the services that name an entity of it. docs/saml.md tells more."""

    id: str
    """Short name, in lower case."""
    tenant: str
    """The tenant whose services it may complete."""
    certificate_file: Path
    """Certificate (PEM) of the key that signs the metadata, as the federation gave it to you over a way you trust."""
    metadata_url: str = ""
    """Where the metadata are fetched, by `preau work`; reachable_networks and services_ca_file hold for it too."""
    metadata_file: Path | None = None
    """Or the file in which somebody else puts them."""
    longest_days: int = 90
    """Metadata that say they are good for longer than this are refused."""


@dataclass(frozen=True, slots=True)
class RegistrationSettings:
    """Clients that register themselves (RFC 7591; docs/registration.md). Off, and what came before is unknown then."""

    enabled: bool = False
    """Whether clients may register themselves."""
    tenant: str = ""
    """The tenant that answers for them; its policies speak."""
    profils: tuple[str, ...] = ()
    """Who may open them: TUT, or profiles of staff (ENS, DIR, EVS, ETA, ACA, DOC, COL); never pupils."""
    token_file: Path | None = None
    """File that holds the initial access token a client must show: 43 random characters or more."""
    open: bool = False
    """Whether anybody may register, without an initial access token."""
    days: int = 30
    """Days until a client that registered itself is forgotten."""
    most: int = 100
    """How many of them may live at once."""
    pkce_waiver: str = ""
    """Why those that keep a secret or sign may go without PKCE, in words; nothing said: none may."""
    reachable_networks: tuple[str, ...] = ()
    """Inside networks where addresses that such clients name may be called, for a test site; else public ones alone."""


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
    reachable_networks: tuple[str, ...] = ()
    """Networks inside which services may be told of a logout or asked for keys, as 10.0.0.0/8; none: public ones."""
    services_ca_file: Path | None = None
    """Certificate authority to trust when services are told of a logout or asked for keys, if not a public one."""
    sandbox_file: Path | None = None
    """Invented people and their password, shown to those who connect a service (docs/integrate.md); never real ones."""
    workers: int = 1
    """Worker processes; as many as cores."""
    threads: int = 8
    """Threads of each worker process."""
    rotate_keys: bool = True
    """Signing keys take over from each other by policies/keys.toml; false: only `preau keys rotate` lets them."""
    log_level: LogLevel = LogLevel.INFO
    """debug, info, warning or error."""
    help_phone: str = ""
    """Telephone number that helps people with their access; it stands in mails and text messages."""
    registration: RegistrationSettings = field(default_factory=RegistrationSettings)
    """Clients that register themselves."""
    mail: MailSettings = field(default_factory=MailSettings)
    """The relay by which people are written to."""
    sms: SmsSettings = field(default_factory=SmsSettings)
    """The gateway by which text messages are sent."""
    letters: LetterSettings = field(default_factory=LetterSettings)
    """Letters that the desk prints."""
    hashing: HashingSettings = field(default_factory=HashingSettings)
    """What comparing a secret costs."""
    tenants: tuple[TenantSettings, ...] = ()
    """Académies and collectivités."""
    feeds: tuple[FeedSettings, ...] = ()
    """Directory feeds."""
    sources: tuple[SourceSettings, ...] = ()
    """Sources that people sign in with, in the order of the page."""
    federations: tuple[FederationSettings, ...] = ()
    """Federations of SAML services."""

    @property
    def host(self) -> str:
        """Host part of `listen`."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """Port part of `listen`."""
        return int(self.listen.rpartition(":")[2])

    def feed(self, feed_id: str) -> FeedSettings | None:
        """The feed of this id; also for the id of one school's own part of it (`<id>.<uai>`)."""
        name, dot, school = feed_id.partition(".")
        found = next((feed for feed in self.feeds if feed.id == name), None)
        if found is None or not dot:
            return found
        return found if found.kind.by_school and school else None
