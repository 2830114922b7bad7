"""The pages "Mes accès" and "Pourquoi cette page ?", over WSGI, on real rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.clock import FakeClock
from tests.web_stand import Client, WebStand, open_web

UNDO = re.compile(r'href="(/acces/[^"]+/annuler)"')


@pytest.fixture
def web(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock) as stand:
        stand.add_mother("Léa")
        yield stand


@pytest.fixture
def mother(web: WebStand) -> Client:
    browser = web.client()
    browser.sign_in("ent2")
    return browser


def test_every_linked_login_is_listed_with_its_proof_and_the_one_in_use_is_marked(mother: Client) -> None:
    page = mother.get("/acces").body
    assert page.count("Votre accès a donné le numéro de votre dossier d'école.") == len(UNDO.findall(page))
    assert page.count("Vous l'utilisez en ce moment") == 1
    assert "appareil partagé" in page


def test_undoing_is_asked_before_it_is_done_and_asking_changes_nothing(mother: Client) -> None:
    path = UNDO.findall(mother.get("/acces").body)[0]
    asked = mother.get(path)
    assert "Annuler ce lien ?" in asked.body
    assert path in mother.get("/acces").body


def test_undoing_the_login_in_use_ends_the_session_and_the_login(mother: Client, web: WebStand) -> None:
    path = next(p for p in UNDO.findall(mother.get("/acces").body) if "déconnecté" in mother.get(p).body)
    done = mother.post(path, {"csrf": mother.get(path).token})
    assert (done.status, done.location) == (303, "/au-revoir")
    assert mother.get("/").body.count('<article class="card') == 0
    back = mother.sign_in("ent2", user="mere")
    assert "Ce lien a été annulé." in mother.get(back.location).body


def test_undoing_another_login_keeps_the_session_and_says_so(web: WebStand) -> None:
    browser = web.client()
    browser.sign_in("educonnect")
    browser.sign_in("ent2")
    path = next(p for p in UNDO.findall(browser.get("/acces").body) if "déconnecté" not in browser.get(p).body)
    done = browser.post(path, {"csrf": browser.get(path).token})
    assert done.location == "/acces?fait=annule"
    after = browser.get(done.location).body
    assert "Tout est revenu comme avant ce lien." in after
    assert "Annulé à votre demande" in after


def test_an_old_login_is_asked_again_before_a_link_is_undone(mother: Client, clock: FakeClock) -> None:
    path = UNDO.findall(mother.get("/acces").body)[0]
    token = mother.get(path).token
    clock.advance(timedelta(minutes=6))
    refused = mother.post(path, {"csrf": token})
    assert (refused.status, "Reconnectez-vous pour continuer." in refused.body) == (403, True)
    assert 'href="/connexion?but=acces"' in refused.body
    left = mother.leave("ent2", target="/connexion?but=acces")
    back = mother.come_back(left.location, source="ent2")
    assert back.location == "/acces"
    path = UNDO.findall(mother.get("/acces").body)[0]
    assert mother.post(path, {"csrf": mother.get(path).token}).status == 303


def test_whoever_proves_again_who_they_are_is_offered_the_source_they_came_in_by(mother: Client, web: WebStand) -> None:
    mother.sign_in("educonnect")
    asked = mother.get("/connexion?but=acces").body
    assert [f'value="{name}"' in asked for name in ("educonnect", "ent1", "ent2")] == [True, False, False]
    stranger = web.client().get("/connexion?but=acces").body
    assert [f'value="{name}"' in stranger for name in ("educonnect", "ent1", "ent2")] == [True] * 3


def test_a_link_past_its_time_offers_no_undo(mother: Client, clock: FakeClock) -> None:
    clock.advance(timedelta(days=31))
    mother.cookies.clear()
    mother.sign_in("ent2", user="mere")
    page = mother.get("/acces").body
    assert "Pour annuler ce lien, demandez à l'école." in page
    assert not UNDO.findall(page)


def test_an_account_of_somebody_else_is_no_page_at_all(mother: Client, web: WebStand) -> None:
    stolen = UNDO.findall(mother.get("/acces").body)[0]
    web.world.family("600600", uai="0990002B")
    web.knows("autre", "600600")
    other = web.client()
    other.sign_in(user="autre")
    assert other.get(stolen).status == 404
    token = other.get("/deconnexion").token
    assert other.post(stolen, {"csrf": token}).status == 404
    assert stolen in mother.get("/acces").body


def test_the_explanation_names_source_record_rule_and_date_and_masks_the_number(mother: Client) -> None:
    page = mother.get("/pourquoi").text
    assert "Fichier des collèges et lycées de l'académie 99" in page
    assert "••••01" in page
    assert "500101" not in page
    assert "L'école vous a noté comme responsable légal de cet enfant." in page
    assert "<bdi>ENT2</bdi> a donné le numéro de ce dossier." in page
    assert "13 septembre 2026" in page
    assert "Ce service est prévu pour votre profil, dans votre école." in page
    assert "Vous êtes entré avec <bdi>ENT2</bdi>" in page


def test_the_explanation_speaks_the_readers_language(mother: Client) -> None:
    assert "The school recorded you as a legal guardian of this child." in mother.get("/pourquoi?lang=en").text
    assert "13 September 2026" in mother.get("/pourquoi").body
    arabic = mother.get("/pourquoi?lang=ar").body
    assert "سجلتك المدرسة مسؤولًا قانونيًا عن هذا الطفل." in arabic
    assert '<bdi lang="fr">Collège Rosa-Parks</bdi>' in arabic
