"""When a source is known to be down: failures in a row within a time; a lost store knows of none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from broker.domain.errors import EphemeralUnavailable
from broker.federation.availability import Availability, Failures
from broker.storage.memory_store import MemoryStore
from policies import AssuranceTable, load
from tests.builders import NOW
from tests.clock import FakeClock

RULES = replace(load().assurance, outage_failures=3.0, outage_after=timedelta(minutes=5))


class Away(MemoryStore):
    """A store that does not answer."""

    def get(self, key: str) -> bytes | None:
        raise EphemeralUnavailable("away")

    def put(self, key: str, value: bytes, *, ttl: int) -> None:
        raise EphemeralUnavailable("away")

    def drop(self, keys: object) -> None:
        raise EphemeralUnavailable("away")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def known(clock: FakeClock) -> Availability:
    return Availability(MemoryStore(clock))


def fail(known: Availability, clock: FakeClock, *, times: int, step: float = 60, rules: AssuranceTable = RULES) -> None:
    for _ in range(times):
        clock.advance(step)
        known.failed("educonnect", rules, now=clock())


def since(known: Availability, clock: FakeClock) -> timedelta | None:
    found = known.down_since("educonnect", RULES, now=clock())
    return None if found is None else found - NOW


def test_a_source_is_down_from_the_first_of_enough_failures_in_a_row(known: Availability, clock: FakeClock) -> None:
    fail(known, clock, times=2)
    assert since(known, clock) is None
    assert known.suspects() == frozenset()
    fail(known, clock, times=1)
    assert since(known, clock) == timedelta(minutes=1)
    assert known.suspects() == {"educonnect"}
    assert known.down_since("ent1", RULES, now=clock()) is None


def test_failures_too_far_apart_are_no_outage(known: Availability, clock: FakeClock) -> None:
    fail(known, clock, times=3, step=151)
    assert since(known, clock) is None
    fail(known, clock, times=1, step=149)
    assert since(known, clock) == timedelta(seconds=302)


def test_a_success_clears_everything(known: Availability, clock: FakeClock) -> None:
    fail(known, clock, times=2)
    known.succeeded("educonnect")
    fail(known, clock, times=2)
    assert since(known, clock) is None
    fail(known, clock, times=1)
    known.succeeded("educonnect")
    assert since(known, clock) is None


def test_after_a_while_without_a_try_it_is_tried_again_and_the_outage_keeps_its_beginning(
    known: Availability, clock: FakeClock
) -> None:
    fail(known, clock, times=3)
    clock.advance(RULES.outage_after)
    assert since(known, clock) == timedelta(minutes=1)
    clock.advance(1)
    assert since(known, clock) is None
    fail(known, clock, times=1)
    assert since(known, clock) == timedelta(minutes=1)


def test_an_outage_is_remembered_for_longer_than_it_may_excuse(known: Availability, clock: FakeClock) -> None:
    fail(known, clock, times=3)
    clock.advance(RULES.outage_longest)
    fail(known, clock, times=1)
    assert since(known, clock) == timedelta(minutes=1)
    clock.advance(2 * RULES.outage_longest)
    fail(known, clock, times=1)
    assert since(known, clock) is None


def test_a_store_that_is_away_knows_of_no_outage(clock: FakeClock) -> None:
    away = Availability(Away(clock))
    fail(away, clock, times=9)
    away.succeeded("educonnect")
    assert since(away, clock) is None
    assert away.suspects() == frozenset()


@pytest.mark.parametrize(
    "kept",
    [
        b"", b"no json", b"[]", b'{"at": []}', b'{"at": ["2026-09-14T08:00:00"], "since": ""}',
        b'{"at": 3, "since": ""}', b'{"at": [], "since": "2026-09-14T08:00:00+00:00"}',
    ],
)  # fmt: skip
def test_a_damaged_record_is_no_outage(clock: FakeClock, kept: bytes) -> None:
    store = MemoryStore(clock)
    store.put("failures:educonnect", kept, ttl=60)
    assert since(Availability(store), clock) is None


def test_a_failure_never_shortens_what_was_counted() -> None:
    record = Failures()
    for minute in range(5):
        record = record.with_one(NOW + timedelta(minutes=minute), RULES)
    assert record.at == tuple(NOW + timedelta(minutes=minute) for minute in (2, 3, 4))
    assert record.down_since == NOW
