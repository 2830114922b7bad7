"""The mass-change guard."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.directory.feed_import import level_of_pupils
from broker.directory.guard import CONFIRMED, CONTACTS, CORRECTED, JOINED, Recent, exceeds, mass_changes, recent_changes
from broker.domain.imports import ImportDifference, ImportRun, ImportState, KindDifference
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


# ---- what the last runs did ---------------------------------------------------------------------------------------

NOW = datetime(2026, 9, 8, 3, tzinfo=UTC)
DAY = timedelta(hours=24)


def run(state: ImportState = ImportState.DONE, ago: timedelta = timedelta(hours=1), **counts: int) -> ImportRun:
    return ImportRun("imp", "f", "t", "99", False, "c", None, state, NOW - ago, applied_at=NOW - ago, counts=counts)


def recent(*history: ImportRun) -> Recent:
    return recent_changes(history, now=NOW, window=DAY)


def test_runs_add_up_by_kind_whatever_else_they_counted() -> None:
    one = run(pupil_retired=2, schools_retired=1, pupil_added=50, guardianships_ended=3, guardianships_added=9)
    two = run(pupil_retired=1, guardian_retired=4, guardianships_widened=1, guardianships_altered=1, **{JOINED: 2})
    found = recent(one, two)
    assert found.removed == {"pupil": 3, "school": 1, "guardian": 4}
    assert (found.changed, found.ended) == (7, 3)


@pytest.mark.parametrize(
    ("ago", "counts"), [(DAY - timedelta(seconds=1), 1), (DAY, 0)], ids=["within the window", "a day ago"]
)
def test_the_window_has_an_edge(ago: timedelta, counts: int) -> None:
    assert recent(run(ago=ago, pupil_retired=1)).removed.total() == counts


@pytest.mark.parametrize("state", [ImportState.HELD, ImportState.STAGED, ImportState.SUPERSEDED, ImportState.STAGING])
def test_a_run_that_was_not_applied_did_nothing(state: ImportState) -> None:
    assert recent(run(state, pupil_retired=1)) == Recent()
    assert recent(run(ImportState.APPLYING, pupil_retired=1)) != Recent()


def test_what_a_human_confirmed_and_what_was_before_it_counts_no_more() -> None:
    confirmed = run(pupil_retired=9, **{CONFIRMED: 1})
    assert recent(run(pupil_retired=1), confirmed, run(pupil_retired=2)).removed == {"pupil": 1}


def test_recent_removals_weigh_with_new_ones_against_what_was_live_before_them() -> None:
    before = recent(run(pupil_retired=4))
    assert mass_changes(difference(1, live=96), percent=5, recent=before) == ()
    (reason,) = mass_changes(difference(2, live=96), percent=5, recent=before)
    assert reason == "6 of 100 pupil records would be retired (4 of them by the last runs)"


def test_recent_guardianship_changes_weigh_with_new_ones() -> None:
    before = recent(run(guardianships_ended=2, guardianships_altered=2))
    now = difference(guardianships_before=98, guardianships_widened=1)
    assert mass_changes(now, percent=5, recent=before) == ()
    (reason,) = mass_changes(replace(now, guardianships_widened=2), percent=5, recent=before)
    assert reason == "6 of 100 guardianships would change (4 of them by the last runs)"


def test_who_changes_nothing_does_not_wait_for_what_others_did() -> None:
    before = recent(run(pupil_retired=50, guardianships_ended=50))
    assert mass_changes(difference(0, live=50, guardianships_before=50), percent=5, recent=before) == ()


@pytest.mark.parametrize(
    ("corrected", "joined", "waits"), [(10, 11, False), (11, 11, True), (50, 1000, False), (51, 1000, True)]
)
def test_corrections_of_what_joined_records_wait_beyond_a_few_and_a_share(
    corrected: int, joined: int, waits: bool
) -> None:
    told = mass_changes(difference(joined_corrected=corrected, joined_before=joined), percent=5)
    assert bool(told) is waits
    if waits:
        assert told == (f"{corrected} of {joined} joined records would contradict what joined them",)


def test_recent_corrections_count_together_and_only_for_who_corrects() -> None:
    before = recent(run(**{CORRECTED: 6}), run(**{CORRECTED: 4}))
    now = difference(joined_corrected=1, joined_before=100)
    (reason,) = mass_changes(now, percent=5, recent=before)
    assert reason == "11 of 100 joined records would contradict what joined them (10 of them by the last runs)"
    assert mass_changes(replace(now, joined_corrected=0), percent=5, recent=before) == ()
    assert mass_changes(now, percent=5, recent=before, few=11) == ()


@pytest.mark.parametrize(
    ("contacts", "live", "waits"), [(100, 101, False), (101, 101, True), (500, 10_000, False), (501, 10_000, True)]
)
def test_numbers_that_change_by_the_hundred_wait_before_anybody_is_told(contacts: int, live: int, waits: bool) -> None:
    told = mass_changes(difference(live=live, contacts_changed=contacts), percent=5)
    assert bool(told) is waits
    if waits:
        assert told == (f"{contacts} people of {live} records would be told that their number or address changed",)


def test_numbers_of_recent_runs_count_together() -> None:
    before = recent(run(**{CONTACTS: 80}), run(**{CONTACTS: 20}))
    assert mass_changes(difference(live=200, contacts_changed=1), percent=5, recent=before) != ()
    assert mass_changes(difference(live=200), percent=5, recent=before) == ()
