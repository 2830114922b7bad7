"""From a code to a passphrase: how a browser gets to each of the pages, with the town's own letters and windows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from playwright.sync_api import Browser, Page

from tests.browser.letters import give_letter
from tests.browser.town import RunningTown
from tests.ux.lens import Target

OWN = "maison"
PASSPHRASE = "tournevis lagune osier"


def own_access(browser: Browser, town: RunningTown) -> Iterator[Target]:
    """The third door, a letter followed up screen by screen, and what was lost."""
    page = browser.new_page()
    page.goto(f"{town.origin}/connexion")
    page.locator(f"button[name=source][value={OWN}]").click()
    yield Target(page.url, "sign_in", "own-password", _state(page))
    page.close()
    yield Target(f"{town.origin}/code", "any", "way-code")
    yield Target(f"{town.origin}/code/ouvert", "any", "way-window")
    yield Target(f"{town.origin}/perdu", "any", "lost")
    yield Target(f"{town.origin}/perdu/mobile", "any", "lost-mobile")
    yield Target(f"{town.origin}/perdu/aide", "any", "lost-help")
    yield _digits(browser, town)
    yield from _letter(browser, town)


def _letter(browser: Browser, town: RunningTown) -> Iterator[Target]:
    """Each page by a letter of its own: a walk that went on shows the pages before it no more."""
    for steps, slug in enumerate(("way-birth-date", "way-secret", "way-done"), 1):
        page = browser.new_page()
        code = _walk(page, town, steps)
        yield Target(page.url, "any", slug, _state(page))
        page.close()
    used = browser.new_page()
    _write_code(used, town, code)
    yield Target(used.url, "any", "way-used", _state(used))
    used.close()


def _walk(page: Page, town: RunningTown, steps: int) -> str:
    """So many screens of a new letter; returns its code."""
    given = give_letter(town)
    _write_code(page, town, given.code)
    if steps > 1:
        for name, value in _fields(given.born):
            page.fill(f"#{name}", value)
        _send(page)
    if steps > 2:
        page.fill("#passe", PASSPHRASE)
        _send(page)
    return given.code


def _digits(browser: Browser, town: RunningTown) -> Target:
    page = browser.new_page()
    page.goto(f"{town.origin}/perdu/mobile")
    page.fill("#mobile", "06 39 98 99 34")
    _send(page)
    target = Target(page.url, "any", "lost-digits", _state(page))
    page.close()
    return target


def _write_code(page: Page, town: RunningTown, code: str) -> None:
    page.goto(f"{town.origin}/code")
    page.fill("#code", code)
    _send(page)


def _send(page: Page) -> None:
    page.locator("main form button[type=submit]").click()
    page.wait_for_load_state("load")


def _fields(born: date) -> tuple[tuple[str, str], ...]:
    return (("jour", str(born.day)), ("mois", str(born.month)), ("annee", str(born.year)))


def _state(page: Page) -> Any:
    return page.context.storage_state()
