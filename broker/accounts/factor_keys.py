"""A key or a challenge that a page shows and that waits for its telephone: for one session, for ten minutes."""

from __future__ import annotations

import json
from dataclasses import dataclass

from broker.domain.errors import LoginExpired
from broker.domain.handles import Handle, digest, is_handle, new_handle
from broker.domain.ports import EphemeralStore

KEPT_SECONDS = 600


@dataclass(frozen=True, slots=True)
class FactorKeys:
    """What waits, over the ephemeral store, under a handle that the page's form holds."""

    store: EphemeralStore

    def keep(self, what: str, value: str, *, owner: str) -> str:
        """Keep a value for one use (`what`) of one session or browser (`owner`); returns its handle."""
        handle = new_handle(Handle.SECOND)
        told = {"kind": what, "owner": digest(owner), "value": value}
        self.store.put(_key(handle), json.dumps(told).encode(), ttl=KEPT_SECONDS)
        return handle

    def find(self, handle: str, what: str, *, owner: str) -> str:
        """The value behind a handle, for this use and owner alone. Raises `LoginExpired`."""
        return _read(self.store.get(_key(handle)) if is_handle(Handle.SECOND, handle) else None, what, owner)

    def take(self, handle: str, what: str, *, owner: str) -> str:
        """The same, once. Raises `LoginExpired`."""
        return _read(self.store.take(_key(handle)) if is_handle(Handle.SECOND, handle) else None, what, owner)


def _read(found: bytes | None, what: str, owner: str) -> str:
    fields = json.loads(found) if found else {}
    if (fields.get("kind"), fields.get("owner")) != (what, digest(owner)):
        raise LoginExpired("nothing waits under this handle for this session")
    return str(fields["value"])


def _key(handle: str) -> str:
    return f"factor:{digest(handle)}"
