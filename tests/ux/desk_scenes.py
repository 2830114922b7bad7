"""The pages of the desk, as the agents of the demo town meet them. In French and English."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from playwright.sync_api import Browser

from tests.browser.people import Visitor
from tests.browser.town import RunningTown
from tests.ux.lens import Target

ACADEMIE = "academie"
FRONT_DESK, HEAD = "l.martin", "r.chef"
NAMESAKE = "jade martin"
"""A pupil there who bears the agent's name: her access is opened by two."""
STAFF = ("fr", "en")
FOUND = "quemeneur"
"""The family name of parents at the agent's school."""


def desk(browser: Browser, town: RunningTown) -> Iterator[Target]:
    """Search, results, nobody, the sheet, a class."""
    page = browser.new_page()
    Visitor(page, town).sign_in(ACADEMIE, FRONT_DESK)
    page.goto(f"{town.origin}/guichet?q={FOUND}")
    if "/compte/" not in page.url:
        page.locator("main .plain-list a.alone").first.click()
    sheet, state = page.url, page.context.storage_state()
    page.close()
    for slug, path in (
        ("desk", "/guichet"),
        ("desk-results", f"/guichet?q={quote('a')}{quote('l')}"),
        ("desk-nobody", "/guichet?q=personnedecenom"),
        ("desk-class", "/guichet/classe"),
    ):
        yield Target(f"{town.origin}{path}", "any", slug, state, languages=STAFF)
    yield Target(sheet, "any", "desk-sheet", state, languages=STAFF)
    yield from looked_after(browser, town)


def looked_after(browser: Browser, town: RunningTown) -> Iterator[Target]:
    """What waits for a second agent, one request, who helps at the desk, its journal."""
    page = browser.new_page()
    Visitor(page, town).sign_in(ACADEMIE, FRONT_DESK)
    page.goto(f"{town.origin}/guichet?q={quote(NAMESAKE)}")
    by_two, state = page.url, page.context.storage_state()
    page.locator("[name=preuve_piece]").check()
    page.locator("[name=motif][value=perdu]").check()
    page.locator("[name=demande][value=lettre]").click()
    page.close()
    yield Target(by_two, "any", "desk-sheet-two", state, languages=STAFF)
    page = browser.new_page()
    Visitor(page, town).sign_in(ACADEMIE, HEAD)
    page.goto(f"{town.origin}/guichet/a-confirmer")
    page.locator("main .plain-list a.alone").first.click()
    request, state = page.url, page.context.storage_state()
    page.close()
    yield Target(request, "any", "desk-pair", state, languages=STAFF)
    for slug, path in (
        ("desk-pairs", "/guichet/a-confirmer"),
        ("desk-delegations", "/guichet/delegations"),
        ("desk-journal", "/guichet/journal"),
    ):
        yield Target(f"{town.origin}{path}", "any", slug, state, languages=STAFF)
