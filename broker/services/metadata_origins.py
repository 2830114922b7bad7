"""Where SAML metadata come from that are not a file of ours: federations, services and sources that publish their own.

What comes from elsewhere is believed for its signature alone, by a certificate that the administrator has from another
hand (S-41). Default deny: an entity of an aggregate is nothing here until a descriptor names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from broker.domain.service_clients import ServiceProvider
from broker.services.metadata_shelf import Shelf, ShelfUnreadable, open_shelf
from broker.wire.saml.keys import VerifyingKey, verifying_key
from broker.wire.saml.metadata import MetadataRefused, parse_kept_provider
from broker.wire.saml.refusals import Refusal, SamlRefused

LONGEST = timedelta(days=90)
"""How far ahead signed metadata may say that they are good, where nothing else is set: a stolen copy lives as long."""
FEDERATION, OWN, SOURCE = "federation-", "service-", "source-"


@dataclass(frozen=True, slots=True)
class Origin:
    """Signed metadata to be fetched from `url`, or read from `file`. `key`: its name on disk and in messages."""

    key: str
    certificate: Path
    url: str = ""
    file: Path | None = None
    longest: timedelta = LONGEST


@dataclass(frozen=True, slots=True)
class FromElsewhere:
    """What reading the descriptors showed: origins of single services, and what came for a service and is of no use.

    `unusable`: why, by service. It is no fault of a descriptor: what others publish must not keep the broker from
    starting.
    """

    origins: tuple[Origin, ...] = ()
    unusable: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Federation:
    """An aggregate, and the tenant whose services it may complete."""

    id: str
    tenant: str

    @property
    def key(self) -> str:
        """The key of its origin."""
        return FEDERATION + self.id


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What is kept of metadata from elsewhere. `folder`: where; None where nothing is."""

    folder: Path | None = None
    federations: tuple[Federation, ...] = ()
    unusable: dict[str, str] = field(default_factory=dict, compare=False, repr=False)
    _shelves: dict[str, Shelf | None] = field(default_factory=dict, compare=False, repr=False)

    def path(self, key: str) -> Path | None:
        """The file of an origin, whether it is there or not."""
        return shelf_path(self.folder, key) if self.folder else None

    def keys_for(self, tenant: str, named: str) -> tuple[str, ...]:
        """The federations that may complete a service of this tenant; `named`: this one alone."""
        return tuple(each.key for each in self.federations if each.tenant == tenant and named in {"", each.id})

    def provider(self, keys: Iterable[str], entity_id: str) -> ServiceProvider | None:
        """The service provider of this name, from the first of these origins that has it. Raises `MetadataRefused`."""
        for key in keys:
            octets = self.entity(key, entity_id)
            if octets is not None:
                return parse_kept_provider(octets, entity_id)
        return None

    def shelf(self, key: str) -> Shelf | None:
        """What is kept of an origin; read once. Raises `MetadataRefused`."""
        path = self.path(key)
        if path is None:
            return None
        if key not in self._shelves:
            try:
                self._shelves[key] = open_shelf(path)
            except ShelfUnreadable as fault:
                raise MetadataRefused(str(fault)) from fault
        return self._shelves[key]

    def entity(self, key: str, entity_id: str) -> bytes | None:
        """The entity of this name as an origin has it; None when it has none. Raises `MetadataRefused`."""
        shelf = self.shelf(key)
        if shelf is None:
            return None
        if entity_id in shelf.twice:
            raise MetadataRefused("names two entities so")
        try:
            return shelf.entity(entity_id)
        except ShelfUnreadable as fault:
            raise MetadataRefused(str(fault)) from fault


NOWHERE = Elsewhere()
NOTHING_TOLD = FromElsewhere()


def shelf_path(folder: Path, key: str) -> Path:
    """The file in which what comes from an origin is kept."""
    return folder / f"{key}.shelf"


def kept_of(elsewhere: Elsewhere, origins: Iterable[Origin]) -> Mapping[str, Shelf | None]:
    """What is kept of each origin; None where there is nothing that can be read."""
    found: dict[str, Shelf | None] = {}
    for origin in origins:
        try:
            found[origin.key] = elsewhere.shelf(origin.key)
        except MetadataRefused:
            found[origin.key] = None
    return found


def read_certificate(path: Path) -> VerifyingKey:
    """The key of a certificate in PEM or DER. Raises `OSError`, `SamlRefused`."""
    return _key_of(path.read_bytes())


@cache
def _key_of(octets: bytes) -> VerifyingKey:
    try:
        pem = octets.lstrip().startswith(b"-----BEGIN")
        der = x509.load_pem_x509_certificate(octets).public_bytes(Encoding.DER) if pem else octets
    except ValueError:
        raise SamlRefused(Refusal.KEY, "no certificate") from None
    return verifying_key(der)
