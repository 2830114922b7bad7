"""The EduConnect-shaped provider in SAML: profile, sign-in, answer, and its two ways to sign out.

Shape (as observed from services that use the real one): Shibboleth's paths, assertions signed and encrypted, attributes
by OID. What is told hangs on the contract: an ENT gets `FrEduCtRefId` with every reference of the person, any other
service only a `FrEduCtId` of its own. Both get `FrEduUrlRetour`, where the browser has to go at the logout.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from broker.demo.addresses import EDUCONNECT_SAML_HOST
from broker.demo.configuration import ACADEMIE
from broker.demo.once import Handles, Seconds
from broker.demo.pages import Desk, new_site
from broker.demo.people import Account, Site
from broker.demo.prepared import Town
from broker.demo.saml_files import BROKER_KEY, PROVIDER_KEY, RETURN, SLO, SOURCE, SSO, provider_id, read_key
from broker.demo.saml_wire import (
    SAML,
    SAMLP,
    Answer,
    Attribute,
    Untrusted,
    check_redirect,
    logout_request,
    logout_response,
    new_id,
    read_redirect,
    response,
    signed_redirect,
)
from broker.demo.schools import BY_KEY

LOGIN_LIFE = 600
"""The ten minutes within which a person has to have proven who they are."""
ASSERTION_LIFE = 300
_ARC = "urn:oid:1.3.6.1.4.1.20326.10.999.1."
_SEND = 'document.getElementById("suite").submit()'


class Contract(StrEnum):
    """What a service is told."""

    ENT = "ent"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Party:
    """A service as the provider knows it, from its metadata."""

    entity_id: str
    acs: str
    slo: str
    certificate: str
    contract: Contract


@dataclass(frozen=True, slots=True)
class Ask:
    """A question in progress."""

    party: Party
    request_id: str
    relay_state: str
    force: bool


@dataclass(frozen=True, slots=True)
class Login:
    """A login at the provider. `name_id`, `index`: by what services hear of it."""

    account: Account
    at: float
    name_id: str
    index: str


def educonnect_saml_site(town: Town, *, now: Seconds = time.time) -> Flask:
    """Return the provider as a WSGI application. The broker is a service of it twice: as an ENT, and as a plain one."""
    app = new_site("EduConnect (SAML)", cookie="educonnect_saml_demo", secure=town.tls is not None)
    pages = _Pages(town, now)
    for rule, view, methods in pages.routes():
        app.add_url_rule(rule, view_func=view, methods=methods)
    return app


def parties_of(town: Town) -> tuple[Party, ...]:
    """The services that signed a contract."""
    certificate = read_key(town.folder, BROKER_KEY).certificate
    named = {SOURCE: Contract.ENT, f"{SOURCE}-simple": Contract.PLAIN}
    return tuple(
        Party(f"{base}/metadata", f"{base}/acs", f"{base}/slo", certificate, contract)
        for base, contract in ((f"{town.issuer}/saml/sp/{name}", contract) for name, contract in named.items())
    )


class _Pages:
    """One method a page."""

    def __init__(self, town: Town, now: Seconds) -> None:
        self._now = now
        self._issuer = provider_id(town.addresses)
        self._origin = town.addresses.origin(EDUCONNECT_SAML_HOST)
        self._key = read_key(town.folder, PROVIDER_KEY)
        self._parties = {party.entity_id: party for party in parties_of(town)}
        self._desk = Desk(town.accounts, Site.EDUCONNECT)
        self._names = town.secret("educonnect-subjects").encode()
        self._asks: Handles[Ask] = Handles(life=LOGIN_LIFE, now=now)
        shown = town.population.known_by_name()
        self._examples = [a for a in town.accounts if a.site is Site.EDUCONNECT and a.person in shown]

    def routes(self) -> list[tuple[str, Any, list[str]]]:
        """Return path, view and methods of every page."""
        return [
            ("/", self.home, ["GET"]),
            (SSO, self.sso, ["GET"]),
            ("/idp/profil", self.profile, ["GET"]),
            ("/idp/connexion", self.sign_in, ["GET", "POST"]),
            (SLO, self.slo, ["GET"]),
            ("/idp/deconnexion", self.sign_out, ["GET"]),
            (RETURN, self.chain, ["GET"]),
            ("/idp/au-revoir", self.goodbye, ["GET"]),
        ]

    def home(self) -> str:
        login = self._signed_in()
        who = (
            f"{login.account.given} {login.account.family} est connecté ici."
            if login
            else "Personne n'est connecté ici."
        )
        link = url_for("sign_out") if login else ""
        return _message("EduConnect", who, link=link, text="Se déconnecter")

    def sso(self) -> AnyResponse | tuple[str, int]:
        """Take a question: signed by a known service, for an address of its own."""
        query = request.query_string.decode("ascii", "replace")
        try:
            ask = self._asked(query)
        except Untrusted as fault:
            return _stop(str(fault))
        login = self._signed_in()
        if login is not None and not ask.force:
            return self._done(ask, login)
        handle = self._asks.put(ask)
        session["asks"] = [*session.get("asks", []), handle][-5:]
        return redirect(url_for("profile", t=handle), 303)

    def profile(self) -> str | tuple[str, int]:
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
            return self._form(handle, profile, login="", refused=False)
        name = request.form.get("j_username", "")
        account = self._desk.check(name, request.form.get("j_password", ""))
        if account is None or account.profile != profile:
            return self._form(handle, profile, login=name, refused=True)
        self._asks.drop(handle)
        login = Login(account, self._now(), new_id(), new_id())
        session.update(login=account.login, at=login.at, name_id=login.name_id, index=login.index)
        return self._done(ask, login)

    def slo(self) -> AnyResponse | tuple[str, int]:
        """Single logout: a service's request ends the session here; a service's answer to ours ends the walk."""
        query = request.query_string.decode("ascii", "replace")
        try:
            if query.startswith("SAMLResponse="):
                self._from_party(query, "SAMLResponse", "LogoutResponse")
                return redirect(url_for("goodbye"), 303)
            party, root, relay_state = self._from_party(query, "SAMLRequest", "LogoutRequest")
        except Untrusted as fault:
            return _stop(str(fault))
        session.clear()
        answer = logout_response(self._issuer, party.slo, in_response_to=root.get("ID", ""), now=self._now())
        return redirect(signed_redirect(party.slo, "SAMLResponse", answer, relay_state=relay_state, key=self._key), 303)

    def sign_out(self) -> AnyResponse:
        """The person signs out here: the service that they came from is told by their browser."""
        login, party = self._signed_in(), self._parties.get(session.get("party", ""))
        session.clear()
        if login is None or party is None:
            return redirect(url_for("goodbye"), 303)
        told = logout_request(self._issuer, party.slo, name_id=login.name_id, index=login.index, now=self._now())
        return redirect(signed_redirect(party.slo, "SAMLRequest", told, relay_state="", key=self._key), 303)

    def chain(self) -> AnyResponse | tuple[str, int]:
        """A link of the chain that `FrEduUrlRetour` names: forget who is here, go on to an address of our own."""
        onward = request.args.get("return", "")
        session.clear()
        if onward.startswith(f"{self._origin}/"):
            return redirect(onward, 303)
        return _stop("return")

    def goodbye(self) -> str:
        return _message("Au revoir", "Vous êtes déconnecté d'EduConnect.")

    def _asked(self, query: str) -> Ask:
        party, root, relay_state = self._from_party(query, "SAMLRequest", "AuthnRequest")
        if root.get("AssertionConsumerServiceURL", party.acs) != party.acs:
            raise Untrusted("an address of nobody")
        return Ask(party, root.get("ID", ""), relay_state, root.get("ForceAuthn", "") == "true")

    def _from_party(self, query: str, parameter: str, kind: str) -> tuple[Party, Any, str]:
        root, relay_state = read_redirect(query, parameter)
        party = self._parties.get(root.findtext(f"{{{SAML}}}Issuer") or "")
        if party is None or root.tag != f"{{{SAMLP}}}{kind}":
            raise Untrusted("a service that is not known here")
        check_redirect(query, party.certificate)
        return party, root, relay_state

    def _done(self, ask: Ask, login: Login) -> AnyResponse:
        """The answer, which the browser carries to the service by a form that sends itself."""
        session["party"] = ask.party.entity_id
        answer = Answer(
            self._issuer, ask.party.entity_id, ask.party.acs, ask.request_id, login.name_id, login.index, login.at,
            self._now(), self._attributes(ask.party, login), ASSERTION_LIFE,
        )  # fmt: skip
        xml = response(answer, key=self._key, reader=ask.party.certificate)
        fields = {"SAMLResponse": base64.b64encode(xml).decode(), "RelayState": ask.relay_state}
        page = Response(render_template("saml_post.html", action=ask.party.acs, fields=fields, script=_SEND))
        digest = base64.b64encode(hashlib.sha256(_SEND.encode()).digest()).decode()
        page.headers["Content-Security-Policy"] = (
            f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; base-uri 'none'"
        )
        return page

    def _attributes(self, party: Party, login: Login) -> tuple[Attribute, ...]:
        """By OID, as the contract has them; what a person has not is not there."""
        account, moment = login.account, datetime.fromtimestamp(login.at, UTC)
        chain = f"{self._origin}{RETURN}?return={quote(f'{self._origin}/idp/au-revoir', safe='')}"
        at = moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d}"
        references = tuple(f"{{AAF}}{ACADEMIE}|x|{key}" for key in account.keys)
        told = (
            Attribute(f"{_ARC}5", (chain,), "FrEduUrlRetour"),
            Attribute(f"{_ARC}6", (at,), "FrEduCtDateConnexion"),
            Attribute(f"{_ARC}7", account.affiliations, "FrEduCtPersonAffiliation"),
            Attribute(f"{_ARC}57", (self._opaque(party, account),), "FrEduCtId"),
            Attribute(f"{_ARC}76", (account.civility,), "FrEduCtCivilite"),
            Attribute("urn:oid:2.5.4.4", (account.family,), "sn"),
            Attribute("urn:oid:2.5.4.42", (account.given,), "givenName"),
            *_of_pupil(account),
            *((Attribute("FrEduCtRefId", references),) if party.contract is Contract.ENT else ()),
        )
        return tuple(each for each in told if each.values)

    def _opaque(self, party: Party, account: Account) -> str:
        """`FrEduCtId`: 96 hex characters, other ones at each service."""
        return hmac.digest(self._names, f"{party.entity_id}\n{account.login}".encode(), "sha384").hex()

    def _ask(self, handle: str) -> Ask | None:
        """The question in progress of this very browser."""
        return self._asks.get(handle) if handle in session.get("asks", []) else None

    def _signed_in(self) -> Login | None:
        account = self._desk.find(session.get("login", ""))
        return Login(account, float(session["at"]), session["name_id"], session["index"]) if account else None

    def _form(self, handle: str, profile: str, *, login: str, refused: bool) -> str:
        heading = "Je suis élève" if profile == "eleve" else "Je suis responsable d'élève"
        return render_template(
            "signin.html", heading=heading, action=url_for("sign_in"), hidden={"t": handle, "typeUser": profile},
            login=login, fields=("j_username", "j_password"), refused=refused,
            examples=[account for account in self._examples if account.profile == profile],
        )  # fmt: skip


def _of_pupil(account: Account) -> tuple[Attribute, ...]:
    pupil = account.pupil
    if pupil is None:
        return ()
    school = BY_KEY[pupil.places[0].school]
    level = school.classroom(pupil.places[0].room).level
    hashed = hashlib.sha256(pupil.ine.encode()).hexdigest()[:32]
    return (
        Attribute(f"{_ARC}64", (hashed,), "FrEduCtEleveINEHash"),
        Attribute(f"{_ARC}67", (pupil.born.isoformat(),), "FrEduCtDateNaissance"),
        Attribute(f"{_ARC}72", (school.uai,), "FrEduCtEleveUAI"),
        Attribute(f"{_ARC}73", (level,), "FrEduCtEleveNiveau"),
    )


def _message(heading: str, sentence: str, *, link: str = "", text: str = "") -> str:
    return render_template("message.html", heading=heading, sentence=sentence, link=link, link_text=text)


def _stop(error: str) -> tuple[str, int]:
    return _message("Demande refusée", f"Le service qui vous envoie n'est pas connu ici ({error})."), 400


def _expired() -> tuple[str, int]:
    return _message("Il faut recommencer", "La connexion a pris trop de temps. Revenez au service et recommencez."), 400
