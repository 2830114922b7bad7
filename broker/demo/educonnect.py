"""The EduConnect-shaped provider's pages (profile, sign-in, sign-out) and its endpoints for services."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, jsonify, redirect, request, session
from werkzeug.wrappers import Response as AnyResponse

from broker.demo.configuration import BROKER_AT_EDUCONNECT
from broker.demo.educonnect_screens import Screens, goodbye, stop
from broker.demo.once import Seconds
from broker.demo.openid import PATHS, Ask, Login, OpClient, Provider, Refused
from broker.demo.pages import new_site
from broker.demo.people import Account, Site
from broker.demo.prepared import Town


def educonnect_site(town: Town, *, now: Seconds = time.time) -> Flask:
    """Return the provider as a WSGI application, the broker registered as its one client."""
    addresses = town.addresses
    client = OpClient(
        BROKER_AT_EDUCONNECT, town.secret("educonnect"), (addresses.callback(Site.EDUCONNECT),),
        (f"{addresses.issuer}/", f"{addresses.issuer}/deconnexion", f"{addresses.issuer}/au-revoir/educonnect/retour"),
    )  # fmt: skip
    pairwise = town.secret("educonnect-subjects").encode()
    provider = Provider(addresses.site(Site.EDUCONNECT), client, pairwise=pairwise, now=now)
    app = new_site("EduConnect", cookie="educonnect_demo", secure=town.tls is not None)
    pages = _Pages(provider, town, now)
    for rule, view, methods in pages.routes():
        app.add_url_rule(rule, view_func=view, methods=methods)
    return app


class _Pages:
    """One method a page."""

    def __init__(self, provider: Provider, town: Town, now: Seconds) -> None:
        self._provider = provider
        self._now = now
        self._screens: Screens[Ask] = Screens(town, now, self._entered, hint=lambda ask: ask.login_hint)

    def routes(self) -> list[tuple[str, Any, list[str]]]:
        """Return path, view and methods of every page."""
        return [
            ("/", self.home, ["GET"]),
            ("/.well-known/openid-configuration", self.discovery, ["GET"]),
            (PATHS["jwks_uri"], self.keyset, ["GET"]),
            (PATHS["authorization_endpoint"], self.authorize, ["GET", "POST"]),
            ("/idp/profil", self._screens.profile, ["GET"]),
            ("/idp/connexion", self._screens.sign_in, ["GET", "POST"]),
            (PATHS["token_endpoint"], self.token, ["POST"]),
            (PATHS["userinfo_endpoint"], self.userinfo, ["GET", "POST"]),
            (PATHS["end_session_endpoint"], self.logout, ["GET", "POST"]),
        ]

    def home(self) -> str:
        return self._screens.home(PATHS["end_session_endpoint"])

    def discovery(self) -> Response:
        return jsonify(self._provider.metadata())

    def keyset(self) -> Response:
        return jsonify(self._provider.keys())

    def authorize(self) -> AnyResponse | tuple[str, int]:
        """Check the request: an untrusted one gets a page, a wrong one goes back with an error (RFC 6749 §4.1.2.1)."""
        params = request.values.to_dict()
        try:
            back = self._provider.trusted(params)
        except Refused as refusal:
            return stop(refusal.error)
        try:
            ask = self._provider.ask(params)
        except Refused as refusal:
            return self._back(back, {"error": refusal.error}, params.get("state", ""))
        login = self._signed_in()
        if login is not None and self._provider.fresh_enough(ask, login):
            return self._done(ask, login)
        if ask.silent:
            return self._back(ask.redirect_uri, {"error": "login_required"}, ask.state)
        return self._screens.begin(ask, profile=ask.acr)

    def token(self) -> tuple[Response, int]:
        try:
            return jsonify(self._provider.redeem(request.form.to_dict())), 200
        except Refused as refusal:
            return jsonify(error=refusal.error), refusal.status

    def userinfo(self) -> tuple[Response, int]:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            return jsonify(self._provider.userinfo(token if scheme.lower() == "bearer" else "")), 200
        except Refused as refusal:
            return jsonify(error=refusal.error), refusal.status

    def logout(self) -> str | AnyResponse:
        """Forget who is signed in; go back only to an address of the client (OIDC RP-Initiated Logout §2)."""
        session.clear()
        back = request.values.get("post_logout_redirect_uri", "")
        if back in self._provider.client.logout_uris:
            state = request.values.get("state", "")
            return redirect(f"{back}?{urlencode({'state': state})}" if state else back, 303)
        return goodbye()

    def _entered(self, ask: Ask, account: Account) -> AnyResponse:
        """Somebody signed in; who asked for it is remembered for the next question."""
        login = Login(account, self._now())
        if "rester" in request.form:
            session["login"], session["at"] = account.login, login.at
        return self._done(ask, login)

    def _signed_in(self) -> Login | None:
        account = self._screens.desk.find(session.get("login", ""))
        return Login(account, float(session["at"])) if account else None

    def _done(self, ask: Ask, login: Login) -> AnyResponse:
        return self._back(ask.redirect_uri, {"code": self._provider.code(ask, login)}, ask.state)

    def _back(self, where: str, params: Mapping[str, str], state: str) -> AnyResponse:
        known = {"state": state} if state else {}
        return redirect(f"{where}?{urlencode({**params, **known, 'iss': self._provider.issuer})}", 303)
