"""Keeping logins in progress: a quarter of an hour in the ephemeral store, each bound to one browser.

Each is kept under the digest of its own kind of handle and names the digest of one browser's cookie, so that none can
be replayed as another kind, nor from another browser (state fixation, forced login).
"""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta

from broker.domain.errors import LoginExpired
from broker.domain.handles import Handle, digest, is_handle, new_handle
from broker.domain.ports import EphemeralStore
from broker.federation.logins import (
    Interaction,
    LoginRequest,
    Outing,
    Record,
    SettledReturn,
    T,
    decode,
    encode,
    local_path,
)

START_AGAIN = "/"
SIGN_IN = "/connexion"
CALLBACK = "/retour/"
_SETTLED_SECONDS = 60


def sign_in_path(interaction_handle: str) -> str:
    """Where a person chooses a source for this login, again if need be."""
    return f"{SIGN_IN}?i={interaction_handle}"


def password_path(source_id: str, interaction_handle: str) -> str:
    """Where a person writes the password that this source checks."""
    return f"{SIGN_IN}/{source_id}?i={interaction_handle}"


class Interactions:
    """Logins in progress. `browser` is the browser's cookie itself; only its digest is kept."""

    def __init__(self, store: EphemeralStore, *, lifetime: timedelta) -> None:
        self._store = store
        self._seconds = int(lifetime.total_seconds())

    def begin(self, request: LoginRequest, *, browser: str, now: datetime) -> str:
        """Keep a new login and return its handle. Raises `BadPageRequest` for a way back that leaves our origin."""
        local_path(request.resume)
        if not is_handle(Handle.BROWSER, browser):
            raise LoginExpired("no browser cookie", restart=START_AGAIN)
        handle = new_handle(Handle.INTERACTION)
        self._put(handle, Interaction(request, digest(browser), now), seconds=self._seconds)
        return handle

    def find(self, handle: str, *, browser: str) -> Interaction:
        """The login of this browser. Raises `LoginExpired`."""
        found = self._get(Interaction, Handle.INTERACTION, handle)
        if found is None or not _same(found.browser, browser):
            raise LoginExpired("no such login in this browser", restart=START_AGAIN)
        return found

    def leave(self, outing: Outing, *, state: str) -> None:
        """Keep what the return must match, under the `state` that goes with the browser."""
        self._put(state, outing, seconds=self._seconds)

    def come_back(self, state: str, *, browser: str) -> Outing:
        """Take the outing of this `state`, once. Raises `LoginExpired`; another browser's attempt does not spend it."""
        found = self._get(Outing, Handle.STATE, state)
        if found is None or not _same(found.browser, browser):
            raise LoginExpired("no such login in this browser", restart=START_AGAIN)
        if self._store.take(_key(Outing, state)) is None:
            raise LoginExpired("state already used", restart=START_AGAIN)
        return found

    def awaits(self, state: str, *, source_id: str) -> bool:
        """Whether a login in progress waits for an answer of this source under this `state`, in whichever browser."""
        found = self._get(Outing, Handle.STATE, state)
        return found is not None and found.source_id == source_id

    def settle(self, settled: SettledReturn, *, state: str) -> None:
        """Remember for a minute what this `state` opened."""
        self._put(state, settled, seconds=_SETTLED_SECONDS)

    def settled(self, state: str, *, browser: str) -> SettledReturn | None:
        """What this `state` opened, for the same browser alone: a reload or a double click is let through."""
        found = self._get(SettledReturn, Handle.STATE, state)
        return found if found is not None and _same(found.browser, browser) else None

    def _put(self, handle: str, record: Record, *, seconds: int) -> None:
        self._store.put(_key(type(record), handle), encode(record), ttl=seconds)

    def _get(self, kind: type[T], shape: Handle, handle: str) -> T | None:
        return decode(kind, self._store.get(_key(kind, handle))) if is_handle(shape, handle) else None


def _key(kind: type[Record], handle: str) -> str:
    return f"{kind.__name__.lower()}:{digest(handle)}"


def _same(stored: str, browser: str) -> bool:
    return is_handle(Handle.BROWSER, browser) and hmac.compare_digest(stored, digest(browser))
