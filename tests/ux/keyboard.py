"""The page by keyboard alone: every stop is reached, seen, in order, and the skip link works."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from playwright.sync_api import Page

from tests.ux.lens import Lens, Target, probe
from tests.ux.lines import Line

MOST_STOPS = 200
_REACHED = "h => document.activeElement === document.querySelector(h) || location.hash === h"
Stop = dict[str, Any]


def look(lens: Lens, target: Target) -> list[Line]:
    """Walk through the page with the Tab key."""
    with lens.open(target) as page:
        everything = page.evaluate(probe("interactive"))
        expected = [each for each in everything if each["focusable"] and not each["inGroup"]]
        stops, trapped = _walk(page)
        page.evaluate("document.activeElement && document.activeElement.blur()")
        unseen = [stop["name"] for stop in stops if page.evaluate(probe("look"), stop["n"]) == stop["look"]]
        skips = _skip_link_works(page, stops)
    mouse_only = [each["name"] or each["tag"] for each in everything if not each["focusable"]]
    covered = [stop["name"] for stop in stops if stop["obscured"]]
    back = _jumps_back(stops)
    return [
        Line("keyboard reaches everything", f"{len(stops)} of {len(expected)}", 0 < len(expected) <= len(stops)),
        Line("focus is visible", unseen, bool(stops) and not unseen),
        Line("focus is not covered", covered, not covered),
        Line("order of stops", back, not back and not any(stop["positive"] for stop in stops)),
        Line("no keyboard trap", trapped, not trapped),
        Line("nothing for the mouse alone", mouse_only, not mouse_only),
        Line("skip link", skips, skips),
    ]


def _walk(page: Page) -> tuple[list[Stop], bool]:
    stops: list[Stop] = []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        here = page.evaluate(probe("focused"))
        if here is None or any(stop["n"] == here["n"] for stop in stops):
            return stops, here is not None and len(stops) > 1 and here["n"] == stops[-1]["n"]
        stops.append(here)
    return stops, True


def _jumps_back(stops: list[Stop]) -> list[str]:
    rows = [stop for stop in stops if stop["y"] >= 0 and not stop["href"].startswith("#")]
    return [f"{one['name']} → {two['name']}" for one, two in pairwise(rows) if _is_before(two, one)]


def _is_before(two: Stop, one: Stop) -> bool:
    """Tell whether the second stop stands above the first; the top of the next column is not above."""
    return bool(two["y"] + two["h"] < one["y"] and two["x"] < one["x"] + one["w"])


def _skip_link_works(page: Page, stops: list[Stop]) -> bool:
    if not stops or len(stops[0]["href"]) < 2 or not stops[0]["href"].startswith("#"):
        return False
    page.focus(f'[data-uxn="{stops[0]["n"]}"]')
    page.keyboard.press("Enter")
    page.wait_for_timeout(100)
    return bool(page.evaluate(_REACHED, stops[0]["href"]))
