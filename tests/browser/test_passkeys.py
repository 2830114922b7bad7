"""A passkey in Chromium with a device of its own: made once, and the next sign-in asks for no name and no secret."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.passkey_site import OWN, PasskeySite, activate, serving_passkeys, with_authenticator

pytestmark = pytest.mark.browser


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PasskeySite]:
    with serving_passkeys(tmp_path_factory.mktemp("passkeys")) as served:
        yield served


@pytest.fixture
def page(chromium: Browser, site: PasskeySite) -> Iterator[Page]:
    context = chromium.new_context(locale="fr-FR", viewport={"width": 390, "height": 844})
    context.set_default_timeout(20_000)
    opened = context.new_page()
    with_authenticator(opened)
    activate(opened, site)
    yield opened
    context.close()


def leave(page: Page, site: PasskeySite) -> None:
    page.goto(f"{site.origin}/deconnexion")
    page.locator("main form button").first.click()
    page.wait_for_load_state("load")


def begin(page: Page, site: PasskeySite) -> None:
    page.goto(f"{site.origin}/connexion")
    page.locator(f"button[name=source][value={OWN}]").click()
    page.wait_for_load_state("load")


def test_a_passkey_is_made_and_is_all_that_the_next_sign_in_asks_for(page: Page, site: PasskeySite) -> None:
    page.goto(f"{site.origin}/second/cle/nouvelle?de=%2F")
    assert not page.locator("#passkey-fault").is_visible()
    page.locator("#passkey button").click()
    page.wait_for_url(f"{site.origin}/")
    leave(page, site)
    begin(page, site)
    assert not page.locator("#passkey-fault").is_visible()
    page.locator("#passkey button").click()
    page.wait_for_url(f"{site.origin}/")
    assert page.locator("article.card h2").all_inner_texts() == ["Inès"]


def test_a_device_without_a_passkey_says_so_and_the_passphrase_is_still_there(page: Page, site: PasskeySite) -> None:
    leave(page, site)
    begin(page, site)
    page.locator("#passkey button").click()
    page.locator("#passkey-fault").wait_for(state="visible")
    assert page.locator("#password").is_visible()
