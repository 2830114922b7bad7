"""The page where a password is written, on a broker of its own: the demo town has no directory.

Nothing is signed in with here, so that no directory has to answer: the page is shown, and sent empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.small_site import serving
from tests.browser.town import free_port
from tests.ux.lens import Target

_SETTINGS = """
issuer = "http://127.0.0.1:{port}"
[secrets]
master_file = "master"
[[tenants]]
id = "ville"
name = "Ville"
[[sources]]
id = "annuaire"
kind = "ldap"
tenant = "ville"
label = {{ fr = "ENT Les Deux Rives", en = "ENT Les Deux Rives", ar = "ENT Les Deux Rives" }}
url = "ldaps://127.0.0.1:{closed}"
reader_dn = "cn=lecteur,dc=example"
reader_password_file = "reader"
people_dn = "ou=people,dc=example"
"""


@contextmanager
def serving_password_page(folder: Path) -> Iterator[str]:
    """Serve the broker; yields its origin."""
    port = free_port()
    (folder / "reader").write_text("secret", "utf-8")
    with serving(folder, _SETTINGS.format(port=port, closed=free_port()), port=port) as settings:
        yield settings.issuer


def password_page(browser: Browser, origin: str) -> Target:
    """The page of the directory, for a login that this browser began."""
    page = browser.new_page()
    page.goto(f"{origin}/connexion")
    page.locator("button[name=source]").click()
    target = Target(page.url, "sign_in", "password", page.context.storage_state())
    page.close()
    return target
