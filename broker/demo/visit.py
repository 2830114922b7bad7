"""One visit of an invented person: in through the EduConnect-shaped source, to a service, and out again.

Everything is done as a browser does it; what a page says is read off the page.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from html import unescape

import httpx

from broker.demo.accounts import PASSWORD
from broker.demo.scripted_browser import Form, Lost, Page, ScriptedBrowser

_RECEIPT = re.compile(r'<dt>(?:<bdi[^>]*>)?(?P<service>[^<]*)(?:</bdi>)?</dt><dd class="is-(?P<state>[a-z_]+)">')
_LOOKS = 12
_BETWEEN = 0.5
"""Seconds; a service that does not confirm within six of them is told to be slow."""


class InventedVisit:
    """A browser, and where the broker is."""

    def __init__(self, issuer: str, browser: ScriptedBrowser) -> None:
        self._issuer = issuer
        self._browser = browser

    def sign_in(self, login: str) -> Page:
        """Sign in at the portal as a guardian. Raises `Lost` when it does not end there."""
        browser = self._browser
        browser.open(f"{self._issuer}/connexion")
        browser.submit(_form(browser.page), button="EduConnect")
        browser.submit(_form(browser.page), button="Responsable")
        form = _form(browser.page)
        page = browser.submit(form, **{_field(form, "username"): login, _field(form, "password"): PASSWORD})
        if page.status != httpx.codes.OK or not page.url.startswith(f"{self._issuer}/"):
            raise Lost(f"{login} could not sign in: {page.url.partition('?')[0]} answered {page.status}")
        return page

    def open(self, url: str) -> Page:
        """Go to a service. Raises `Lost` when an address on the way does not answer."""
        try:
            return self._browser.open(url)
        except httpx.HTTPError as fault:
            raise Lost(f"no answer on the way to {url} ({type(fault).__name__})") from fault

    def sign_out(self, name: str) -> str:
        """Sign out at the broker and tell what the page says of the service of this name; empty: not on the page."""
        browser = self._browser
        browser.open(f"{self._issuer}/deconnexion")
        browser.submit(_form(browser.page))
        for _ in range(_LOOKS):
            found = {unescape(each["service"]): each["state"] for each in _RECEIPT.finditer(browser.page.body)}
            if found.get(name) != "waiting":
                break
            time.sleep(_BETWEEN)
            browser.open(f"{self._issuer}/au-revoir")
        return found.get(name, "")


@contextmanager
def visiting(issuer: str) -> Iterator[InventedVisit]:
    """One visit. What does not answer on the way is `Lost` too."""
    with closing(ScriptedBrowser()) as browser:
        try:
            yield InventedVisit(issuer, browser)
        except httpx.HTTPError as fault:
            raise Lost(f"no answer on the way ({type(fault).__name__})") from fault


def _form(page: Page) -> Form:
    if not page.forms:
        raise Lost(f"{page.url} shows no form (it answered {page.status})")
    return page.forms[0]


def _field(form: Form, ending: str) -> str:
    found = next((name for name in form.fields if name.lower().endswith(ending)), "")
    if not found:
        raise Lost(f"the form of {form.action} has no field for the {ending}")
    return found
