"""Public keys of clients that sign: read once from what they registered, or fetched where they said that keys are.

What is fetched is kept for some minutes. A key that is not in it is looked for at once, so that a client may begin to
sign with a new one the moment it published it; but no more often than every few seconds, whoever asks (OIDC Core
§10.1.1).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from time import monotonic

from broker.domain.errors import InvalidClient, UnavailableError
from broker.domain.services import RelyingParty
from broker.wire.jose import KeySet, TokenRefused, jwks_from_json

Fetch = Callable[[str], bytes]
"""GET an address that a service named, guarded; the body of a 200. Raises `UnavailableError` for everything else."""

MOST_KEY_SETS = 1024
"""Key sets of clients kept as objects: far more than an installation has clients that sign."""
KEPT = 600.0
"""Seconds until keys are fetched anew: a key that its owner withdrew is good no longer than that."""
PAUSE = 5.0
"""Seconds between two calls to one address: a stranger's assertions must not make us call it without end."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an address last gave, when it gave it, and when it was last asked (seconds of a clock that goes forward).

    `keys` None: it gave nothing usable, or nothing that is young enough.
    """

    keys: KeySet | None
    since: float
    asked: float


class ClientKeys:
    """The key sets of this process, shared by its threads."""

    def __init__(self, fetch: Fetch, *, elapsed: Callable[[], float] = monotonic) -> None:
        self._fetch = fetch
        self._elapsed = elapsed
        self._read = lru_cache(MOST_KEY_SETS)(jwks_from_json)
        self._known: dict[str, Fetched] = {}
        self._locks: dict[str, threading.Lock] = {}

    def of(self, party: RelyingParty) -> KeySet:
        """The keys of a client. Raises `InvalidClient` where they cannot be fetched, `TokenRefused` for none."""
        if not party.jwks_uri:
            return self._read(party.jwks)
        known = self._known.get(party.jwks_uri)
        if known is None or known.keys is None or self._elapsed() - known.since > KEPT:
            known = self._look(party.jwks_uri)
        if known.keys is None:
            raise InvalidClient("its keys cannot be fetched")
        return known.keys

    def of_now(self, party: RelyingParty) -> KeySet | None:
        """The keys after a new look; None where none may be made yet, or there is nowhere to look."""
        before = self._known.get(party.jwks_uri) if party.jwks_uri else None
        if before is None or self._elapsed() - before.asked < PAUSE:
            return None
        return self._look(party.jwks_uri).keys

    def _look(self, uri: str) -> Fetched:
        """Fetch, once for all who ask at the same moment; what was asked a moment ago is not asked again."""
        with self._locks.setdefault(uri, threading.Lock()):
            known = self._known.get(uri, Fetched(None, 0.0, 0.0))
            now = self._elapsed()
            if uri in self._known and now - known.asked < PAUSE:
                return known
            if len(self._known) >= MOST_KEY_SETS:
                self._known.clear()
            keys = self._fetched(uri)
            kept = known.keys if now - known.since <= KEPT else None
            found = self._known[uri] = Fetched(keys, now, now) if keys else Fetched(kept, known.since, now)
            return found

    def _fetched(self, uri: str) -> KeySet | None:
        try:
            return jwks_from_json(self._fetch(uri))
        except (UnavailableError, TokenRefused):
            return None
