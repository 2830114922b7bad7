"""The provider's keys: made once however many processes start, opened once, followed beside the requests."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from broker.domain.keys import KeyPurpose, KeyState
from broker.domain.services import Resource
from broker.protocol.oidc.routes import keys_wanted
from broker.protocol.oidc.signing import KeyRing, Signer, keys_of_clients
from broker.wire.jose import TokenRefused, sign
from tests import second_opinion
from tests.clock import FakeClock
from tests.oidc_stand import service
from tests.signing_keys import FakeKeys, stored, vault_of

OF_CLIENTS = (KeyPurpose.ID_TOKEN, KeyPurpose.LOGOUT_TOKEN)


def signer(keys: FakeKeys, clock: FakeClock, *algs: str) -> Signer:
    return Signer(vault_of(keys), wanted=keys_of_clients(algs or ("ES256",)), clock=clock)


def kids(ring: KeyRing) -> set[str]:
    return {key["kid"] for key in json.loads(ring.jwks)["keys"]}


def test_the_first_start_makes_a_key_for_each_purpose_and_says_so(clock: FakeClock) -> None:
    keys = FakeKeys()
    ring = signer(keys, clock).ring()
    assert [(row.purpose, row.state) for row in keys.rows] == [(purpose, "active") for purpose in OF_CLIENTS]
    assert [event.subject for event in keys.events] == [row.kid for row in keys.rows]
    assert keys.events[0].subject == ring.key("ES256").kid
    assert b'"d"' not in ring.jwks
    assert b'"d"' not in keys.rows[0].sealed
    assert kids(ring) == {row.kid for row in keys.rows}


def test_one_key_per_purpose_and_only_those_of_id_tokens_check_hints(clock: FakeClock) -> None:
    ring = signer(FakeKeys(), clock).ring()
    for_logout = ring.key("ES256", KeyPurpose.LOGOUT_TOKEN)
    assert for_logout.kid != ring.key("ES256").kid
    assert ring.verifying.has(ring.key("ES256").kid)
    assert not ring.verifying.has(for_logout.kid)


def test_access_tokens_have_a_key_of_their_own_once_an_api_reads_them(clock: FakeClock) -> None:
    keys = FakeKeys()
    made = signer(keys, clock)
    assert KeyPurpose.ACCESS_TOKEN not in {row.purpose for row in keys.rows}
    api = Resource("https://notes.example/api", "notes", frozenset({"notes"}), frozenset({"notes.read"}))
    assert keys_wanted([service(resources=(api,))]) == keys_wanted([service()]), "an opaque token is signed by nobody"
    made.ensure(keys_wanted([service(resources=(replace(api, jwt=True),))]))
    own = made.ring().key("ES256", KeyPurpose.ACCESS_TOKEN)
    assert own.kid in kids(made.ring())
    assert (made.ring().verifying.has(own.kid), made.ring().verifying_access.has(own.kid)) == (False, True)
    assert not made.ring().verifying_access.has(made.ring().key("ES256").kid)


def test_a_second_start_reads_the_same_key(clock: FakeClock) -> None:
    keys = FakeKeys()
    first = signer(keys, clock).ring().key("ES256").kid
    assert signer(keys, clock).ring().key("ES256").kid == first
    assert len(keys.rows) == len(OF_CLIENTS)


def test_of_two_that_start_at_once_the_second_takes_the_first_ones_key(clock: FakeClock) -> None:
    rival = stored(clock())
    keys = FakeKeys(rival=rival)
    assert signer(keys, clock).ring().key("ES256").kid == rival.kid
    assert [event.detail["purpose"] for event in keys.events] == ["logout_token"]


def test_each_algorithm_has_its_key(clock: FakeClock) -> None:
    ring = signer(FakeKeys(), clock, "ES256", "RS256").ring()
    assert {alg: ring.key(alg).alg for alg in ("ES256", "RS256")} == {"ES256": "ES256", "RS256": "RS256"}
    for alg in ("ES256", "RS256"):
        token = sign({"sub": "s"}, ring.key(alg), typ="JWT")
        jwk = next(jwk for jwk in json.loads(ring.jwks)["keys"] if jwk["kid"] == ring.key(alg).kid)
        assert second_opinion.read(token, jwk, algs=[alg]) == {"sub": "s"}


def test_a_request_reads_no_key_and_the_next_look_finds_what_moved(clock: FakeClock) -> None:
    keys = FakeKeys()
    made = signer(keys, clock)
    before, old = keys.reads, made.ring().key("ES256")
    for _ in range(10):
        made.ring()
    assert keys.reads == before
    assert not made.refresh()
    keys.rows[0] = replace(keys.rows[0], state=KeyState.RETIRING)
    keys.rows.append(stored(clock()))
    assert made.ring().key("ES256").kid == old.kid
    assert made.refresh()
    ring = made.ring()
    assert ring.key("ES256").kid == keys.rows[-1].kid
    assert kids(ring) == {row.kid for row in keys.rows}
    assert ring.verifying.has(old.kid)


def test_an_announced_key_is_published_and_does_not_sign(clock: FakeClock) -> None:
    keys = FakeKeys()
    made = signer(keys, clock)
    keys.rows.append(stored(clock(), KeyState.NEXT))
    assert made.refresh()
    assert keys.rows[-1].kid in kids(made.ring())
    assert made.ring().key("ES256").kid == keys.rows[0].kid


def test_a_retired_key_is_neither_published_nor_believed(clock: FakeClock) -> None:
    keys = FakeKeys([stored(clock(), KeyState.RETIRING)])
    made = signer(keys, clock)
    old = keys.rows[0].kid
    assert made.ring().verifying.has(old)
    keys.rows[0] = replace(keys.rows[0], state=KeyState.RETIRED)
    assert made.refresh()
    assert old not in kids(made.ring())
    assert not made.ring().verifying.has(old)


def test_a_database_that_is_away_does_not_stop_the_signing(clock: FakeClock) -> None:
    keys = FakeKeys()
    made = signer(keys, clock)
    keys.down = True
    assert not made.refresh()
    assert made.ring().key("ES256")


def test_a_key_that_does_not_open_stops_the_start(clock: FakeClock) -> None:
    keys = FakeKeys([replace(stored(clock()), sealed=b"junk")])
    with pytest.raises(TokenRefused):
        signer(keys, clock)
