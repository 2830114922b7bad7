"""The right to disconnect, minute by minute over a year, in every zone and by every clock of France."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import product
from random import Random

import pytest

from tests.calendars import CLOCKS, WEEK, Told, walk
from tests.proof.evidence import Proof, prove_each

pytestmark = [pytest.mark.proof, pytest.mark.timeout(0)]

RULES = (
    Told(),
    Told(public=True, school=True),
    Told(public=True, school=True, morning=(7, 30), evening=(19, 0), week=(*WEEK, "saturday")),
)
PLAN = [replace(rule, clock=clock, zone=zone) for clock, zone, rule in product(CLOCKS, "ABC", RULES)]

PROOF = Proof(
    name="quiet_until",
    what=(
        "From 1 September 2026 to 31 August 2027, at every minute, by ten clocks of France (nine of them overseas), in "
        "zones A, B and C, under the shipped rule, with every holiday, and with a school's own hours and Saturdays: "
        "messages go at once exactly when a telling by wall clock says so, and else at the next minute it says so"
    ),
    count=len(PLAN) * 525_600,
    seed=20260915,
    covers=("policies/calendar.py", "policies/calendar_tables.py"),
)


def test_messages_wait_exactly_until_the_wall_clock_says_so() -> None:
    prove_each(PROOF, [partial(_year, told) for told in PLAN])


def _year(told: Told, _random: Random) -> int:
    return walk(told, step=timedelta(minutes=1))
