"""What is used once, raced for by a hundred hands in four processes, five hundred times."""

from __future__ import annotations

import pytest

from broker.domain.audit import Action
from tests.conftest import SERVICES
from tests.races import RACES_A_LAP, course, laps_told

SQLITE_LAPS, POSTGRESQL_LAPS = 17, 150
"""SQLite lets its hands wait their turn asleep: about as much of the time, far fewer of the races."""


def test_five_hundred_races_are_run() -> None:
    assert (SQLITE_LAPS + POSTGRESQL_LAPS) * RACES_A_LAP >= 500


@pytest.mark.timeout(600)  # a hundred threads on a machine that is shared: never a reason to fail
@pytest.mark.spec("RFC 6749 §4.1.2")
@pytest.mark.spec("RFC 9126 §7.3")
@pytest.mark.parametrize(
    ("database", "laps"), [("sqlite_url", SQLITE_LAPS), pytest.param("postgres_url", POSTGRESQL_LAPS, marks=SERVICES)]
)
def test_of_a_hundred_who_come_at_once_one_is_served(request: pytest.FixtureRequest, database: str, laps: int) -> None:
    with course(request.getfixturevalue(database)) as running:
        for number in range(laps):
            running.lap(held=number % 2 == 0)
        assert running.told() == laps_told(laps)


@pytest.mark.timeout(600)
@pytest.mark.spec("CAS 3.0.3 §3.1.1")
@pytest.mark.parametrize(("database", "laps"), [("sqlite_url", 2), pytest.param("postgres_url", 20, marks=SERVICES)])
def test_of_a_hundred_who_show_one_ticket_one_is_told_who_came(
    request: pytest.FixtureRequest, database: str, laps: int
) -> None:
    with course(request.getfixturevalue(database)) as running:
        for number in range(laps):
            running.ticket(held=number % 2 == 0)
        told = running.told()
        assert (told[Action.TICKET_ISSUED.value], told[Action.TICKET_VALIDATED.value]) == (laps, laps)
