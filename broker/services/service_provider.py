"""The table `[saml]` of a descriptor: a service provider as its own metadata declares it, and how it is answered here.

Addresses and certificates come from the metadata and from nowhere else; the descriptor may demand more than these say
(signed requests), never less (CVE-2026-16443: an import that weakened a signature requirement).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from broker.domain.service_clients import AttributeForm, NameIdKind, ServiceProvider, Signed
from broker.services.addresses import address_fault
from broker.services.reading import Reader
from broker.wire.saml.metadata import MetadataRefused, parse_service_provider

SAML_KEYS = (
    "metadata_file", "entity_id", "name_id", "sign", "encrypt", "attribute_form", "idp_initiated",
    "want_signed_requests",
)  # fmt: skip


def read_service_provider(reader: Reader | None, *, folder: Path) -> ServiceProvider | None:
    """Read `[saml]`; the metadata file is named from `folder`. None without the table, or with a fault of it."""
    if reader is None:
        return None
    reader.only(SAML_KEYS)
    declared = _declared(reader, folder=folder)
    if declared is None:
        return None
    _check_addresses(reader, declared)
    provider = replace(
        declared,
        name_id=reader.member("name_id", NameIdKind, default=NameIdKind.PERSISTENT),
        sign=reader.member("sign", Signed, default=Signed.BOTH),
        encrypt=reader.flag("encrypt"),
        attribute_form=reader.member("attribute_form", AttributeForm, default=AttributeForm.OID),
        idp_initiated=reader.flag("idp_initiated"),
        wants_signed=declared.wants_signed or reader.flag("want_signed_requests"),
    )
    _check_keys(reader, provider)
    return provider


def metadata_file_of(reader: Reader | None, *, folder: Path) -> tuple[Path, ...]:
    """The file that holds the metadata, as far as the table names one."""
    stated = reader.table.get("metadata_file") if reader else None
    return (folder / stated,) if isinstance(stated, str) and stated else ()


def _declared(reader: Reader, *, folder: Path) -> ServiceProvider | None:
    name = reader.word("metadata_file")
    if not name:
        return None
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


def _check_addresses(reader: Reader, provider: ServiceProvider) -> None:
    """Where assertions and logouts go is as safe as where codes go."""
    for endpoint in (*provider.acs, *provider.slo):
        for address in filter(None, (endpoint.location, endpoint.answers)):
            if why := address_fault(address):
                reader.fault(f"'metadata_file': '{address}' {why}", key="metadata_file")


def _check_keys(reader: Reader, provider: ServiceProvider) -> None:
    if provider.encrypt and not provider.encryption:
        reader.fault("'encrypt' needs a certificate for encryption in the metadata", key="encrypt")
    if provider.wants_signed and not provider.signing:
        reader.fault("signed requests need a certificate for signing in the metadata", key="want_signed_requests")
