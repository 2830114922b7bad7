"""The page where a password is written, on a broker of its own: the demo town has no directory.

Nothing is signed in with here, so that no directory has to answer: the page is shown, and sent empty.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

from playwright.sync_api import Browser

from broker.app import build
from broker.settings import load_settings
from broker.stores import bring_up_to_date
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
    (folder / "services").mkdir()
    (folder / "master").touch(mode=0o600)
    (folder / "master").write_bytes(secrets.token_bytes(32))
    (folder / "reader").write_text("secret", "utf-8")
    (folder / "preau.toml").write_text(_SETTINGS.format(port=port, closed=free_port()), "utf-8")
    settings = load_settings(folder / "preau.toml", {})
    bring_up_to_date(settings)
    with (
        closing(build(settings)) as broker,
        make_server("127.0.0.1", port, broker.wsgi, handler_class=_Quiet) as server,
    ):
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield settings.issuer
        finally:
            server.shutdown()
            thread.join()


def password_page(browser: Browser, origin: str) -> Target:
    """The page of the directory, for a login that this browser began."""
    page = browser.new_page()
    page.goto(f"{origin}/connexion")
    page.locator("button[name=source]").click()
    target = Target(page.url, "sign_in", "password", page.context.storage_state())
    page.close()
    return target


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""
