"""The contract of `Keys`, run on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import Engine, func, select, update

from broker.domain.audit import Action, AuditEvent
from broker.domain.keys import ChangeKeys, KeyMove, KeyPurpose, KeyState, StoredKey
from broker.storage.engine import open_engine, reading, transact
from broker.storage.schema import audit_events, signing_keys
from broker.storage.sql_keys import SqlKeys
from tests.clock import FakeClock

RACERS = 8


def key(kid: str, clock: FakeClock, state: KeyState = KeyState.ACTIVE) -> StoredKey:
    return StoredKey(
        kid=kid,
        purpose=KeyPurpose.ID_TOKEN,
        alg="ES256",
        state=state,
        public_jwk='{"kty":"EC"}',
        sealed=b"\x00\xffsealed",
        created_at=clock(),
        since=clock(),
    )


def event(clock: FakeClock) -> AuditEvent:
    return AuditEvent(tenant="site", at=clock(), action=Action.KEY_CREATED, actor="installation")


def add(keys: SqlKeys, clock: FakeClock, *added: StoredKey) -> bool:
    return keys.change(ChangeKeys(clock(), (event(clock),), added=added))


def takeover(clock: FakeClock, old: str, new: str, fresh: str) -> ChangeKeys:
    moves = (KeyMove(old, KeyState.ACTIVE, KeyState.RETIRING), KeyMove(new, KeyState.NEXT, KeyState.ACTIVE))
    return ChangeKeys(clock(), (event(clock),), moves, (key(fresh, clock, KeyState.NEXT),))


def states(keys: SqlKeys) -> dict[str, str]:
    return {stored.kid: stored.state.value for stored in keys.all()}


def events(engine: Engine) -> int:
    with reading(engine) as conn:
        return conn.execute(select(func.count()).select_from(audit_events)).scalar_one()


def race(url: str, attempt: Callable[[SqlKeys, int], bool]) -> list[bool]:
    gate = Barrier(RACERS)
    stores = [open_engine(url, pool_size=1) for _ in range(RACERS)]

    def run(number: int) -> bool:
        gate.wait()
        return attempt(SqlKeys(stores[number]), number)

    with ThreadPoolExecutor(RACERS) as pool:
        won = list(pool.map(run, range(RACERS)))
    for engine in stores:
        engine.dispose()
    return won


def test_a_key_comes_back_as_it_was_stored(sql_engine: Engine, clock: FakeClock) -> None:
    keys = SqlKeys(sql_engine)
    assert keys.published() == ()
    assert add(keys, clock, key("k1", clock))
    assert keys.published() == keys.all() == (key("k1", clock),)
    assert events(sql_engine) == 1


def test_keys_come_oldest_first_without_the_retired(sql_engine: Engine, clock: FakeClock) -> None:
    keys = SqlKeys(sql_engine)
    now = clock()
    lives = {
        "k3": (KeyState.NEXT, 0),
        "k1": (KeyState.RETIRING, -2),
        "k2": (KeyState.ACTIVE, -1),
        "k0": (KeyState.RETIRED, -3),
    }
    for kid, (state, days) in lives.items():
        assert add(keys, clock, replace(key(kid, clock, state), created_at=now + timedelta(days=days)))
    assert [stored.kid for stored in keys.published()] == ["k1", "k2", "k3"]
    assert [stored.kid for stored in keys.all()] == ["k0", "k1", "k2", "k3"]


@pytest.mark.parametrize("state", [KeyState.ACTIVE, KeyState.NEXT])
def test_a_second_key_in_the_same_place_is_refused_and_leaves_no_trace(
    sql_engine: Engine, clock: FakeClock, state: KeyState
) -> None:
    keys = SqlKeys(sql_engine)
    assert add(keys, clock, key("k1", clock, state))
    assert not add(keys, clock, key("k2", clock, state))
    assert events(sql_engine) == 1
    assert add(keys, clock, replace(key("k2", clock, state), alg="RS256"))
    assert add(keys, clock, replace(key("k3", clock, state), purpose=KeyPurpose.LOGOUT_TOKEN))


def test_a_takeover_is_whole(sql_engine: Engine, clock: FakeClock) -> None:
    keys = SqlKeys(sql_engine)
    assert add(keys, clock, key("k1", clock), key("k2", clock, KeyState.NEXT))
    clock.advance(60)
    assert keys.change(takeover(clock, "k1", "k2", "k3"))
    assert states(keys) == {"k1": "retiring", "k2": "active", "k3": "next"}
    assert {stored.since for stored in keys.all()} == {clock()}
    assert all(stored.sealed for stored in keys.all())


def test_a_takeover_of_a_key_that_moved_meanwhile_does_nothing_at_all(sql_engine: Engine, clock: FakeClock) -> None:
    keys = SqlKeys(sql_engine)
    assert add(keys, clock, key("k1", clock), key("k2", clock, KeyState.NEXT))
    assert not keys.change(takeover(clock, "k1", "absent", "k3"))
    assert states(keys) == {"k1": "active", "k2": "next"}
    assert keys.change(takeover(clock, "k1", "k2", "k3"))
    assert not keys.change(takeover(clock, "k1", "k2", "k4"))
    assert states(keys) == {"k1": "retiring", "k2": "active", "k3": "next"}
    assert events(sql_engine) == 2


def test_a_key_that_retires_loses_its_private_half_for_good(sql_engine: Engine, clock: FakeClock) -> None:
    keys = SqlKeys(sql_engine)
    assert add(keys, clock, key("k1", clock, KeyState.RETIRING), key("k2", clock))
    retire = ChangeKeys(clock(), (event(clock),), (KeyMove("k1", KeyState.RETIRING, KeyState.RETIRED),))
    assert keys.change(retire)
    assert not keys.change(retire), "another worker was first"
    assert events(sql_engine) == 2
    assert [(stored.kid, stored.sealed) for stored in keys.all()] == [("k1", b""), ("k2", b"\x00\xffsealed")]
    assert [stored.kid for stored in keys.published()] == ["k2"]


def test_of_many_processes_that_make_the_first_key_one_wins(sql_url: str, clock: FakeClock) -> None:
    won = race(sql_url, lambda keys, number: add(keys, clock, key(f"k{number}", clock)))
    assert won.count(True) == 1
    engine = open_engine(sql_url, pool_size=1)
    assert list(states(SqlKeys(engine))) == [f"k{won.index(True)}"]
    assert events(engine) == 1
    engine.dispose()


def test_of_many_processes_that_rotate_at_once_one_wins_and_one_key_signs(sql_url: str, clock: FakeClock) -> None:
    engine = open_engine(sql_url, pool_size=1)
    assert add(SqlKeys(engine), clock, key("old", clock), key("new", clock, KeyState.NEXT))
    won = race(sql_url, lambda keys, number: keys.change(takeover(clock, "old", "new", f"k{number}")))
    assert won.count(True) == 1
    assert states(SqlKeys(engine)) == {"old": "retiring", "new": "active", f"k{won.index(True)}": "next"}
    assert events(engine) == 2
    engine.dispose()


def test_a_key_of_a_process_of_before_has_been_in_its_state_since_it_was_made(
    sql_engine: Engine, clock: FakeClock
) -> None:
    keys = SqlKeys(sql_engine)
    add(keys, clock, key("k1", clock))
    transact(sql_engine, lambda conn: conn.execute(update(signing_keys).values(since=None)))
    assert [stored.since for stored in keys.all()] == [clock()]
