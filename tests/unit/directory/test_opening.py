"""Which run a delivery opens, from the feed's history alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from broker.directory.opening import Delivery, check_header
from broker.domain.errors import FeedRefused, ImportHeld, ImportStale
from broker.domain.feed import Feed, FeedHeader
from broker.domain.imports import ImportRun, ImportState

FRESH = ImportRun(
    import_id="imp_new",
    feed="99-2d",
    tenant="ac-test",
    academie="99",
    complete=True,
    checksum="new",
    made_on=date(2026, 9, 8),
    state=ImportState.STAGING,
    started_at=datetime(2026, 9, 8, tzinfo=UTC),
)
DONE = replace(FRESH, import_id="imp_done", checksum="done", made_on=date(2026, 9, 1), state=ImportState.DONE)
DELTA = replace(FRESH, complete=False)


def test_a_first_delivery_opens_a_new_run() -> None:
    assert Delivery(FRESH).choose([]) is FRESH


def test_a_newer_delivery_opens_a_new_run() -> None:
    assert Delivery(FRESH).choose([DONE]) is FRESH


@pytest.mark.parametrize("state", [ImportState.STAGING, ImportState.STAGED, ImportState.HELD])
def test_the_same_delivery_takes_up_its_unfinished_run(state: ImportState) -> None:
    begun = replace(FRESH, import_id="imp_begun", state=state)
    assert Delivery(FRESH).choose([begun, DONE]) is begun


def test_a_run_that_was_being_applied_goes_first_whatever_comes() -> None:
    applying = replace(FRESH, import_id="imp_old", checksum="old", state=ImportState.APPLYING)
    assert Delivery(FRESH).choose([applying, DONE]) is applying


def test_the_delivery_applied_last_is_nothing_to_do() -> None:
    assert Delivery(FRESH).choose([replace(DONE, checksum="new"), DONE]) is None


def test_a_delivery_applied_before_another_is_stale() -> None:
    with pytest.raises(ImportStale) as stale:
        Delivery(FRESH).choose([DONE, replace(DONE, checksum="new")])
    assert stale.value.code == "PRE-4004"


@pytest.mark.parametrize(("day", "stale"), [(7, True), (8, False), (9, False)])
def test_a_delivery_made_before_the_newest_applied_is_stale(day: int, stale: bool) -> None:
    history = [replace(DONE, made_on=None), replace(DONE, made_on=date(2026, 9, 8))]
    delivery = Delivery(replace(FRESH, made_on=date(2026, 9, day)))
    if not stale:
        assert delivery.choose(history) is delivery.fresh
        return
    with pytest.raises(ImportStale):
        delivery.choose(history)


def test_a_delivery_without_day_is_not_called_stale_for_it() -> None:
    undated = replace(FRESH, made_on=None)
    assert Delivery(undated).choose([DONE]) is undated


def test_a_delta_waits_for_a_held_delivery_and_a_complete_set_replaces_it() -> None:
    held = replace(FRESH, import_id="imp_held", checksum="held", state=ImportState.HELD)
    with pytest.raises(ImportHeld) as waiting:
        Delivery(DELTA).choose([held, DONE])
    assert waiting.value.code == "PRE-4002"
    assert Delivery(FRESH).choose([held, DONE]) is FRESH


@pytest.mark.parametrize("state", [ImportState.STAGING, ImportState.STAGED, ImportState.HELD])
def test_a_delivery_begun_is_replaced_only_by_a_complete_set_of_all_it_covers(state: ImportState) -> None:
    begun = replace(DELTA, import_id="imp_begun", checksum="begun", state=state, covers=frozenset({"pupil"}))
    for waiting in (DELTA, FRESH, replace(FRESH, covers=frozenset({"guardian"}))):
        with pytest.raises(ImportHeld, match="imp_begun"):
            Delivery(waiting).choose([begun, DONE])
    covering = replace(FRESH, covers=frozenset({"pupil", "guardian"}))
    assert Delivery(covering).choose([begun, DONE]) is covering


def test_a_directory_that_came_back_to_what_it_said_once_is_taken_and_a_file_handed_over_anew_is_not() -> None:
    """Else what was said by mistake in between would stand for good."""
    before = replace(DONE, import_id="imp_before", checksum=FRESH.checksum)
    assert Delivery(FRESH, live=True).choose([DONE, before]) is FRESH
    with pytest.raises(ImportStale):
        Delivery(FRESH).choose([DONE, before])


FEED = Feed("99-2d", "ac-test", "99", "2D")
TODAY = date(2026, 9, 7)


@pytest.mark.parametrize(
    ("academie", "degree"), [("14", "2D"), ("99", "1D")], ids=["another académie", "another degree"]
)
def test_files_that_are_not_the_feeds_are_refused(academie: str, degree: str) -> None:
    with pytest.raises(FeedRefused) as refused:
        check_header(FeedHeader(academie, degree, complete=True, made_on=None), FEED, today=TODAY)
    assert refused.value.code == "PRE-4001"


@pytest.mark.parametrize("school", ["9990001X", ""])
def test_files_of_another_school_or_of_an_unnamed_one_are_refused(school: str) -> None:
    header, feed = FeedHeader("", "", complete=True, made_on=None, school=school), replace(FEED, school="9990002Y")
    with pytest.raises(FeedRefused) as refused:
        check_header(header, feed, today=TODAY)
    assert refused.value.code == "PRE-4001"
    check_header(replace(header, school="9990002Y"), feed, today=TODAY)
    check_header(header, FEED, today=TODAY)


@pytest.mark.parametrize(("academie", "degree"), [("99", "2D"), ("", "2D"), ("99", ""), ("", "")])
def test_files_that_say_the_same_or_nothing_are_taken(academie: str, degree: str) -> None:
    check_header(FeedHeader(academie, degree, complete=True, made_on=None), FEED, today=TODAY)
    check_header(FeedHeader(academie, "1D", complete=True, made_on=None), replace(FEED, degree=""), today=TODAY)


@pytest.mark.parametrize("made_on", [date(2026, 9, 9), date(2062, 9, 5), date(9999, 12, 31)])
def test_files_of_a_day_yet_to_come_are_refused(made_on: date) -> None:
    """A wrong year would make every later delivery an older one."""
    header = FeedHeader("99", "2D", complete=True, made_on=made_on)
    with pytest.raises(FeedRefused, match="still to come") as refused:
        check_header(header, FEED, today=TODAY)
    assert refused.value.code == "PRE-4001"
    check_header(replace(header, made_on=date(2026, 9, 8)), FEED, today=TODAY)
