"""The contract of `Keys`, run on SQLite and PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

from sqlalchemy import Engine, func, select

from broker.domain.audit import Action, AuditEvent
from broker.domain.ports import StoredKey
from broker.storage.engine import open_engine, reading
from broker.storage.schema import audit_events
from broker.storage.sql_keys import SqlKeys
from tests.clock import FakeClock

RACERS = 8


def key(kid: str, clock: FakeClock) -> StoredKey:
    return StoredKey(
        kid=kid,
        purpose="id_token",
        alg="ES256",
        state="active",
        public_jwk='{"kty":"EC"}',
        sealed=b"\x00\xffsealed",
        created_at=clock(),
    )


def event(clock: FakeClock) -> AuditEvent:
    return AuditEvent(tenant="site", at=clock(), action=Action.KEY_CREATED, actor="installation")


def events(engine: Engine) -> int:
    with reading(engine) as conn:
        return conn.execute(select(func.count()).select_from(audit_events)).scalar_one()


def test_a_key_comes_back_as_it_was_stored(sql_engine: Engine, clock: FakeClock) -> None:
    keys = SqlKeys(sql_engine)
    assert keys.all("id_token") == ()
    assert keys.add(key("k1", clock), event(clock))
    assert keys.all("id_token") == (key("k1", clock),)
    assert keys.all("another purpose") == ()
    assert events(sql_engine) == 1


def test_keys_come_oldest_first_without_the_retired(sql_engine: Engine, clock: FakeClock) -> None:
    keys = SqlKeys(sql_engine)
    now = clock()
    states = {"k3": ("next", 0), "k1": ("retiring", -2), "k2": ("active", -1), "k0": ("retired", -3)}
    for kid, (state, days) in states.items():
        stored = replace(key(kid, clock), state=state, created_at=now + timedelta(days=days))
        assert keys.add(stored, event(clock))
    assert [stored.kid for stored in keys.all("id_token")] == ["k1", "k2", "k3"]


def test_a_second_active_key_is_refused_and_leaves_no_trace(sql_engine: Engine, clock: FakeClock) -> None:
    keys = SqlKeys(sql_engine)
    assert keys.add(key("k1", clock), event(clock))
    assert not keys.add(key("k2", clock), event(clock))
    assert events(sql_engine) == 1
    assert keys.add(replace(key("k2", clock), alg="RS256"), event(clock))
    assert keys.add(replace(key("k3", clock), state="next"), event(clock))


def test_of_many_processes_that_make_the_first_key_one_wins(sql_url: str, clock: FakeClock) -> None:
    gate = Barrier(RACERS)
    stores = [open_engine(sql_url, pool_size=1) for _ in range(RACERS)]

    def race(number: int) -> bool:
        gate.wait()
        return SqlKeys(stores[number]).add(key(f"k{number}", clock), event(clock))

    with ThreadPoolExecutor(RACERS) as pool:
        won = list(pool.map(race, range(RACERS)))
    assert won.count(True) == 1
    assert [stored.kid for stored in SqlKeys(stores[0]).all("id_token")] == [f"k{won.index(True)}"]
    assert events(stores[0]) == 1
    for engine in stores:
        engine.dispose()
