"""Values that follow what an administrator writes: policies and the register, replaced as a whole while all runs.

Reading one costs an attribute; looking whether it changed is the watcher's work, beside the requests. Whoever decides
asks once and keeps the answer, so that no decision ever mixes two versions.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Generic, Protocol, TypeVar

from broker.domain.errors import PreauError, SettingsError
from broker.domain.ports import Current

log = logging.getLogger(__name__)

T = TypeVar("T")
S = TypeVar("S")

PERIOD = 2.0
"""Seconds between two looks: a change is in force within 5 s everywhere (half for the look, half for the reading)."""

BACK_OFF = 60.0
"""Seconds until a faulty text that stays as it is gets read again: what ails it may stand beside the files."""

_NEVER = float("inf")
_TRIES = 3
"""Readings of one look while what is read keeps changing: files are not replaced all at once."""


class Refreshing(Protocol):
    """What a watcher looks after."""

    def refresh(self) -> bool:
        """Look for a change; tells whether there was one."""
        ...


class Fixed(Generic[T]):
    """A value that does not change: for commands and tests."""

    def __init__(self, value: T) -> None:
        self._value = value

    def current(self) -> T:
        """The value."""
        return self._value


class Part(Generic[S, T]):
    """What is worked out from another current value, which must be cheap."""

    def __init__(self, whole: Current[S], take: Callable[[S], T]) -> None:
        self._whole = whole
        self._take = take

    def current(self) -> T:
        """The part of the whole as it is now."""
        return self._take(self._whole.current())


@dataclass(frozen=True, slots=True)
class Taken(Generic[T]):
    """What a new reading gave: the value from now on, and what was not taken into it."""

    value: T
    problems: tuple[str, ...] = ()


class Live(Generic[T]):
    """A value read anew when what it was read from changed.

    `signature` tells cheaply what stands there now; `read` makes the value or raises `SettingsError`. What is faulty
    is not taken: the last good value stays, each problem is logged once, and `preau check` tells them. `again`, where
    given, is asked instead once there is a value: it may take what is sound and keep the rest of the last one.
    """

    def __init__(
        self,
        name: str,
        *,
        read: Callable[[], T],
        signature: Callable[[], Hashable],
        again: Callable[[T], Taken[T]] | None = None,
        elapsed: Callable[[], float] = monotonic,
    ) -> None:
        self._name = name
        self._again = again or (lambda _: Taken(read()))
        self._sign = signature
        self._elapsed = elapsed
        self._seen: Hashable = signature()
        self._value = read()
        self._problems: tuple[str, ...] = ()
        self._due = _NEVER

    def current(self) -> T:
        """The last good value."""
        return self._value

    def refresh(self) -> bool:
        """Read anew if something changed, or what was faulty is due again; tells whether the value is another."""
        try:
            return self._look()
        except SettingsError as fault:
            self._settle(fault.problems, due=self._elapsed() + BACK_OFF)
        except PreauError as fault:  # a database that was away: the next look may find it
            self._settle((f"{fault.code} {fault.cause}",), due=self._elapsed())
        return False

    def _look(self) -> bool:
        """Read what stands now, unless it is what was read before, or somebody is still writing it."""
        for _ in range(_TRIES):
            stands = self._sign()
            if stands == self._seen and self._elapsed() < self._due:
                return False
            self._seen, self._due = stands, self._elapsed()  # until it is settled, the next look reads again
            taken = self._again(self._value)
            if self._sign() == stands:
                return self._take(taken)
        return False

    def _take(self, taken: Taken[T]) -> bool:
        is_another = taken.value is not self._value
        self._value = taken.value
        self._settle(taken.problems, due=self._elapsed() + BACK_OFF if taken.problems else _NEVER)
        if is_another:
            log.info("%s: read anew", self._name)
        return is_another

    def _settle(self, problems: tuple[str, ...], *, due: float) -> None:
        """Tell the problems that are new. A faulty text that stays as it is waits until `due` for its next reading."""
        for problem in problems:
            if problem not in self._problems:
                log.error("%s: the new text is not taken: %s", self._name, problem)
        self._problems, self._due = problems, due


class Watcher:
    """Looks after live values until told to stop: a thread beside the requests."""

    def __init__(self, values: Sequence[Refreshing], *, period: float = PERIOD) -> None:
        self._values = tuple(values)
        self._period = period
        self._stop = Event()
        self._thread = Thread(target=self._watch, name="watcher", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, if it runs."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """Look at every value once. A fault of one never keeps the others from being looked at."""
        for value in self._values:
            try:
                value.refresh()
            except Exception:  # an unforeseen fault must not end the thread: a suspension would be missed for ever
                log.exception("a live value could not be looked at")

    def _watch(self) -> None:
        while not self._stop.wait(self._period):
            self.look()


def signature_of(paths: Iterable[Path]) -> tuple[tuple[str, int, int, int], ...]:
    """Path, time of last change (ns), size and inode of each file that is there."""
    return tuple(_stat(path) for path in sorted(set(paths)) if path.is_file())


def _stat(path: Path) -> tuple[str, int, int, int]:
    try:
        stat = path.stat()
    except OSError:
        return str(path), 0, 0, 0
    return str(path), stat.st_mtime_ns, stat.st_size, stat.st_ino
