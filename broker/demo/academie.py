"""The académie's own provider, for its agents: who heads which school, and what a head delegated, as FIM says it.

An agent shows a second factor there, which the provider says (`amr`). The académie's own agent has no post by it: an
administrator gives that (`preau desk grant`).
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime

from flask import Flask, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from broker.demo.addresses import ACADEMIE_HOST
from broker.demo.configuration import BROKER_AT_ACADEMIE, DESK
from broker.demo.educonnect import ProviderPages
from broker.demo.once import Seconds
from broker.demo.openid import Login, OpClient, Provider
from broker.demo.pages import Desk, new_site
from broker.demo.people import Account, Site
from broker.demo.prepared import Town
from broker.demo.schools import SCHOOLS

PROFILE = "agent"
_COLLEGE = next(school for school in SCHOOLS if school.key == "9002")
_KIND = "$UAJ$PU$N$T3$CLG$340"


def agents() -> tuple[Account, ...]:
    """Two of a collège, one of the académie."""
    people = (("l.martin", "Lucie", "Martin"), ("r.chef", "Rosa", "Chef"), ("a.academie", "Alban", "Academie"))
    return tuple(
        Account(Site.EDUCONNECT, login, login, PROFILE, given, family, "", (), ()) for login, given, family in people
    )


def agent_claims(login: Login) -> dict[str, object]:
    """What is said of an agent: a head of the collège, a delegation to the front desk, nothing."""
    account, headed = login.account, f"{_COLLEGE.uai}{_KIND}"
    said: dict[str, object] = {"given_name": account.given, "family_name": account.family, "amr": ["pwd", "otp"]}
    if account.login == "r.chef":
        said |= {"FrEduFonctAdm": "DIR", "FrEduRneResp": headed}
    if account.login == "l.martin":
        year = datetime.now(UTC).date().year
        begins, ends = date(year - 1, 9, 1), date(year + 1, 8, 31)
        said["FrEduResDel"] = f"Préau|/?applicationname=preau|{begins}|{ends}|chef|FrEduRneResp={headed};|srv|mod"
    return said


def academie_site(town: Town, *, now: Seconds = time.time) -> Flask:
    """Return the provider as a WSGI application, the broker registered as its one client."""
    addresses = town.addresses
    back = f"{addresses.issuer}/au-revoir/{DESK}/retour"
    client = OpClient(
        BROKER_AT_ACADEMIE, town.secret("academie"), (f"{addresses.issuer}/retour/{DESK}",),
        (f"{addresses.issuer}/", f"{addresses.issuer}/deconnexion", back),
    )  # fmt: skip
    provider = Provider(addresses.origin(ACADEMIE_HOST), client, pairwise=b"", now=now, claims=agent_claims)
    app = new_site("Académie", cookie="academie_demo", secure=town.tls is not None)
    for rule, view, methods in _AgentPages(provider, Desk(agents(), Site.EDUCONNECT), agents(), now).routes():
        app.add_url_rule(rule, view_func=view, methods=methods)
    return app


class _AgentPages(ProviderPages):
    """One kind of people: nobody is asked who they are."""

    def profile(self) -> str | AnyResponse | tuple[str, int]:
        return redirect(url_for("sign_in", t=request.args.get("t", ""), typeUser=PROFILE), 303)

    def _form(self, handle: str, profile: str, *, login: str, refused: bool) -> str:
        return render_template(
            "signin.html", heading="Agents de l'académie", action=url_for("sign_in"),
            hidden={"t": handle, "typeUser": profile}, login=login, fields=("j_username", "j_password"),
            refused=refused, examples=self.examples,
        )  # fmt: skip
