"""Shared screens: the warning before a session closes by itself, staying, and changing persons in one click."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from broker.wire.http import FAREWELL_COOKIE, SESSION_COOKIE
from tests.clock import FakeClock
from tests.web_stand import Client, WebStand, open_web

PAGES = ("/", "/pourquoi", "/acces", "/donnees", "/appareils", "/passages", "/device", "/deconnexion")


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


# ---- the warning --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES[:-1])
def test_every_page_of_a_session_leads_to_the_warning_after_17_of_20_minutes(mother: Client, path: str) -> None:
    told = mother.get(path).header("Refresh")
    assert told == f"1020; url=/toujours-la?de={path.replace('/', '%2F')}"


def test_a_page_that_knows_no_session_leads_nowhere(web: WebStand) -> None:
    for path in ("/", "/connexion", "/integrer", "/au-revoir"):
        assert web.client().get(path).header("Refresh") == ""


def test_on_a_device_of_ones_own_nothing_is_to_warn_of(web: WebStand) -> None:
    browser = web.client()
    browser.sign_in("ent2", device="own")
    assert browser.get("/").header("Refresh") == ""


def test_the_warning_says_how_long_is_left_and_staying_leads_back(mother: Client, clock: FakeClock) -> None:
    mother.get("/acces")
    clock.advance(timedelta(minutes=17))
    warned = mother.get("/toujours-la?de=%2Facces")
    assert "Vous êtes toujours là ?" in warned.body
    assert "L'accès se ferme dans 3 minutes." in warned.text
    assert warned.header("Refresh") == "181; url=/toujours-la?de=%2Facces"
    stayed = mother.post("/toujours-la", {"csrf": warned.token, "de": "/acces"})
    assert stayed.location == "/acces"
    clock.advance(timedelta(minutes=19))
    assert "Vos enfants" in mother.get("/").body


def test_looking_at_the_warning_again_and_again_keeps_nobody_signed_in(mother: Client, clock: FakeClock) -> None:
    mother.get("/")
    for _ in range(6):
        clock.advance(timedelta(minutes=3))
        assert mother.get("/toujours-la?de=%2F").status == 200
    clock.advance(timedelta(minutes=3))
    over = mother.get("/toujours-la?de=%2F")
    assert (over.location, SESSION_COOKIE in mother.cookies) == ("/au-revoir", False)
    assert over.header("Clear-Site-Data")


def test_whoever_is_asked_too_late_is_signed_out_and_a_stay_comes_to_nothing(mother: Client, clock: FakeClock) -> None:
    token = mother.get("/").token
    clock.advance(timedelta(minutes=21))
    late = mother.post("/toujours-la", {"csrf": token, "de": "/acces"})
    assert late.location.startswith("/connexion")


def test_past_the_absolute_end_nobody_stays_but_signs_in_again(mother: Client, clock: FakeClock) -> None:
    for _ in range(71):
        clock.advance(timedelta(minutes=10))
        mother.get("/")
    assert mother.get("/").header("Refresh") == "420; url=/toujours-la?de=%2F"
    clock.advance(timedelta(minutes=8))
    page = mother.get("/toujours-la?de=%2F").body
    assert ("Rester" in page, "Se reconnecter" in page) == (False, True)


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1"])
def test_staying_leads_to_no_other_place(mother: Client, target: str) -> None:
    token = mother.get("/").token
    assert mother.post("/toujours-la", {"csrf": token, "de": target}).location == "/"
    page = mother.get(f"/toujours-la?de={target}")
    assert "evil.example" not in page.header("Refresh")


def test_a_warning_asked_for_by_another_site_ends_no_running_session(mother: Client) -> None:
    assert mother.get("/toujours-la").status == 200
    assert "Vos enfants" in mother.get("/").body


# ---- changing persons ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_every_page_of_a_session_lets_persons_change_in_one_click(mother: Client, path: str) -> None:
    assert 'name="suite" value="connexion"' in mother.get(path).body


def test_changing_persons_signs_out_and_leads_to_the_sign_in_page(mother: Client, web: WebStand) -> None:
    changed = mother.post("/deconnexion", {"csrf": mother.get("/").token, "suite": "connexion"})
    assert changed.location == "/au-revoir"
    assert changed.header("Clear-Site-Data")
    assert SESSION_COOKIE not in mother.cookies
    led = mother.get("/au-revoir")
    assert led.location == "/connexion"
    asked = mother.get("/connexion").body
    assert "La personne d'avant est déconnectée." in asked.replace("&#39;", "'")
    assert mother.get("/au-revoir?voir=1").status == 200
    assert len(web.world.audit("sign_out")) == 1


def test_whoever_comes_next_has_a_session_of_their_own_and_no_farewell(mother: Client, web: WebStand) -> None:
    web.world.family("600600", uai="0990002B")
    web.knows("autre", "600600")
    before = mother.cookies[SESSION_COOKIE]
    mother.post("/deconnexion", {"csrf": mother.get("/").token, "suite": "connexion"})
    mother.sign_in(user="autre")
    assert mother.cookies[SESSION_COOKIE] != before
    assert FAREWELL_COOKIE not in mother.cookies
    assert "Léa" not in mother.get("/").body
    back = web.client(cookies={**mother.cookies, SESSION_COOKIE: before})
    assert "Vos enfants" not in back.get("/").body


def test_no_other_site_changes_persons(mother: Client) -> None:
    refused = mother.post("/deconnexion", {"csrf": "pcs_x", "suite": "connexion"})
    assert refused.status == 400
    assert "Vos enfants" in mother.get("/").body
