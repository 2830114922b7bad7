"""Metadata from elsewhere put together for a process: what is fetched, by which way out, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from functools import partial

from broker.declared import METADATA_FOLDER, elsewhere_of, origins_of
from broker.domain.clock import Clock
from broker.domain.ports import Current
from broker.jobs.metadata_keeper import MetadataKeeper
from broker.saml_providers import provider_alarms
from broker.services.metadata_alarms import Alarm, alarms_of
from broker.services.metadata_origins import kept_of, read_certificate
from broker.services.register import Register
from broker.settings import Settings
from broker.ways_out import METADATA_LIMITS, fetch_metadata, open_way_out
from broker.wire.saml.refusals import SamlRefused


def open_keeper(
    settings: Settings, register: Current[Register], resources: ExitStack, *, clock: Clock
) -> MetadataKeeper:
    """Who fetches metadata, for the services of the register as it is then."""
    outbound = open_way_out(settings, resources, limits=METADATA_LIMITS)
    return MetadataKeeper(
        settings.data_dir / METADATA_FOLDER,
        lambda: origins_of(settings, register.current()),
        partial(fetch_metadata, outbound),
        lambda now: metadata_alarms(settings, register.current(), now=now),
        clock,
    )


def metadata_alarms(settings: Settings, register: Register, *, now: datetime) -> tuple[Alarm, ...]:
    """What there is to tell of the metadata of these services, and of the sources."""
    kept = kept_of(elsewhere_of(settings), origins_of(settings, register))
    of_services = alarms_of(kept, register.all(), unusable=register.elsewhere.unusable, now=now)
    return (*of_services, *provider_alarms(settings, now=now))


def federation_faults(settings: Settings) -> Iterator[str]:
    """Certificates that sound settings name and nobody can verify with; what is missing the settings tell already."""
    for federation in settings.federations:
        try:
            read_certificate(federation.certificate_file)
        except (OSError, SamlRefused) as fault:
            why = f"no certificate with a key of 2048 bits or more ({type(fault).__name__})"
            yield f"federations.{federation.id}.certificate_file: {why}"
