"""In with a letter, back in through a window, in with what was chosen: in French and Arabic, with and without script.

No e-mail, no telephone: four screens from the code to the portal, four from "lost" to a new passphrase.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.letters import ZAHRA, give_letter, open_window
from tests.browser.town import RunningTown

pytestmark = pytest.mark.browser

OWN = "maison"
PASSPHRASE = "tournevis lagune osier"
LANGUAGES = [("fr", True), ("ar", True), ("fr", False), ("ar", False)]


@contextmanager
def opened(chromium: Browser, *, scripts: bool) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=scripts)
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


def send(page: Page) -> None:
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_load_state("load")


def write_birth_date(page: Page, born: date) -> None:
    for field, value in (("jour", born.day), ("mois", born.month), ("annee", born.year)):
        page.fill(f"#{field}", str(value))


def choose(page: Page, *, scripts: bool) -> None:
    page.fill("#passe", PASSPHRASE)
    if scripts:
        page.click("#montrer")
        assert page.get_attribute("#passe", "type") == "text"
        assert page.locator("#passe2").count() == 0
    else:
        page.fill("#passe2", PASSPHRASE)
    send(page)


def children(page: Page) -> list[str]:
    return page.locator("article.card h2").all_inner_texts()


@pytest.mark.parametrize(("language", "scripts"), LANGUAGES)
def test_a_letter_opens_an_access_in_four_screens(
    chromium: Browser, town: RunningTown, pictures: Path, language: str, *, scripts: bool
) -> None:
    given = give_letter(town)
    with opened(chromium, scripts=scripts) as page:
        page.goto(f"{town.origin}/code?lang={language}#{given.code.replace(' ', '')}")
        if scripts:
            assert page.input_value("#code") == given.code.replace(" ", "")
            assert "#" not in page.url
        else:
            page.fill("#code", given.code)
        page.screenshot(path=pictures / f"A1-{language}-{scripts}.png", full_page=True)
        send(page)
        page.screenshot(path=pictures / f"A2-{language}-{scripts}.png", full_page=True)
        write_birth_date(page, given.born)
        send(page)
        page.screenshot(path=pictures / f"A3-{language}-{scripts}.png", full_page=True)
        choose(page, scripts=scripts)
        page.screenshot(path=pictures / f"A4-{language}-{scripts}.png", full_page=True)
        assert page.url.startswith(f"{town.origin}/code/pret")
        assert page.locator("html").get_attribute("lang") == language
        page.locator("main a.button").click()
        assert children(page) == ["Sirine"]


@pytest.mark.parametrize(("language", "scripts"), LANGUAGES)
def test_whoever_lost_everything_is_back_in_four_screens_through_a_window(
    chromium: Browser, town: RunningTown, pictures: Path, language: str, *, scripts: bool
) -> None:
    with opened(chromium, scripts=scripts) as page:
        page.goto(f"{town.origin}/perdu?lang={language}")
        page.screenshot(path=pictures / f"F1-{language}-{scripts}.png", full_page=True)
        page.locator("main a[href='/perdu/aide']").last.click()
        page.screenshot(path=pictures / f"F2-{language}-{scripts}.png", full_page=True)
        page.locator("main a[href='/code/ouvert']").click()
        given = open_window(town, page)
        assert page.locator(".number strong").get_attribute("dir") == "ltr"
        write_birth_date(page, given.born)
        page.screenshot(path=pictures / f"E2-{language}-{scripts}.png", full_page=True)
        send(page)
        choose(page, scripts=scripts)
        assert page.url.startswith(f"{town.origin}/code/pret")
        page.locator("main a.button").click()
        assert children(page) == ["Sirine"]


def test_what_was_chosen_opens_the_access_again_by_the_third_door(
    chromium: Browser, town: RunningTown, pictures: Path
) -> None:
    given = give_letter(town, ZAHRA)
    with opened(chromium, scripts=False) as page:
        page.goto(f"{town.origin}/code")
        page.fill("#code", given.code)
        send(page)
        write_birth_date(page, given.born)
        send(page)
        choose(page, scripts=False)
        login = page.locator("main strong").inner_text()
    with opened(chromium, scripts=False) as page:
        page.goto(f"{town.origin}/connexion")
        page.locator(f"button[name=source][value={OWN}]").click()
        page.screenshot(path=pictures / "S1-own.png", full_page=True)
        page.fill("#login", login)
        page.fill("#password", PASSPHRASE)
        send(page)
        assert children(page) == ["Sirine"]
