"""Signing out upstream too: which sources of a visit have a logout of their own, and where it is.

The local end comes first and hangs on nothing of this. A source that is closed or known to be down is not gone to; one
that fails now is left out; one that never leads the browser back leaves a person on its own page, signed out here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from broker.domain.errors import PageNotFound, PreauError
from broker.domain.handles import Handle, new_handle
from broker.domain.origins import SessionOrigin
from broker.domain.ports import Return
from broker.domain.sessions import Device, Session
from broker.domain.standings import StandingKind
from broker.federation.farewells import FAREWELL, Farewells, SourceFarewell, Stage
from broker.federation.sources import Source
from broker.federation.upstreams import Upstreams

log = logging.getLogger(__name__)


def return_path(source_id: str) -> str:
    """Where a source leads the browser back to after its logout: one path for each source."""
    return f"{FAREWELL}/{source_id}/retour"


class NoOrigins:
    """`Origins` where nobody is led upstream."""

    def of_visit(self, visit: str) -> tuple[SessionOrigin, ...]:  # noqa: ARG002 - part of the seam
        """None."""
        return ()

    def opened_by(self, answer: str) -> Session | None:  # noqa: ARG002 - part of the seam
        """None."""
        return None


@dataclass(frozen=True, slots=True)
class Partings:
    """Logouts at sources. `base_url`: our own origin, from the settings."""

    upstreams: Upstreams
    farewells: Farewells
    base_url: str

    def of(
        self, origins: Iterable[SessionOrigin], *, device: Device, asked_by: str, now: datetime
    ) -> tuple[SourceFarewell, ...]:
        """What is left to end upstream. `asked_by`: the source that ended the session itself; empty: none did."""
        down = frozenset(way.source_id for way in self.upstreams.ways(now=now) if way.down_since is not None)
        return tuple(
            leg
            for each in origins
            for leg in (
                (SourceFarewell(asked_by, "", "", stage=Stage.DONE),)
                if each.source_id == asked_by
                else self._leg(each, down=down, device=device)
            )
        )

    def come_back(self, handle: str, source_id: str, answer: Return) -> bool:
        """Take the browser back from a source's logout; whether the source says that it is done."""
        leg = self._left(handle, source_id)
        source = self._source(source_id)
        if leg is None or source is None or source.logout is None:
            return False
        try:
            done = source.logout.finish_logout(answer, state=leg.state)
        except PreauError as fault:
            log.warning("the logout at the source %s was not confirmed: %s", source_id, fault.cause)
            return False
        if done:
            self.farewells.note(handle, source_id, Stage.DONE)
        return done

    def leave(self, handle: str, source_id: str) -> str:
        """Where to send the browser; empty when there is nothing to end there for this browser."""
        leg = self._left(handle, source_id)
        if leg is None or leg.stage is Stage.DONE:
            return ""
        self.farewells.note(handle, source_id, Stage.LEFT)
        return leg.url

    def _left(self, handle: str, source_id: str) -> SourceFarewell | None:
        farewell = self.farewells.find(handle)
        legs = farewell.sources if farewell else ()
        return next((leg for leg in legs if leg.source_id == source_id and leg.url), None)

    def _leg(self, origin: SessionOrigin, *, down: frozenset[str], device: Device) -> Iterator[SourceFarewell]:
        """On a shared device the logout is offered also where nobody is led to it: somebody else sits there next."""
        source = self._source(origin.source_id)
        closed = self.upstreams.standings.current().closes(StandingKind.SOURCE, origin.source_id)
        if source is None or source.logout is None or closed or origin.source_id in down:
            return
        if not source.leads_out and device is not Device.SHARED:
            return
        state, address = new_handle(Handle.STATE), self.base_url.rstrip("/") + return_path(origin.source_id)
        try:
            found = source.logout.start_logout(hint=origin.hint, return_url=address, state=state)
        except PreauError as fault:
            log.warning("no logout at the source %s: %s", origin.source_id, fault.cause)
            return
        if found is not None:
            yield SourceFarewell(
                origin.source_id,
                found.url,
                state,
                comes_back=found.comes_back,
                led=source.leads_out,
                shared=device is Device.SHARED,
            )

    def _source(self, source_id: str) -> Source | None:
        """The source as configured; None for one that is gone, or that nobody is sent to."""
        try:
            found = self.upstreams.sources.get(source_id)
        except PageNotFound:
            return None
        return found if isinstance(found, Source) else None
