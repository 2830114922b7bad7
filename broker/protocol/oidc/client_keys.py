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
"""Seconds after a call until an address is called again: a stranger's assertions must not hold a thread for ever."""
GRACE = 10.0
"""Seconds that keys are good beyond `KEPT` while one request fetches them anew: the others do not wait for it."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an address last gave, when it gave it, and when it was last asked (seconds of a clock that goes forward).

    `keys` None: it gave nothing usable, or nothing that is young enough.
    """

    keys: KeySet | None
    since: float
    asked: float


NOTHING = Fetched(None, 0.0, float("-inf"))


class ClientKeys:
    """The key sets of this process, shared by its threads.

    `fetch` calls the addresses of declared services, `strangers` those of clients that registered themselves: what
    they name must not lead into the networks that are open to the former.
    """

    def __init__(self, fetch: Fetch, *, strangers: Fetch, elapsed: Callable[[], float] = monotonic) -> None:
        self._fetch = fetch
        self._strangers = strangers
        self._elapsed = elapsed
        self._read = lru_cache(MOST_KEY_SETS)(jwks_from_json)
        self._known: dict[_Place, Fetched] = {}
        self._asking: set[_Place] = set()
        self._lock = threading.Lock()

    def of(self, party: RelyingParty) -> KeySet:
        """The keys of a client. Raises `InvalidClient` where they cannot be fetched, `TokenRefused` for none."""
        if not party.jwks_uri:
            return self._read(party.jwks)
        known = self._known.get(_place(party))
        if known is None or not self._within(known, KEPT):
            known = self._look(party)
        if known.keys is None:
            raise InvalidClient("its keys cannot be fetched")
        return known.keys

    def of_now(self, party: RelyingParty) -> KeySet | None:
        """The keys after a new look; None where none may be made yet, or there is nowhere to look."""
        before = self._known.get(_place(party)) if party.jwks_uri else None
        if before is None or self._elapsed() - before.asked < PAUSE:
            return None
        return self._look(party).keys

    def _look(self, party: RelyingParty) -> Fetched:
        """Fetch, unless it was asked a moment ago or is being asked: then what is kept. Nobody waits for another."""
        place = _place(party)
        with self._lock:
            known = self._known.get(place, NOTHING)
            if place in self._asking:
                return known if self._within(known, KEPT + GRACE) else NOTHING
            if self._elapsed() - known.asked < PAUSE:
                return known
            self._asking.add(place)
        try:
            return self._ask(place, party, known)
        finally:
            with self._lock:
                self._asking.remove(place)

    def _ask(self, place: _Place, party: RelyingParty, known: Fetched) -> Fetched:
        """Call the address. The pause begins when the call is over: it may itself have lasted as long."""
        keys = self._fetched(party)
        now = self._elapsed()
        kept = known.keys if self._within(known, KEPT) else None
        with self._lock:
            if len(self._known) >= MOST_KEY_SETS:
                self._known.clear()
            found = self._known[place] = Fetched(keys, now, now) if keys else Fetched(kept, known.since, now)
        return found

    def _within(self, known: Fetched, seconds: float) -> bool:
        """Tell whether there are keys, fetched so many seconds ago or less."""
        return known.keys is not None and self._elapsed() - known.since <= seconds

    def _fetched(self, party: RelyingParty) -> KeySet | None:
        fetch = self._strangers if party.self_registered else self._fetch
        try:
            return jwks_from_json(fetch(party.jwks_uri))
        except (UnavailableError, TokenRefused):
            return None


_Place = tuple[str, bool]
"""An address, and whether a stranger named it: what one may call gives the other nothing."""


def _place(party: RelyingParty) -> _Place:
    return party.jwks_uri, party.self_registered
