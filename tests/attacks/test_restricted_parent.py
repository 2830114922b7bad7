"""A parent restricted by a court after months of ordinary use.

From that instant no route, token or log line of the broker tells of the child, although he still holds a session, a
code and an access token.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from broker.domain.audit import Action, AuditEvent
from broker.domain.services import ClaimName, Service
from broker.storage.sql_guardianships import SqlGuardianships
from tests import builders
from tests.clock import FakeClock
from tests.oidc_stand import authorization, authorize_url, basic, redemption
from tests.oidc_stand import service as oidc_service
from tests.saml_party import Message, Party
from tests.web_stand import BASE, Client, WebStand, open_web

CHILD_NAME, CHILD_FAMILY = "Lilarose", "Desenfants"
SCHOOL_UAI, SCHOOL_NAME, CLASS = "0990007G", "Collège de la Discrétion", "4QUARTZ"
FATHER = "pere"
SERVICES: tuple[Service, ...] = (oidc_service(claims=tuple(ClaimName)),)


@dataclass(frozen=True, slots=True)
class Case:
    """The father's browser, what he obtained before the decision, and every trace of the child."""

    stand: WebStand
    browser: Client
    code: str
    token: str
    marks: tuple[str, ...]
    father: str
    child: str

    def restrict(self) -> None:
        """The court's decision is entered."""
        now = self.stand.world.clock()
        event = AuditEvent("ac-test", now, Action.RESTRICTION_SET, actor="desk")
        guardianships = SqlGuardianships(self.stand.world.engine)
        guardianships.restrict(adult_id=self.father, child_id=self.child, since=now, audit=event)
        self.stand.world.clock.advance(timedelta(seconds=1))

    def told(self, text: str) -> list[str]:
        """Traces of the child in a text."""
        return [mark for mark in self.marks if mark in text]


@pytest.fixture
def case(sqlite_url: str, clock: FakeClock) -> Iterator[Case]:
    with open_web(sqlite_url, clock, services=SERVICES) as stand:
        father, child, pupil = _family(stand)
        browser = stand.client()
        browser.sign_in(user=FATHER)
        spare = browser.get(authorize_url()).location
        token = _redeem(browser, browser.get(authorize_url()).location)
        sub = json.loads(_userinfo(browser, token).body)["children"][0]["sub"]
        marks = (CHILD_NAME, CHILD_FAMILY, SCHOOL_UAI, SCHOOL_NAME, CLASS, child, pupil, sub)
        yield Case(stand, browser, _code_of(spare), token, marks, father, child)


def _family(stand: WebStand) -> tuple[str, str, str]:
    with stand.world.engine.begin() as conn:
        builders.add_school(conn, SCHOOL_UAI, name=SCHOOL_NAME)
        father, record = builders.add_guardian(conn, "610792")
        child, pupil = builders.add_pupil(conn, "100391", given=CHILD_NAME, family=CHILD_FAMILY)
        builders.add_guardianship(conn, record, pupil)
        builders.enrol(conn, pupil, SCHOOL_UAI, class_code=CLASS)
    stand.knows(FATHER, "610792")
    return father, child, pupil


def _code_of(location: str) -> str:
    return dict(pair.split("=", 1) for pair in location.partition("?")[2].split("&"))["code"]


def _redeem(browser: Client, location: str) -> str:
    answer = browser.send("POST", "/token", form=redemption(_code_of(location)), headers=basic())
    token: str = json.loads(answer.body)["access_token"]
    return token


def _userinfo(browser: Client, token: str) -> Any:
    return browser.get("/userinfo", Authorization=f"Bearer {token}")


def _own_requests(
    case: Case, token: str, query: str, guesses: dict[str, str]
) -> dict[str, tuple[str, str, Any, dict[str, str]]]:
    """The pages of one's own accounts, of the youngest, and of the desk."""
    paths = (
        "/appareils",
        "/passages",
        "/acces-ferme",
        "/toujours-la",
        "/enfants",
        "/moyens",
        "/second",
        "/second/nouveau",
        "/second/cle/nouvelle",
        "/second/cle/plus-tard",
        "/code",
        "/code/ouvert",
        "/code/naissance",
        "/code/passe",
        "/code/images",
        "/code/pret",
        "/code/deja",
        "/perdu",
        "/perdu/mobile",
        "/perdu/aide",
        "/perdu/code",
        "/classe",
        "/guichet",
        "/guichet/classe",
        "/guichet/ma-classe",
        "/guichet/journal",
        "/guichet/a-confirmer",
        "/guichet/delegations",
    )
    return {path: ("GET", f"{path}?{query}", None, {}) for path in paths} | {
        "/acces/relier": ("POST", "/acces/relier", {"csrf": token, "source": "ent1", **guesses}, {}),
        "/moyens/passe": ("POST", "/moyens/passe", {"csrf": token, **guesses}, {}),
        "/second/cle": ("POST", "/second/cle", {"csrf": token, **guesses}, {}),
        "/second/retirer": ("POST", "/second/retirer", {"csrf": token, **guesses}, {}),
        "/connexion/<source_id>/cle": ("POST", "/connexion/educonnect/cle", {"csrf": token, "i": ""}, {}),
        "/guichet/compte/<person_id>": ("GET", f"/guichet/compte/{case.child}", None, {}),
        "/guichet/a-confirmer/<request_id>": ("GET", "/guichet/a-confirmer/dkr_x", None, {}),
        "/guichet/incident/<number>": ("GET", "/guichet/incident/123-4567-890", None, {}),
        "/classe/<code>": ("GET", "/classe/BCDFGH", None, {}),
        "/classe/<code>/<ref>": ("GET", "/classe/BCDFGH/x", None, {}),
        "POST /enfants": ("POST", "/enfants", {"csrf": token, **guesses}, {}),
    }


def every_request(case: Case) -> dict[str, tuple[str, str, Any, dict[str, str]]]:
    """Each route of the broker with what the father holds; names of routes are compared with the routing tables."""
    undo = f"/acces/{case.stand.world.rows('accounts')[0]['id']}/annuler"
    token = case.browser.get("/deconnexion").token
    guesses = {"enfant": case.child, "child": case.child, "uai": SCHOOL_UAI}
    query = "&".join(f"{name}={value}" for name, value in guesses.items())
    bearer = {"Authorization": f"Bearer {case.token}"}
    plain = {
        path: ("GET", f"{path}?{query}" if path != "/connexion" else path, None, {})
        for path in ("/", "/pourquoi", "/acces", "/donnees", "/donnees/export", "/donnees/export.json",
                     "/deconnexion", "/au-revoir", "/avis", "/sante", "/robots.txt",
                     "/connexion", "/jwks", "/.well-known/openid-configuration", "/integrer", "/integrer/familles",
                     "/codes", "/device", "/accord", "/cas/avertir", "/cas/validate", "/cas/serviceValidate",
                     "/cas/proxyValidate", "/cas/p3/serviceValidate", "/cas/p3/proxyValidate", "/cas/proxy")
    }  # fmt: skip
    return plain | _saml_requests(query, guesses) | _own_requests(case, token, query, guesses) | {
        "/static/<name>": ("GET", "/static/preau.css", None, {}),
        "/codes/<code>": ("GET", "/codes/PRE-3001", None, {}),
        "/start/<service_id>": ("GET", f"/start/cantine?uai={SCHOOL_UAI}", None, {}),
        "POST /accord": ("POST", "/accord", {"csrf": token, **guesses}, {}),
        "POST /device": ("POST", "/device", {"csrf": token, "code": "BCDF-GHJK"}, {}),
        "/device/reponse": ("POST", "/device/reponse", {"csrf": token, **guesses}, {}),
        "/device_authorization": ("POST", "/device_authorization", {"scope": "openid children"}, basic()),
        "/retour/<source_id>": ("GET", "/retour/educonnect?state=x&ticket=y", None, {}),
        "/acces/<account_id>/annuler": ("GET", undo, None, {}),
        "POST /acces/<account_id>/annuler": ("POST", undo, {"csrf": "wrong"}, {}),
        "POST /connexion": ("POST", "/connexion", {"csrf": token, "source": "educonnect", "device": "shared"}, {}),
        "/authorize": ("GET", authorize_url(), None, {}),
        "POST /authorize": ("POST", "/authorize", authorization(), {}),
        "/authorize/resume": ("GET", "/authorize/resume?i=pin_" + "x" * 43, None, {}),
        "/connexion/<source_id>": ("GET", "/connexion/educonnect?i=pin_" + "x" * 43, None, {}),
        "POST /connexion/<source_id>": (
            "POST", "/connexion/educonnect", {"csrf": token, "i": "", "login": "x", "password": "x"}, {},
        ),
        "/par": ("POST", "/par", authorization(), basic()),
        "/end-session": ("GET", f"/end-session?{query}", None, {}),
        "POST /end-session": ("POST", "/end-session", guesses, {}),
        "/end-session/resume": ("GET", "/end-session/resume?i=prq_" + "x" * 43, None, {}),
        "/introspect": ("POST", "/introspect", {"token": case.token}, basic()),
        "/cas/login": ("GET", f"/cas/login?{query}&service=https://cantine.example/", None, {}),
        "/cas/login/resume": ("GET", "/cas/login/resume?i=prq_" + "x" * 43, None, {}),
        "/cas/samlValidate": ("POST", f"/cas/samlValidate?{query}", {}, {}),
        "/token": ("POST", "/token", redemption(case.code), basic()),
        "/userinfo": ("GET", "/userinfo", None, bearer),
        "POST /userinfo": ("POST", "/userinfo", {}, bearer),
        "/revoke": ("POST", "/revoke", {"token": case.token}, basic()),
        "POST /deconnexion": ("POST", "/deconnexion", {"csrf": token}, {}),
        "/cas/logout": ("GET", "/cas/logout", None, {}),
    }  # fmt: skip


def _saml_requests(query: str, guesses: dict[str, str]) -> dict[str, tuple[str, str, Any, dict[str, str]]]:
    return {
        "/saml/metadata": ("GET", "/saml/metadata", None, {}),
        "/saml/sso": ("GET", f"/saml/sso?{Message(Party(idp=BASE)).redirect()}", None, {}),
        "POST /saml/sso": ("POST", "/saml/sso", Message(Party(idp=BASE)).form(), {}),
        "/saml/sso/resume": ("GET", "/saml/sso/resume?i=prq_" + "x" * 43, None, {}),
        "/saml/sso/init": ("GET", f"/saml/sso/init?sp=cantine&{query}", None, {}),
        "/saml/slo": ("GET", f"/saml/slo?{query}", None, {}),
        "POST /saml/slo": ("POST", "/saml/slo", guesses, {}),
        "/saml/slo/resume": ("GET", "/saml/slo/resume?i=prq_" + "x" * 43, None, {}),
        "/saml/slo/answer": ("GET", "/saml/slo/answer?i=prq_" + "x" * 43, None, {}),
        "/saml/soap": ("POST", "/saml/soap", guesses, {}),
        "/saml/sp/educonnect/metadata": ("GET", "/saml/sp/educonnect/metadata", None, {}),
        "/saml/sp/educonnect/slo": ("GET", f"/saml/sp/educonnect/slo?{query}", None, {}),
        "/au-revoir/<source_id>": ("GET", f"/au-revoir/educonnect?{query}", None, {}),
        "/au-revoir/<source_id>/retour": ("GET", f"/au-revoir/educonnect/retour?{query}", None, {}),
        **{f"/retour/{name}": ("POST", f"/retour/{name}", guesses, {}) for name in ("educonnect", "ent1", "ent2")},
        "/saml/sp/educonnect/acs": ("POST", "/saml/sp/educonnect/acs", guesses, {}),
    }


def test_before_the_decision_the_page_shows_the_child(case: Case) -> None:
    """The traces are real: without the restriction each of these pages tells of the child."""
    assert CHILD_NAME in case.browser.get("/").text
    assert SCHOOL_NAME in case.browser.get("/pourquoi").text
    assert CHILD_NAME in case.browser.get("/donnees/export").text
    assert SCHOOL_NAME in case.browser.get("/donnees/export.json").text
    assert case.marks[-1] in _userinfo(case.browser, case.token).body


def test_the_list_of_requests_names_every_route_of_the_broker(case: Case) -> None:
    pages = {rule.rule for rule in case.stand.pages.url_map.iter_rules()}
    protocol = {path for _, path in case.stand.door._routes}
    named = {name.removeprefix("POST ") for name in every_request(case)}
    assert pages | protocol == named


def test_after_the_decision_no_route_token_or_log_line_tells_of_the_child(
    case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    case.restrict()
    leaks = {}
    with caplog.at_level(logging.DEBUG):
        for name, (method, target, form, headers) in every_request(case).items():
            answer = case.browser.send(method, target, form=form, headers=headers)
            told = case.told(answer.text + answer.location + str(answer.headers))
            if told:
                leaks[name] = told
    logged = [record.getMessage() for record in caplog.records if record.name.startswith(("broker", "policies"))]
    assert leaks == {}
    assert case.told("\n".join(logged)) == []
    assert logged != []


def test_the_access_token_he_still_holds_gives_him_without_the_child(case: Case) -> None:
    case.restrict()
    answer = _userinfo(case.browser, case.token)
    assert answer.status in {200, 401, 403}
    assert case.told(answer.body) == []


def test_lifting_the_restriction_brings_the_card_back(case: Case) -> None:
    """The pages were empty because of the restriction and of nothing else."""
    case.restrict()
    assert case.told(case.browser.get("/").text) == []
    now = case.stand.world.clock()
    event = AuditEvent("ac-test", now, Action.RESTRICTION_LIFTED, actor="desk")
    SqlGuardianships(case.stand.world.engine).lift(adult_id=case.father, child_id=case.child, until=now, audit=event)
    assert CHILD_NAME in case.browser.get("/").text


def test_the_search_of_the_broker_finds_nothing_for_him(case: Case) -> None:
    """There is no search page yet; the read side that one would use answers as for a stranger."""
    case.restrict()
    people, now = case.stand.parts.people, case.stand.world.clock()
    assert people.children_of(case.father, now=now) == ()
    assert people.why(case.father, now=now) == ()
    assert not people.sees_a_child([case.father], now=now)
    assert case.stand.client().get(f"{BASE}/?enfant={case.child}").text.count(CHILD_NAME) == 0
