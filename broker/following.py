"""What a serving process follows while it runs: the policies, and the register of services under its standings."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from pathlib import Path

from broker.declared import read_register
from broker.domain.ports import Standings
from broker.live import Live, Refreshing, Taken, signature_of
from broker.protocol.oidc.routes import algs_wanted
from broker.protocol.oidc.signing import Signer
from broker.services.register import Register
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


class FollowedRegister:
    """The register of services: what files declare, under what stands of it in SQL (`Current`, and `Refreshing`).

    Each is followed for itself. A faulty file of anybody keeps no suspension out of force, and a database that does not
    answer keeps the last known one. A key is there before a service needs it.
    """

    def __init__(self, settings: Settings, *, standings: Standings, signer: Signer) -> None:
        self._settings = settings
        self._signer = signer
        self._files: tuple[Path, ...] = ()
        self._in_force = Live("standings", read=standings.in_force, signature=standings.in_force)
        self._declared = Live("services", read=self._read, signature=self._signature)
        self._whole = self._combined()

    def current(self) -> Register:
        """The register as it stands."""
        return self._whole

    def refresh(self) -> bool:
        """Look at both. Standings go first: whatever befalls the reading of files, they are in force."""
        return any([self._take(self._in_force), self._take(self._declared)])

    def _take(self, part: Refreshing) -> bool:
        if not part.refresh():
            return False
        self._whole = self._combined()
        return True

    def _combined(self) -> Register:
        return self._declared.current().standing(self._in_force.current())

    def _read(self) -> Register:
        declared = read_register(self._settings)
        self._files = declared.files
        self._signer.ensure(algs_wanted(declared.all()))
        return declared

    def _signature(self) -> Hashable:
        return signature_of((*self._settings.services_dir.glob("*.toml"), *self._files))


def _policies_now(folder: Path | None) -> Hashable:
    """Every entry that speaks of policies, by name, and what is in the files among them."""
    standing = followed(folder) if folder else ()
    return tuple(map(str, standing)), signature_of(standing)
