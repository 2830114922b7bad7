"""The pages "Qui reçoit quoi" and "Mes données", over WSGI, on real rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest

from broker.domain.people import RecordKind
from broker.domain.services import Accessibility, ClaimName, Operator
from broker.domain.standings import InForce, StandingKind
from broker.services.register import Register
from tests import builders
from tests.clock import FakeClock
from tests.ledgers import told
from tests.web_stand import Client, WebStand, open_web, service

CANTEEN = service(
    claims=(ClaimName.GIVEN_NAME, ClaimName.CHILDREN),
    purpose="Réserver et payer les repas.",
    operator=Operator("Ville d'Essai", "cantine@ville.example", processor=True),
    data="Les jours réservés.",
    legal_basis="Mission d'intérêt public",
    retention="Jusqu'à la fin de l'année scolaire.",
    rights_url="https://cantine.example/droits",
    accessibility=Accessibility(82, "https://cantine.example/accessibilite"),
)
ELSEWHERE = service("ailleurs", schools=frozenset({"0990009Z"}), claims=(ClaimName.NAME,))


@pytest.fixture
def web(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock, services=(CANTEEN, ELSEWHERE)) as stand:
        yield stand


@pytest.fixture
def mother_id(web: WebStand) -> str:
    return web.add_mother("Léa", "Tom")


@pytest.fixture
def mother(web: WebStand, mother_id: str) -> Client:
    browser = web.client()
    browser.sign_in()
    return browser


def test_each_service_says_who_runs_it_what_it_receives_why_how_long_and_how_accessible_it_is(mother: Client) -> None:
    page = mother.get("/donnees").text
    for wanted in (
        "Ville d'Essai", "cantine@ville.example", "Il travaille pour l'école", "Votre prénom", "sans leur nom",
        "Les jours réservés.", "Réserver et payer les repas.", "Mission d'intérêt public",
        "Jusqu'à la fin de l'année scolaire.", 'href="https://cantine.example/droits"', "82 %",
        'href="https://cantine.example/accessibilite"', "Déclaré.", "Rien n'a encore été envoyé.",
    ):  # fmt: skip
        assert wanted in page, wanted
    assert "Votre nom" not in page


def test_what_a_descriptor_does_not_say_is_said_to_be_missing(web: WebStand, mother: Client) -> None:
    web.register.value = Register((service(),))
    page = mother.get("/donnees").text
    assert page.count("Ce n'est pas écrit.") == 2
    assert "Le taux n'est pas déclaré." in page
    assert "Demandez à l'école." in page


def test_a_service_that_is_not_open_here_is_not_listed_until_it_received_something(
    web: WebStand, mother: Client, mother_id: str
) -> None:
    assert "Ailleurs" not in mother.get("/donnees").text
    web.ledger.note(told(mother_id, "ailleurs", date(2026, 9, 1), "name"))
    page = mother.get("/donnees").text
    assert "Ailleurs" in page
    assert "1er septembre 2026" in page
    assert "Rien en ce moment. Ce service n'est pas ouvert pour vous." in page


def test_the_last_thing_sent_is_told_with_its_day(web: WebStand, mother: Client, mother_id: str) -> None:
    web.ledger.note(told(mother_id, "cantine", date(2026, 9, 2), "family_name"))
    web.ledger.note(told(mother_id, "cantine", date(2026, 9, 10), "given_name"))
    page = mother.get("/donnees").text
    assert "10 septembre 2026" in page
    assert "2 septembre 2026" not in page


def test_a_service_that_left_the_register_is_still_told(web: WebStand, mother: Client, mother_id: str) -> None:
    web.ledger.note(told(mother_id, "ancien", date(2026, 9, 2), "name"))
    page = mother.get("/donnees").text
    assert "Services fermés" in page
    assert "ancien" in page


@pytest.mark.parametrize(
    ("standing", "words"),
    [
        (InForce(), "Déclaré."),
        (InForce(verified=frozenset({(StandingKind.SERVICE, "cantine")})), "Vérifié."),
        (InForce(frozenset({(StandingKind.SERVICE, "cantine")})), "Suspendu. Le service ne reçoit plus rien."),
    ],
)
def test_the_state_of_a_service_is_said_in_words(
    web: WebStand, mother: Client, mother_id: str, standing: InForce, words: str
) -> None:
    web.ledger.note(told(mother_id, "cantine", date(2026, 9, 2), "name"))
    web.register.value = Register((CANTEEN,), in_force=standing)
    assert words in mother.get("/donnees").text


def test_children_are_named_only_where_the_service_is_not_the_same_for_all(web: WebStand, mother: Client) -> None:
    assert "Pour :" not in mother.get("/donnees").text
    with web.world.engine.begin() as conn:
        builders.add_school(conn, "0990002B")
        _, pupil = builders.add_pupil(conn, "95", given="Zoé")
        builders.add_guardianship(conn, f"{builders.FEED_2D}:500101", pupil)
        builders.enrol(conn, pupil, "0990002B")
    web.register.value = Register((replace(CANTEEN, schools=frozenset({"0990002B"})),))
    page = mother.get("/donnees").text.partition("Pour :")[2].partition("</p>")[0]
    assert "Zoé" in page
    assert "Léa" not in page


def test_an_export_holds_what_is_held_of_the_person_and_says_so_on_the_page(
    web: WebStand, mother: Client, mother_id: str
) -> None:
    web.ledger.note(told(mother_id, "cantine", date(2026, 9, 2), "given_name"))
    answer = mother.get("/donnees/export.json")
    assert answer.header("Content-Disposition") == 'attachment; filename="preau-mes-donnees.json"'
    assert answer.header("Cache-Control") == "no-store"
    held = json.loads(answer.body)
    assert held["person"]["name"]["family"] == "Martin"
    assert [record["number"] for record in held["records"]] == ["500101"]
    assert [(login["source"], login["identifier"]) for login in held["logins"]] == [("educonnect", "mere")]
    assert len(held["sign_ins"]) == 1
    assert [child["given_name"] for child in held["children"]] == ["Léa", "Tom"]
    assert held["sent_to_services"] == [{"service": "cantine", "day": "2026-09-02", "claims": ["sub", "given_name"]}]
    page = mother.get("/donnees/export").text
    for wanted in ("500101", "Léa Martin", "EDUCONNECT", "2 septembre 2026", "Votre prénom"):
        assert wanted in page, wanted


@pytest.mark.parametrize(
    ("feed", "name"),
    [("onde.9990001x", "Liste remise par l'établissement 9990001X"), ("ent", "Annuaire de l'ENT")],
)
def test_a_record_without_academie_is_named_by_who_told_it(
    web: WebStand, mother: Client, mother_id: str, feed: str, name: str
) -> None:
    page = mother.get("/donnees/export").text
    assert name not in page
    assert "de l'académie 99" in page
    record = builders.add_record(web.world.engine, "r1", RecordKind.GUARDIAN, feed=feed, academie="")
    builders.attach(web.world.engine, record, mother_id)
    assert name in mother.get("/donnees/export").text


def test_each_export_is_in_the_audit_trail(web: WebStand, mother: Client, mother_id: str) -> None:
    mother.get("/donnees")
    assert web.world.audit("data_exported") == []
    mother.get("/donnees/export")
    mother.get("/donnees/export.json")
    rows = web.world.audit("data_exported")
    assert [(row["subject"], row["actor"]) for row in rows] == [(mother_id, mother_id)] * 2


@pytest.mark.parametrize("path", ["/donnees/export", "/donnees/export.json"])
def test_an_old_login_is_asked_again_before_an_export_and_leads_back_to_it(
    web: WebStand, mother: Client, clock: FakeClock, path: str
) -> None:
    clock.advance(timedelta(minutes=6))
    refused = mother.get(path)
    assert refused.status == 403
    assert "500101" not in refused.text
    assert web.world.audit("data_exported") == []
    assert 'href="/connexion?but=donnees"' in refused.body
    assert "Reconnectez-vous pour lire vos données." in mother.get("/connexion?but=donnees").text
    left = mother.leave("educonnect", target="/connexion?but=donnees")
    back = mother.come_back(left.location)
    assert back.location == "/donnees/export"
    assert mother.get(path).status == 200


@pytest.mark.parametrize("path", ["/donnees", "/donnees/export", "/donnees/export.json"])
def test_whoever_is_not_signed_in_is_led_to_the_sign_in_page(web: WebStand, path: str) -> None:
    answer = web.client().get(path)
    assert (answer.status, answer.location) == (303, "/connexion")


def test_the_pages_lead_to_each_other(mother: Client) -> None:
    for path in ("/", "/acces", "/pourquoi"):
        assert 'href="/donnees"' in mother.get(path).body, path
    assert 'href="/donnees/export"' in mother.get("/donnees").body
    assert 'href="/donnees/export.json"' in mother.get("/donnees/export").body
