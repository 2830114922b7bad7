"""Passphrases of our own as fast as argon2id lets them be, and no faster than others can bear.

    python -m bench.passwords [--rounds 5] [--seconds 8] [--dry]

The ceiling: hashes a second of the pool alone, as many at once as it makes. Against it: sign-ins a second with the
right passphrase, from the count of the guess to the session, on PostgreSQL, by as many threads as are let in. Then
ten times as many attempts as the ceiling come from others, and a brokered login (a source that answers at once) is
timed beside them: its p95 against that of a quiet machine. Medians over rounds.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from sqlalchemy import Engine

from bench.import_aaf import postgresql_database
from bench.results import Row, append
from broker.accounts.hashing import HashCost
from broker.accounts.known_devices import read_device
from broker.accounts.passphrase import Weakness
from broker.domain.errors import PreauError
from broker.domain.handles import Handle, new_handle
from broker.domain.sessions import Device
from broker.federation import Attempt, Guesser, GuessGate, LoginRequest, Passwords, WaysIn
from broker.storage.engine import open_engine
from broker.storage.memory_store import MemoryStore
from broker.storage.migrate import upgrade
from broker.storage.sql_guesses import SqlGuesses
from tests.builders import NOW
from tests.clock import FakeClock
from tests.federations import World, build_world, ref
from tests.own_accounts import GOOD, family, letter, open_ways_in

BAR_SHARE, BAR_P95 = 0.9, 1.5
THREADS = HashCost().at_once + HashCost().waiting
"""As many as are let in: whoever comes beyond these is told at once to come back, and no browser does so at once."""
OVERLOAD, QUIET, OTHERS = 10, 200, 7
WRONG = "osier lagune tournevis"


@dataclass(frozen=True, slots=True)
class Stand:
    """A broker without its pages, one person with a passphrase, and a mother at a source that answers at once."""

    world: World
    ways: WaysIn
    passwords: Passwords
    logins: tuple[str, ...]
    """As many people as threads: nobody waits for guesses of one's own."""


@dataclass(frozen=True, slots=True)
class Round:
    """What was measured one after the other: hashes and sign-ins a second, the p95 of a brokered login in ms."""

    ceiling: float
    reached: float
    quiet: float
    loaded: float


def main() -> None:
    """Measure, append."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dry", action="store_true", help="print only")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)  # a line for each of thousands who are told to come back
    with tempfile.TemporaryDirectory() as folder, _stand(Path(folder)) as stand:
        rounds = [_round(stand, options.seconds) for _ in range(options.rounds)]
    median = Round(*(statistics.median(getattr(each, name) for each in rounds) for name in Round.__slots__))
    _show(median, "median")
    if not options.dry:
        append(
            [
                Row("password_sign_ins", median.reached, BAR_SHARE, "higher", "1/s", "argon2 ceiling", median.ceiling),
                Row("brokered_p95_overload", median.loaded, BAR_P95, "lower", "ms", "quiet", median.quiet),
            ]
        )


def _round(stand: Stand, seconds: float) -> Round:
    ceiling = _rate(lambda _: _hash(stand), threads=HashCost().at_once, seconds=seconds)
    reached = _rate(lambda turn: _sign_in(stand, stand.logins[turn]), threads=THREADS, seconds=seconds)
    quiet = _p95([_brokered(stand) for _ in range(QUIET)])
    with _overload(stand, ceiling * OVERLOAD):
        loaded = _p95([_brokered(stand) for _ in range(QUIET)])
    found = Round(ceiling, reached, quiet, loaded)
    _show(found, "")
    return found


def _show(found: Round, name: str) -> None:
    print(
        f"{name:<7} ceiling {found.ceiling:.1f}/s, sign-ins {found.reached:.1f}/s"
        f" ({found.reached / found.ceiling:.0%});"
        f" brokered p95 {found.quiet:.1f} ms, at {OVERLOAD} times the ceiling {found.loaded:.1f} ms"
        f" ({found.loaded / found.quiet:.2f})",
        flush=True,
    )


@contextmanager
def _stand(folder: Path) -> Iterator[Stand]:
    clock = FakeClock()
    clock.set(NOW)
    with postgresql_database(folder) as url:
        engine = open_engine(url, pool_size=THREADS * 3)
        upgrade(engine)
        world = build_world(engine, MemoryStore(clock), clock)
        gate = GuessGate(SqlGuesses(engine), b"k" * 32)
        ways = open_ways_in(world, gate, "maison", HashCost())
        world.family("700")
        world.upstreams["ent2"].releases["mother"] = ref("700")
        logins = tuple(_person(engine, ways, str(number)) for number in range(THREADS))
        yield Stand(world, ways, Passwords(world.federation, gate), logins)
        ways.behind.close()
        ways.activation.hashing.close()
        engine.dispose()


def _person(engine: Engine, ways: WaysIn, key: str) -> str:
    """Somebody with a passphrase; returns by which name they sign in."""
    code = letter(engine, ways.activation.hashing, family(engine, key=key)).code.written
    chosen = ways.activation.choose(ways.activation.by_letter(code, now=NOW, trace=""), GOOD, now=NOW, trace="")
    if isinstance(chosen, Weakness):
        raise TypeError(chosen)
    return chosen[0].identifier


def _hash(stand: Stand) -> bool:
    return not stand.ways.activation.hashing.verify("", GOOD)


def _sign_in(stand: Stand, login: str, *, address: str = "192.0.2.1", password: str = GOOD) -> bool:
    """One attempt on a device of its own; tells whether it came in."""
    federation, browser = stand.world.federation, new_handle(Handle.BROWSER)
    handle = federation.begin(LoginRequest(), browser=browser, now=federation.clock())
    guesser = Guesser(address, read_device(""))
    attempt = Attempt(handle, "maison", login, password, guesser, browser, Device.SHARED, "", "trace")
    try:
        stand.passwords.sign_in(attempt)
    except PreauError:
        return False
    return True


def _brokered(stand: Stand) -> float:
    began = time.perf_counter()
    stand.world.browser().sign_in("ent2", "mother")
    return time.perf_counter() - began


def _rate(act: Callable[[int], bool], *, threads: int, seconds: float) -> float:
    """How often a second the act succeeds, by so many threads that do nothing else."""
    ends = time.perf_counter() + seconds

    def drain(turn: int) -> int:
        done = 0
        while time.perf_counter() < ends:
            done += bool(act(turn))
        return done

    with ThreadPoolExecutor(threads) as pool:
        began = time.perf_counter()
        return sum(pool.map(drain, range(threads))) / (time.perf_counter() - began)


@contextmanager
def _overload(stand: Stand, rate: float) -> Iterator[None]:
    """Attempts at logins that nobody has, so many a second, by as many threads as a worker has left."""
    over, threads = Event(), OTHERS
    pause = threads / rate

    def press(number: int) -> None:
        count = 0
        while not over.wait(pause):
            count += 1
            _sign_in(
                stand, f"nobody{number}.{count}", address=f"2001:db8:{number:x}:{count % 65536:x}::1", password=WRONG
            )

    with ThreadPoolExecutor(threads) as pool:
        for number in range(threads):
            pool.submit(press, number)
        try:
            time.sleep(1)
            yield
        finally:
            over.set()


def _p95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1] * 1e3


if __name__ == "__main__":
    main()
