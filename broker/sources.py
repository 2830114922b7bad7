"""The sources people sign in with, from settings to connectors: each kind has its opener."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack

from broker.domain.errors import SettingsError
from broker.domain.ports import Current, PasswordConnector
from broker.federation import PasswordSource, Source, SourceDescription, Sources
from broker.live import Fixed, Part
from broker.protocol.cas_sources import CasServer
from broker.protocol.saml_sources import SamlParty, acs_url, entity_id, slo_url
from broker.saml_providers import provider_faults
from broker.services.addresses import origin_of
from broker.settings import Settings, SourceKind, SourceProfile, SourceSettings, read_secret
from broker.web.parts import SourceOffer
from broker.wire.saml.asking import asking_key
from broker.wire.saml.identity_provider import IdentityProvider
from connectors.agent_claims import AgentClaimsProfile
from connectors.cas import CasSource
from connectors.claims import PlainProfile, Profile
from connectors.educonnect import EduConnectProfile
from connectors.ldap import LdapDirectory, LdapSource, ProvenDirectory
from connectors.ldap.filters import Equals
from connectors.ldap.names import parse_dn
from connectors.ldap.source import LOGIN
from connectors.oidc import OidcSource
from connectors.saml import (
    AgentsProfile,
    EduConnectSamlProfile,
    PlainSamlProfile,
    SamlConnector,
    SamlProfile,
    SamlSource,
)

Providers = Mapping[str, Current[IdentityProvider | None]]
"""What the metadata of each SAML source say now; None while none have come."""

OpenOwn = Callable[[str], PasswordConnector]
"""Makes the connector of the source of this id whose secrets are kept here."""


def open_sources(settings: Settings, resources: ExitStack, providers: Providers, own: OpenOwn | None = None) -> Sources:
    """Every source with its connector, closed with `resources`; `own` opens the one whose secrets are kept here.

    Raises `SettingsError`.
    """

    def opened(source: SourceSettings) -> Source | PasswordSource:
        if source.kind is SourceKind.OWN and own is not None:
            return PasswordSource(_describe(source), own(source.id))
        return _open(source, resources, settings.issuer, providers)

    return Sources([opened(source) for source in settings.sources])


def own_source(settings: Settings) -> SourceSettings | None:
    """The source whose secrets are kept here, where there is one."""
    return next((source for source in settings.sources if source.kind is SourceKind.OWN), None)


def offers(settings: Iterable[SourceSettings], providers: Providers) -> Mapping[str, SourceOffer]:
    """The sources as pages show them."""
    return {
        source.id: SourceOffer(source.id, source.label, _origins(source, providers), own=source.kind is SourceKind.OWN)
        for source in settings
    }


def saml_parties(sources: Sources) -> tuple[SamlParty, ...]:
    """What we are to each SAML source: what its administrator is given."""
    opened = (sources.get(each.source_id) for each in sources.descriptions())
    return tuple(
        SamlParty(each.source_id, each.connector.metadata, each.connector)
        for each in opened
        if isinstance(each, Source) and isinstance(each.connector, SamlConnector)
    )


def cas_servers(settings: Iterable[SourceSettings]) -> tuple[CasServer, ...]:
    """The CAS sources that may tell us of a logout."""
    return tuple(CasServer(source.id, source.url) for source in settings if source.kind is SourceKind.CAS)


def source_faults(settings: Settings) -> Iterator[str]:
    """Faults of sources that sound settings still hide; what is missing they tell already."""
    for source in settings.sources:
        if source.kind is SourceKind.LDAP:
            yield from (f"sources.{source.id}.{fault}" for fault in _faults_of_directory(source))
        if source.kind is SourceKind.SAML:
            found = (*provider_faults(settings, source), *_faults_of_key(source))
            yield from (f"sources.{source.id}.{fault}" for fault in found)


def _open(source: SourceSettings, resources: ExitStack, issuer: str, providers: Providers) -> Source | PasswordSource:
    try:
        if source.kind is SourceKind.SAML:
            return _open_saml(source, issuer, providers[source.id])
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
    return Source(_describe(source), connector, connector, source.leads_out)


def _open_oidc(source: SourceSettings, resources: ExitStack) -> Source:
    connector = OidcSource(
        source_id=source.id,
        issuer=source.issuer,
        client_id=source.client_id,
        client_secret=read_secret(source.client_secret_file) if source.client_secret_file else "",
        auth_method=source.auth_method,
        scopes=source.scopes,
        acr_values=source.acr_values,
        tells_factors=source.desk,
        profile=_oidc_profile(source),
        ca_file=source.ca_file,
    ).open()
    resources.callback(connector.close)
    return Source(_describe(source), connector, connector, source.leads_out)


def _oidc_profile(source: SourceSettings) -> Profile:
    if source.profile is SourceProfile.EDUCONNECT:
        return EduConnectProfile(releases_references=source.releases_references)
    return AgentClaimsProfile(source.desk_application) if source.profile is SourceProfile.AGENTS else PlainProfile()


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


def _open_saml(source: SourceSettings, issuer: str, provider: Current[IdentityProvider | None]) -> Source:
    """Everything is in files: a SAML source asks nothing of anybody, the browser carries what is said."""
    if faults := tuple(f"sources.{source.id}.{fault}" for fault in _faults_of_key(source)):
        raise SettingsError(faults)
    if source.key_file is None or source.certificate_file is None:
        raise ValueError("a key and a certificate")
    connector = SamlSource(
        source_id=source.id,
        entity_id=entity_id(issuer, source.id),
        acs=acs_url(issuer, source.id),
        providers=provider,
        key=asking_key(source.key_file.read_bytes(), source.certificate_file.read_bytes()),
        profile=_saml_profile(source),
        slo=slo_url(issuer, source.id),
        logout_hosts=frozenset(source.logout_hosts),
    ).open()
    return Source(_describe(source), connector, connector, source.leads_out)


def _saml_profile(source: SourceSettings) -> SamlProfile:
    if source.profile is SourceProfile.EDUCONNECT:
        return EduConnectSamlProfile(releases_references=source.releases_references)
    if source.profile is SourceProfile.AGENTS:
        return AgentsProfile(source.subject_attribute, source.desk_application)
    return PlainSamlProfile(source.subject_attribute)


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


def _faults_of_key(source: SourceSettings) -> Iterator[str]:
    """Files that can be read but are of no use; what is missing or unreadable the settings tell already."""
    if source.key_file is None or source.certificate_file is None:
        return
    try:
        asking_key(source.key_file.read_bytes(), source.certificate_file.read_bytes())
    except (OSError, ValueError) as fault:
        yield f"key_file: no RSA key of 2048 bits or more with its certificate ({type(fault).__name__})"


def _describe(source: SourceSettings) -> SourceDescription:
    return SourceDescription(
        source_id=source.id,
        tenant=source.tenant,
        feeds=frozenset(source.feeds),
        releases_references=source.releases_references,
        assurance=source.assurance,
        desk=source.desk,
        second_for_staff=source.kind is SourceKind.OWN,
    )


def _signs_in_at(provider: IdentityProvider | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(origin_of, provider.signs_in_at))) if provider else ()


def _origins(source: SourceSettings, providers: Providers) -> Current[tuple[str, ...]]:
    """Where a form on the sign-in page may lead (CSP `form-action` follows redirects); a directory is our affair."""
    if source.kind in {SourceKind.LDAP, SourceKind.OWN}:
        return Fixed(())
    if source.kind is SourceKind.SAML:
        return Part(providers[source.id], _signs_in_at)
    return Fixed((origin_of(source.issuer or source.url),))
