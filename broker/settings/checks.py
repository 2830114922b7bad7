"""What must hold between sound values: addresses, references from table to table, files that are there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_network
from urllib.parse import urlsplit

from broker.settings.federation_checks import check_federations
from broker.settings.feed_checks import check_allotted, check_feeds
from broker.settings.key_checks import check_https
from broker.settings.message_checks import check_messages
from broker.settings.registration_checks import check_registration
from broker.settings.source_checks import check_sources
from broker.settings.values import Settings

_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?")
_DATABASES = ("sqlite:///", "postgresql+psycopg://")


def check_settings(settings: Settings) -> tuple[str, ...]:
    """Every fault of sound values: addresses, references between tables, files that are not there."""
    return tuple(problem for check in _CHECKS for problem in check(settings))


def _check_issuer(settings: Settings) -> Iterator[str]:
    parts = urlsplit(settings.issuer)
    if settings.issuer != f"{parts.scheme}://{parts.netloc}" or not parts.hostname or "@" in parts.netloc:
        yield "issuer: an address as https://sso.example.fr is wanted, without path or final slash"
    yield from check_https("issuer", parts)


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
    stated = {
        "trusted_proxies": settings.trusted_proxies,
        "reachable_networks": settings.reachable_networks,
        "registration.reachable_networks": settings.registration.reachable_networks,
    }
    for name, networks in stated.items():
        for network in networks:
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
    for name in ("tenants", "feeds", "sources", "federations"):
        seen: set[str] = set()
        for item in getattr(settings, name):
            if not _ID.fullmatch(item.id):
                yield f"{name}.{item.id}: an id is lower-case letters, digits and hyphens"
            if item.id in seen:
                yield f"{name}.{item.id}: this id is already taken"
            seen.add(item.id)


_CHECKS: tuple[Callable[[Settings], Iterable[str]], ...] = (
    _check_issuer,
    _check_server,
    _check_networks,
    _check_stores,
    _check_files,
    _check_ids,
    check_feeds,
    check_sources,
    check_allotted,
    check_registration,
    check_federations,
    check_messages,
)
