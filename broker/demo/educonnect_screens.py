"""The screens of EduConnect, whatever protocol is behind them: profile, sign-in, and what is said to a person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from flask import redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from broker.demo.once import Handles, Seconds
from broker.demo.pages import Desk
from broker.demo.people import Account, Site
from broker.demo.prepared import Town

LOGIN_LIFE = 600
"""The ten minutes within which a person has to have proven who they are."""
PROFILES = frozenset({"eleve", "responsable"})
MOST_AT_ONCE = 5

A = TypeVar("A")
Page = str | AnyResponse | tuple[str, int]


class Screens(Generic[A]):
    """Questions in progress, each of one browser, and the two pages that lead to its answer.

    `answered` is given the question and the account that signed in; `hint` is the login that a question names.
    """

    def __init__(
        self,
        town: Town,
        now: Seconds,
        answered: Callable[[A, Account], AnyResponse],
        *,
        hint: Callable[[A], str] = lambda _: "",
    ) -> None:
        self.desk = Desk(town.accounts, Site.EDUCONNECT)
        self._answered, self._hint = answered, hint
        self._asks: Handles[A] = Handles(life=LOGIN_LIFE, now=now)
        shown = town.population.known_by_name()
        self._examples = [a for a in town.accounts if a.site is Site.EDUCONNECT and a.person in shown]

    def begin(self, ask: A, *, profile: str = "") -> AnyResponse:
        """Ask who is there, or for the password at once where the question names the profile."""
        handle = self._asks.put(ask)
        session["asks"] = [*session.get("asks", []), handle][-MOST_AT_ONCE:]
        if profile in PROFILES:
            return redirect(url_for("sign_in", t=handle, typeUser=profile), 303)
        return redirect(url_for("profile", t=handle), 303)

    def profile(self) -> Page:
        """Ask who is there: a guardian or a pupil."""
        handle = request.args.get("t", "")
        if self._ask(handle) is None:
            return _expired()
        return render_template("profile.html", action=url_for("sign_in"), transaction=handle)

    def sign_in(self) -> Page:
        """Show the form, or take it: right login, right password, right profile."""
        handle, profile = request.values.get("t", ""), request.values.get("typeUser", "")
        ask = self._ask(handle)
        if ask is None:
            return _expired()
        if request.method == "GET":
            return self._form(handle, profile, login=self._hint(ask), refused=False)
        name = request.form.get("j_username", "")
        account = self.desk.check(name, request.form.get("j_password", ""))
        if account is None or account.profile != profile:
            return self._form(handle, profile, login=name, refused=True)
        self._asks.drop(handle)
        return self._answered(ask, account)

    def home(self, link: str) -> str:
        """Say who is signed in here. `link`: where they sign out."""
        account = self.desk.find(session.get("login", ""))
        if account is None:
            return message("EduConnect", "Personne n'est connecté ici.")
        who = f"{account.given} {account.family} est connecté ici."
        return message("EduConnect", who, link=link, text="Se déconnecter")

    def _ask(self, handle: str) -> A | None:
        """The question in progress of this very browser."""
        return self._asks.get(handle) if handle in session.get("asks", []) else None

    def _form(self, handle: str, profile: str, *, login: str, refused: bool) -> str:
        heading = "Je suis élève" if profile == "eleve" else "Je suis responsable d'élève"
        return render_template(
            "signin.html", heading=heading, action=url_for("sign_in"), hidden={"t": handle, "typeUser": profile},
            login=login, fields=("j_username", "j_password"), refused=refused,
            examples=[account for account in self._examples if account.profile == profile],
        )  # fmt: skip


def message(heading: str, sentence: str, *, link: str = "", text: str = "") -> str:
    """A page that says one thing."""
    return render_template("message.html", heading=heading, sentence=sentence, link=link, link_text=text)


def goodbye() -> str:
    """The page after a sign-out."""
    return message("Au revoir", "Vous êtes déconnecté d'EduConnect.")


def stop(error: str) -> tuple[str, int]:
    """The page for a question of nobody that is known here."""
    return message("Demande refusée", f"Le service qui vous envoie n'est pas connu ici ({error})."), 400


def _expired() -> tuple[str, int]:
    return message("Il faut recommencer", "La connexion a pris trop de temps. Revenez au service et recommencez."), 400
