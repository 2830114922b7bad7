"""What a parent does when a service sends her to the broker, and what a service must make of the ID token."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable
from typing import Any

import httpx

from broker.demo.accounts import PASSWORD
from tests import second_opinion
from tests.scripted_browser import Page, ScriptedBrowser

MOTHER = "aline.quemeneur"
LEVELS = ["college", "ecole", "lycee"]
"""Of her three children, one in each: a service is told of a child by a subject, a school, a level, a class."""
EDUCONNECT = "EduConnect"
SIGN_IN_PATH = "/connexion"
TOLD_WITHIN = 15.0
OWN, SHARED = "own", "shared"


def sign_in(browser: ScriptedBrowser, login: str = MOTHER, *, device: str = OWN) -> Page:
    """From the broker's sign-in page through the EduConnect-shaped source, as a guardian, to wherever it leads."""
    browser.submit(browser.page.forms[0], button=EDUCONNECT, device=device)
    return prove(browser, login)


def prove(browser: ScriptedBrowser, login: str = MOTHER) -> Page:
    """The same from that source's own first page on."""
    browser.submit(browser.page.forms[0], button="Responsable")
    form = browser.page.forms[0]
    user = next(name for name in form.fields if name.lower().endswith("username"))
    secret = next(name for name in form.fields if name.lower().endswith("password"))
    return browser.submit(form, **{user: login, secret: PASSWORD})


def sign_out(browser: ScriptedBrowser, broker: str) -> Page:
    """Sign out at the broker itself."""
    browser.open(f"{broker}/deconnexion")
    return browser.submit(browser.page.forms[0])


def answer(page: Page, status: int = 200) -> dict[str, Any]:
    """What a client says of what it received."""
    assert page.status == status, page.body
    return dict(json.loads(page.body))


def soon(holds: Callable[[], bool]) -> bool:
    """Tell whether it holds within the time that a worker needs to tell a service."""
    limit = time.monotonic() + TOLD_WITHIN
    while not holds():
        if time.monotonic() > limit:
            return False
        time.sleep(0.1)
    return True


def verified(id_token: str, *, issuer: str, audience: str, alg: str, trust: ssl.SSLContext) -> dict[str, Any]:
    """Check an ID token with a third library and fetched keys: clients may skip that in the code flow."""
    with httpx.Client(trust_env=False, timeout=10, verify=trust) as http:
        metadata = http.get(f"{issuer}/.well-known/openid-configuration").json()
        keys = http.get(metadata["jwks_uri"]).json()["keys"]
    (key,) = [key for key in keys if key["kid"] == second_opinion.claimed(id_token)["kid"]]
    options = {"verify_at_hash": False}
    return second_opinion.read(id_token, key, algs=[alg], audience=audience, issuer=issuer, options=options)
