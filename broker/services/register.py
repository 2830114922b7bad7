"""The register in memory: services as their descriptors declare them, found by client in one step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from broker.domain.cas import CAS_CLIENT
from broker.domain.errors import SettingsError
from broker.domain.services import Service, ServiceState
from broker.domain.standings import InForce, StandingKind, StandingState
from broker.services.cas_addresses import AddressBook, Asked, belongs_to
from broker.services.descriptor import Descriptor, read_descriptor
from broker.services.metadata_origins import NOTHING_TOLD, NOWHERE, Elsewhere, FromElsewhere
from broker.services.reading import Fault

_STATES = {
    None: ServiceState.DECLARED,
    StandingState.VERIFIED: ServiceState.VERIFIED,
    StandingState.SUSPENDED: ServiceState.SUSPENDED,
}


class Register:
    """Every declared service (implements `ports.Services`), as the standings of an instant leave it.

    `files` are what the descriptors were read from, the secrets they name included; `elsewhere`: what is to be
    had, and what came, of metadata that are no files of ours. `seek` is asked for a client that
    is not there: one that registered itself a moment ago, at another process.
    """

    def __init__(
        self,
        services: Iterable[Service],
        *,
        in_force: InForce | None = None,
        files: Iterable[Path] = (),
        elsewhere: FromElsewhere = NOTHING_TOLD,
        seek: Callable[[str], Service | None] = lambda _: None,
    ) -> None:
        self._seek = seek
        self.in_force = in_force or InForce()
        self.files = tuple(files)
        self.elsewhere = elsewhere
        self._services = tuple(_as_it_stands(service, self.in_force) for service in services)
        self._by_resource = {each.uri: service for service in self._services for each in service.resources}
        self._by_client = {name: service for service in self._services for name in client_names(service)}
        self._by_address = AddressBook(self._services)
        self._by_entity = {each.saml.entity_id: each for each in self._services if each.saml}

    def all(self) -> tuple[Service, ...]:
        """Every declared service, in the order of the register."""
        return self._services

    def by_client(self, client_id: str) -> Service | None:
        """The service a client belongs to."""
        return self._by_client.get(client_id) or self._seek(client_id)

    def by_resource(self, uri: str) -> Service | None:
        """The service that offers the API at this address."""
        return self._by_resource.get(uri)

    def by_entity(self, entity_id: str) -> Service | None:
        """The service whose SAML service provider has this name, byte for byte (SAML Core §8.3.6)."""
        return self._by_entity.get(entity_id)

    def by_address(self, url: str) -> tuple[Service, ...]:
        """The services that a CAS ticket for this address may be for, in the order of the register."""
        return self._by_address.at(url)

    def by_id(self, service_id: str) -> Service | None:
        """The service of this id."""
        return next((service for service in self._services if service.service_id == service_id), None)

    def standing(self, in_force: InForce) -> Register:
        """The same register under other standings."""
        return Register(self._services, in_force=in_force, files=self.files, elsewhere=self.elsewhere)


def client_names(service: Service) -> tuple[str, ...]:
    """The names under which logins at a service are granted: its clients', and its own by each other protocol."""
    by_cas = (CAS_CLIENT + service.service_id,) if service.cas else ()
    by_saml = (service.saml_client,) if service.saml else ()
    return (*(party.client_id for party in service.parties), *by_cas, *by_saml)


def _as_it_stands(service: Service, in_force: InForce) -> Service:
    """What registered itself is never more than declared: it may be another at any moment, and nobody looks again."""
    state = _STATES[in_force.state_of(StandingKind.SERVICE, service.service_id)]
    if service.registered is not None and state is ServiceState.VERIFIED:
        state = ServiceState.DECLARED
    return replace(service, state=state, closed_schools=in_force.schools)


Misfits = Callable[[Service], Iterable[tuple[str, str]]]
"""What of a sound descriptor does not fit the installation: the value that does not, and why."""


def load_services(folder: Path, *, misfits: Misfits = lambda _: (), elsewhere: Elsewhere = NOWHERE) -> Register:
    """Read every `*.toml` of a folder, in the order of file names.

    Raises `SettingsError` with every fault of every file, as `file:line: reason`. A folder without descriptors is an
    empty register: nothing is open.
    """
    found, faults = _read(folder, elsewhere)
    for descriptor in found:
        told = misfits(descriptor.service)
        faults += [Fault(descriptor.file, descriptor.line_of(value), reason) for value, reason in told]
    if faults:
        raise SettingsError(tuple(str(fault) for fault in faults))
    files = [file for descriptor in found for file in descriptor.files]
    origins = tuple(descriptor.origin for descriptor in found if descriptor.origin)
    seen = FromElsewhere(origins, dict(elsewhere.unusable))
    return Register((descriptor.service for descriptor in found), files=files, elsewhere=seen)


def sound_services(folder: Path) -> tuple[tuple[Service, ...], bool]:
    """The services that can be read, and whether that is all: to close one must not wait until another is mended."""
    try:
        found, faults = _read(folder)
    except SettingsError:
        return (), False
    return tuple(descriptor.service for descriptor in found), not faults


def _read(folder: Path, elsewhere: Elsewhere = NOWHERE) -> tuple[list[Descriptor], list[Fault]]:
    faults: list[Fault] = []
    if not folder.is_dir():
        raise SettingsError((f"{folder}: no such folder of services",))
    read = [read_descriptor(path, faults, elsewhere) for path in sorted(folder.glob("*.toml"))]
    found = [descriptor for descriptor in read if descriptor is not None]
    return found, faults + _collisions(found) + ([] if faults else _strangers(found) + _shared_addresses(found))


def _shared_addresses(found: Iterable[Descriptor]) -> list[Fault]:
    """An address of CAS that two services of one space share: a ticket would be for either."""
    descriptors = [each for each in found if each.service.cas is not None]
    return [
        Fault(one.file, one.line_of(one.service.service_id), f"'{url}' is also of '{other.service.service_id}'")
        for one in descriptors
        for other in descriptors
        if other is not one and one.service.cas and other.service.cas and one.service.space is other.service.space
        for url in one.service.cas.services
        if any(belongs_to(Asked(url, urlsplit(url)), registered) for registered in other.service.cas.services)
    ]


def _strangers(found: Iterable[Descriptor]) -> list[Fault]:
    """Clients that an API names and nobody declares: one that comes later under that name would be let in."""
    descriptors = tuple(found)
    known = {party.client_id for descriptor in descriptors for party in descriptor.service.parties}
    return [
        Fault(descriptor.file, descriptor.line_of(resource.uri), f"'{client_id}' in 'clients' is no client of ours")
        for descriptor in descriptors
        for resource in descriptor.service.resources
        for client_id in sorted(resource.clients - known)
    ]


def _collisions(found: Iterable[Descriptor]) -> list[Fault]:
    seen: set[tuple[str, str]] = set()
    faults = []
    for descriptor in found:
        service = descriptor.service
        names = [("service_id", service.service_id), *(("client_id", p.client_id) for p in service.parties)]
        names += [("uri", resource.uri) for resource in service.resources]
        names += [("entity_id", name) for name in filter(None, [descriptor.entity_id])]
        for key, name in names:
            if (key, name) in seen:
                faults.append(Fault(descriptor.file, descriptor.line_of(name), f"{key} '{name}' is declared twice"))
            seen.add((key, name))
    return faults
