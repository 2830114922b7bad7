"""A site with a name, where browsers know passkeys, and a mother whose secrets are kept there.

The demo town has an address of numbers, at which WebAuthn knows no site (§5.1.2). The authenticator is Chromium's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from broker.stores import opened_stores
from tests.browser.letters import Given, letter_for
from tests.browser.small_site import serving
from tests.browser.town import free_port
from tests.own_accounts import GOOD, family

OWN = "maison"
_SETTINGS = """
issuer = "http://localhost:{port}"
[secrets]
master_file = "master"
[[tenants]]
id = "ville"
name = "Ville"
[[sources]]
id = "maison"
kind = "own"
tenant = "ville"
label = {{ fr = "J'ai un code ou un ancien compte", en = "I have a code", ar = "لدي رمز" }}
"""
_AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PasskeySite:
    """Where it answers, and what a mother holds: a letter's code."""

    origin: str
    letter: Given


@contextmanager
def serving_passkeys(folder: Path) -> Iterator[PasskeySite]:
    """Serve the site."""
    port = free_port()
    with serving(folder, _SETTINGS.format(port=port), port=port) as settings:
        with opened_stores(settings) as (stores, book):
            letter = letter_for(family(stores.engine), stores, book, tenant="ville")
        yield PasskeySite(settings.issuer, letter)


def with_authenticator(page: Page) -> None:
    """Give the page's browser a device that keeps passkeys and says yes."""
    debugger = page.context.new_cdp_session(page)
    debugger.send("WebAuthn.enable")
    debugger.send("WebAuthn.addVirtualAuthenticator", {"options": _AUTHENTICATOR})


def activate(page: Page, site: PasskeySite) -> None:
    """From the letter to the first page of the portal."""
    page.goto(f"{site.origin}/code")
    page.fill("#code", site.letter.code)
    _send(page)
    born = site.letter.born
    for field, value in (("jour", born.day), ("mois", born.month), ("annee", born.year)):
        page.fill(f"#{field}", str(value))
    _send(page)
    page.fill("#passe", GOOD)
    _send(page)
    page.locator("main a.button").click()
    page.wait_for_load_state("load")


def _send(page: Page) -> None:
    page.locator("main form button[type=submit]").click()
    page.wait_for_load_state("load")
