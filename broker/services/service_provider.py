"""The table `[saml]` of a descriptor: a service provider as its own metadata declares it, and how it is answered here.

Addresses and certificates come from the metadata and from nowhere else: a file beside the descriptor, an address where
the service publishes them signed, or the aggregate of a federation. The descriptor may demand more than these say
(signed requests), never less (CVE-2026-16443: an import that weakened a signature requirement).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from broker.domain.service_clients import AttributeForm, NameIdKind, ServiceProvider, Signed
from broker.services.addresses import address_fault
from broker.services.metadata_origins import NOWHERE, OWN, Elsewhere, Origin, read_certificate
from broker.services.reading import IDENTIFIER, Reader
from broker.wire.saml.metadata import MetadataRefused, parse_service_provider
from broker.wire.saml.refusals import SamlRefused

SAML_KEYS = (
    "metadata_file", "metadata_url", "metadata_certificate_file", "federation", "entity_id", "name_id", "sign",
    "encrypt", "attribute_form", "idp_initiated", "want_signed_requests",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where a descriptor stands, whose it is, and what is kept of metadata from elsewhere."""

    folder: Path
    service_id: str = ""
    tenant: str = ""
    elsewhere: Elsewhere = NOWHERE


def read_service_provider(reader: Reader | None, place: Place) -> ServiceProvider | None:
    """Read `[saml]`. None without the table, with a fault of it, or while its metadata have not come from elsewhere."""
    if reader is None:
        return None
    reader.only(SAML_KEYS)
    declared = _declared(reader, place)
    if declared is None:
        return None
    provider = replace(
        declared,
        name_id=reader.member("name_id", NameIdKind, default=NameIdKind.PERSISTENT),
        sign=reader.member("sign", Signed, default=Signed.BOTH),
        encrypt=reader.flag("encrypt"),
        attribute_form=reader.member("attribute_form", AttributeForm, default=AttributeForm.OID),
        idp_initiated=reader.flag("idp_initiated"),
        wants_signed=declared.wants_signed or reader.flag("want_signed_requests"),
    )
    faults = tuple(_faults_of(provider))
    if provider.is_kept and faults:
        place.elsewhere.unusable[place.service_id] = faults[0][1]
        return None
    for key, why in faults:
        reader.fault(why, key=key)
    return provider


def metadata_files_of(reader: Reader | None, place: Place) -> tuple[Path, ...]:
    """The files that the table's metadata are read from, there or yet to come: a change of them is a change of it."""
    if reader is None:
        return ()
    own = [
        place.folder / name for key in ("metadata_file", "metadata_certificate_file") if (name := _text(reader, key))
    ]
    kept = [place.elsewhere.path(key) for key in _keys(reader, place)]
    return (*own, *(path for path in kept if path))


def origin_of_metadata(reader: Reader | None, place: Place) -> Origin | None:
    """What is to be fetched for this service alone."""
    url = _text(reader, "metadata_url") if reader else ""
    if reader is None or not url:
        return None
    return Origin(OWN + place.service_id, place.folder / _text(reader, "metadata_certificate_file"), url)


def _text(reader: Reader, key: str) -> str:
    value = reader.table.get(key)
    return value if isinstance(value, str) else ""


def _keys(reader: Reader, place: Place) -> tuple[str, ...]:
    """The origins that its metadata may come from."""
    if _text(reader, "metadata_file"):
        return ()
    if _text(reader, "metadata_url"):
        return (OWN + place.service_id,)
    return place.elsewhere.keys_for(place.tenant, _text(reader, "federation"))


def _declared(reader: Reader, place: Place) -> ServiceProvider | None:
    stated = [key for key in ("metadata_file", "metadata_url", "federation") if reader.has(key)]
    if len(stated) > 1:
        reader.fault(f"'{stated[0]}' and '{stated[1]}': metadata come from one place", key=stated[1])
        return None
    if stated == ["metadata_file"]:
        return _from_file(reader, place.folder)
    if not reader.has("entity_id"):
        reader.fault("'metadata_file' is missing, or 'entity_id' for metadata that come from elsewhere")
        return None
    return (_from_address if stated == ["metadata_url"] else _from_federation)(reader, place)


def _from_file(reader: Reader, folder: Path) -> ServiceProvider | None:
    name = reader.word("metadata_file")
    try:
        declared = parse_service_provider((folder / name).read_bytes())
    except OSError as fault:
        reader.fault(f"'metadata_file': {name} cannot be read ({type(fault).__name__})", key="metadata_file")
        return None
    except MetadataRefused as fault:
        reader.fault(f"'metadata_file': {name}: {fault}", key="metadata_file")
        return None
    stated = reader.word("entity_id", default="")
    if stated and stated != declared.entity_id:
        reader.fault(f"'entity_id': {name} is the metadata of '{declared.entity_id}'", key="entity_id")
    return declared


def _from_address(reader: Reader, place: Place) -> ServiceProvider | None:
    """Signed, or not at all: over TLS anybody whom some authority gave a certificate could name himself the service."""
    url, name, entity_id = (
        reader.word("metadata_url"),
        reader.word("metadata_certificate_file"),
        reader.word("entity_id"),
    )
    if url and (why := address_fault(url)):
        reader.fault(f"'{url}' {why}", key="metadata_url")
    if not name or not IDENTIFIER.fullmatch(place.service_id):
        return None
    try:
        read_certificate(place.folder / name)
    except (OSError, SamlRefused) as fault:
        why = f"no certificate with a key of 2048 bits or more ({type(fault).__name__})"
        reader.fault(f"'metadata_certificate_file': {name}: {why}", key="metadata_certificate_file")
        return None
    return _kept(place, _keys(reader, place), entity_id)


def _from_federation(reader: Reader, place: Place) -> ServiceProvider | None:
    entity_id, named, keys = reader.word("entity_id"), reader.word("federation", default=""), _keys(reader, place)
    if named and not keys and place.elsewhere.folder:
        reader.fault(f"'federation': {named} is no federation of the tenant '{place.tenant}'", key="federation")
    return _kept(place, keys, entity_id)


def _kept(place: Place, keys: Iterable[str], entity_id: str) -> ServiceProvider | None:
    """What is kept of it. What others publish and cannot be used closes this service's SAML, and nothing else."""
    try:
        return place.elsewhere.provider(keys, entity_id)
    except MetadataRefused as fault:
        place.elsewhere.unusable[place.service_id] = str(fault)
        return None


def _faults_of(provider: ServiceProvider) -> Iterator[tuple[str, str]]:
    """By key: where assertions and logouts go is as safe as where codes go, and what is asked for has its keys."""
    for endpoint in (*provider.acs, *provider.slo):
        for address in filter(None, (endpoint.location, endpoint.answers)):
            if why := address_fault(address):
                yield "metadata_file", f"the metadata: '{address}' {why}"
    if provider.encrypt and not provider.encryption:
        yield "encrypt", "'encrypt' needs an RSA certificate for encryption in the metadata"
    if provider.wants_signed and not provider.signing:
        yield "want_signed_requests", "signed requests need a certificate for signing in the metadata"
