"""The desk of the demo town in Chromium, by keyboard alone and without JavaScript: from the open page to a letter."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, Response

from tests.browser.people import Visitor
from tests.browser.town import RunningTown, running_town

pytestmark = pytest.mark.browser
ACADEMIE, FRONT_DESK = "academie", "l.martin"
A_KEY, A_SCREEN = 0.15, 1.5
"""Seconds: of a key that is pressed, of a screen that is read (the keystroke model of the brief)."""
MOST_SECONDS, MOST_ACTIONS = 30.0, 4


@pytest.fixture(scope="module")
def desk_town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTown]:
    with running_town(tmp_path_factory.mktemp("desk"), "--desk") as running:
        yield running


@pytest.fixture
def agent(chromium: Browser, desk_town: RunningTown) -> Iterator[Visitor]:
    fresh = chromium.new_context(locale="fr-FR", java_script_enabled=False)
    fresh.set_default_timeout(20_000)
    visitor = Visitor(fresh.new_page(), desk_town)
    visitor.sign_in(ACADEMIE, FRONT_DESK)
    yield visitor
    fresh.close()


@dataclass
class Keyboard:
    """An agent who types: what it takes by the model. An action: a search, a proof, a reason, an act."""

    page: Page
    keys: int = 0
    screens: int = 1
    actions: int = 0

    @property
    def seconds(self) -> float:
        return self.keys * A_KEY + self.screens * A_SCREEN

    def search(self, text: str) -> None:
        """Type into the box, and Enter."""
        self.page.locator("#q").focus()
        self.page.keyboard.type(text)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")
        self.keys += len(text) + 2  # its access key, Enter
        self.screens += 1
        self.actions += 1

    def tick(self, selector: str, *, away: int) -> None:
        """Reach a box with Tab, `away` presses from the last place, and Space."""
        self.page.locator(selector).focus()
        self.page.keyboard.press("Space")
        self.keys += away + 1
        self.actions += 1

    def act(self, name: str) -> Response:
        """Reach the button with Tab and press Enter."""
        with self.page.expect_response(lambda answer: answer.request.method == "POST") as answered:
            self.page.locator(f"button[name=acte][value={name}]").focus()
            self.page.keyboard.press("Enter")
        self.keys += 2
        self.screens += 1
        self.actions += 1
        return answered.value


def found(page: Page, text: str) -> None:
    """Wait until the search's keys are written behind the import."""
    for _ in range(30):
        page.goto(page.url.partition("/guichet")[0] + f"/guichet?q={text}")
        if "/compte/" in page.url or page.locator("a[href*='/compte/']").count():
            return
        time.sleep(2)
    raise AssertionError("nobody was ever found")


def test_from_the_open_page_to_a_printed_letter_in_four_actions_and_half_a_minute(
    agent: Visitor, desk_town: RunningTown
) -> None:
    page = agent.page
    assert page.url == f"{desk_town.origin}/guichet"
    found(page, "goulven")
    page.goto(f"{desk_town.origin}/guichet")
    typing = Keyboard(page)
    typing.search("goulven quemeneur")
    assert "/guichet/compte/" in page.url
    assert "Goulven" in page.locator("h1").inner_text()
    typing.tick("[name=preuve_piece]", away=5)
    typing.tick("[name=motif][value=perdu]", away=5)
    letter = typing.act("lettre")
    assert (letter.status, letter.headers["content-type"]) == (200, "application/pdf")
    assert typing.actions <= MOST_ACTIONS
    assert typing.seconds <= MOST_SECONDS


def test_a_head_of_the_same_school_sees_it_and_a_parent_sees_no_desk(chromium: Browser, desk_town: RunningTown) -> None:
    for source, login, status in ((ACADEMIE, "r.chef", 200), ("ent-grand-large", "goulven.quemeneur", 404)):
        context = chromium.new_context(locale="fr-FR", java_script_enabled=False)
        visitor = Visitor(context.new_page(), desk_town)
        visitor.sign_in(source, login)
        answer = visitor.page.goto(f"{desk_town.origin}/guichet")
        assert answer is not None
        assert answer.status == status
        context.close()
