"""An ENT as a CAS server: sign-in form, tickets for known services, validation, sign-out (CAS Protocol 3.0.3).

A ticket lives ten seconds, is used once, and is burnt by a validation for another service too (§2.5.3).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from broker.demo.cas_answers import failure, success
from broker.demo.once import Handles, Seconds
from broker.demo.pages import Desk, new_site
from broker.demo.people import Account, Site
from broker.demo.prepared import Town

TICKET_LIFE = 10
_TITLES = {Site.PETITS_PRES: "ENT Les Petits Prés", Site.GRAND_LARGE: "ENT Grand Large"}
_COOKIES = {Site.PETITS_PRES: "petits_pres_demo", Site.GRAND_LARGE: "grand_large_demo"}


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a service ticket stands for; `fresh` when the password was just typed."""

    account: Account
    service: str
    at: float
    fresh: bool


def ent_site(town: Town, site: Site, *, now: Seconds = time.time) -> Flask:
    """Return an ENT as a WSGI application; the broker's callback is the one service it knows."""
    app = new_site(_TITLES[site], cookie=_COOKIES[site], secure=town.tls is not None)
    pages = _Pages(town, site, now)
    for rule, view, methods in pages.routes():
        app.add_url_rule(rule, view_func=view, methods=methods)
    app.add_url_rule("/cas/serviceValidate", "validate_2", lambda: pages.validate(version=2))
    app.add_url_rule("/cas/p3/serviceValidate", "validate_3", lambda: pages.validate(version=3))
    return app


class _Pages:
    """One method a page."""

    def __init__(self, town: Town, site: Site, now: Seconds) -> None:
        self._desk = Desk(town.accounts, site)
        self._known = town.addresses.callback(site)
        self._signed_out = town.addresses.issuer
        self._now = now
        self._tickets: Handles[Ticket] = Handles(life=TICKET_LIFE, now=now, prefix="ST-")
        shown = town.population.known_by_name()
        self._examples = [a for a in town.accounts if a.site is site and a.person in shown]

    def routes(self) -> list[tuple[str, Any, list[str]]]:
        """Return path, view and methods of the pages people see."""
        return [
            ("/", self.home, ["GET"]),
            ("/cas/login", self.login, ["GET", "POST"]),
            ("/cas/logout", self.logout, ["GET"]),
        ]

    def home(self) -> str:
        account = self._signed_in()
        who = f"{account.given} {account.family} est connecté ici." if account else "Personne n'est connecté ici."
        link, text = (url_for("logout"), "Se déconnecter") if account else (url_for("login"), "Se connecter")
        return render_template("message.html", heading="Mon ENT", sentence=who, link=link, link_text=text)

    def login(self) -> str | AnyResponse | tuple[str, int]:
        """Show the form, take it, or go straight back with a ticket (CAS §2.1, §2.2)."""
        service = request.values.get("service", "")
        if service and not self._knows(service):
            return _stop()
        if request.method == "POST":
            return self._take_form(service)
        account = self._signed_in()
        if account is not None and request.args.get("renew") != "true":
            return self._answer(service, account, float(session["at"]), fresh=False)
        if service and request.args.get("gateway") == "true":
            return redirect(service, 303)
        return self._form(service, login="", refused=False)

    def validate(self, *, version: int) -> Response:
        """Answer a service that presents a ticket (CAS §2.5): it is consumed whatever the answer."""
        service, name = request.args.get("service", ""), request.args.get("ticket", "")
        if not service or not name:
            return _xml(failure("INVALID_REQUEST", "service and ticket are required"))
        ticket = self._tickets.take(name)
        if ticket is None:
            return _xml(failure("INVALID_TICKET", f"{name[:12]}… not recognised"))
        if ticket.service != service:
            return _xml(failure("INVALID_SERVICE", "the ticket is for another service"))
        if request.args.get("renew") == "true" and not ticket.fresh:
            return _xml(failure("INVALID_TICKET_SPEC", "the ticket is not from a fresh sign-in"))
        return _xml(success(ticket.account, at=ticket.at, version=version))

    def logout(self) -> str | AnyResponse:
        """Forget who is signed in; go back only to an address of the broker (CAS §2.3)."""
        session.clear()
        back = request.args.get("service", "")
        if back == self._signed_out or back.startswith(f"{self._signed_out}/"):
            return redirect(back, 303)
        return render_template(
            "message.html", heading="Au revoir", sentence="Vous êtes déconnecté de l'ENT.", link="", link_text=""
        )

    def _take_form(self, service: str) -> str | AnyResponse:
        login = request.form.get("username", "")
        account = self._desk.check(login, request.form.get("password", ""))
        if account is None:
            return self._form(service, login=login, refused=True)
        moment = self._now()
        if "rester" in request.form:
            session["login"], session["at"] = account.login, moment
        return self._answer(service, account, moment, fresh=True)

    def _answer(self, service: str, account: Account, moment: float, *, fresh: bool) -> AnyResponse:
        if not service:
            return redirect(url_for("home"), 303)
        ticket = self._tickets.put(Ticket(account, service, moment, fresh))
        return redirect(f"{service}{'&' if '?' in service else '?'}{urlencode({'ticket': ticket})}", 303)

    def _signed_in(self) -> Account | None:
        return self._desk.find(session.get("login", ""))

    def _knows(self, service: str) -> bool:
        """A known service is the broker's callback, with any query of its own."""
        return service.partition("?")[0] == self._known and "#" not in service

    def _form(self, service: str, *, login: str, refused: bool) -> str:
        return render_template(
            "signin.html", heading="Connexion à mon ENT", action=url_for("login"), hidden={"service": service},
            login=login, fields=("username", "password"), refused=refused, examples=self._examples,
        )  # fmt: skip


def _stop() -> tuple[str, int]:
    sentence = "Ce service n'est pas autorisé à utiliser l'ENT."
    return render_template("message.html", heading="Service refusé", sentence=sentence, link="", link_text=""), 403


def _xml(text: str) -> Response:
    return Response(text, mimetype="application/xml")
