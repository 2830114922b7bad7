"""The register in memory: services as their descriptors declare them, found by client in one step."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from broker.domain.errors import SettingsError
from broker.domain.services import Service
from broker.services.descriptor import Fault, read_descriptor


class Register:
    """Every declared service (implements `ports.Services`)."""

    def __init__(self, services: Iterable[Service]) -> None:
        self._services = tuple(services)
        self._by_client = {party.client_id: service for service in self._services for party in service.parties}

    def all(self) -> tuple[Service, ...]:
        """Every declared service, in the order of the register."""
        return self._services

    def by_client(self, client_id: str) -> Service | None:
        """The service a client belongs to."""
        return self._by_client.get(client_id)


def load_services(folder: Path) -> Register:
    """Read every `*.toml` of a folder, in the order of file names.

    Raises `SettingsError` with every fault of every file. A folder without descriptors is an empty register: nothing
    is open.
    """
    faults: list[Fault] = []
    services: list[Service] = []
    if not folder.is_dir():
        raise SettingsError((f"{folder}: no such folder of services",))
    for path in sorted(folder.glob("*.toml")):
        service = read_descriptor(path, faults)
        if service is not None:
            services.append(service)
    faults += _collisions(services)
    if faults:
        raise SettingsError(tuple(str(fault) for fault in faults))
    return Register(services)


def _collisions(services: Iterable[Service]) -> list[Fault]:
    seen: dict[tuple[str, str], str] = {}
    faults = []
    for service in services:
        names = [("service_id", service.service_id), *(("client_id", p.client_id) for p in service.parties)]
        for name in names:
            if name in seen:
                faults.append(Fault(service.service_id, f"{name[0]} '{name[1]}' is declared twice"))
            seen[name] = service.service_id
    return faults
