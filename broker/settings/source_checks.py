"""What must hold of the sources: each kind has keys of its own, and those of another kind are refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from broker.domain.services import TokenAuthMethod
from broker.settings.feed_checks import ACADEMIE
from broker.settings.key_checks import (
    check_authority,
    check_directory_address,
    check_https,
    check_keys,
    check_published,
    check_secret,
)
from broker.settings.values import Settings, SourceKind, SourceProfile, SourceSettings
from policies.facts import Assurance

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_EVERYWHERE = frozenset(
    {"id", "kind", "tenant", "label", "releases_references", "feeds", "academies", "ca_file", "assurance"}
)
_NEEDED: Mapping[SourceKind, tuple[str, ...]] = {
    SourceKind.OIDC: ("issuer", "client_id", "client_secret_file"),
    SourceKind.CAS: ("url",),
    SourceKind.SAML: ("issuer", "key_file", "certificate_file"),
    SourceKind.LDAP: ("url", "reader_dn", "reader_password_file", "people_dn"),
    SourceKind.OWN: (),
}
_POSSIBLE: Mapping[SourceKind, tuple[str, ...]] = {
    SourceKind.OIDC: ("auth_method", "scopes", "acr_values", "profile", "logout", "desk", "desk_application"),
    SourceKind.CAS: ("logout",),
    SourceKind.SAML: (
        "metadata_file",
        "metadata_url",
        "metadata_certificate_file",
        "desk",
        "desk_application",
        "profile",
        "subject_attribute",
        "logout",
        "logout_hosts",
    ),
    SourceKind.LDAP: ("login_attributes", "subject_attribute", "decoy_dn"),
    SourceKind.OWN: (),
}
"""The keys of each kind beside those of all: without the first nobody can sign in, the second may be left out."""


def check_sources(settings: Settings) -> Iterator[str]:
    """Faults of each source by itself, and of two that would take two persons for one."""
    tenants = {tenant.id for tenant in settings.tenants}
    feeds = {feed.id for feed in settings.feeds}
    for source in settings.sources:
        where = f"sources.{source.id}"
        if source.tenant not in tenants:
            yield f"{where}.tenant: {source.tenant} is not among the tenants"
        yield from (f"{where}.feeds: {name} is not among the feeds" for name in source.feeds if name not in feeds)
        yield from (f"{where}.{problem}" for check in _SOURCE_CHECKS for problem in check(source))
    yield from _check_account_spaces(settings.sources)
    yield from _check_own(settings)


def _check_account_spaces(sources: Iterable[SourceSettings]) -> Iterator[str]:
    """An account of a directory is known by `url`, subject attribute and value, not by the branch that it stands in.

    Two branches may give one `uid` to two persons: the second would come in as the first.
    """
    seen: dict[tuple[str, str], str] = {}
    for source in sources:
        if source.kind is not SourceKind.LDAP or not source.url:
            continue
        other = seen.setdefault((source.url, source.subjects_in), source.id)
        if other != source.id:
            yield (
                f"sources.{source.id}.url: {other} asks this directory by the same subject_attribute; use one source"
                " with a people_dn above both, or another subject_attribute, as entryUUID"
            )


def _check_own(settings: Settings) -> Iterator[str]:
    """Whoever has a code has one place to write it."""
    own = [source.id for source in settings.sources if source.kind is SourceKind.OWN]
    yield from (f"sources.{other}.kind: {own[0]} is of kind own already, and there is one" for other in own[1:])
    costs = settings.hashing
    for name, least in (("memory_kib", 19 * 1024), ("passes", 2), ("workers", 0), ("waiting", 0)):
        if getattr(costs, name) < least:
            yield f"hashing.{name}: {least} or more"
    if costs.waiting + max(costs.workers, 1) >= settings.threads:
        yield "hashing.waiting: with hashing.workers less than threads, or nobody else is served"


def _check_source_keys(source: SourceSettings) -> Iterator[str]:
    possible = _EVERYWHERE | {*_POSSIBLE[source.kind]}
    yield from check_keys(source, needed=_NEEDED[source.kind], possible=possible)


def _check_source_address(source: SourceSettings) -> Iterator[str]:
    name, value = ("issuer", source.issuer) if source.kind is SourceKind.OIDC else ("url", source.url)
    if source.kind is SourceKind.SAML:
        return  # an entityID is a name: some are URNs
    if value and source.kind is SourceKind.LDAP:
        yield from check_directory_address(value)
    elif value:
        yield from check_https(name, urlsplit(value))


def _check_source_metadata(source: SourceSettings) -> Iterator[str]:
    """From one place; from an address only with what its signature is verified by."""
    if source.kind is not SourceKind.SAML:
        return
    if bool(source.metadata_file) == bool(source.metadata_url):
        yield "metadata_file: either this or metadata_url is wanted (kind = saml)"
    if bool(source.metadata_url) != bool(source.metadata_certificate_file):
        yield "metadata_certificate_file: goes with metadata_url, whose signature it verifies"
    yield from check_published("metadata_url", source.metadata_url)


def _check_source_client(source: SourceSettings) -> Iterator[str]:
    yield from check_secret(
        "client_secret_file", source.client_secret_file, hint=" (leave the source out until you have its secret)"
    )
    if source.kind is not SourceKind.OIDC:
        return
    if source.auth_method is TokenAuthMethod.NONE:
        yield "auth_method: client_secret_basic or client_secret_post (kind = oidc)"
    if "openid" not in source.scopes:
        yield "scopes: openid is wanted"


def _check_source_references(source: SourceSettings) -> Iterator[str]:
    if source.releases_references and source.kind is SourceKind.OWN:
        yield "releases_references: what is proven here is a code, no reference (kind = own)"
    if source.releases_references and not source.feeds:
        yield "feeds: a source that releases references needs the feeds its keys may prove"
    by_claims = source.kind in {SourceKind.OIDC, SourceKind.SAML}
    if source.releases_references and by_claims and source.profile is not SourceProfile.EDUCONNECT:
        yield f"releases_references: among {source.kind} sources only the profile educonnect has references"
    for name, number in source.academies.items():
        if not ACADEMIE.fullmatch(number):
            yield f"academies.{name}: two digits are wanted"


def _check_source_rest(source: SourceSettings) -> Iterator[str]:
    for host in source.logout_hosts:
        if not _HOST.fullmatch(host):
            yield f"logout_hosts: {host} is no name of a host, as educonnect.example.fr"
    if not source.label.get("fr"):
        yield "label.fr: missing"
    yield from check_authority(source.ca_file)
    yield from check_secret("reader_password_file", source.reader_password_file)
    yield from check_secret("key_file", source.key_file)
    if source.assurance is Assurance.NONE:
        yield "assurance: low, standard or strong"
    if source.kind in {SourceKind.LDAP, SourceKind.OWN} and source.assurance is not Assurance.LOW:
        # A password alone, whoever checks it, proves no more than "faible" (RGS, eIDAS).
        yield f"assurance: low is all that a password proves (kind = {source.kind})"


_SOURCE_CHECKS: tuple[Callable[[SourceSettings], Iterable[str]], ...] = (
    _check_source_keys,
    _check_source_address,
    _check_source_metadata,
    _check_source_client,
    _check_source_references,
    _check_source_rest,
)
