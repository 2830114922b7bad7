"""The provider's signing keys: made once for the whole installation, opened once, kept as objects.

The first process to start makes the keys; another that starts at the same moment finds them taken and reads them back.
Requests read nothing: the watcher beside them (`broker/live.py`) looks every other second whether a key moved on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from broker.domain.audit import Action, AuditEvent
from broker.domain.clock import Clock
from broker.domain.errors import StorageUnavailable
from broker.domain.keys import ChangeKeys, KeyPurpose, KeyState, StoredKey
from broker.domain.ports import Keys
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

Seal = Callable[[bytes], bytes]
WantedKey = tuple[KeyPurpose, str]
"""A purpose, and the algorithm that is to sign for it."""


def keys_of_clients(algs: Iterable[str]) -> tuple[WantedKey, ...]:
    """The keys behind algorithms that clients registered: what any client may be told of a login and of its end."""
    return tuple((purpose, alg) for alg in algs for purpose in (KeyPurpose.ID_TOKEN, KeyPurpose.LOGOUT_TOKEN))


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys as they stand: those that sign, those that check our own tokens, and what the world is told (`jwks`).

    The keys of SAML are told in metadata, and to nobody who reads tokens.

    `verifying` checks ID tokens, `verifying_access` signed access tokens: neither is ever taken for the other.
    """

    active: Mapping[tuple[KeyPurpose, str], SigningKey]
    verifying: KeySet
    verifying_access: KeySet
    jwks: bytes

    def key(self, alg: str, purpose: KeyPurpose = KeyPurpose.ID_TOKEN) -> SigningKey:
        """The key that signs with an algorithm, for a purpose."""
        return self.active[purpose, alg]


@dataclass(frozen=True, slots=True)
class KeyVault:
    """Where keys rest, how they are sealed there, and in whose audit trail they are told of."""

    keys: Keys
    seal: Seal
    unseal: Seal
    tenant: str = ""

    def make(self, purpose: KeyPurpose, alg: str, state: KeyState, *, now: datetime) -> StoredKey:
        """A new key, sealed, not stored yet."""
        key = generate_key(alg)
        return StoredKey(key.kid, purpose, alg, state, public_jwk(key), self.seal(private_jwk(key)), now, now)

    def open(self, row: StoredKey) -> SigningKey:
        """The private key. Raises what `unseal` raises, and `TokenRefused` when it is no key."""
        return parse_signing_key(self.unseal(row.sealed), alg=row.alg)

    def tells(self, action: Action, key: StoredKey, *, now: datetime, actor: str, **more: str) -> AuditEvent:
        """What the audit trail says of a key."""
        detail = {"purpose": key.purpose, "alg": key.alg, **more}
        return AuditEvent(self.tenant, now, action, actor, subject=key.kid, detail=detail)


class Signer:
    """The ring of this process. Reading it costs nothing; the watcher calls `refresh`."""

    def __init__(self, vault: KeyVault, *, wanted: Iterable[WantedKey], clock: Clock) -> None:
        self._vault = vault
        self._clock = clock
        self._opened: dict[str, SigningKey] = {}
        self._rows: tuple[StoredKey, ...] = ()
        self.ensure(wanted)

    def ensure(self, wanted: Iterable[WantedKey]) -> None:
        """Make the keys that are wanted and not there yet."""
        there = {(row.purpose, row.alg) for row in self._vault.keys.published() if row.state is KeyState.ACTIVE}
        for key in wanted:
            if key not in there:
                self._make(*key)
        self._take(self._vault.keys.published())

    def ring(self) -> KeyRing:
        """The keys as they stand."""
        return self._ring

    def refresh(self) -> bool:
        """Look whether a key moved on; tells whether one did. A database that is away leaves the keys as they were."""
        try:
            rows = self._vault.keys.published()
        except StorageUnavailable:
            return False  # keys in memory stay good; the database says elsewhere that it is down
        if rows == self._rows:
            return False
        self._take(rows)
        return True

    def _take(self, rows: tuple[StoredKey, ...]) -> None:
        self._opened = {row.kid: self._open(row) for row in rows if row.state is KeyState.ACTIVE}
        active = {(row.purpose, row.alg): self._opened[row.kid] for row in rows if row.state is KeyState.ACTIVE}
        self._ring = KeyRing(
            active,
            verifying=_those_of(rows, KeyPurpose.ID_TOKEN),
            verifying_access=_those_of(rows, KeyPurpose.ACCESS_TOKEN),
            jwks=export_jwks(row.public_jwk for row in rows if row.purpose is not KeyPurpose.SAML_SIGNING),
        )
        self._rows = rows

    def _open(self, row: StoredKey) -> SigningKey:
        return self._opened.get(row.kid) or self._vault.open(row)

    def _make(self, purpose: KeyPurpose, alg: str) -> None:
        now = self._clock()
        key = self._vault.make(purpose, alg, KeyState.ACTIVE, now=now)
        event = self._vault.tells(Action.KEY_CREATED, key, now=now, actor="preau", state=key.state)
        # False: another process was first, and its key is read next
        self._vault.keys.change(ChangeKeys(now, (event,), added=(key,)))


def _those_of(rows: Iterable[StoredKey], purpose: KeyPurpose) -> KeySet:
    """Public keys of one purpose; none while nothing is signed for it."""
    ours = [row.public_jwk for row in rows if row.purpose is purpose]
    return jwks_from_json(export_jwks(ours)) if ours else KeySet(())
