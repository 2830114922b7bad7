"""What every site of the town shares: a plain page, a cookie of its own, sober headers, the sign-in check."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable

from flask import Flask, Response

from broker.demo.accounts import PASSWORD
from broker.demo.people import Account, Site

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def new_site(title: str, *, cookie: str, secure: bool) -> Flask:
    """Return an empty site. `title` is the heading of its pages, `cookie` the name nobody else uses."""
    app = Flask(__name__, static_folder=None, template_folder="templates")
    app.secret_key = secrets.token_bytes(32)
    app.config.update(
        SESSION_COOKIE_NAME=cookie, SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SECURE=secure,
    )  # fmt: skip
    app.jinja_env.globals.update(site_title=title, demo_password=PASSWORD)
    app.after_request(_add_headers)
    return app


def _add_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


class Desk:
    """The accounts of one site, by login."""

    def __init__(self, accounts: Iterable[Account], site: Site) -> None:
        self._accounts = {account.login: account for account in accounts if account.site is site}

    def check(self, login: str, password: str) -> Account | None:
        """Return the account when login and password are right."""
        right = hmac.compare_digest(password.encode(), PASSWORD.encode())
        return self._accounts.get(login.strip().lower()) if right else None

    def find(self, login: str) -> Account | None:
        """Return an account that signed in before."""
        return self._accounts.get(login)
