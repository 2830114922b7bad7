"""The port `Guesses` on every database: counted before they are tried, once each, whoever else guesses meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select

from broker.domain.guesses import GuessCounter, GuessRule, Wait
from broker.storage.schema import guesses
from broker.storage.sql_guesses import SqlGuesses
from tests.builders import NOW
from tests.contract.statements import statements

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
RULE = GuessRule(most=4, window=DAY, free=2, waits=(30 * SECOND, 60 * SECOND))


@pytest.fixture
def port(sql_engine: Engine) -> SqlGuesses:
    return SqlGuesses(sql_engine)


def counters(*keys: str, rule: GuessRule = RULE) -> list[GuessCounter]:
    return [GuessCounter(key, rule) for key in keys]


def rows(engine: Engine) -> int:
    with engine.connect() as conn:
        return int(conn.execute(select(func.count()).select_from(guesses)).scalar_one())


def test_guesses_come_free_then_slower_then_not_until_the_window_ends(port: SqlGuesses) -> None:
    at, seen = NOW, []
    for pause in (0, 0, 29, 1, 59, 1, 3600):
        at += pause * SECOND
        seen.append(port.claim(counters("k"), now=at))
    first, second = NOW + 30 * SECOND, NOW + 90 * SECOND
    spent = Wait(NOW + DAY, spent=True)
    assert seen == [None, None, Wait(first, spent=False), None, Wait(second, spent=False), None, spent]
    assert port.claim(counters("k"), now=NOW + DAY - SECOND) == spent
    assert port.claim(counters("k"), now=NOW + DAY) is None


def test_a_guess_counts_under_every_key_or_under_none(port: SqlGuesses, sql_engine: Engine) -> None:
    once = GuessRule(most=1, window=DAY, free=1)
    assert port.claim(counters("narrow", rule=once), now=NOW) is None
    asked = [*counters("wide"), *counters("narrow", rule=once), *counters("also wide")]
    assert port.claim(asked, now=NOW) == Wait(NOW + DAY, spent=True)
    assert rows(sql_engine) == 1
    assert port.claim([*counters("wide"), *counters("also wide")], now=NOW) is None
    assert rows(sql_engine) == 3


def test_of_two_waits_the_longer_is_told(port: SqlGuesses) -> None:
    short, long = (GuessRule(most=1, window=window, free=1) for window in (SECOND, DAY))
    both = [GuessCounter("b", short), GuessCounter("a", long)]
    assert port.claim(both, now=NOW) is None
    assert port.claim(both, now=NOW) == Wait(NOW + DAY, spent=True)
    assert port.claim([GuessCounter("a", long), GuessCounter("z", short)], now=NOW) == Wait(NOW + DAY, spent=True)


def test_who_was_just_refused_is_told_so_without_a_question_and_what_is_forgiven_is_heeded(
    port: SqlGuesses, sql_engine: Engine
) -> None:
    once, other = GuessRule(most=1, window=DAY, free=1), SqlGuesses(sql_engine)
    asked = counters("k", rule=once)
    assert port.claim(asked, now=NOW) is None
    refused = port.claim(asked, now=NOW)
    with statements(sql_engine) as seen:
        assert port.claim([*counters("beside"), *asked], now=NOW + SECOND / 2) == refused
        assert not seen
        assert port.claim(asked, now=NOW + SECOND) == refused
        assert port.claim(asked, now=NOW + SECOND, evenly=True) == refused
        assert [alone for told, alone in seen if "guesses" in told] == [False] * 4, "locked, weighed, then written"
    other.forgive(cleared=["k"])
    assert port.claim(asked, now=NOW + SECOND * 3 / 2) == refused, "another process forgave it"
    assert port.claim(asked, now=NOW + SECOND * 2) is None
    assert port.claim(asked, now=NOW + SECOND * 2) is not None
    port.forgive(cleared=["k"])
    assert port.claim(asked, now=NOW + SECOND * 2) is None


def test_keys_do_not_count_for_each_other(port: SqlGuesses) -> None:
    assert [port.claim(counters(key), now=NOW) for key in "aabb"] == [None] * 4


def test_the_right_password_clears_a_key_and_takes_back_its_own_guess_of_another(port: SqlGuesses) -> None:
    limit = GuessRule(most=2, window=DAY, free=2)
    net = counters("net", rule=limit)
    for _ in range(2):
        assert port.claim([*counters("k"), *net], now=NOW) is None
    assert port.claim(net, now=NOW) is not None
    port.forgive(cleared=["k", "unknown"], returned=["net", "unknown too"])
    assert port.claim(net, now=NOW) is None
    assert port.claim(net, now=NOW) is not None
    assert [port.claim(counters("k"), now=NOW) for _ in range(3)][:2] == [None, None]
    port.forgive()


def test_nothing_is_taken_back_below_zero(port: SqlGuesses) -> None:
    limit = counters("net", rule=GuessRule(most=1, window=DAY, free=1))
    assert port.claim(limit, now=NOW) is None
    port.forgive(returned=["net"])
    port.forgive(returned=["net"])
    assert port.claim(limit, now=NOW) is None
    assert port.claim(limit, now=NOW) is not None


def test_a_hundred_guesses_at_once_are_no_more_than_one_after_the_other(port: SqlGuesses) -> None:
    """Also where their keys come in any order: no two of them wait for each other for ever."""

    def guess(number: int) -> bool:
        keys = ("k", "net") if number % 2 else ("net", "k")
        at: datetime = NOW + timedelta(microseconds=number)
        return port.claim(counters(*keys, rule=GuessRule(most=7, window=DAY, free=7)), now=at) is None

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(guess, range(100))) == 7


def test_a_clock_that_falls_back_gives_nothing_back(port: SqlGuesses) -> None:
    for _ in range(2):
        assert port.claim(counters("k"), now=NOW) is None
    assert port.claim(counters("k"), now=NOW - timedelta(hours=1)) == Wait(NOW + 30 * SECOND, spent=False)
