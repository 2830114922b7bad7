"""What a parent does when a service sends her to the broker, and what a service must make of the ID token."""

from __future__ import annotations

from typing import Any

import httpx

from broker.demo.accounts import PASSWORD
from tests import second_opinion
from tests.scripted_browser import Page, ScriptedBrowser

MOTHER = "aline.quemeneur"
LEVELS = ["college", "ecole", "lycee"]
"""Of her three children, one in each: a service is told of a child by a subject, a school, a level, a class."""
EDUCONNECT = "EduConnect"


def sign_in(browser: ScriptedBrowser, login: str = MOTHER) -> Page:
    """From the broker's sign-in page through the EduConnect-shaped source, as a guardian, to wherever it leads."""
    browser.submit(browser.page.forms[0], button=EDUCONNECT)
    browser.submit(browser.page.forms[0], button="Responsable")
    form = browser.page.forms[0]
    user = next(name for name in form.fields if name.lower().endswith("username"))
    secret = next(name for name in form.fields if name.lower().endswith("password"))
    return browser.submit(form, **{user: login, secret: PASSWORD})


def verified(id_token: str, *, issuer: str, audience: str, alg: str) -> dict[str, Any]:
    """Check an ID token with a third library and fetched keys: clients may skip that in the code flow."""
    with httpx.Client(trust_env=False, timeout=10) as http:
        metadata = http.get(f"{issuer}/.well-known/openid-configuration").json()
        keys = http.get(metadata["jwks_uri"]).json()["keys"]
    (key,) = [key for key in keys if key["kid"] == second_opinion.claimed(id_token)["kid"]]
    options = {"verify_at_hash": False}
    return second_opinion.read(id_token, key, algs=[alg], audience=audience, issuer=issuer, options=options)
