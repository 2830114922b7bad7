"""Signing keys for tests: `Keys` in a list, a vault whose seal turns every bit, a key of any state."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from broker.domain.audit import AuditEvent
from broker.domain.errors import StorageUnavailable
from broker.domain.keys import ChangeKeys, KeyPurpose, KeyState, StoredKey
from broker.protocol.oidc.signing import KeyVault
from broker.wire.jose import generate_key, private_jwk, public_jwk


@dataclass
class FakeKeys:
    """`Keys` in a list; `rival` is stored by another process in the very moment of our own attempt."""

    rows: list[StoredKey] = field(default_factory=list)
    events: list[AuditEvent] = field(default_factory=list)
    rival: StoredKey | None = None
    down: bool = False
    reads: int = 0

    def published(self) -> tuple[StoredKey, ...]:
        self.reads += 1
        if self.down:
            raise StorageUnavailable
        return tuple(row for row in self.rows if row.state is not KeyState.RETIRED)

    def all(self) -> tuple[StoredKey, ...]:
        return tuple(self.rows)

    def change(self, act: ChangeKeys) -> bool:
        if self.rival is not None:
            self.rows.append(self.rival)
            self.rival = None
            return False
        states = {row.kid: row.state for row in self.rows}
        if any(states[move.kid] is not move.before for move in act.moves):
            return False
        moved = {move.kid: move.after for move in act.moves}
        self.rows = [
            replace(row, state=moved[row.kid], since=act.now) if row.kid in moved else row for row in self.rows
        ]
        self.rows += act.added
        self.events += act.audit
        return True


def flip(content: bytes) -> bytes:
    """A seal for tests: every bit turned."""
    return bytes(byte ^ 255 for byte in content)


def vault_of(keys: FakeKeys) -> KeyVault:
    return KeyVault(keys, flip, flip, tenant="site")


def stored(now: datetime, state: KeyState = KeyState.ACTIVE, purpose: KeyPurpose = KeyPurpose.ID_TOKEN) -> StoredKey:
    key = generate_key("ES256")
    return StoredKey(key.kid, purpose, "ES256", state, public_jwk(key), flip(private_jwk(key)), now, now)
