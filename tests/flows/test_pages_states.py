"""What pages say of services and sources that are not simply open: greyed cards, closed doors, explanations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from broker.domain.assurance import Assurance
from broker.domain.services import OpeningDates
from broker.domain.standings import InForce, StandingKind
from broker.federation.availability import Availability
from broker.services.register import Register
from tests.clock import FakeClock
from tests.web_stand import UAI, Client, WebStand, open_web, service

LATER = OpeningDates(UAI, None, "", date(2026, 9, 21), None, {"fr": "La cantine ouvre après la rentrée."})
CANTEEN = service()


@pytest.fixture
def web(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock, services=(CANTEEN,)) as stand:
        stand.add_mother("Léa")
        yield stand


@pytest.fixture
def mother(web: WebStand) -> Client:
    browser = web.client()
    browser.sign_in()
    return browser


def close(web: WebStand, kind: StandingKind, subject: str) -> None:
    """What the watcher does once an administrator closed something."""
    standing = InForce(frozenset({(kind, subject)}))
    web.world.standings.value = standing
    web.register.value = web.register.value.standing(standing)


def test_a_service_ahead_of_its_day_is_greyed_with_its_day_and_the_familys_text(web: WebStand, mother: Client) -> None:
    web.register.value = Register((replace(CANTEEN, openings=(LATER,)),))
    card = mother.get("/").text.partition("<article")[2]
    assert 'class="off"' in card
    assert "https://cantine.example/" not in card
    assert "À partir du 21 septembre 2026." in card
    assert "La cantine ouvre après la rentrée." in card


def test_a_suspended_service_is_greyed_with_a_plain_sentence(web: WebStand, mother: Client) -> None:
    assert "https://cantine.example/" in mother.get("/").body
    close(web, StandingKind.SERVICE, "cantine")
    page = mother.get("/").text
    assert "Suspendu pour le moment. Votre accès n'est pas en cause." in page
    assert "https://cantine.example/" not in page


def test_the_card_of_a_suspended_school_stays_and_says_so_once(web: WebStand, mother: Client) -> None:
    close(web, StandingKind.SCHOOL, UAI)
    page = mother.get("/").text
    assert "<bdi>Léa</bdi>" in page
    assert page.count("L'accès de cette école est suspendu pour le moment.") == 1
    assert "https://cantine.example/" not in page


def test_a_service_that_asks_for_more_proof_says_that_a_check_follows(web: WebStand, mother: Client) -> None:
    web.world.upstreams["educonnect"].acr = "eidas1"
    mother.sign_in()
    assert "Une vérification vous sera demandée." not in mother.get("/").text
    web.register.value = Register((replace(CANTEEN, requires=Assurance.STANDARD),))
    page = mother.get("/").text
    assert 'href="https://cantine.example/"' in page
    assert "Une vérification vous sera demandée." in page


def test_the_explanation_of_a_closed_service_says_what_would_open_it(web: WebStand, mother: Client) -> None:
    web.register.value = Register((replace(CANTEEN, openings=(LATER,)),))
    page = mother.get("/pourquoi").text
    assert "<details" in page
    assert "Pas encore ouvert" in page
    assert 'à partir du 21 septembre 2026, quand le service ouvre pour la classe <bdi lang="fr">6A</bdi>' in page
    assert 'ligne <bdi lang="fr">1</bdi> : ouverture le 21 septembre 2026.' in page


def test_the_explanation_names_the_source_by_its_own_name(mother: Client) -> None:
    page = mother.get("/pourquoi").text
    assert "Votre connexion par <bdi>EDUCONNECT</bdi> prouve le niveau" in page


def test_a_suspended_source_has_no_button_and_a_sentence(web: WebStand) -> None:
    close(web, StandingKind.SOURCE, "ent1")
    answer = web.client().get("/connexion")
    page = answer.text
    assert "https://ent1.example" not in answer.header("Content-Security-Policy")
    assert "https://ent2.example" in answer.header("Content-Security-Policy")
    assert 'value="ent1"' not in page
    assert "Suspendu pour le moment. Prenez un autre accès." in page
    assert 'value="ent2"' in page


def test_a_source_that_does_not_answer_keeps_its_button_and_says_so(web: WebStand, clock: FakeClock) -> None:
    rules = web.world.policies.installation.assurance
    for _ in range(int(rules.outage_failures)):
        Availability(web.world.store).failed("ent1", rules, now=clock())
    page = web.client().get("/connexion").text
    assert 'value="ent1" aria-describedby=' in page
    assert page.count("Ne répond pas en ce moment. Votre mot de passe n'est pas en cause.") == 1
