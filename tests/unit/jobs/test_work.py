"""The worker: everything due is tried, nothing that fails stops the rest, and a stop leaves nothing half done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Event

import pytest

from broker.domain.access_notices import AccessNotice
from broker.domain.audit import AuditEvent, AuditFault, OutboxEntry, OutboxRow, Topic, copies_gone
from broker.domain.errors import StorageUnavailable
from broker.jobs.deliver import Deliverer, deliverers
from broker.jobs.work import Pace, Tick, Worker, backoff
from broker.storage.memory_store import MemoryStore
from tests.clock import FakeClock

FIRST, LAST = timedelta(seconds=5), timedelta(minutes=10)


@dataclass
class FakeOutbox:
    """An outbox in a list."""

    clock: FakeClock
    waiting: list[tuple[datetime, OutboxEntry]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)
    broken: bool = False

    def add(self, *keys: str, topic: Topic = Topic.SESSIONS_CHANGED) -> None:
        for key in keys:
            row = replace(copies_gone(key=key, digests=(f"digest-{key}",), at=self.clock()), topic=topic)
            self.waiting.append((self.clock(), OutboxEntry(len(self.waiting) + 1, row, 0)))

    def due(self, *, now: datetime, limit: int, topics: Collection[Topic]) -> tuple[OutboxEntry, ...]:
        if self.broken:
            raise StorageUnavailable("gone")
        taken = [item for item in self.waiting if item[0] <= now and item[1].row.topic in topics][:limit]
        entries = tuple(OutboxEntry(entry.entry_id, entry.row, entry.attempts + 1) for _, entry in taken)
        self.waiting = [item for item in self.waiting if item not in taken]
        self.waiting += [(now + timedelta(minutes=1), entry) for entry in entries]
        return entries

    def done(self, entry_id: int, *, now: datetime, cause: str = "") -> None:
        _, entry = self._pop(entry_id)
        self.causes += [cause] if cause else []
        self.told.append(entry.row.key)

    def retry(self, entry_id: int, *, due_at: datetime, cause: str) -> None:
        _, entry = self._pop(entry_id)
        self.causes.append(cause)
        self.waiting.append((due_at, entry))

    def _pop(self, entry_id: int) -> tuple[datetime, OutboxEntry]:
        item = next(item for item in self.waiting if item[1].entry_id == entry_id)
        self.waiting.remove(item)
        return item


@dataclass
class FakeAudit:
    """Trails as numbers of unsealed events."""

    unsealed: dict[str, int] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()

    def append(self, events: Sequence[AuditEvent], notices: Sequence[AccessNotice] = ()) -> None:
        raise AssertionError("the worker writes no events")

    def verify(self, tenant: str) -> tuple[AuditFault, ...]:
        return ()

    def tenants(self) -> tuple[str, ...]:
        if "*" in self.broken:
            raise StorageUnavailable("gone")
        return tuple(self.unsealed)

    def seal(self, tenant: str, *, now: datetime, limit: int) -> int:
        if tenant in self.broken:
            raise StorageUnavailable("gone")
        sealed = min(limit, self.unsealed[tenant])
        self.unsealed[tenant] -= sealed
        return sealed


@dataclass
class FakePurge:
    """Counts its calls."""

    left: int = 0
    calls: int = 0
    broken: bool = False

    def purge(self, *, now: datetime, limit: int) -> int:
        self.calls += 1
        if self.broken:
            raise StorageUnavailable("gone")
        swept = min(limit, self.left)
        self.left -= swept
        return swept


@dataclass
class Stand:
    """A worker and all that it works on."""

    clock: FakeClock
    outbox: FakeOutbox
    audit: FakeAudit
    purges: list[FakePurge]
    worker: Worker
    seen: list[str]
    refuse: set[str]
    on_tell: Callable[[OutboxRow], object]


@pytest.fixture
def stand(clock: FakeClock) -> Stand:
    outbox, audit, purges = FakeOutbox(clock), FakeAudit(), [FakePurge(), FakePurge()]

    def tell(row: OutboxRow) -> None:
        made.seen.append(row.key)
        made.on_tell(row)
        if row.key in made.refuse:
            raise OSError("secret text that must not be kept")

    told: dict[Topic, Deliverer] = {Topic.SESSIONS_CHANGED: tell}
    pace = Pace(entries=3, seals=10, swept=10)
    worker = Worker(outbox=outbox, audit=audit, purges=purges, deliverers=told, clock=clock, pace=pace)
    made = Stand(clock, outbox, audit, purges, worker, [], set(), lambda row: None)
    return made


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(0, 5), (1, 5), (2, 10), (3, 20), (7, 320), (8, 600), (9, 600), (10_000, 600)]
)
def test_the_wait_doubles_up_to_its_cap(attempts: int, seconds: int) -> None:
    assert backoff(attempts, first=FIRST, last=LAST) == timedelta(seconds=seconds)


def test_an_idle_tick_does_nothing(stand: Stand) -> None:
    assert stand.worker.tick(stand.clock()) == Tick()


def test_what_is_due_is_told_once(stand: Stand) -> None:
    stand.outbox.add("a", "b")
    assert stand.worker.tick(stand.clock()) == Tick(told=2)
    assert stand.worker.tick(stand.clock()) == Tick()
    assert stand.outbox.told == ["a", "b"]


def test_an_entry_that_fails_goes_back_with_a_growing_wait_and_the_others_go_on(
    stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    stand.outbox.add("a", "bad", "c")
    stand.refuse.add("bad")
    assert stand.worker.tick(stand.clock()) == Tick(told=2, put_back=1)
    assert stand.outbox.causes == ["OSError"]
    assert "secret text" not in caplog.text
    for wait in (5, 10, 20):
        stand.worker.tick(stand.clock.advance(wait - 1))
        before = len(stand.seen)
        stand.worker.tick(stand.clock.advance(1))
        assert len(stand.seen) == before + 1
    stand.refuse.clear()
    stand.worker.tick(stand.clock.advance(LAST))
    assert stand.outbox.told == ["a", "c", "bad"]


def test_a_topic_of_another_worker_is_left_to_it(stand: Stand) -> None:
    stand.outbox.add("a", topic=Topic.LOGOUT)
    assert stand.worker.tick(stand.clock()) == Tick()
    assert [entry.row.key for _, entry in stand.outbox.waiting] == ["a"]


def test_a_full_batch_asks_for_the_next_tick_at_once(stand: Stand) -> None:
    stand.outbox.add("a", "b", "c", "d")
    assert stand.worker.tick(stand.clock()).full
    assert not stand.worker.tick(stand.clock()).full
    stand.audit.unsealed["t"] = 15
    assert stand.worker.tick(stand.clock()).full
    assert not stand.worker.tick(stand.clock()).full


def test_entries_whose_lease_ran_low_go_back_untold(stand: Stand) -> None:
    stand.outbox.add("slow", "b", "c")
    stand.on_tell = lambda row: stand.clock.advance(41)
    assert stand.worker.tick(stand.clock()) == Tick(told=1, put_back=2)
    assert stand.seen == ["slow"]
    stand.on_tell = lambda row: None
    assert stand.worker.tick(stand.clock()).told == 2


def test_each_tenant_is_sealed_whatever_happens_to_another(stand: Stand) -> None:
    stand.audit.unsealed = {"a": 2, "bad": 5, "c": 3}
    stand.audit.broken = frozenset({"bad"})
    assert stand.worker.tick(stand.clock()).sealed == 5
    stand.audit.broken = frozenset()
    assert stand.worker.tick(stand.clock()).sealed == 5


def test_one_part_out_of_order_does_not_stop_the_others(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    stand.outbox.broken = True
    stand.audit.broken = frozenset({"*"})
    stand.purges[0].broken = True
    stand.purges[1].left = 4
    assert stand.worker.tick(stand.clock()) == Tick(swept=4)
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    assert len(caplog.records) == 3


def test_sweeping_comes_once_a_minute(stand: Stand) -> None:
    stand.purges[0].left = 9
    assert stand.worker.tick(stand.clock()).swept == 9
    stand.purges[0].left = 9
    assert stand.worker.tick(stand.clock.advance(59)).swept == 0
    assert stand.worker.tick(stand.clock.advance(1)).swept == 9
    assert [purge.calls for purge in stand.purges] == [2, 2]


def test_a_sweep_that_was_cut_goes_on_with_the_next_tick(stand: Stand) -> None:
    stand.purges[0].left = 15
    assert [stand.worker.tick(stand.clock.advance(2)).swept for _ in range(3)] == [10, 5, 0]
    assert [purge.calls for purge in stand.purges] == [2, 2]


def test_the_loop_waits_between_ticks_and_goes_on_after_faults(stand: Stand) -> None:
    stop, waits = Event(), []
    stand.outbox.broken = True

    def wait(seconds: float) -> None:
        waits.append(seconds)
        stand.outbox.broken = False
        if len(waits) == 1:
            stand.outbox.add("a", "b", "c", "d")
        if len(waits) == 2:
            stop.set()

    stand.worker.run(stop, wait=wait)
    assert waits == [2.0, 2.0]
    assert stand.outbox.told == ["a", "b", "c", "d"]


def test_a_stop_finishes_the_entry_in_hand_and_gives_the_rest_back_at_once(stand: Stand) -> None:
    stop = Event()
    stand.outbox.add("a", "b", "c")
    stand.audit.unsealed["t"] = 1
    stand.on_tell = lambda row: stop.set()
    stand.worker.run(stop, wait=lambda seconds: pytest.fail("a stopped worker does not wait"))
    assert stand.outbox.told == ["a"]
    assert stand.audit.unsealed == {"t": 1}
    assert stand.purges[0].calls == 0
    assert [entry.row.key for entry in stand.outbox.due(now=stand.clock(), limit=5, topics=tuple(Topic))] == ["b", "c"]


def test_each_topic_drops_the_copies_it_names_and_no_others(clock: FakeClock) -> None:
    store = MemoryStore(clock)
    for key in ("session:d1", "session:d2", "other:d1"):
        store.put(key, b"copy", ttl=30)
    told = deliverers(store)
    assert set(told) == {Topic.SESSIONS_CHANGED}, "the others are told by workers of their own"
    told[Topic.SESSIONS_CHANGED](copies_gone(key="p", digests=("d1", "gone"), at=clock()))
    told[Topic.SESSIONS_CHANGED](OutboxRow(topic=Topic.SESSIONS_CHANGED, key="p", at=clock()))
    assert [store.get(key) for key in ("session:d1", "session:d2", "other:d1")] == [None, b"copy", b"copy"]
