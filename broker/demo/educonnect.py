"""The EduConnect-shaped provider's pages (profile, sign-in, sign-out) and its endpoints for services."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, jsonify, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from broker.demo.configuration import BROKER_AT_EDUCONNECT
from broker.demo.once import Handles, Seconds
from broker.demo.openid import PATHS, Ask, Login, OpClient, Provider, Refused
from broker.demo.pages import Desk, new_site
from broker.demo.people import Account, Site
from broker.demo.prepared import Town

LOGIN_LIFE = 600


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
    shown = town.population.known_by_name()
    examples = [a for a in town.accounts if a.site is Site.EDUCONNECT and a.person in shown]
    pages = ProviderPages(provider, Desk(town.accounts, Site.EDUCONNECT), examples, now)
    for rule, view, methods in pages.routes():
        app.add_url_rule(rule, view_func=view, methods=methods)
    return app


class ProviderPages:
    """One method a page."""

    def __init__(self, provider: Provider, desk: Desk, examples: Sequence[Account], now: Seconds) -> None:
        self._provider = provider
        self._desk = desk
        self._now = now
        self._asks: Handles[Ask] = Handles(life=LOGIN_LIFE, now=now)
        self.examples = examples

    def routes(self) -> list[tuple[str, Any, list[str]]]:
        """Return path, view and methods of every page."""
        return [
            ("/", self.home, ["GET"]),
            ("/.well-known/openid-configuration", self.discovery, ["GET"]),
            (PATHS["jwks_uri"], self.keyset, ["GET"]),
            (PATHS["authorization_endpoint"], self.authorize, ["GET", "POST"]),
            ("/idp/profil", self.profile, ["GET"]),
            ("/idp/connexion", self.sign_in, ["GET", "POST"]),
            (PATHS["token_endpoint"], self.token, ["POST"]),
            (PATHS["userinfo_endpoint"], self.userinfo, ["GET", "POST"]),
            (PATHS["end_session_endpoint"], self.logout, ["GET", "POST"]),
        ]

    def home(self) -> str:
        """Say who is signed in."""
        login = self._signed_in()
        who = (
            f"{login.account.given} {login.account.family} est connecté ici."
            if login
            else "Personne n'est connecté ici."
        )
        link = PATHS["end_session_endpoint"] if login else ""
        return render_template(
            "message.html", heading="EduConnect", sentence=who, link=link, link_text="Se déconnecter"
        )

    def discovery(self) -> Response:
        """Answer OIDC Discovery §4."""
        return jsonify(self._provider.metadata())

    def keyset(self) -> Response:
        """Publish the keys."""
        return jsonify(self._provider.keys())

    def authorize(self) -> AnyResponse | tuple[str, int]:
        """Check the request: an untrusted one gets a page, a wrong one goes back with an error (RFC 6749 §4.1.2.1)."""
        params = request.values.to_dict()
        try:
            back = self._provider.trusted(params)
        except Refused as refusal:
            return _stop(refusal.error)
        try:
            ask = self._provider.ask(params)
        except Refused as refusal:
            return self._back(back, {"error": refusal.error}, params.get("state", ""))
        login = self._signed_in()
        if login is not None and self._provider.fresh_enough(ask, login):
            return self._done(ask, login)
        if ask.silent:
            return self._back(ask.redirect_uri, {"error": "login_required"}, ask.state)
        handle = self._asks.put(ask)
        session["asks"] = [*session.get("asks", []), handle][-5:]
        chosen = ask.acr in {"eleve", "responsable"}
        return redirect(url_for("sign_in", t=handle, typeUser=ask.acr) if chosen else url_for("profile", t=handle), 303)

    def profile(self) -> str | AnyResponse | tuple[str, int]:
        """Ask who is there: a guardian or a pupil."""
        handle = request.args.get("t", "")
        if self._ask(handle) is None:
            return _expired()
        return render_template("profile.html", action=url_for("sign_in"), transaction=handle)

    def sign_in(self) -> str | AnyResponse | tuple[str, int]:
        """Show the form, or take it: right login, right password, right profile."""
        handle, profile = request.values.get("t", ""), request.values.get("typeUser", "")
        ask = self._ask(handle)
        if ask is None:
            return _expired()
        if request.method == "GET":
            return self._form(handle, profile, login=ask.login_hint, refused=False)
        account = self._desk.check(request.form.get("j_username", ""), request.form.get("j_password", ""))
        if account is None or account.profile != profile:
            return self._form(handle, profile, login=request.form.get("j_username", ""), refused=True)
        self._asks.drop(handle)
        login = Login(account, self._now())
        if "rester" in request.form:
            session["login"], session["at"] = account.login, login.at
        return self._done(ask, login)

    def token(self) -> tuple[Response, int]:
        """Redeem a code."""
        try:
            return jsonify(self._provider.redeem(request.form.to_dict())), 200
        except Refused as refusal:
            return jsonify(error=refusal.error), refusal.status

    def userinfo(self) -> tuple[Response, int]:
        """Tell the claims of a token's person."""
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
        sentence = "Vous êtes déconnecté d'EduConnect."
        return render_template("message.html", heading="Au revoir", sentence=sentence, link="", link_text="")

    def _ask(self, handle: str) -> Ask | None:
        """The login in progress of this very browser."""
        return self._asks.get(handle) if handle in session.get("asks", []) else None

    def _signed_in(self) -> Login | None:
        account = self._desk.find(session.get("login", ""))
        return Login(account, float(session["at"])) if account else None

    def _form(self, handle: str, profile: str, *, login: str, refused: bool) -> str:
        heading = "Je suis élève" if profile == "eleve" else "Je suis responsable d'élève"
        return render_template(
            "signin.html", heading=heading, action=url_for("sign_in"), hidden={"t": handle, "typeUser": profile},
            login=login, fields=("j_username", "j_password"), refused=refused,
            examples=[account for account in self.examples if account.profile == profile],
        )  # fmt: skip

    def _done(self, ask: Ask, login: Login) -> AnyResponse:
        return self._back(ask.redirect_uri, {"code": self._provider.code(ask, login)}, ask.state)

    def _back(self, where: str, params: Mapping[str, str], state: str) -> AnyResponse:
        known = {"state": state} if state else {}
        return redirect(f"{where}?{urlencode({**params, **known, 'iss': self._provider.issuer})}", 303)


def _stop(error: str) -> tuple[str, int]:
    sentence = f"Le service qui vous envoie n'est pas connu ici ({error})."
    return render_template("message.html", heading="Demande refusée", sentence=sentence, link="", link_text=""), 400


def _expired() -> tuple[str, int]:
    sentence = "La connexion a pris trop de temps. Revenez au service et recommencez."
    return render_template("message.html", heading="Il faut recommencer", sentence=sentence, link="", link_text=""), 400
