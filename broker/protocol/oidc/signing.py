"""The provider's signing keys: made once for the whole installation, opened once, kept as objects.

The first process to start makes the key; another that starts at the same moment finds it taken and reads it back.
Keys are looked at again once a minute, so that a rotation by command reaches every process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.domain.audit import Action, AuditEvent
from broker.domain.clock import Clock
from broker.domain.errors import StorageUnavailable
from broker.domain.ports import Keys, StoredKey
from broker.wire.jose import (
    KeySet,
    SigningKey,
    export_jwks,
    generate_key,
    jwks_from_json,
    parse_signing_key,
    private_jwk,
    public_jwk,
)

PURPOSE = "id_token"
ACTIVE = "active"
LOOK_AGAIN = timedelta(seconds=60)

Seal = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys as they stand: one to sign with by algorithm, and everything that others need to check (`jwks`)."""

    active: Mapping[str, SigningKey]
    verifying: KeySet
    jwks: bytes

    def key(self, alg: str) -> SigningKey:
        """The key that signs with an algorithm."""
        return self.active[alg]


@dataclass(frozen=True, slots=True)
class KeyVault:
    """Where keys rest, and how they are sealed there."""

    keys: Keys
    seal: Seal
    unseal: Seal
    tenant: str = ""


class Signer:
    """The ring of this process. Reading it costs nothing; once a minute one caller looks whether keys changed."""

    def __init__(self, vault: KeyVault, *, algs: Iterable[str], clock: Clock) -> None:
        self._vault = vault
        self._clock = clock
        self._looking = threading.Lock()
        self._opened: dict[str, SigningKey] = {}
        self.ensure(algs)
        self._look_at = clock() + LOOK_AGAIN

    def ensure(self, algs: Iterable[str]) -> None:
        """Make the keys that these algorithms need and that are not there yet."""
        for alg in algs:
            _ensure_key(self._vault, alg=alg, now=self._clock())
        self._ring = self._read()

    def ring(self) -> KeyRing:
        """The keys as they stand."""
        if self._clock() >= self._look_at and self._looking.acquire(blocking=False):
            try:
                self._look_again()
            finally:
                self._looking.release()
        return self._ring

    def _look_again(self) -> None:
        self._look_at = self._clock() + LOOK_AGAIN
        try:
            self._ring = self._read()
        except StorageUnavailable:
            return  # keys in memory stay good; the database says elsewhere that it is down

    def _read(self) -> KeyRing:
        stored = self._vault.keys.all(PURPOSE)
        active = {row.alg: self._open(row) for row in stored if row.state == ACTIVE}
        jwks = export_jwks(row.public_jwk for row in stored)
        return KeyRing(active, jwks_from_json(jwks), jwks)

    def _open(self, row: StoredKey) -> SigningKey:
        if row.kid not in self._opened:
            self._opened[row.kid] = parse_signing_key(self._vault.unseal(row.sealed), alg=row.alg)
        return self._opened[row.kid]


def _ensure_key(vault: KeyVault, *, alg: str, now: datetime) -> None:
    if any(row.alg == alg and row.state == ACTIVE for row in vault.keys.all(PURPOSE)):
        return
    key = generate_key(alg)
    row = StoredKey(key.kid, PURPOSE, alg, ACTIVE, public_jwk(key), vault.seal(private_jwk(key)), now)
    event = AuditEvent(vault.tenant, now, Action.KEY_CREATED, "preau", subject=key.kid, detail={"alg": alg})
    vault.keys.add(row, event)  # False: another process was first, and its key is read next
