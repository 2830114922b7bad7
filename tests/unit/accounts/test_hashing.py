"""Hashes of chosen secrets: never cheaper than the floor, never more at once than the pool, never sooner for nobody."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from broker.accounts.hashing import HashCost, Hashing
from broker.domain.errors import HashingCrowded


@pytest.fixture
def hashing() -> Iterator[Hashing]:
    made = Hashing(HashCost(workers=2, waiting=1))
    yield made
    made.close()


def test_the_right_secret_is_known_again_and_no_other(hashing: Hashing) -> None:
    kept = hashing.hash("quatre mots bien choisis")
    assert hashing.verify(kept, "quatre mots bien choisis")
    assert not hashing.verify(kept, "quatre mots bien choisi")


def test_an_accent_is_the_same_from_every_keyboard(hashing: Hashing) -> None:
    assert hashing.verify(hashing.hash("e\u0301te\u0301 a\u0300 la mer"), "\u00e9t\u00e9 \u00e0 la mer")


def test_no_character_is_left_out_of_a_long_secret(hashing: Hashing) -> None:
    kept = hashing.hash("a" * 300 + "b")
    assert not hashing.verify(kept, "a" * 300 + "c")
    assert hashing.verify(kept, "a" * 300 + "b")


def test_a_hash_is_argon2id_at_the_floor_or_above_it() -> None:
    cheap, dear = Hashing(HashCost(memory_kib=8, passes=1)), Hashing(HashCost(memory_kib=20 * 1024, passes=3))
    assert cheap.hash("x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert dear.hash("x").startswith("$argon2id$v=19$m=20480,t=3,p=1$")
    assert dear.is_cheap(cheap.hash("x"))
    assert not cheap.is_cheap(cheap.hash("x"))


def test_nobody_is_compared_as_long_as_somebody(hashing: Hashing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: one comparison, of a hash of the same parameters."""
    compared: list[str] = []
    compare = Hashing._compare
    monkeypatch.setattr(
        Hashing, "_compare", lambda self, kept, typed: compared.append(kept) or compare(self, kept, typed)
    )
    kept = hashing.hash("secret")
    assert not hashing.verify("", "secret")
    assert not hashing.verify(kept, "other")
    assert [each.split("$")[:4] for each in compared] == [kept.split("$")[:4]] * 2


def test_a_broken_row_opens_nothing_and_costs_a_comparison(hashing: Hashing) -> None:
    assert not hashing.verify("not a hash", "secret")


def test_whoever_finds_the_queue_full_is_told_to_come_back_and_the_next_is_served(hashing: Hashing) -> None:
    free, taken = Event(), [Event() for _ in range(2)]

    def block(mark: Event) -> bool:
        mark.set()
        return free.wait(10)

    with ThreadPoolExecutor(3) as callers:
        held = [callers.submit(hashing._in_pool, lambda mark=mark: block(mark)) for mark in taken]
        assert all(mark.wait(10) for mark in taken)
        waits = callers.submit(hashing.hash, "waits")
        while hashing._places._value:  # type: ignore[attr-defined]
            pass
        with pytest.raises(HashingCrowded):
            hashing.hash("one too many")
        free.set()
        assert all(each.result(10) for each in held)
        assert waits.result(10).startswith("$argon2id$")
    assert hashing.hash("again")


def test_hashes_are_made_behind_everybody_elses_work(hashing: Hashing) -> None:
    """Each thread of the pool has a niceness of its own; the thread that asks keeps its own."""
    theirs = hashing._in_pool(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    assert theirs > os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_a_place_is_the_threads_own_until_its_block_ends_whatever_it_compares_there() -> None:
    hashing = Hashing(HashCost(workers=1, waiting=0))
    kept = hashing.hash("un secret")
    with ThreadPoolExecutor(1) as other:
        with hashing.place():
            assert [hashing.verify(kept, "un secret") for _ in range(2)] == [True, True]
            for work in (lambda: hashing.verify(kept, "un secret"), lambda: hashing.place().__enter__()):
                with pytest.raises(HashingCrowded):
                    other.submit(work).result(10)
        assert other.submit(hashing.verify, kept, "un secret").result(10)
        with pytest.raises(RuntimeError), hashing.place():
            raise RuntimeError
        assert other.submit(hashing.verify, kept, "un secret").result(10)
    hashing.close()
