"""Chosen passwords and short codes as they are kept: argon2id (RFC 9106), in a bounded pool of its own.

The one home of argon2. A hash costs tens of milliseconds and 19 MiB on purpose, so only so many are made at once, and
only so many wait: a flood of passwords must neither take the memory nor the threads of those who come in by a source
(LR-11). Who finds the queue full is told to come back, with nothing counted or compared.
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from broker.domain.errors import HashingCrowded

MEMORY_KIB = 19 * 1024
PASSES = 2
"""DESIGN §12, OWASP: the least there may be; dearer is possible, cheaper is not."""
LANES = 1
_NICENESS = 10
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HashCost:
    """What one hash costs, how many are made at once (0: one for each core but one) and how many may wait."""

    memory_kib: int = MEMORY_KIB
    passes: int = PASSES
    workers: int = 0
    waiting: int = 4

    @property
    def at_once(self) -> int:
        """How many are made at once."""
        return self.workers or max(1, (os.cpu_count() or 2) - 1)


class Hashing:
    """Makes and compares hashes. `close` ends its threads.

    Comparing with nothing costs what comparing costs: `verify` of an empty hash goes through the whole work against a
    hash of a secret that nobody knows, so that nobody learns by the time whether there is somebody (LR-11).
    """

    def __init__(self, cost: HashCost) -> None:
        self._hasher = PasswordHasher(
            time_cost=max(cost.passes, PASSES), memory_cost=max(cost.memory_kib, MEMORY_KIB), parallelism=LANES
        )
        self._pool = ThreadPoolExecutor(cost.at_once, thread_name_prefix="argon2", initializer=_stand_back)
        self._places = BoundedSemaphore(cost.at_once + cost.waiting)
        self._holding = threading.local()
        self._decoy = self._hasher.hash(secrets.token_bytes(32))

    def close(self) -> None:
        """End the pool's threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place in the pool for this thread until the block ends, whatever it compares. Raises `HashingCrowded`.

        Whoever takes it before anything is counted spares everybody that work: under a flood ten come for each place.
        """
        if getattr(self._holding, "held", False):
            yield
            return
        if not self._places.acquire(blocking=False):
            raise HashingCrowded("as many passwords are being compared as may wait")
        self._holding.held = True
        try:
            yield
        finally:
            self._holding.held = False
            self._places.release()

    def hash(self, secret: str) -> str:
        """The hash to keep of a secret. Raises `HashingCrowded`."""
        return self._in_pool(lambda: self._hasher.hash(plain(secret)))

    def hash_in_turn(self, secret: str) -> str:
        """The same for work that nobody waits for at a sign-in page: it is not refused, it waits for a free place."""
        self._places.acquire()
        try:
            return self._pool.submit(self._hasher.hash, plain(secret)).result()
        finally:
            self._places.release()

    def verify(self, kept: str, secret: str) -> bool:
        """Tell whether this is the secret of the hash that is kept; an empty one is nobody's. Raises `HashingCrowded`.

        A hash that cannot be read is compared with the decoy all the same: a broken row answers no sooner.
        """
        return self._in_pool(lambda: self._compare(kept or self._decoy, plain(secret))) and bool(kept)

    def is_cheap(self, kept: str) -> bool:
        """Tell whether a hash was made with other parameters than today's: to be made anew while the secret is here."""
        return self._hasher.check_needs_rehash(kept)

    def _compare(self, kept: str, secret: str) -> bool:
        try:
            return self._hasher.verify(kept, secret)
        except InvalidHashError:
            return self._compare(self._decoy, secret) and False
        except VerificationError:
            return False

    def _in_pool(self, work: Callable[[], T]) -> T:
        with self.place():
            return self._pool.submit(work).result()


def _stand_back() -> None:
    """Let everybody else's work go first: on Linux a thread has a niceness of its own; elsewhere all stay as they are.

    A flood of passwords would otherwise take half of each core from those who come in by a source.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def plain(secret: str) -> str:
    """The characters as they are compared: NFC, so that one keyboard's accent is another's (RFC 8265 §4.2.2)."""
    return unicodedata.normalize("NFC", secret)
