"""One code, one refresh token, one pushed request, a hundred hands at once, ten thousand times: one is served."""

from __future__ import annotations

from random import Random

import pytest

from tests.proof.evidence import Proof, prove
from tests.races import RACES_A_LAP, course, laps_told

pytestmark = [pytest.mark.proof, pytest.mark.services, pytest.mark.timeout(0)]

SQLITE_LAPS, POSTGRESQL_LAPS = 10, 20

PROOF = Proof(
    name="redeem_once",
    what=(
        "Of a hundred who come at once, 25 in each of four processes, exactly one is served: one code for one pushed "
        "request, one set of tokens for one code, one for one refresh token (a third of the races each); every other "
        "is told no, and of each race only what the winner was given is stored. One race in three on SQLite (WAL), the "
        "others on PostgreSQL. In every second lap what they race for is held until all have come, on PostgreSQL until "
        "all hundred are seen waiting; in the others they start together and run free"
    ),
    count=10_000,
    seed=20261129,
    covers=(
        "broker/storage/sql_grants.py",
        "broker/storage/sql_grant_rows.py",
        "broker/storage/engine.py",
        "broker/storage/schema/columns.py",
        "broker/storage/schema/grants.py",
        "broker/storage/trail.py",
        "tests/races.py",
    ),
)


def test_of_a_hundred_who_come_at_once_one_is_served(sqlite_url: str, postgres_url: str) -> None:
    with course(sqlite_url) as small, course(postgres_url) as large:
        batches = 0

        def batch(_random: Random) -> int:
            nonlocal batches
            batches += 1
            for running, laps in ((small, SQLITE_LAPS), (large, POSTGRESQL_LAPS)):
                for number in range(laps):
                    running.lap(held=number % 2 == 0)
                assert running.told() == laps_told(batches * laps)
            return RACES_A_LAP * (SQLITE_LAPS + POSTGRESQL_LAPS)

        prove(PROOF, batch)
