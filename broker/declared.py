"""The services as declared, and fit for this installation: one reading for `check`, `serve` and all commands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from broker.domain.people import Profil
from broker.domain.registrations import RegistrationTerms
from broker.domain.services import Service
from broker.services.metadata_origins import FEDERATION, SOURCE, Elsewhere, Federation, Origin
from broker.services.register import Register, load_services
from broker.settings import FeedKind, Settings, SourceKind

METADATA_FOLDER = "metadata"
"""Where, in `data_dir`, metadata from elsewhere are kept."""


def read_register(settings: Settings) -> Register:
    """The register. Raises `SettingsError` with every fault of the files, and of what they name that is not there."""
    return load_services(settings.services_dir, misfits=partial(_misfits, settings), elsewhere=elsewhere_of(settings))


def elsewhere_of(settings: Settings) -> Elsewhere:
    """What is kept of metadata that came from elsewhere, as it stands now."""
    federations = tuple(Federation(each.id, each.tenant) for each in settings.federations)
    return Elsewhere(settings.data_dir / METADATA_FOLDER, federations)


def origins_of(settings: Settings, register: Register) -> tuple[Origin, ...]:
    """Everything that metadata are fetched from: federations, then sources and services that publish their own."""
    federations = (
        Origin(
            FEDERATION + each.id,
            each.certificate_file,
            each.metadata_url,
            each.metadata_file,
            longest=timedelta(days=each.longest_days),
        )
        for each in settings.federations
    )
    sources = (
        Origin(SOURCE + each.id, each.metadata_certificate_file, each.metadata_url)
        for each in settings.sources
        if each.metadata_url and each.metadata_certificate_file
    )
    return (*federations, *sources, *register.elsewhere.origins)


def registration_terms(settings: Settings) -> RegistrationTerms | None:
    """On which terms clients register themselves; None where they may not."""
    stated = settings.registration
    if not stated.enabled:
        return None
    profils = frozenset(map(Profil, stated.profils))
    return RegistrationTerms(
        stated.tenant,
        profils,
        lasts=timedelta(days=stated.days),
        most=stated.most,
        pkce_waiver=stated.pkce_waiver.strip(),
    )


def _misfits(settings: Settings, service: Service) -> Iterator[tuple[str, str]]:
    """A tenant that nobody answers for; logins and directory keys that nobody can have, so that all are refused."""
    if service.tenant not in {tenant.id for tenant in settings.tenants}:
        yield service.tenant, f"tenant {service.tenant} is not among the tenants"
    if service.release is None:
        return
    named = {source.id for source in settings.sources if source.kind is SourceKind.CAS}
    for source in sorted(service.release.sources - named):
        yield source, f"release: no source {source} knows people by a login (kind cas)"
    keyed = {feed.id for feed in settings.feeds if feed.kind is FeedKind.AAF}
    for feed in sorted(service.release.feeds - keyed):
        reason = "has no national keys" if settings.feed(feed) else "is not among the feeds"
        yield feed, f"release: feed {feed} {reason}"
