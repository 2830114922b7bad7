"""The provider's keys: made once however many processes start, opened once, looked at again after a minute."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import pytest
from jose import jwt as vendor_jwt

from broker.domain.audit import AuditEvent
from broker.domain.errors import StorageUnavailable
from broker.domain.ports import StoredKey
from broker.protocol.oidc.signing import KeyVault, Signer
from broker.wire.jose import TokenRefused, generate_key, private_jwk, public_jwk, sign
from tests.clock import FakeClock


@dataclass
class FakeKeys:
    """`Keys` in a list; `rival` is stored by another process in the very moment of our own attempt."""

    rows: list[StoredKey] = field(default_factory=list)
    events: list[AuditEvent] = field(default_factory=list)
    rival: StoredKey | None = None
    down: bool = False
    reads: int = 0

    def all(self, purpose: str) -> tuple[StoredKey, ...]:
        self.reads += 1
        if self.down:
            raise StorageUnavailable
        return tuple(row for row in self.rows if row.purpose == purpose)

    def add(self, key: StoredKey, audit: AuditEvent) -> bool:
        if self.rival is not None:
            self.rows.append(self.rival)
            self.rival = None
            return False
        self.rows.append(key)
        self.events.append(audit)
        return True


def flip(content: bytes) -> bytes:
    """A seal for tests: every bit turned."""
    return bytes(byte ^ 255 for byte in content)


def signer(keys: FakeKeys, clock: FakeClock, *algs: str) -> Signer:
    return Signer(KeyVault(keys, flip, flip, tenant="site"), algs=algs or ("ES256",), clock=clock)


def stored(clock: FakeClock, state: str = "active") -> StoredKey:
    key = generate_key("ES256")
    return StoredKey(key.kid, "id_token", "ES256", state, public_jwk(key), flip(private_jwk(key)), clock())


def test_the_first_start_makes_a_key_and_says_so(clock: FakeClock) -> None:
    keys = FakeKeys()
    ring = signer(keys, clock).ring()
    assert [row.state for row in keys.rows] == ["active"]
    assert keys.events[0].subject == ring.key("ES256").kid
    assert b'"d"' not in ring.jwks
    assert b'"d"' not in keys.rows[0].sealed
    assert json.loads(ring.jwks)["keys"][0]["kid"] == ring.key("ES256").kid


def test_a_second_start_reads_the_same_key(clock: FakeClock) -> None:
    keys = FakeKeys()
    first = signer(keys, clock).ring().key("ES256").kid
    assert signer(keys, clock).ring().key("ES256").kid == first
    assert len(keys.rows) == 1


def test_of_two_that_start_at_once_the_second_takes_the_first_ones_key(clock: FakeClock) -> None:
    rival = stored(clock)
    keys = FakeKeys(rival=rival)
    assert signer(keys, clock).ring().key("ES256").kid == rival.kid
    assert keys.events == []


def test_each_algorithm_has_its_key(clock: FakeClock) -> None:
    ring = signer(FakeKeys(), clock, "ES256", "RS256").ring()
    assert {alg: ring.key(alg).alg for alg in ("ES256", "RS256")} == {"ES256": "ES256", "RS256": "RS256"}
    for alg in ("ES256", "RS256"):
        token = sign({"sub": "s"}, ring.key(alg), typ="JWT")
        jwk = next(jwk for jwk in json.loads(ring.jwks)["keys"] if jwk["kid"] == ring.key(alg).kid)
        assert vendor_jwt.decode(token, jwk, algorithms=[alg]) == {"sub": "s"}


def test_a_request_reads_no_key_and_a_minute_later_one_does(clock: FakeClock) -> None:
    keys = FakeKeys()
    made = signer(keys, clock)
    before = keys.reads
    for _ in range(10):
        made.ring()
    assert keys.reads == before
    old = made.ring().key("ES256")
    keys.rows[0] = replace(keys.rows[0], state="retiring")
    keys.rows.append(stored(clock))
    clock.advance(60)
    ring = made.ring()
    assert ring.key("ES256").kid == keys.rows[1].kid
    assert {key["kid"] for key in json.loads(ring.jwks)["keys"]} == {old.kid, keys.rows[1].kid}
    assert keys.reads == before + 1


def test_an_announced_key_is_published_and_does_not_sign(clock: FakeClock) -> None:
    keys = FakeKeys()
    made = signer(keys, clock)
    keys.rows.append(stored(clock, "next"))
    clock.advance(60)
    assert len(json.loads(made.ring().jwks)["keys"]) == 2
    assert made.ring().key("ES256").kid == keys.rows[0].kid


def test_a_database_that_is_away_does_not_stop_the_signing(clock: FakeClock) -> None:
    keys = FakeKeys()
    made = signer(keys, clock)
    keys.down = True
    clock.advance(61)
    assert made.ring().key("ES256")


def test_a_key_that_does_not_open_stops_the_start(clock: FakeClock) -> None:
    keys = FakeKeys([replace(stored(clock), sealed=b"junk")])
    with pytest.raises(TokenRefused):
        signer(keys, clock)
