"""What a serving process follows while it runs: the policies, and the register of services under its standings.

The register has two parents: the descriptors, and the clients that registered themselves.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from broker.declared import read_register, registration_terms
from broker.domain.clock import Clock
from broker.domain.handles import Id
from broker.domain.ports import Registrations, Standings
from broker.domain.registrations import RegistrationTerms
from broker.domain.services import Service
from broker.live import Live, Refreshing, Taken, signature_of
from broker.protocol.oidc.routes import keys_wanted
from broker.protocol.oidc.signing import Signer
from broker.services.register import Register
from broker.services.registered import service_of
from broker.settings import Settings
from policies import BookReader, PolicyBook
from policies.folders import followed


def follow_policies(settings: Settings) -> Live[PolicyBook]:
    """The policies of the installation and its tenants, read anew when a file of theirs changes.

    A tenant's faulty file keeps that tenant's last good policies, and nobody else's.
    """
    reader = BookReader(None, settings.policies_dir, [tenant.id for tenant in settings.tenants])
    return Live(
        "policies",
        read=reader.read,
        signature=partial(_policies_now, settings.policies_dir),
        again=partial(_again, reader),
    )


def _again(reader: BookReader, last: PolicyBook) -> Taken[PolicyBook]:
    reread = reader.again(last)
    return Taken(reread.book, reread.problems)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Clients that registered themselves, as the services they stand for."""

    registrations: Registrations
    terms: RegistrationTerms
    clock: Clock

    def services(self) -> tuple[Service, ...]:
        """All that have not expired."""
        return tuple(service_of(one, self.terms) for one in self.registrations.live(now=self.clock()))

    def stamps(self) -> Hashable:
        """Differs whenever they do."""
        return self.registrations.stamps(now=self.clock())

    def knows(self, client_id: str) -> bool:
        """Tell whether there is such a client; asks nobody where it has not the shape of one."""
        return client_id.startswith(Id.CLIENT) and self.registrations.find(client_id, now=self.clock()) is not None


def arrivals_of(settings: Settings, registrations: Registrations, clock: Clock) -> Arrivals | None:
    """The clients that registered themselves; None where the settings let none."""
    terms = registration_terms(settings)
    return Arrivals(registrations, terms, clock) if terms else None


class FollowedRegister:
    """The register of services: what files declare, under what stands of it in SQL (`Current`, and `Refreshing`).

    And what registered itself, where `arrivals` is given: a client may be there before the next look, for it goes on to
    sign people in at once and may be answered by any process, so that whoever is not found is looked for.

    Each is followed for itself. A faulty file of anybody keeps no suspension out of force, and a database that does not
    answer keeps the last known one. A key is there before a service needs it.
    """

    def __init__(
        self, settings: Settings, *, standings: Standings, signer: Signer, arrivals: Arrivals | None = None
    ) -> None:
        self._settings = settings
        self._arrivals = arrivals
        self._looking = threading.RLock()
        self._signer = signer
        self._files: tuple[Path, ...] = ()
        self._in_force = Live("standings", read=standings.in_force, signature=standings.in_force)
        self._declared = Live("services", read=self._read, signature=self._signature)
        self._registered = (
            Live("registrations", read=arrivals.services, signature=arrivals.stamps) if arrivals else None
        )
        self._whole = self._combined()

    def current(self) -> Register:
        """The register as it stands."""
        return self._whole

    def refresh(self) -> bool:
        """Look at all. Standings go first: whatever befalls the reading of files, they are in force."""
        with self._looking:
            return any([self._take(self._in_force), self.refresh_registered(), self._take(self._declared)])

    def refresh_registered(self) -> bool:
        """Look at those that registered themselves; tells whether there was a change."""
        with self._looking:
            return self._registered is not None and self._take(self._registered)

    def _take(self, part: Refreshing) -> bool:
        if not part.refresh():
            return False
        self._whole = self._combined()
        return True

    def _combined(self) -> Register:
        declared = self._declared.current()
        registered = self._registered.current() if self._registered else ()
        return Register(
            (*registered, *declared.all()),
            in_force=self._in_force.current(),
            files=declared.files,
            elsewhere=declared.elsewhere,
            seek=self._seek,
        )

    def _seek(self, client_id: str) -> Service | None:
        if self._arrivals is None or not self._arrivals.knows(client_id):
            return None
        self.refresh_registered()
        return next((service for service in self._whole.all() if service.party(client_id)), None)

    def _read(self) -> Register:
        declared = read_register(self._settings)
        self._files = declared.files
        self._signer.ensure(keys_wanted(declared.all(), registration=self._arrivals is not None))
        return declared

    def _signature(self) -> Hashable:
        return signature_of((*self._settings.services_dir.glob("*.toml"), *self._files))


def _policies_now(folder: Path | None) -> Hashable:
    """Every entry that speaks of policies, by name, and what is in the files among them."""
    standing = followed(folder) if folder else ()
    return tuple(map(str, standing)), signature_of(standing)
