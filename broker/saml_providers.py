"""What the metadata of SAML sources say, as they are now: from a file of ours, or signed from an address.

Who may say who somebody is stands in there. So what comes from an address is believed for its signature alone, as that
of services is; over TLS, anybody whom some authority gave a certificate could name himself the provider.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

from broker.declared import elsewhere_of
from broker.domain.errors import SettingsError
from broker.live import Live, Taken, signature_of
from broker.services.metadata_alarms import Alarm, AlarmKind, ending
from broker.services.metadata_origins import SOURCE, read_certificate, shelf_path
from broker.settings import Settings, SourceKind, SourceSettings
from broker.wire.saml.identity_provider import IdentityProvider, NoIdentityProvider, parse_identity_provider
from broker.wire.saml.metadata import MetadataRefused
from broker.wire.saml.refusals import SamlRefused

Followed = Live[IdentityProvider | None]
"""The provider of a source; None while nothing of use has come from its address."""


def follow_providers(settings: Settings) -> Mapping[str, Followed]:
    """The provider of each SAML source, read anew when its metadata change: a new key is known without a restart.

    Raises `SettingsError` for a file of ours that is of no use. What others publish keeps nobody else out: what was
    good stays, and the log tells why.
    """
    return {source.id: _follow(settings, source) for source in _saml(settings)}


def read_provider(settings: Settings, source: SourceSettings) -> IdentityProvider | None:
    """What its metadata say now; None while none have come. Raises `NoIdentityProvider`, `OSError`."""
    if source.metadata_file is not None:
        return parse_identity_provider(source.metadata_file.read_bytes(), source.issuer)
    elsewhere, key = elsewhere_of(settings), SOURCE + source.id
    try:
        octets = elsewhere.entity(key, source.issuer)
        if octets is None and elsewhere.shelf(key) is not None:
            raise NoIdentityProvider("no entity of this issuer")
    except MetadataRefused as fault:
        raise NoIdentityProvider(str(fault)) from fault
    return parse_identity_provider(octets, source.issuer) if octets is not None else None


def provider_faults(settings: Settings, source: SourceSettings) -> Iterator[str]:
    """Files that can be read but are of no use; what is missing or unreadable the settings tell already."""
    try:
        if source.metadata_certificate_file is not None:
            read_certificate(source.metadata_certificate_file)
    except (OSError, SamlRefused) as fault:
        why = f"no certificate with a key of 2048 bits or more ({type(fault).__name__})"
        yield f"metadata_certificate_file: {why}"
    if source.metadata_file is None:
        return
    try:
        read_provider(settings, source)
    except NoIdentityProvider as fault:
        yield f"metadata_file: {fault}"
    except OSError as fault:
        yield f"metadata_file: cannot be read ({type(fault).__name__})"


def provider_alarms(settings: Settings, *, now: datetime) -> Iterator[Alarm]:
    """What there is to tell of metadata that came and are of no use, and of files that end."""
    for source in _saml(settings):
        who = f"source {source.id}"
        try:
            provider = read_provider(settings, source)
        except (NoIdentityProvider, OSError) as fault:
            yield Alarm(who, AlarmKind.UNUSABLE, cause=str(fault))
            continue
        if provider and provider.valid_until and source.metadata_file:
            found = ending(who, provider.valid_until, now, life=None)
            yield from [found] if found else []


def _follow(settings: Settings, source: SourceSettings) -> Followed:
    where = _file_of(settings, source)
    return Live(
        f"metadata of the source {source.id}",
        read=partial(_first, settings, source),
        signature=lambda: signature_of([where]),
        again=partial(_again, settings, source),
    )


def _file_of(settings: Settings, source: SourceSettings) -> Path:
    folder = elsewhere_of(settings).folder or settings.data_dir
    return source.metadata_file or shelf_path(folder, SOURCE + source.id)


def _first(settings: Settings, source: SourceSettings) -> IdentityProvider | None:
    try:
        return read_provider(settings, source)
    except (NoIdentityProvider, OSError) as fault:
        if source.metadata_file is None:
            return None
        raise SettingsError((f"sources.{source.id}.metadata_file: {fault}",)) from fault


def _again(settings: Settings, source: SourceSettings, last: IdentityProvider | None) -> Taken[IdentityProvider | None]:
    try:
        return Taken(read_provider(settings, source))
    except (NoIdentityProvider, OSError) as fault:
        return Taken(last, (str(fault),))


def _saml(settings: Settings) -> Iterator[SourceSettings]:
    return (source for source in settings.sources if source.kind is SourceKind.SAML)
