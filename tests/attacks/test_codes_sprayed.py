"""LR-11: codes guessed at from everywhere, at every letter, also while Redis is emptied: nobody gets in.

The simulator guesses as somebody with all the networks of the world would; five guesses at a letter are looked at,
whatever happens, and each has one chance in 2^60.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
import redis
from sqlalchemy import Engine, select, update

from broker.accounts.hashing import Hashing
from broker.domain.credentials import LetterCode, new_letter_code
from broker.domain.errors import CodeRefused, GuessesSpent, MustWait
from broker.domain.handles import Handle, new_handle
from broker.domain.sessions import Device
from broker.federation import Caller, GuessGate, WaysIn
from broker.storage import schema
from broker.storage.redis_store import RedisStore
from broker.storage.sql_codes import SqlCodes
from broker.storage.sql_guesses import SqlGuesses
from tests.clock import FakeClock
from tests.federations import build_world
from tests.own_accounts import BORN, family, letter, open_ways_in

KEY = b"k" * 32


def open_ways(engine: Engine, store: RedisStore, clock: FakeClock) -> WaysIn:
    world = build_world(engine, store, clock)
    return open_ways_in(world, GuessGate(SqlGuesses(engine), KEY), "maison")


@pytest.fixture
def ways(sql_engine: Engine, redis_url: str, clock: FakeClock) -> Iterator[WaysIn]:
    """The ways in on a real Redis, beside either database."""
    with closing(RedisStore(redis_url, clock, tag_key=KEY)) as store:
        opened = open_ways(sql_engine, store, clock)
        yield opened
        opened.behind.close()
        opened.activation.hashing.close()


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> Counter[bool]:
    """How many guesses were compared with a real hash (True), and with nobody's (False)."""
    seen: Counter[bool] = Counter()
    verify = Hashing.verify

    def counting(self: Hashing, kept: str, secret: str) -> bool:
        seen[bool(kept)] += 1
        return verify(self, kept, secret)

    monkeypatch.setattr(Hashing, "verify", counting)
    return seen


def somebody(address: str) -> Caller:
    return Caller(new_handle(Handle.BROWSER), Device.SHARED, "", address, "fr", "trace")


def gets_in(ways: WaysIn, typed: str, address: str) -> bool:
    try:
        ways.by_letter(typed, "/", somebody(address))
    except (CodeRefused, MustWait, GuessesSpent):
        return False
    return True


def letters(ways: WaysIn, engine: Engine, count: int) -> list[LetterCode]:
    people = [family(engine, key=str(number)) for number in range(count)]
    return [letter(engine, ways.activation.hashing, person).code for person in people]


def test_a_spray_from_a_thousand_networks_gets_five_looks_at_each_letter_and_nobody_in(
    ways: WaysIn, sql_engine: Engine, looked_at: Counter[bool]
) -> None:
    live = letters(ways, sql_engine, 6)
    aims = [code.locator for code in live for _ in range(20)]
    guesses = [(place, replace(new_letter_code(), locator=locator).written) for place, locator in enumerate(aims)]
    with ThreadPoolExecutor(4) as attackers:
        won = list(attackers.map(lambda each: gets_in(ways, each[1], f"2001:db8:{each[0]:x}::1"), guesses))
    assert sum(won) == 0
    assert looked_at == {True: 5 * len(live), False: 15 * len(live)}


def test_emptying_redis_in_the_middle_gives_no_guess_back(
    ways: WaysIn, sql_engine: Engine, redis_url: str, looked_at: Counter[bool]
) -> None:
    (code,) = letters(ways, sql_engine, 1)
    wrong = replace(new_letter_code(), locator=code.locator).written
    for place in range(12):
        assert not gets_in(ways, wrong, f"192.0.2.{place}")
        with closing(redis.Redis.from_url(redis_url)) as client:
            client.flushall()
    assert looked_at[True] == 5
    assert not gets_in(ways, code.written, "192.0.2.99")


def test_emptying_redis_gives_no_network_its_guesses_back(ways: WaysIn, redis_url: str, clock: FakeClock) -> None:
    table = ways.federation.upstreams.rules(ways.source_id).throttle
    ways = replace(ways, gate=GuessGate(ways.gate.guesses, KEY))
    for _ in range(int(table.most_of_network)):
        ways.gate.enter_network("192.0.2.1", table=table, now=clock())
    with closing(redis.Redis.from_url(redis_url)) as client:
        client.flushall()
    with pytest.raises((MustWait, GuessesSpent)):
        ways.by_letter(new_letter_code().written, "/", somebody("192.0.2.1"))


def test_the_birth_date_is_no_second_set_of_guesses(ways: WaysIn, sql_engine: Engine) -> None:
    """Whoever holds a letter and not the family's knowledge: five dates of some five thousand, at the code's count."""
    (code,) = letters(ways, sql_engine, 1)
    for place in range(5):
        me = somebody(f"192.0.2.{place}")
        handle = ways.by_letter(code.written, "/", me)
        with pytest.raises(CodeRefused):
            ways.by_birth_date(handle, BORN + timedelta(days=place + 1), me)
    assert not gets_in(ways, code.written, "192.0.2.9")
    with sql_engine.connect() as conn:
        assert conn.scalar(select(schema.codes.c.used_at)) is None


def test_the_simulator_gets_in_where_guesses_are_not_counted(
    ways: WaysIn, sql_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can fail: with the count taken out, the right code after many wrong ones is looked at."""
    (code,) = letters(ways, sql_engine, 1)
    claim = SqlCodes.claim

    def uncounted(self: SqlCodes, key: object, *, now: object) -> object:
        found = claim(self, key, now=now)  # type: ignore[arg-type]
        with sql_engine.begin() as conn:
            conn.execute(update(schema.codes).values(tries=0))
        return found

    monkeypatch.setattr(SqlCodes, "claim", uncounted)
    wrong = replace(new_letter_code(), locator=code.locator).written
    assert [gets_in(ways, wrong, f"192.0.2.{place}") for place in range(7)] == [False] * 7
    assert gets_in(ways, code.written, "192.0.2.99")
