"""Two transactions that meet in a deadlock, whatever runs them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any


def attempts_of_two(
    transact: Callable[[Callable[[Any], None]], None], touch: Callable[[Any, str], object], one: str, two: str
) -> tuple[int, int]:
    """How often each was run. Whoever is run again may take its first row before the other wakes: both meet twice."""
    both_hold_one = Barrier(2, timeout=20)

    def swap(first: str, second: str) -> int:
        attempts = 0

        def work(conn: Any) -> None:
            nonlocal attempts
            attempts += 1
            touch(conn, first)
            if attempts == 1:
                both_hold_one.wait()
            touch(conn, second)

        transact(work)
        return attempts

    with ThreadPoolExecutor(2) as pool:
        tries = pool.submit(swap, one, two), pool.submit(swap, two, one)
        return tries[0].result(), tries[1].result()
