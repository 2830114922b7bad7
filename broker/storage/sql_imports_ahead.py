"""One chunk ahead: while a chunk is being written, the next one is read and decided on another connection.

What was prepared is a guess until its turn comes: it is used only if it was made for the very place where the run then
stands and if nothing written meanwhile concerns it; otherwise the chunk is prepared again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, Protocol, Self, TypeVar

from broker.domain.imports import ImportRun

P = TypeVar("P", bound="Prepared")


class Prepared(Protocol):
    """A chunk read and decided, not yet written."""

    @property
    def moved(self) -> ImportRun:
        """Where the run stands once the chunk is written."""
        ...

    @property
    def keys(self) -> frozenset[str]:
        """The records that the chunk speaks of."""
        ...

    def concerns(self, later: Self) -> bool:
        """Tell whether a later chunk must be prepared only after this one is written."""
        ...


class Ahead(Generic[P]):
    """Takes the steps of one run, preparing the next while one is written. For one thread, the one that writes."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._place: ImportRun | None = None
        self._found: list[P | None] = []

    def step(
        self,
        run: ImportRun,
        *,
        prepare: Callable[[ImportRun], P | None],
        write: Callable[[P], None],
        full: int,
    ) -> ImportRun | None:
        """Write the chunk that comes at `run`, committed when this returns; None when nothing comes.

        A chunk of fewer than `full` records is likely the last one: nothing is prepared behind it.
        """
        prepared = self._take(run) or [prepare(run)]
        chunk = prepared[0]
        if chunk is None:
            return None
        if len(chunk.keys) >= full:
            self._start(chunk.moved, prepare)
        try:
            write(chunk)
        finally:
            self._join()
        later = self._found[0] if self._found else None
        if later is not None and chunk.concerns(later):
            self._found = []
        return chunk.moved

    def _start(self, place: ImportRun, prepare: Callable[[ImportRun], P | None]) -> None:
        found: list[P | None] = []

        def work() -> None:
            try:
                found.append(prepare(place))
            except Exception:  # noqa: BLE001 - the same will be met, and told, when the chunk has its turn
                found.clear()

        self._place, self._found = place, found
        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()

    def _take(self, place: ImportRun) -> list[P | None]:
        """What was prepared for this place (one item), or nothing."""
        found, self._found = self._found, []
        return found if self._place == place else []

    def _join(self) -> None:
        if self._thread is not None:
            self._thread.join()
            self._thread = None
