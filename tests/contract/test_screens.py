"""Numbers of screens on every store: one browser each, gone when given up, claimed so that no two show the same."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from broker.accounts import screens as module
from broker.accounts.screens import Screens
from broker.domain.errors import EphemeralUnavailable
from broker.domain.handles import Handle, new_handle
from broker.domain.ports import EphemeralStore
from tests.builders import NOW

WINDOW = timedelta(minutes=10)


@pytest.fixture
def screens(ephemeral_store: EphemeralStore) -> Screens:
    return Screens(ephemeral_store)


def browser() -> str:
    return new_handle(Handle.BROWSER)


def draw(screens: Screens, who: str) -> str:
    return screens.draw(who, window=WINDOW, now=NOW)


def bound_by(screens: Screens, typed: str) -> str:
    return screens.bound_by(typed, window=WINDOW, now=NOW)


def test_a_window_opened_by_a_number_is_bound_to_the_browser_that_shows_it(screens: Screens) -> None:
    mine, other = browser(), browser()
    number, another = draw(screens, mine), draw(screens, other)
    assert (screens.number(mine, now=NOW), screens.number(other, now=NOW)) == (number, another)
    bound = bound_by(screens, f" {number[:3]} {number[3:]} ")
    assert bound == screens.bound_here(mine, now=NOW) != screens.bound_here(other, now=NOW)
    assert number not in bound


def test_browsers_that_draw_at_once_never_show_the_same_number(
    screens: Screens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of some fifty numbers in all, so that draws do collide; who finds none is refused."""
    few = itertools.cycle(f"{number:06}" for number in range(50))
    monkeypatch.setattr(module, "new_digits", lambda: next(few))

    def tried(who: str) -> str:
        try:
            return draw(screens, who)
        except EphemeralUnavailable:
            return ""

    with ThreadPoolExecutor(8) as pool:
        drawn = [each for each in pool.map(tried, [browser() for _ in range(80)]) if each]
    assert len(drawn) == len(set(drawn))
    assert len(drawn) > 8


def test_a_number_that_was_given_up_is_nobodys_and_is_not_drawn_again_so_soon(
    screens: Screens, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = browser()
    number = draw(screens, mine)
    screens.forget(mine)
    assert (screens.number(mine, now=NOW), screens.bound_here(mine, now=NOW), bound_by(screens, number)) == ("", "", "")
    monkeypatch.setattr(module, "new_digits", lambda: number)
    with pytest.raises(EphemeralUnavailable):
        draw(screens, browser())


def test_of_two_numbers_drawn_at_once_for_one_browser_the_last_counts(screens: Screens) -> None:
    mine = browser()
    first, last = draw(screens, mine), draw(screens, mine)
    assert screens.number(mine, now=NOW) == last
    assert (bound_by(screens, first), bound_by(screens, last)) == ("", screens.bound_here(mine, now=NOW))


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦"])
def test_what_cannot_be_a_number_is_none(screens: Screens, typed: str) -> None:
    draw(screens, browser())
    assert bound_by(screens, typed) == ""


def test_without_a_number_a_browser_is_bound_to_nothing(screens: Screens) -> None:
    assert screens.bound_here(browser(), now=NOW) == ""
