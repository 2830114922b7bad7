"""The sources people sign in with, from settings to connectors: each kind has its opener."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from urllib.parse import urlsplit

from broker.domain.errors import SettingsError
from broker.federation import PasswordSource, Source, SourceDescription, Sources
from broker.settings import Settings, SourceKind, SourceProfile, SourceSettings, read_secret
from broker.web.parts import SourceOffer
from connectors.cas import CasSource
from connectors.claims import PlainProfile
from connectors.educonnect import EduConnectProfile
from connectors.ldap import LdapDirectory, LdapSource, ProvenDirectory
from connectors.ldap.filters import Equals
from connectors.ldap.names import parse_dn
from connectors.ldap.source import LOGIN
from connectors.oidc import OidcSource


def open_sources(settings: Iterable[SourceSettings], resources: ExitStack) -> Sources:
    """Every source with its connector, closed with `resources`. Raises `SettingsError`."""
    return Sources([_open(source, resources) for source in settings])


def offers(settings: Iterable[SourceSettings]) -> Mapping[str, SourceOffer]:
    """The sources as pages show them."""
    return {source.id: SourceOffer(source.id, source.label, _origins(source)) for source in settings}


def source_faults(settings: Settings) -> Iterator[str]:
    """Faults of sources that sound settings still hide; what is missing they tell already."""
    for source in settings.sources:
        if source.kind is SourceKind.LDAP:
            yield from (f"sources.{source.id}.{fault}" for fault in _faults_of_directory(source))


def _open(source: SourceSettings, resources: ExitStack) -> Source | PasswordSource:
    try:
        return _OPENERS[source.kind](source, resources)
    except (OSError, ValueError) as fault:
        raise SettingsError((f"sources.{source.id}: cannot be opened ({type(fault).__name__})",)) from fault


def _open_cas(source: SourceSettings, resources: ExitStack) -> Source:
    connector = CasSource(
        source_id=source.id,
        url=source.url,
        releases_references=source.releases_references,
        academies=source.academies,
        ca_file=source.ca_file,
    ).open()
    resources.callback(connector.close)
    return Source(_describe(source), connector)


def _open_oidc(source: SourceSettings, resources: ExitStack) -> Source:
    educonnect = source.profile is SourceProfile.EDUCONNECT
    profile = EduConnectProfile(releases_references=source.releases_references) if educonnect else PlainProfile()
    connector = OidcSource(
        source_id=source.id,
        issuer=source.issuer,
        client_id=source.client_id,
        client_secret=read_secret(source.client_secret_file) if source.client_secret_file else "",
        auth_method=source.auth_method,
        scopes=source.scopes,
        profile=profile,
        ca_file=source.ca_file,
    ).open()
    resources.callback(connector.close)
    return Source(_describe(source), connector)


def _open_ldap(source: SourceSettings, _resources: ExitStack) -> PasswordSource:
    """A directory keeps no connection between two acts: there is nothing to close."""
    if faults := tuple(f"sources.{source.id}.{fault}" for fault in _faults_of_directory(source)):
        raise SettingsError(faults)
    secret = source.reader_password_file
    directory = ProvenDirectory(
        LdapDirectory(source.url, source.reader_dn, read_secret(secret) if secret else "", source.ca_file)
    )
    directory.try_at_start()
    connector = LdapSource(
        source_id=source.id,
        url=source.url,
        directory=directory,
        people=parse_dn(source.people_dn),
        login_attributes=source.login_attributes or (LOGIN,),
        subject_attribute=source.subjects_in,
        releases_references=source.releases_references,
        academies=source.academies,
        decoy_dn=parse_dn(source.decoy_dn) if source.decoy_dn else None,
    )
    return PasswordSource(_describe(source), connector)


_OPENERS: Mapping[SourceKind, Callable[[SourceSettings, ExitStack], Source | PasswordSource]] = {
    SourceKind.CAS: _open_cas,
    SourceKind.OIDC: _open_oidc,
    SourceKind.LDAP: _open_ldap,
}


def _faults_of_directory(source: SourceSettings) -> Iterator[str]:
    for name in ("reader_dn", "people_dn", "decoy_dn"):
        try:
            parse_dn(getattr(source, name) or "dc=example")
        except ValueError:
            yield f"{name}: no name of an entry, as ou=personnes,dc=example,dc=org"
    for key, names in (("login_attributes", source.login_attributes), ("subject_attribute", (source.subjects_in,))):
        for attribute in names:
            try:
                Equals(attribute, "")
            except ValueError:
                yield f"{key}: {attribute} is no name of an attribute"


def _describe(source: SourceSettings) -> SourceDescription:
    return SourceDescription(
        source_id=source.id,
        tenant=source.tenant,
        feeds=frozenset(source.feeds),
        releases_references=source.releases_references,
        assurance=source.assurance,
    )


def _origins(source: SourceSettings) -> tuple[str, ...]:
    """Where a form on the sign-in page may lead (CSP `form-action` follows redirects); a directory is our affair."""
    if source.kind is SourceKind.LDAP:
        return ()
    parts = urlsplit(source.issuer or source.url)
    return (f"{parts.scheme}://{parts.netloc}",)
