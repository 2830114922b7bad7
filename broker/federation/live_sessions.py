"""The session behind a cookie: SQL is the truth, a copy of a few seconds spares it most questions.

Losing the ephemeral store signs nobody out: without a copy, the database answers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from broker.accounts.session_copy import copy_key, decode_session, encode_session
from broker.accounts.session_life import TOUCH_EVERY, SessionLife, life_of, next_idle
from broker.domain.errors import UnavailableError
from broker.domain.handles import Handle, digest, is_handle
from broker.domain.people import RecordKind
from broker.domain.ports import EphemeralStore, People, Sessions
from broker.domain.sessions import Device, Session
from policies import SessionLimits

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LiveSessions:
    """Sessions as requests meet them. `limits`: those of the tenant of a source, by the source's id.

    `desks`: the sources whose people are agents, and are held to the limits of staff whatever their records say.
    """

    sessions: Sessions
    people: People
    store: EphemeralStore
    limits: Callable[[str], SessionLimits]
    desks: Callable[[], frozenset[str]] = frozenset

    def find(self, handle: str, *, now: datetime) -> Session | None:
        """The live session behind a cookie, its idle limit moved along; None for anything else."""
        if not is_handle(Handle.SESSION, handle):
            return None
        return self.find_beside(handle, self._copy(digest(handle)), now=now)

    def find_beside(self, handle: str, stored: bytes | None, *, now: datetime) -> Session | None:
        """The same beside what the ephemeral store holds as its copy, asked for already."""
        if not is_handle(Handle.SESSION, handle):
            return None
        handle_digest = digest(handle)
        copy = decode_session(stored, handle_digest=handle_digest)
        if copy is not None:
            return copy if copy.is_live(now) else None
        session = self.sessions.find(handle_digest, now=now)
        if session is None or not session.is_live(now) or session.is_half:
            return None
        kept = self._touched(session, now=now)
        self.remember(kept)
        return kept

    def half(self, handle: str, *, now: datetime) -> Session | None:
        """The session behind a cookie that lacks its second factor; None for anything else. It opens nothing else."""
        if not is_handle(Handle.SESSION, handle):
            return None
        session = self.sessions.find(digest(handle), now=now)
        return session if session is not None and session.is_live(now) and session.is_half else None

    def unended(self, handle: str) -> Session | None:
        """The session behind a cookie that is to be ended, though it may be over by itself; None for anything else.

        What was granted in it offline outlives its idleness, and must not outlive its sign-out.
        """
        return self.sessions.unended(digest(handle)) if is_handle(Handle.SESSION, handle) else None

    def remember(self, session: Session) -> None:
        """Keep a copy for as long as the policies let a revoked session be seen."""
        seconds = int(self.limits(session.authn.authority).copy.total_seconds())
        with suppress(UnavailableError):
            self.store.put(copy_key(session.handle_digest), encode_session(session), ttl=seconds)

    def forget(self, handle_digest: str) -> None:
        """Drop the copy at once: the session has ended."""
        try:
            self.store.drop([copy_key(handle_digest)])
        except UnavailableError:
            log.warning("session copy not dropped; it ends by itself within seconds")

    def life(self, device: Device, kinds: frozenset[RecordKind], source_id: str) -> SessionLife:
        """Limits for somebody of these roles on this device, by this source."""
        if source_id in self.desks():
            kinds |= {RecordKind.STAFF}
        return life_of(device, kinds, self.limits(source_id))

    def kinds(self, person_id: str, *, now: datetime) -> frozenset[RecordKind]:
        """The roles of a person; none of somebody of whom no live record speaks."""
        person = self.people.person(person_id, now=now)
        return person.kinds if person else frozenset()

    def _touched(self, session: Session, *, now: datetime) -> Session:
        if now - session.opened_at < TOUCH_EVERY:
            return session  # what was opened just now would move by less than is worth a write
        kinds = self.kinds(session.person_id, now=now)
        life = self.life(session.device, kinds, session.authn.authority)
        idle_until = next_idle(session, life, now=now)
        if idle_until is None:
            return session
        self.sessions.touch(session.handle_digest, idle_until=idle_until)
        return replace(session, idle_until=idle_until)

    def _copy(self, handle_digest: str) -> bytes | None:
        try:
            return self.store.get(copy_key(handle_digest))
        except UnavailableError:
            return None
