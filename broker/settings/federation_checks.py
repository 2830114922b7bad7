"""What must hold of the federations whose metadata complete services."""

from __future__ import annotations

from collections.abc import Iterator

from broker.settings.key_checks import check_published
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
    yield from check_published("metadata_url", federation.metadata_url)
    if not federation.certificate_file.is_file():
        yield f"certificate_file: {federation.certificate_file} is not a file"
    if not 1 <= federation.longest_days <= _MOST_DAYS:
        yield f"longest_days: 1 to {_MOST_DAYS}"
