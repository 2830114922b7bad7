"""What must hold of the federations whose metadata complete services."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from broker.services.addresses import is_loopback
from broker.settings.values import FederationSettings, Settings

_MOST_DAYS = 366


def check_federations(settings: Settings) -> Iterator[str]:
    """Faults of each federation."""
    tenants = {tenant.id for tenant in settings.tenants}
    for federation in settings.federations:
        where = f"federations.{federation.id}"
        if federation.tenant not in tenants:
            yield f"{where}.tenant: {federation.tenant} is not among the tenants"
        yield from (f"{where}.{problem}" for problem in _check(federation))


def _check(federation: FederationSettings) -> Iterator[str]:
    if bool(federation.metadata_url) == bool(federation.metadata_file):
        yield "metadata_url: either this or metadata_file is wanted"
    parts = urlsplit(federation.metadata_url)
    if federation.metadata_url and (not parts.hostname or "@" in parts.netloc or parts.fragment):
        yield "metadata_url: an address is wanted, without name or fragment"
    elif federation.metadata_url and parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        yield "metadata_url: https is wanted (http on loopback only)"
    if not federation.certificate_file.is_file():
        yield f"certificate_file: {federation.certificate_file} is not a file"
    if not 1 <= federation.longest_days <= _MOST_DAYS:
        yield f"longest_days: 1 to {_MOST_DAYS}"
