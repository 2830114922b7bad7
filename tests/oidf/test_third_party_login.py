"""The modules of the Foundation's plan for logins that a third party begins: here, our own portal."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from broker.domain.services import Service, ServiceInstance
from broker.domain.standings import InForce, StandingKind
from broker.wire.http import SESSION_COOKIE
from tests import oidf_plans
from tests.clock import FakeClock
from tests.registering import REDIRECT, registering
from tests.web_stand import UAI, WebStand, open_web, service

START = "https://visiteur.example/connexion"


def module(name: str) -> pytest.MarkDecorator:
    """The module of the plan that a test stands for."""
    return oidf_plans.module(oidf_plans.THIRD_PARTY, name)


@module("oidcc-3rd_party-init-login")
def test_a_login_begun_here_leads_to_the_client_which_then_asks_for_it(
    sqlite_url: str, sqlite_template: Path, tmp_path: Path, clock: FakeClock
) -> None:
    with registering(sqlite_url) as at:
        client = at.register(initiate_login_uri=START)
        assert client.told["initiate_login_uri"] == START
        registered = at.stand.register.current().by_client(client.client_id)
        assert registered is not None
        begun = replace(registered)
        assert "code" in client.authorize().told, "as the client asks once the browser is there"
    portal = shutil.copy(sqlite_template, tmp_path / "portal.sqlite")
    with open_web(f"sqlite:///{portal}", clock, services=(begun,)) as web:
        web.add_mother("Léa")
        browser = web.client()
        browser.sign_in()
        session = web.world.federation.unended(browser.cookies[SESSION_COOKIE])
        assert session is not None
        web.world.federation.agreements.give(begun, session)
        answer = browser.get(f"/start/{client.client_id}?login_hint=mere&target_link_uri=https://autre.example/")
    assert (answer.status, answer.location) == (303, f"{START}?iss=https%3A%2F%2Fpreau.example")


@module("oidcc-3rd_party-init-login-nohttps")
def test_an_address_that_is_not_https_cannot_be_registered(sqlite_url: str) -> None:
    with registering(sqlite_url) as at:
        answer = at.post({"redirect_uris": [REDIRECT], "initiate_login_uri": "http://visiteur.example/connexion"})
    assert (answer.status, answer.json["error"]) == (400, "invalid_client_metadata")


# ---- services that a descriptor declares --------------------------------------------------------------------------


def begun_for(service_id: str = "cantine") -> Service:
    plain = service(service_id)
    party = replace(plain.parties[0], initiate_login_uri="https://cantine.example/connexion?par=preau")
    return replace(plain, parties=(party,), instances=(ServiceInstance(UAI, "https://cantine.example/college/"),))


@pytest.fixture
def web(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock, services=(begun_for(), service("pronote"))) as stand:
        yield stand


def test_a_card_leads_through_our_door_to_the_address_of_the_school(web: WebStand) -> None:
    web.add_mother("Léa")
    browser = web.client()
    browser.sign_in()
    page = browser.get("/")
    assert f'href="/start/cantine?uai={UAI}"' in page.body
    assert 'href="https://pronote.example/"' in page.body, "the others are opened where they stand"
    answer = browser.get(f"/start/cantine?uai={UAI}")
    assert answer.location == (
        "https://cantine.example/connexion?par=preau&iss=https%3A%2F%2Fpreau.example"
        "&target_link_uri=https%3A%2F%2Fcantine.example%2Fcollege%2F"
    )


def test_nothing_that_comes_with_the_request_is_passed_on(web: WebStand) -> None:
    told = web.client().get("/start/cantine?uai=0990099Z&target_link_uri=https://autre.example/&login_hint=mere")
    assert told.location == "https://cantine.example/connexion?par=preau&iss=https%3A%2F%2Fpreau.example"


@pytest.mark.parametrize("name", ["pronote", "personne"])
def test_there_is_no_such_door_for_others(web: WebStand, name: str) -> None:
    assert web.client().get(f"/start/{name}").status == 404


def test_nobody_is_led_to_a_suspended_service(web: WebStand) -> None:
    closed = InForce(suspended=frozenset({(StandingKind.SERVICE, "cantine")}))
    web.register.value = web.register.value.standing(closed)
    answer = web.client().get("/start/cantine")
    assert (answer.status, answer.location) == (403, "")
