"""What a person does in a browser, in the words of the acceptance: sign in, open a service, read what it received."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import pyotp
from playwright.sync_api import Locator, Page

from tests.browser.town import RunningTown

EDUCONNECT = "educonnect"
ENT_ECOLES = "ent-petits-pres"
ENT_SECONDAIRE = "ent-grand-large"
PASSWORD = "preau-demo"


@dataclass(frozen=True, slots=True)
class Visitor:
    """One person at one browser."""

    page: Page
    town: RunningTown

    def sign_in(self, source: str, login: str) -> None:
        """From the home page, through a source, back to wherever the broker leads."""
        self.page.goto(self.town.origin + "/")
        self.choose(source, login)

    def choose(self, source: str, login: str) -> None:
        """On the sign-in page: choose a source and prove there who one is."""
        page = self.page
        page.locator(f"button[name=source][value={source}]").click()
        if source == EDUCONNECT:
            page.get_by_role("button", name="Responsable d'élève").click()
        page.locator("#login").fill(login)
        page.locator("#password").fill(PASSWORD)
        # A click returns at the first bytes of the answer: on a busy machine its cards are not there yet.
        with page.expect_navigation(wait_until="load"):
            page.get_by_role("button", name="Se connecter").click()

    def prove_again(self, source: str, login: str) -> None:
        """Sign in once more, for what asks for a login whose moment the source tells."""
        self.page.goto(f"{self.town.origin}/connexion?but=moyens")
        self.choose(source, login)

    def add_factor(self) -> None:
        """Add a telephone as second factor, and show it."""
        page = self.page
        page.goto(f"{self.town.origin}/second/nouveau")
        key = (page.locator(".key").text_content() or "").replace(" ", "")
        page.fill("#code", pyotp.TOTP(key).now())
        page.locator("main form button").click()
        page.wait_for_load_state("load")

    def sign_out(self) -> None:
        """Sign out at the broker."""
        self.page.goto(self.town.origin + "/deconnexion")
        self.page.locator("main form button").click()

    def home(self) -> None:
        """Open the portal."""
        self.page.goto(self.town.origin + "/")

    def children(self) -> list[tuple[str, str]]:
        """Given name and school of each card, as shown."""
        cards = self.page.locator("article.card")
        return [
            (card.locator("h2").inner_text().strip(), card.locator(".place bdi").first.inner_text().strip())
            for card in cards.all()
        ]

    def names(self) -> list[str]:
        """Given names on the cards, in their order."""
        return [name for name, _ in self.children()]

    def card(self, given: str) -> Locator:
        """The card of one child."""
        return self.page.locator("article.card", has=self.page.locator("h2", has_text=given))

    def open_service(self, given: str, service: str) -> str:
        """From the portal, one click on a child's service; returns the `sub` the service received."""
        self.home()
        self.card(given).get_by_role("link", name=service).click()
        return self.subject()

    def subject(self) -> str:
        """The `sub` shown by the service whose page is open."""
        assert urlsplit(self.page.url).hostname != "127.0.0.1", f"still at the broker: {self.page.url}"
        return self.page.locator("#sub").inner_text()

    def refusal(self) -> str:
        """Code of the refusal that the page tells of, empty when it is no such page."""
        return parse_qs(urlsplit(self.page.url).query).get("c", [""])[0]

    def leave_service(self) -> None:
        """Sign out of the open service alone."""
        self.page.get_by_role("button", name="Sortir de ce service").click()
