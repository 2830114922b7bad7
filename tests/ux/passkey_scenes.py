"""The pages of passkeys, at a site with a name: offered, shown to sign in with, asked for as a second factor."""

from __future__ import annotations

from collections.abc import Iterator

from playwright.sync_api import Browser

from tests.browser.passkey_site import OWN, PasskeySite, activate, with_authenticator
from tests.ux.lens import Target


def passkeys(browser: Browser, site: PasskeySite) -> Iterator[Target]:
    """The offer, what is kept, and the page of own accounts with its button."""
    context = browser.new_context()
    page = context.new_page()
    with_authenticator(page)
    activate(page, site)
    yield Target(f"{site.origin}/second/cle/nouvelle?de=%2F", "any", "passkey-new", context.storage_state())
    page.goto(f"{site.origin}/second/cle/nouvelle?de=%2F")
    page.locator("#passkey button").click()
    page.wait_for_url(f"{site.origin}/")
    yield Target(f"{site.origin}/second", "any", "factors-passkey", context.storage_state())
    page.goto(f"{site.origin}/deconnexion")
    page.locator("main form button").first.click()
    page.goto(f"{site.origin}/connexion")
    page.locator(f"button[name=source][value={OWN}]").click()
    page.wait_for_load_state("load")
    yield Target(page.url, "sign_in", "own-password-passkey", context.storage_state())
    context.close()
