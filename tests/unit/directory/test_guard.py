"""The mass-change guard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.directory.feed_import import level_of_pupils
from broker.directory.guard import exceeds, mass_changes
from broker.domain.imports import ImportDifference, KindDifference
from broker.domain.school import Level


def difference(removed: int = 0, live: int = 100, **guardianships: int) -> ImportDifference:
    return ImportDifference(kinds={"pupil": KindDifference(removed=removed, live_before=live)}, **guardianships)


@pytest.mark.parametrize(("removed", "waits"), [(0, False), (5, False), (6, True), (100, True)])
def test_more_than_five_in_a_hundred_removals_wait(removed: int, waits: bool) -> None:
    assert bool(mass_changes(difference(removed), percent=5)) is waits


@pytest.mark.parametrize(
    "change", ["guardianships_widened", "guardianships_joined", "guardianships_altered", "guardianships_ended"]
)
def test_each_sort_of_guardianship_change_counts(change: str) -> None:
    assert mass_changes(difference(guardianships_before=100, **{change: 5}), percent=5) == ()
    (reason,) = mass_changes(difference(guardianships_before=100, **{change: 6}), percent=5)
    assert reason == "6 of 100 guardianships would change"


def test_guardianships_of_new_pupils_change_nothing_that_is_live() -> None:
    assert mass_changes(difference(guardianships_before=10, guardianships_added=1000), percent=5) == ()


def test_a_small_kind_is_weighed_by_itself() -> None:
    kinds = {
        "pupil": KindDifference(removed=1, live_before=100_000),
        "school": KindDifference(removed=3, live_before=10),
    }
    (reason,) = mass_changes(ImportDifference(kinds=kinds), percent=5)
    assert reason == "3 of 10 school records would be retired"


def test_a_first_import_never_waits() -> None:
    assert mass_changes(difference(0, 0, guardianships_ended=9), percent=5) == ()


@given(part=st.integers(0, 10**6), whole=st.integers(1, 10**6), percent=st.floats(0, 100))
def test_the_limit_is_a_share(part: int, whole: int, percent: float) -> None:
    assert exceeds(part, whole, percent=percent) == (part * 100 > percent * whole)
    assert not exceeds(part, 0, percent=percent)


@pytest.mark.parametrize(
    ("codes", "level"),
    [
        ({"2116": 30, "2211": 2}, Level.COLLEGE),
        ({"2116": 1, "2211": 20, "2213": 15}, Level.LYCEE),
        ({"1122": 3}, Level.ECOLE),
        ({"9999": 3}, None),
        ({}, None),
    ],
)
def test_the_level_of_a_school_is_the_one_of_most_pupils(codes: dict[str, int], level: Level | None) -> None:
    assert level_of_pupils(codes) is level
