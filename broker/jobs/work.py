"""The worker: one tick tells what is due, seals the audit trail and sweeps; the loop ticks until it is asked to stop.

No fault of one entry, tenant or sweep stops the others, and none ends the loop: what failed is tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event

from broker.domain.audit import OutboxEntry, Topic
from broker.domain.clock import Clock
from broker.domain.logouts import LogoutUntold
from broker.domain.notices import MessageUnsent
from broker.domain.ports import Audit, Outbox, Purge
from broker.jobs.deliver import Deliverer

logger = logging.getLogger(__name__)

Wait = Callable[[float], object]
Chore = Callable[[datetime], object]
"""Something to look after once a minute, given the time; what it raises is logged, and it is tried again."""


class NotYet(Exception):
    """A deliverer found that its row is to be told from an instant on, and not before: nothing failed."""

    def __init__(self, until: datetime) -> None:
        super().__init__("not yet")
        self.until = until


@dataclass(frozen=True, slots=True)
class Pace:
    """How much a tick takes on and how often it comes. Batches are small, so that a stop is never far away."""

    entries: int = 20
    seals: int = 500
    swept: int = 500
    between_ticks: timedelta = timedelta(seconds=2)
    between_sweeps: timedelta = timedelta(minutes=1)
    batch: timedelta = timedelta(seconds=40)
    """An entry is leased for a minute: what is not begun by then goes back, or another worker would tell it too."""
    first_retry: timedelta = timedelta(seconds=5)
    last_retry: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Tick:
    """What one tick did. `full` when some batch was cut: the next tick comes at once."""

    told: int = 0
    put_back: int = 0
    sealed: int = 0
    swept: int = 0
    full: bool = False


def backoff(attempts: int, *, first: timedelta, last: timedelta) -> timedelta:
    """How long to wait after the given attempt (from 1): doubled each time, never beyond `last`."""
    doublings = min(max(attempts - 1, 0), 30)
    return min(last, first * (1 << doublings))


class Worker:
    """One worker for the topics it has a deliverer for; several may run side by side, on the same machine or not.

    What services are told goes through a worker of its own, that seals and sweeps nothing: a service that does not
    answer must not delay the dropping of copies or the sealing of the trail.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        deliverers: Mapping[Topic, Deliverer],
        clock: Clock,
        audit: Audit | None = None,
        purges: Sequence[Purge] = (),
        chores: Sequence[Chore] = (),
        pace: Pace = Pace(),
    ) -> None:
        self._outbox = outbox
        self._audit = audit
        self._purges = purges
        self._chores = chores
        self._deliverers = deliverers
        self._clock = clock
        self._pace = pace
        self._sweep_at: datetime | None = None

    def run(self, stop: Event, *, wait: Wait | None = None) -> None:
        """Tick until `stop` is set; the entry in hand is finished first, what was taken but not begun goes back."""
        pause = wait or stop.wait
        while not stop.is_set():
            if not self.tick(self._clock(), stop=stop).full and not stop.is_set():
                pause(self._pace.between_ticks.total_seconds())

    def tick(self, now: datetime, *, stop: Event | None = None) -> Tick:
        """Do once what is due at `now`. Raises nothing: every fault is logged and tried again by a later tick."""
        stopped = stop or Event()
        told, put_back = self._tell(now, stopped)
        sealed, seals_cut = self._seal(now, stopped)
        swept = self._sweep(now, stopped)
        full = told == self._pace.entries or seals_cut
        return Tick(told=told, put_back=put_back, sealed=sealed, swept=swept, full=full)

    def _tell(self, now: datetime, stop: Event) -> tuple[int, int]:
        entries: Sequence[OutboxEntry] = ()
        with _logged("the outbox cannot be read"):
            entries = self._outbox.due(now=now, limit=self._pace.entries, topics=tuple(self._deliverers))
        held: dict[str, datetime] = {}
        told = sum(self._tell_one(entry, now, stop, held) for entry in entries)
        return told, len(entries) - told

    def _tell_one(self, entry: OutboxEntry, now: datetime, stop: Event, held: dict[str, datetime]) -> bool:
        """Tell one entry. `held`: lanes whose earlier entry was put back in this tick, and until when."""
        moment, lane = self._clock(), entry.row.lane
        if stop.is_set() or moment - now > self._pace.batch or lane in held:
            self._put_back(entry, due_at=held.get(lane, moment), cause="not begun")
            return False
        try:
            self._deliverers[entry.row.topic](entry.row)
            self._outbox.done(entry.entry_id, now=moment)
        except NotYet as later:
            with _logged("the outbox cannot be written"):
                self._outbox.retry(entry.entry_id, due_at=later.until, cause="not yet")
            return False
        except (LogoutUntold, MessageUnsent) as end:
            with _logged("the outbox cannot be written"):
                self._outbox.done(entry.entry_id, now=moment, cause=end.why)
        except Exception as error:  # noqa: BLE001 - whatever a deliverer raises, the other entries go on
            again = moment + backoff(entry.attempts, first=self._pace.first_retry, last=self._pace.last_retry)
            if lane:
                held[lane] = again
            self._put_back(entry, due_at=again, cause=type(error).__name__)
            return False
        return True

    def _put_back(self, entry: OutboxEntry, *, due_at: datetime, cause: str) -> None:
        fields = {"entry": entry.entry_id, "topic": entry.row.topic, "attempts": entry.attempts, "cause": cause}
        logger.warning("outbox entry put back", extra=fields)
        with _logged("the outbox cannot be written"):
            self._outbox.retry(entry.entry_id, due_at=due_at, cause=cause)

    def _seal(self, now: datetime, stop: Event) -> tuple[int, bool]:
        """Seal each tenant's trail; the flag tells whether any of them has more."""
        if self._audit is None:
            return 0, False
        tenants: Sequence[str] = ()
        with _logged("the audit trail cannot be read"):
            tenants = self._audit.tenants()
        counts = []
        for tenant in tenants:
            if stop.is_set():
                break
            with _logged("the audit trail cannot be sealed"):
                counts.append(self._audit.seal(tenant, now=now, limit=self._pace.seals))
        return sum(counts), self._pace.seals in counts

    def _sweep(self, now: datetime, stop: Event) -> int:
        """Sweep what is over, from time to time; a sweep that was cut goes on with the next tick."""
        if self._sweep_at is not None and now < self._sweep_at:
            return 0
        self._sweep_at = now + self._pace.between_sweeps
        for chore in self._chores:
            with _logged("a chore cannot be done"):
                chore(now)
        swept = 0
        for purge in self._purges:
            if stop.is_set():
                break
            with _logged("what is over cannot be swept"):
                swept += purge.purge(now=now, limit=self._pace.swept)
        if swept >= self._pace.swept:
            self._sweep_at = now
        return swept


@contextmanager
def _logged(message: str) -> Iterator[None]:
    """Log a fault and go on. Its type only: the text of a database error quotes rows."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - one part's fault must not stop the others
        logger.error(message, extra={"cause": type(error).__name__})  # noqa: TRY400
