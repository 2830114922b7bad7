"""A service of the town: a school's own site that knows people only by what the broker tells it, and shows just that.

Opening it while nobody is signed in goes to the broker at once: one click from the portal.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import httpx
from flask import Flask, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from broker.demo.configuration import Client
from broker.demo.pages import new_site
from broker.demo.prepared import Town
from broker.demo.rp_protocol import TIMEOUT, BrokerClient, Failed, Pending
from broker.demo.schools import SCHOOLS

_MOST_PENDING = 4
"""Sign-ins kept at once in a browser's cookie: one a tab."""


@dataclass(frozen=True, slots=True)
class Place:
    """One address of a service."""

    client: Client
    uai: str
    origin: str

    @property
    def title(self) -> str:
        """Heading of the site: the service, and the school when each has its own."""
        school = next((school for school in SCHOOLS if school.uai == self.uai), None)
        return f"{self.client.label}, {school.label}" if school else self.client.label


def open_http(town: Town) -> httpx.Client:
    """Return the client by which services call the broker; it trusts the town's own authority over https."""
    trust = ssl.create_default_context(cafile=town.tls.authority if town.tls else None)
    return httpx.Client(timeout=TIMEOUT, verify=trust, trust_env=False)


def service_site(town: Town, client: Client, *, uai: str, host: str, http: httpx.Client, ended: set[str]) -> Flask:
    """Return one instance of a service as a WSGI application. `ended`: sessions that ended, for all its instances."""
    place = Place(client, uai, town.addresses.origin(host))
    cookie = f"{client.client_id.replace('-', '_')}_{uai or 'tous'}_demo".lower()
    app = new_site(place.title, cookie=cookie, secure=town.tls is not None)
    broker = BrokerClient(
        town.issuer, client_id=client.client_id, secret=town.secret(client.client_id), scopes=client.scopes, http=http
    )
    pages = _Pages(place, broker, town.issuer, ended)
    for rule, view, methods in pages.routes():
        app.add_url_rule(rule, view_func=view, methods=methods)
    return app


class _Pages:
    """One method a page."""

    def __init__(self, place: Place, broker: BrokerClient, portal: str, ended: set[str]) -> None:
        self._place = place
        self._broker = broker
        self._portal = portal
        self._ended = ended

    def routes(self) -> list[tuple[str, Any, list[str]]]:
        """Return path, view and methods of every page."""
        return [
            ("/", self.home, ["GET"]),
            ("/entrer", self.enter, ["GET"]),
            ("/retour", self.back, ["GET"]),
            ("/sortir", self.leave, ["POST"]),
            ("/deconnexion", self.told_to_end, ["POST"]),
        ]

    def home(self) -> str | AnyResponse | tuple[str, int]:
        """Show what was received, or sign in at once."""
        told = session.get("told")
        if told is None or told["id"].get("sid") in self._ended:
            session.pop("told", None)
            return self.enter()
        return render_template("service.html", told=told, shown=_rows(told["claims"]), portal=self._portal)

    def enter(self) -> AnyResponse | tuple[str, int]:
        """Send the browser to the broker."""
        try:
            url, pending = self._broker.begin(f"{self._place.origin}/retour")
        except Failed as failure:
            return self._sorry(failure)
        session["pending"] = [*session.get("pending", []), asdict(pending)][-_MOST_PENDING:]
        return redirect(url, 303)

    def back(self) -> AnyResponse | tuple[str, int]:
        """Take the broker's answer to a sign-in that this browser began."""
        answer = request.args.to_dict()
        waiting = {item["state"]: item for item in session.pop("pending", [])}
        found = waiting.pop(answer.get("state", ""), None)
        session["pending"] = list(waiting.values())
        if found is None:
            return self._sorry(Failed("this browser asked for nothing"))
        try:
            received = self._broker.finish(request.url, answer, Pending(**found))
        except Failed as failure:
            return self._sorry(failure)
        session["told"] = {"sub": received.sub, "claims": dict(received.claims), "id": dict(received.id_claims)}
        return redirect(url_for("home"), 303)

    def leave(self) -> str:
        """Sign out here, and only here."""
        session.clear()
        sentence = "Vous êtes sorti de ce service. Votre connexion au préau n'est pas touchée."
        return render_template(
            "message.html", heading="Au revoir", sentence=sentence, link=url_for("enter"), link_text="Revenir"
        )

    def told_to_end(self) -> tuple[str, int]:
        """Take the broker's word that a visit ended; no browser is here (Back-Channel Logout §2.5)."""
        try:
            self._ended.add(self._broker.ended(request.form.get("logout_token", "")))
        except Failed:
            return "", 400
        return "", 204

    def _sorry(self, failure: Failed) -> tuple[str, int]:
        sentence = f"Le service n'a pas accepté la réponse reçue : {failure.args[0]}."
        page = render_template(
            "message.html", heading="La connexion n'a pas marché", sentence=sentence, link=self._portal + "/",
            link_text="Revenir au préau",
        )  # fmt: skip
        return page, 403


def _rows(claims: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each plain claim as one line; who it is about and the children have places of their own."""
    plain = {name: value for name, value in claims.items() if name not in {"sub", "children"}}
    return [(name, ", ".join(value) if isinstance(value, list) else str(value)) for name, value in plain.items()]
