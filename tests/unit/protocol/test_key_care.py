"""The steps of the signing keys: announced, signing, retiring, retired, and given up in an emergency."""

from __future__ import annotations

from datetime import timedelta

import pytest

from broker.domain.audit import Action
from broker.domain.keys import KeyTimes
from broker.protocol.oidc.key_care import KeyCare, KeyGroup
from tests.clock import FakeClock
from tests.signing_keys import FakeKeys, stored, vault_of

TIMES = KeyTimes(announced=timedelta(hours=24), active=timedelta(days=90), retiring=timedelta(days=31))
SECOND = timedelta(seconds=1)
DAY = 86_400


def care_of(keys: FakeKeys, *, by_schedule: bool = True) -> KeyCare:
    return KeyCare(vault_of(keys), lambda: TIMES, by_schedule)


def states(keys: FakeKeys) -> list[str]:
    return [row.state.value for row in keys.rows]


@pytest.fixture
def keys(clock: FakeClock) -> FakeKeys:
    """One key that signs and one announced in the same moment, as a first start leaves them."""
    kept = FakeKeys([stored(clock())])
    assert care_of(kept).announce(clock()) == 1
    return kept


def group_of(care: KeyCare) -> KeyGroup:
    (group,) = care.groups()
    return group


def test_a_first_start_announces_what_will_sign_next_and_only_once(keys: FakeKeys, clock: FakeClock) -> None:
    assert states(keys) == ["active", "next"]
    assert care_of(keys).announce(clock()) == 0
    assert care_of(keys).tend(clock()) == 0


def test_a_key_signs_for_its_time_and_the_next_takes_over_with_another_announced(
    keys: FakeKeys, clock: FakeClock
) -> None:
    care = care_of(keys)
    assert care.tend(clock.advance(90 * DAY - 1)) == 0
    assert care.tend(clock.advance(1)) == 1
    assert states(keys) == ["retiring", "active", "next"]
    told = [(event.action, event.subject, event.actor) for event in keys.events[1:]]
    kids = [row.kid for row in keys.rows]
    actions = (Action.KEY_RETIRING, Action.KEY_ACTIVATED, Action.KEY_CREATED)
    assert told == [(action, kid, "preau") for action, kid in zip(actions, kids, strict=True)]


def test_by_schedule_no_key_takes_over_before_it_was_announced_long_enough(clock: FakeClock) -> None:
    keys = FakeKeys([stored(clock())])
    care = care_of(keys)
    assert care.tend(clock.advance(100 * DAY)) == 1, "overdue, but nothing is announced: that comes first"
    assert care.tend(clock.advance(DAY - 1)) == 0
    assert care.tend(clock.advance(1)) == 1
    assert states(keys) == ["retiring", "active", "next"]


def test_without_a_schedule_only_retirement_comes_by_itself(keys: FakeKeys, clock: FakeClock) -> None:
    care = care_of(keys, by_schedule=False)
    assert care.tend(clock.advance(200 * DAY)) == 0
    assert care.rotate(group_of(care), now=clock())
    assert care.tend(clock.advance(31 * DAY)) == 1
    assert states(keys) == ["retired", "active", "next"]


def test_a_retiring_key_stays_for_its_time_and_its_end_is_told(keys: FakeKeys, clock: FakeClock) -> None:
    care = care_of(keys)
    care.tend(clock.advance(90 * DAY))
    assert care.tend(clock.advance(31 * DAY - 1)) == 0
    assert care.tend(clock.advance(1)) == 1
    assert states(keys)[0] == "retired"
    assert keys.events[-1].action is Action.KEY_RETIRED


def test_by_hand_a_key_signs_today_and_never_before_it_was_announced_long_enough(
    keys: FakeKeys, clock: FakeClock
) -> None:
    care = care_of(keys)
    ready = care.ready_from(group_of(care))
    assert ready == clock() + TIMES.announced
    assert not care.rotate(group_of(care), now=ready - SECOND)
    assert states(keys) == ["active", "next"]
    assert care.rotate(group_of(care), now=ready)
    assert states(keys) == ["retiring", "active", "next"]


def test_of_two_that_rotate_at_once_the_second_does_nothing(keys: FakeKeys, clock: FakeClock) -> None:
    care = care_of(keys)
    seen = group_of(care)
    now = clock.advance(2 * DAY)
    assert care.rotate(seen, now=now)
    before = list(keys.rows)
    assert not care.rotate(seen, now=now)
    assert keys.rows == before


def test_keys_given_up_all_go_at_once_the_announced_one_too(keys: FakeKeys, clock: FakeClock) -> None:
    care = care_of(keys)
    care.rotate(group_of(care), now=clock.advance(2 * DAY))
    assert care.give_up(group_of(care), now=clock())
    assert states(keys) == ["retired", "retired", "retired", "active", "next"]
    assert {event.detail["why"] for event in keys.events[-5:]} == {"emergency"}
