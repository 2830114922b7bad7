"""What must hold between sound values: addresses, references from table to table, files that are there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_network
from urllib.parse import SplitResult, urlsplit

from broker.domain.services import TokenAuthMethod
from broker.services.addresses import is_loopback
from broker.settings.feed_checks import ACADEMIE, check_allotted, check_feeds
from broker.settings.secret_files import secret_fault
from broker.settings.values import Settings, SourceKind, SourceProfile, SourceSettings
from policies.facts import Assurance

_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?")
_DATABASES = ("sqlite:///", "postgresql+psycopg://")


def check_settings(settings: Settings) -> tuple[str, ...]:
    """Every fault of sound values: addresses, references between tables, files that are not there."""
    return tuple(problem for check in _CHECKS for problem in check(settings))


def _check_issuer(settings: Settings) -> Iterator[str]:
    parts = urlsplit(settings.issuer)
    if settings.issuer != f"{parts.scheme}://{parts.netloc}" or not parts.hostname or "@" in parts.netloc:
        yield "issuer: an address as https://sso.example.fr is wanted, without path or final slash"
    yield from _check_https("issuer", parts)


def _check_https(where: str, parts: SplitResult) -> Iterator[str]:
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        return
    yield f"{where}: https is wanted (http on loopback only)"


def _check_server(settings: Settings) -> Iterator[str]:
    port = settings.listen.rpartition(":")[2]
    if not settings.host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        yield "listen: an address and a port are wanted, as 127.0.0.1:8000"
    if settings.workers < 1:
        yield "workers: at least 1"
    if settings.threads < 1:
        yield "threads: at least 1"
    if settings.workers > 1 and not (settings.redis_url or settings.redis_url_file):
        yield "workers: more than one worker process needs redis_url (memory is not shared)"


def _check_networks(settings: Settings) -> Iterator[str]:
    for name in ("trusted_proxies", "reachable_networks"):
        for network in getattr(settings, name):
            try:
                ip_network(network)
            except ValueError:
                yield f"{name}: {network} is not a network, as 10.0.0.0/8"


def _check_stores(settings: Settings) -> Iterator[str]:
    if settings.database_url and not settings.database_url.startswith(_DATABASES):
        yield "database_url: sqlite:///… or postgresql+psycopg://… is wanted"
    if settings.redis_url and not settings.redis_url.startswith(("redis://", "rediss://")):
        yield "redis_url: redis://… or rediss://… is wanted"


def _check_files(settings: Settings) -> Iterator[str]:
    master = settings.secrets.master_file
    if not master.is_file():
        yield f"secrets.master_file: {master} is not a file; make it with: (umask 077; openssl rand -out FILE 32)"
    if not settings.services_dir.is_dir():
        yield f"services_dir: {settings.services_dir} is not a folder"
    if settings.policies_dir is not None and not settings.policies_dir.is_dir():
        yield f"policies_dir: {settings.policies_dir} is not a folder"
    if settings.services_ca_file is not None and not settings.services_ca_file.is_file():
        yield f"services_ca_file: {settings.services_ca_file} is not a file"


def _check_ids(settings: Settings) -> Iterator[str]:
    for name in ("tenants", "feeds", "sources"):
        seen: set[str] = set()
        for item in getattr(settings, name):
            if not _ID.fullmatch(item.id):
                yield f"{name}.{item.id}: an id is lower-case letters, digits and hyphens"
            if item.id in seen:
                yield f"{name}.{item.id}: this id is already taken"
            seen.add(item.id)


def _check_sources(settings: Settings) -> Iterator[str]:
    tenants = {tenant.id for tenant in settings.tenants}
    feeds = {feed.id for feed in settings.feeds}
    for source in settings.sources:
        where = f"sources.{source.id}"
        if source.tenant not in tenants:
            yield f"{where}.tenant: {source.tenant} is not among the tenants"
        yield from (f"{where}.feeds: {name} is not among the feeds" for name in source.feeds if name not in feeds)
        yield from (f"{where}.{problem}" for check in _SOURCE_CHECKS for problem in check(source))


def _check_source_address(source: SourceSettings) -> Iterator[str]:
    name, value = ("issuer", source.issuer) if source.kind is SourceKind.OIDC else ("url", source.url)
    if not value:
        yield f"{name}: missing (kind = {source.kind})"
        return
    yield from _check_https(name, urlsplit(value))


def _check_source_client(source: SourceSettings) -> Iterator[str]:
    if source.kind is not SourceKind.OIDC:
        return
    if not source.client_id:
        yield "client_id: missing (kind = oidc)"
    if source.client_secret_file is None:
        yield "client_secret_file: missing (kind = oidc)"
    elif not source.client_secret_file.is_file():
        yield f"client_secret_file: {source.client_secret_file} is not a file"
    elif fault := secret_fault(source.client_secret_file):
        hint = "leave the source out until you have its secret"
        yield f"client_secret_file: {source.client_secret_file} {fault} ({hint})"
    if source.auth_method is TokenAuthMethod.NONE:
        yield "auth_method: client_secret_basic or client_secret_post (kind = oidc)"
    if "openid" not in source.scopes:
        yield "scopes: openid is wanted"


def _check_source_keys(source: SourceSettings) -> Iterator[str]:
    if source.releases_references and not source.feeds:
        yield "feeds: a source that releases references needs the feeds its keys may prove"
    if source.releases_references and source.kind is SourceKind.OIDC and source.profile is SourceProfile.PLAIN:
        yield "releases_references: among oidc sources only the profile educonnect has references"
    for name, number in source.academies.items():
        if not ACADEMIE.fullmatch(number):
            yield f"academies.{name}: two digits are wanted"


def _check_source_rest(source: SourceSettings) -> Iterator[str]:
    if not source.label.get("fr"):
        yield "label.fr: missing"
    if source.ca_file is not None and not source.ca_file.is_file():
        yield f"ca_file: {source.ca_file} is not a file"
    if source.assurance is Assurance.NONE:
        yield "assurance: low, standard or strong"


_CHECKS: tuple[Callable[[Settings], Iterable[str]], ...] = (
    _check_issuer,
    _check_server,
    _check_networks,
    _check_stores,
    _check_files,
    _check_ids,
    check_feeds,
    _check_sources,
    check_allotted,
)
_SOURCE_CHECKS: tuple[Callable[[SourceSettings], Iterable[str]], ...] = (
    _check_source_address,
    _check_source_client,
    _check_source_keys,
    _check_source_rest,
)
