"""What the page after a sign-out has to know: which visit ended in this browser, and where the person was going.

Kept for some minutes under a handle that only this browser's cookie holds. Should the store lose it, the page says
that the person is signed out, without the receipts.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

from broker.domain.errors import UnavailableError
from broker.domain.handles import Handle, digest, is_handle, new_handle
from broker.domain.ports import EphemeralStore

log = logging.getLogger(__name__)

SIGN_OUT = "/deconnexion"
FAREWELL = "/au-revoir"
FAREWELL_SECONDS = 300
"""Long enough to see a service answer, short enough for the next person at a shared screen."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """A visit that ended. `onward`: a verified address of the service that asked for it; empty: none."""

    visit: str
    onward: str = ""


@dataclass(frozen=True, slots=True)
class Farewells:
    """Farewells over the ephemeral store."""

    store: EphemeralStore

    def keep(self, farewell: Farewell) -> str:
        """Keep one and return its handle; empty when the store is away."""
        handle = new_handle(Handle.FAREWELL)
        record = json.dumps({"visit": farewell.visit, "onward": farewell.onward}).encode()
        try:
            self.store.put(_key(handle), record, ttl=FAREWELL_SECONDS)
        except UnavailableError:
            log.warning("the store is away: the signed-out page will show no receipts")
            return ""
        return handle

    def find(self, handle: str) -> Farewell | None:
        """The farewell behind a cookie; None for anything else."""
        if not is_handle(Handle.FAREWELL, handle):
            return None
        try:
            found = self.store.get(_key(handle))
        except UnavailableError:
            return None
        return Farewell(**json.loads(found)) if found else None


def _key(handle: str) -> str:
    return f"farewell:{digest(handle)}"
