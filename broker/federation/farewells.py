"""What the page after a sign-out has to know: which visit ended in this browser, and where the person was going.

Kept for some minutes under a handle that only this browser's cookie holds. Should the store lose it, the page says
that the person is signed out, without the receipts.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from broker.domain.errors import UnavailableError
from broker.domain.handles import Handle, digest, is_handle, new_handle
from broker.domain.ports import EphemeralStore

log = logging.getLogger(__name__)

SIGN_OUT = "/deconnexion"
FAREWELL = "/au-revoir"
FAREWELL_SECONDS = 300
"""Long enough to see a service answer, short enough for the next person at a shared screen."""


class Stage(StrEnum):
    """How far the logout at a source is."""

    TODO = "todo"
    LEFT = "left"
    """The browser went there and has not come back."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class SourceFarewell:
    """The logout at one source of the visit.

    `led`: the browser is led there by itself; else it is only offered. `shared`: somebody else sits there next.
    """

    source_id: str
    url: str
    state: str
    comes_back: bool = True
    led: bool = False
    shared: bool = False
    stage: Stage = Stage.TODO


@dataclass(frozen=True, slots=True)
class Farewell:
    """A visit that ended. `onward`: a verified address of the service that asked for it; empty: none."""

    visit: str
    onward: str = ""
    sources: tuple[SourceFarewell, ...] = ()

    @property
    def next_source(self) -> str:
        """The source that the browser is led to now; empty: none. Whoever has to go on goes to none that keeps it."""
        return next((leg.source_id for leg in self._waiting if leg.comes_back or not self.onward), "")

    @property
    def asks(self) -> bool:
        """Whether the person is asked where to go: a source that keeps the browser is still open on a shared device.

        Led on to the service without a word, the next person there would come in by the source as this one.
        """
        return bool(self.onward) and any(leg.shared and not leg.comes_back for leg in self._waiting)

    @property
    def _waiting(self) -> Iterator[SourceFarewell]:
        return (leg for leg in self.sources if leg.led and leg.stage is Stage.TODO)


@dataclass(frozen=True, slots=True)
class Farewells:
    """Farewells over the ephemeral store."""

    store: EphemeralStore

    def keep(self, farewell: Farewell) -> str:
        """Keep one and return its handle; empty when the store is away."""
        handle = new_handle(Handle.FAREWELL)
        try:
            self._put(handle, farewell)
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
        return _read(json.loads(found)) if found else None

    def note(self, handle: str, source_id: str, stage: Stage) -> None:
        """Write down how far the logout at a source is; should that be lost, the page says less than happened."""
        farewell = self.find(handle)
        if farewell is None:
            return
        legs = (replace(leg, stage=stage) if leg.source_id == source_id else leg for leg in farewell.sources)
        try:
            self._put(handle, replace(farewell, sources=tuple(legs)))
        except UnavailableError:
            log.warning("the store is away: the signed-out page will not show what a source answered")

    def _put(self, handle: str, farewell: Farewell) -> None:
        self.store.put(_key(handle), json.dumps(asdict(farewell)).encode(), ttl=FAREWELL_SECONDS)


def _read(fields: dict[str, Any]) -> Farewell:
    legs = (SourceFarewell(**{**leg, "stage": Stage(leg["stage"])}) for leg in fields.get("sources", ()))
    return Farewell(fields["visit"], fields["onward"], tuple(legs))


def _key(handle: str) -> str:
    return f"farewell:{digest(handle)}"
