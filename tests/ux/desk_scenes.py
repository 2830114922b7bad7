"""The pages of the desk, as the agents of the demo town meet them. In French and English."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Browser

from broker.demo.accounts import accounts_of
from broker.demo.people import Degree
from broker.demo.town import population_of
from tests.browser.people import ENT_SECONDAIRE, Visitor
from tests.browser.town import RunningTown
from tests.ux.lens import Target

ACADEMIE = "academie"
FRONT_DESK, HEAD = "l.martin", "r.chef"
NAMESAKE = "jade martin"
"""A pupil there who bears the agent's name: her access is opened by two."""
STAFF = ("fr", "en")
FOUND = "quemeneur"
"""The family name of parents at the agent's school."""
HOMONYM = "violaine o'connell"
"""Two mothers of the town bear it, each with a child at that school."""


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
    yield _homonym(browser, town, state)
    yield _incident(browser, town, state)
    yield _teacher(browser, town)
    yield from looked_after(browser, town)


def _homonym(browser: Browser, town: RunningTown, state: Any) -> Target:
    """Of two persons of one name: which of them is asked before anything of either is shown."""
    page = browser.new_context(storage_state=state).new_page()
    page.goto(f"{town.origin}/guichet?q={quote(HOMONYM)}")
    page.locator("li", has=page.locator(".badge")).locator("a.alone").first.click()
    target = Target(page.url, "any", "desk-homonym", state, languages=STAFF)
    page.context.close()
    return target


def _incident(browser: Browser, town: RunningTown, state: Any) -> Target:
    """A login that failed before anybody was known, by the number on its page."""
    page = browser.new_page()
    page.goto(f"{town.origin}/authorize?client_id=personne")
    number = page.locator(".trace strong").inner_text().strip()
    page.close()
    return Target(f"{town.origin}/guichet/incident/{number}", "any", "desk-incident", state, languages=STAFF)


def _teacher(browser: Browser, town: RunningTown) -> Target:
    """A teacher of the collège, with a telephone as second factor."""
    page = browser.new_page()
    visitor = Visitor(page, town)
    login = _teachers_login()
    visitor.sign_in(ENT_SECONDAIRE, login)
    visitor.prove_again(ENT_SECONDAIRE, login)
    visitor.add_factor()
    target = Target(f"{town.origin}/guichet/ma-classe", "any", "desk-mine", page.context.storage_state(),
                    languages=STAFF)  # fmt: skip
    page.close()
    return target


def _teachers_login() -> str:
    town = population_of(datetime.now(UTC).year)
    teachers = {each.ref for each in town.staff if each.degree is Degree.SECOND and each.posts[0].code == "ENS"}
    return next(each.login for each in accounts_of(town) if each.profile == "personnel" and each.person in teachers)


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
        ("desk-journal", "/guichet/journal?acte=agent_viewed"),
    ):
        yield Target(f"{town.origin}{path}", "any", slug, state, languages=STAFF)
