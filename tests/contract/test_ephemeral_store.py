"""The contract of `EphemeralStore`, run on every adapter; then what each adapter promises beyond it."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import timedelta
from threading import Barrier

import pytest
import redis

from broker.domain.errors import EphemeralUnavailable
from broker.domain.ports import EphemeralStore, Limit
from broker.storage.memory_store import MemoryStore
from broker.storage.redis_store import REMEMBERED, RedisStore
from tests import servers
from tests.clock import FakeClock

PassTime = Callable[[int], object]
TAKERS = 8


@pytest.fixture
def pass_time(request: pytest.FixtureRequest, ephemeral_store: EphemeralStore, clock: FakeClock) -> PassTime:
    """Let seconds pass for the store without waiting: on Redis by shortening every life by as much."""

    def pass_on_redis(seconds: int) -> None:
        with closing(redis.Redis.from_url(request.getfixturevalue("redis_server"))) as client:
            for key in client.scan_iter():
                left = client.pttl(key)
                assert left > 0, "everything ephemeral ends by itself"
                client.pexpire(key, max(0, left - 1000 * seconds))

    return pass_on_redis if isinstance(ephemeral_store, RedisStore) else clock.advance


def at_once(act: Callable[[], object]) -> list[object]:
    """Do the same thing from several threads at the same instant."""
    gate = Barrier(TAKERS)

    def one(_: int) -> object:
        gate.wait()
        return act()

    with ThreadPoolExecutor(TAKERS) as pool:
        return list(pool.map(one, range(TAKERS)))


def test_what_was_put_is_read_until_its_time_is_over(ephemeral_store: EphemeralStore, pass_time: PassTime) -> None:
    ephemeral_store.put("session:a", b"\x00copy", ttl=30)
    assert ephemeral_store.get("session:a") == b"\x00copy"
    pass_time(29)
    assert ephemeral_store.get("session:a") == b"\x00copy"
    pass_time(1)
    assert ephemeral_store.get("session:a") is None


def test_an_unknown_key_reads_as_nothing(ephemeral_store: EphemeralStore) -> None:
    assert ephemeral_store.get("never") is None
    assert ephemeral_store.take("never") is None
    ephemeral_store.drop(["never"])
    ephemeral_store.drop([])


def test_the_last_value_put_counts_with_its_own_time(ephemeral_store: EphemeralStore, pass_time: PassTime) -> None:
    ephemeral_store.put("k", b"old", ttl=10)
    ephemeral_store.put("k", b"new", ttl=60)
    pass_time(20)
    assert ephemeral_store.get("k") == b"new"


def test_taking_removes(ephemeral_store: EphemeralStore) -> None:
    ephemeral_store.put("state", b"login in progress", ttl=60)
    assert ephemeral_store.take("state") == b"login in progress"
    assert ephemeral_store.take("state") is None
    assert ephemeral_store.get("state") is None


def test_what_has_expired_cannot_be_taken(ephemeral_store: EphemeralStore, pass_time: PassTime) -> None:
    ephemeral_store.put("state", b"login in progress", ttl=60)
    pass_time(60)
    assert ephemeral_store.take("state") is None


def test_of_many_takers_one_gets_it(ephemeral_store: EphemeralStore) -> None:
    for number in range(20):
        ephemeral_store.put(f"state{number}", b"x", ttl=60)
        taken = at_once(lambda key=f"state{number}": ephemeral_store.take(key))  # type: ignore[misc]
        assert sorted(taken, key=bool) == [None] * (TAKERS - 1) + [b"x"]


def test_dropping_forgets_these_and_no_others(ephemeral_store: EphemeralStore) -> None:
    for key in ("a", "b", "c"):
        ephemeral_store.put(key, b"x", ttl=60)
    ephemeral_store.drop(["a", "b"])
    assert [ephemeral_store.get(key) for key in ("a", "b", "c")] == [None, None, b"x"]


def test_a_claim_is_won_once_until_its_time_is_over(ephemeral_store: EphemeralStore, pass_time: PassTime) -> None:
    assert ephemeral_store.claim_once("jti", ttl=60)
    pass_time(59)
    assert not ephemeral_store.claim_once("jti", ttl=60)
    assert ephemeral_store.claim_once("another jti", ttl=60)
    pass_time(1)
    assert ephemeral_store.claim_once("jti", ttl=60)


def test_of_many_claimants_one_wins(ephemeral_store: EphemeralStore) -> None:
    for number in range(20):
        won = at_once(lambda key=f"jti{number}": ephemeral_store.claim_once(key, ttl=60))  # type: ignore[misc]
        assert won.count(True) == 1


@pytest.mark.spec("RFC 9449 §11.1")
def test_a_store_that_has_just_started_refuses_what_is_older(ephemeral_store: EphemeralStore, clock: FakeClock) -> None:
    """It may have been claimed before the store began, or before it was emptied: nobody can tell."""
    began = clock()
    assert ephemeral_store.claim_once("first", ttl=60, usable_since=began)
    assert not ephemeral_store.claim_once("older", ttl=60, usable_since=began - timedelta(seconds=1))
    clock.advance(30)
    assert not ephemeral_store.claim_once("older", ttl=60, usable_since=began - timedelta(seconds=1))
    assert ephemeral_store.claim_once("newer", ttl=60, usable_since=clock())
    assert not ephemeral_store.claim_once("newer", ttl=60, usable_since=clock())


@pytest.mark.services
def test_a_redis_that_was_emptied_counts_as_just_started(
    redis_store: RedisStore, raw: redis.Redis, clock: FakeClock
) -> None:
    used = clock()
    assert redis_store.claim_once("proof", ttl=60, usable_since=used)
    clock.advance(30)
    raw.flushall()
    assert not redis_store.claim_once("proof", ttl=60, usable_since=used)
    assert redis_store.claim_once("fresh", ttl=60, usable_since=clock())


def test_a_claim_and_a_value_of_the_same_name_do_not_meet(ephemeral_store: EphemeralStore) -> None:
    ephemeral_store.put("same", b"value", ttl=60)
    assert ephemeral_store.claim_once("same", ttl=60)
    ephemeral_store.drop(["same"])
    assert not ephemeral_store.claim_once("same", ttl=60)


def test_admission_counts_and_hands_over_the_copy(ephemeral_store: EphemeralStore, pass_time: PassTime) -> None:
    limits = (Limit(key="address:127.0.0.1", most=2, window=60), Limit(key="all", most=100, window=1))
    ephemeral_store.put("session:a", b"copy", ttl=300)
    for _ in range(2):
        admission = ephemeral_store.admit(limits, copy_key="session:a")
        assert admission.allowed
        assert admission.retry_after == 0
        assert admission.copy == b"copy"
    refused = ephemeral_store.admit(limits, copy_key="session:a")
    assert not refused.allowed
    assert 1 <= refused.retry_after <= 60
    assert refused.copy is None
    pass_time(60)
    assert ephemeral_store.admit(limits, copy_key="session:a").allowed


def test_a_window_starts_at_its_first_request_and_refusals_do_not_extend_it(
    ephemeral_store: EphemeralStore, pass_time: PassTime
) -> None:
    limits = (Limit(key="k", most=1, window=60),)
    assert ephemeral_store.admit(limits, copy_key="-").allowed
    pass_time(50)
    refused = ephemeral_store.admit(limits, copy_key="-")
    assert not refused.allowed
    assert refused.retry_after <= 10
    pass_time(10)
    assert ephemeral_store.admit(limits, copy_key="-").allowed


def test_each_limit_has_its_own_counter(ephemeral_store: EphemeralStore) -> None:
    assert ephemeral_store.admit((Limit(key="a", most=1, window=60),), copy_key="-").allowed
    assert ephemeral_store.admit((Limit(key="b", most=1, window=60),), copy_key="-").allowed
    assert not ephemeral_store.admit((Limit(key="a", most=1, window=60),), copy_key="-").allowed


def test_without_limits_admission_only_reads(ephemeral_store: EphemeralStore) -> None:
    admission = ephemeral_store.admit((), copy_key="session:a")
    assert admission.allowed
    assert admission.copy is None


def test_exactly_the_limit_is_admitted_when_all_come_at_once(ephemeral_store: EphemeralStore) -> None:
    limits = (Limit(key="k", most=3, window=60),)
    admitted = at_once(lambda: ephemeral_store.admit(limits, copy_key="-").allowed)
    assert admitted.count(True) == 3


# ---- memory ------------------------------------------------------------------------------------------------------


def test_memory_forgets_the_expired_first_and_then_what_ends_soonest(clock: FakeClock) -> None:
    store = MemoryStore(clock, most=3)
    store.put("short", b"x", ttl=10)
    store.put("long", b"x", ttl=100)
    store.put("longer", b"x", ttl=200)
    clock.advance(10)
    store.put("fresh", b"x", ttl=50)
    assert store.get("long") == b"x"
    store.put("one more", b"x", ttl=300)
    assert store.get("fresh") is None
    assert [store.get(key) for key in ("long", "longer", "one more")] == [b"x"] * 3


def test_memory_stays_bounded_when_the_same_keys_are_written_again_and_again(clock: FakeClock) -> None:
    store = MemoryStore(clock, most=10)
    for number in range(1000):
        store.put(f"k{number % 20}", b"x", ttl=1000 - number % 7)
        store.admit((Limit(key=f"l{number % 20}", most=1, window=60),), copy_key="-")
    assert len(store._values.entries) <= 10
    assert len(store._values.ends) <= 20
    assert len(store._counts.entries) <= 10
    clock.advance(2000)
    assert store.purge(now=clock(), limit=8) == 16
    assert store.purge(now=clock(), limit=8) == 4
    assert not store._values.ends


def test_memory_refuses_a_claim_rather_than_forget_one(clock: FakeClock) -> None:
    store = MemoryStore(clock, most=2)
    assert store.claim_once("a", ttl=60)
    assert store.claim_once("b", ttl=90)
    with pytest.raises(EphemeralUnavailable):
        store.claim_once("c", ttl=60)
    assert not store.claim_once("a", ttl=60)
    clock.advance(60)
    assert store.claim_once("c", ttl=60)


# ---- Redis -------------------------------------------------------------------------------------------------------


@pytest.fixture
def redis_store(redis_url: str, clock: FakeClock) -> Iterator[RedisStore]:
    with closing(RedisStore(redis_url, clock, tag_key=b"k" * 32)) as store:
        yield store


@pytest.fixture
def raw(redis_url: str) -> Iterator[redis.Redis]:
    with closing(redis.Redis.from_url(redis_url)) as client:
        yield client


@pytest.mark.services
def test_every_redis_key_carries_the_prefix_and_ends_by_itself(redis_store: RedisStore, raw: redis.Redis) -> None:
    redis_store.put("a", b"x", ttl=60)
    redis_store.claim_once("b", ttl=60)
    redis_store.admit((Limit(key="c", most=1, window=60),), copy_key="a")
    keys = set(raw.scan_iter())
    assert keys == {b"preau:a", b"preau:claim:b", b"preau:claims-began", b"preau:limit:c"}
    assert all(0 < raw.ttl(key) <= 60 for key in keys - {b"preau:claims-began"})
    assert 0 < raw.ttl(b"preau:claims-began") <= REMEMBERED


@pytest.mark.services
def test_admission_is_one_command(redis_store: RedisStore, raw: redis.Redis) -> None:
    limits = (Limit(key="a", most=9, window=60), Limit(key="b", most=9, window=60))
    redis_store.admit(limits, copy_key="s")

    def asked() -> int:
        return int(raw.info("commandstats")["cmdstat_evalsha"]["calls"])

    before = asked()
    redis_store.admit(limits, copy_key="s")
    assert asked() == before + 1


@pytest.mark.services
@pytest.mark.parametrize("forged", [b"", b"garbage", b"\x00" * 60])
def test_a_value_that_redis_garbled_is_not_read(redis_store: RedisStore, raw: redis.Redis, forged: bytes) -> None:
    redis_store.put("session:a", b"mother", ttl=60)
    raw.set("preau:session:b", forged)
    assert redis_store.get("session:b") is None
    assert redis_store.admit((), copy_key="session:b").copy is None
    assert redis_store.take("session:b") is None
    assert redis_store.get("session:a") == b"mother"


@pytest.mark.services
def test_a_value_copied_to_another_key_is_not_read(redis_store: RedisStore, raw: redis.Redis) -> None:
    redis_store.put("session:a", b"mother", ttl=60)
    raw.copy("preau:session:a", "preau:session:b")
    assert redis_store.get("session:b") is None


@pytest.mark.services
def test_a_value_written_without_the_key_is_not_read(redis_store: RedisStore, redis_url: str, clock: FakeClock) -> None:
    with closing(RedisStore(redis_url, clock, tag_key=b"s" * 32)) as stranger:
        stranger.put("session:a", b"forged", ttl=60)
    assert redis_store.get("session:a") is None


LIMITS = (Limit(key="k", most=8, window=60),)


def check_alone(store: RedisStore) -> None:
    """Without Redis nothing is found, nothing raises but a claim, and volume is limited to a quarter."""
    store.put("session:a", b"copy", ttl=60)
    assert store.get("session:a") is None
    assert store.take("session:a") is None
    store.drop(["session:a"])
    assert [store.admit(LIMITS, copy_key="session:a").allowed for _ in range(3)] == [True, True, False]
    with pytest.raises(EphemeralUnavailable) as refused:
        store.claim_once("jti", ttl=60)
    assert refused.value.code == "PRE-5004"


@pytest.mark.services
@pytest.mark.usefixtures("redis_url")
def test_everything_goes_on_when_redis_vanishes_and_claims_fail_closed(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    port = servers.free_port()
    with ExitStack() as stack:
        with servers.redis_server(port=port, password="same") as url:
            store = stack.enter_context(closing(RedisStore(url, clock)))
            store.put("session:a", b"copy", ttl=60)
            assert store.admit(LIMITS, copy_key="session:a").copy == b"copy"
        check_alone(store)
        clock.advance(2)
        assert store.get("session:a") is None
        with servers.redis_server(port=port, password="same"):
            assert store.get("session:a") is None
            assert not caplog.records[1:]
            clock.advance(2)
            assert store.claim_once("jti", ttl=60)
            assert store.admit(LIMITS, copy_key="session:a").allowed
    assert [record.message for record in caplog.records] == ["redis does not answer", "redis answers again"]


@pytest.mark.services
@pytest.mark.usefixtures("redis_url")
def test_a_restarted_redis_is_used_again_at_once(clock: FakeClock) -> None:
    port = servers.free_port()
    with ExitStack() as stack:
        with servers.redis_server(port=port, password="same") as url:
            store = stack.enter_context(closing(RedisStore(url, clock)))
            assert store.claim_once("jti", ttl=60)
        with servers.redis_server(port=port, password="same"):
            assert store.claim_once("another", ttl=60)


def test_a_redis_that_hangs_is_left_alone_for_a_while(clock: FakeClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute, closing(mute_store(mute, clock)) as store:
        check_alone(store)
        mute.settimeout(0)
        tried = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                mute.accept()[0].close()
                tried += 1
    assert tried == 1


def mute_store(mute: socket.socket, clock: FakeClock) -> RedisStore:
    return RedisStore(f"redis://127.0.0.1:{mute.getsockname()[1]}/0", clock)


@pytest.mark.services
def test_a_process_counts_a_thousandth_ahead_and_asks_no_more_until_it_is_used(
    redis_store: RedisStore, raw: redis.Redis, clock: FakeClock
) -> None:
    limit = Limit(key="a", most=5_000, window=60)

    def admitted() -> bool:
        return redis_store.admit((limit,), copy_key="").allowed

    def counted() -> int:
        return int(raw.get("preau:limit:a") or 0)

    assert all(admitted() for _ in range(5))
    assert counted() == 5
    assert admitted()
    assert counted() == 10
    clock.advance(61)
    assert admitted()
    assert counted() == 15, "what was counted ahead ended with its window"
    raw.set("preau:limit:a", 5_000, keepttl=True)
    assert [admitted() for _ in range(5)] == [True] * 4 + [False]


@pytest.mark.services
def test_two_processes_together_let_through_no_more_than_the_limit(redis_url: str, clock: FakeClock) -> None:
    limit = Limit(key="a", most=3_000, window=60)
    with closing(RedisStore(redis_url, clock)) as one, closing(RedisStore(redis_url, clock)) as other:
        allowed = sum(store.admit((limit,), copy_key="").allowed for _ in range(2_000) for store in (one, other))
    assert allowed == limit.most


@pytest.mark.services
def test_a_copy_is_asked_for_whatever_was_counted_ahead(redis_store: RedisStore) -> None:
    limit = Limit(key="a", most=5_000, window=60)
    redis_store.admit((limit,), copy_key="")
    redis_store.put("session:a", b"mother", ttl=60)
    assert redis_store.admit((limit,), copy_key="session:a").copy == b"mother"


@pytest.mark.services
def test_a_redis_that_forgot_its_scripts_is_told_anew(redis_store: RedisStore, raw: redis.Redis) -> None:
    raw.script_flush()
    assert redis_store.admit((Limit(key="a", most=9, window=60),), copy_key="").allowed
