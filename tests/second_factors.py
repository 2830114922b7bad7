"""A telephone with an application of codes: it holds keys, and shows what they make at an instant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import pyotp

from tests.web_stand import Answer, Client

KEY = re.compile(r'class="key"><span dir="ltr">([A-Z2-7 ]+)</span>')
HELD = re.compile(r'name="cle" value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Telephone:
    """One key."""

    key: str

    def code(self, now: datetime, *, ahead: int = 0) -> str:
        """The six digits that it shows `ahead` steps of half a minute from now."""
        return pyotp.TOTP(self.key).at(int(now.timestamp()) + 30 * ahead)


def read_key(page: Answer) -> Telephone:
    """Point a telephone at the page that shows a new key."""
    found = KEY.search(page.body)
    assert found, page.body
    return Telephone(found[1].replace(" ", ""))


def enrol(browser: Client, now: datetime) -> Telephone:
    """Enrol a telephone at this browser's session."""
    page = browser.get("/second/nouveau")
    telephone, held = read_key(page), HELD.search(page.body)
    assert held
    form = {"csrf": page.token, "cle": held[1], "code": telephone.code(now)}
    answer = browser.post("/second/nouveau", form)
    assert answer.status == 303, answer.body
    return telephone


def show(browser: Client, code: str, *, onward: str = "/") -> Answer:
    """Write a code on the page that asks for it."""
    page = browser.get("/second")
    return browser.post("/second", {"csrf": page.token, "code": code, "de": onward})
