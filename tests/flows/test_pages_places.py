"""The pages "Mes appareils" and "Qui a utilisé mon accès", over WSGI, on real rows; and the freeze within a minute."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.clock import FakeClock
from tests.web_stand import Client, WebStand, open_web

SID = re.compile(r'name="sid" value="([^"]+)"')
FIREFOX = {"User-Agent": "Mozilla/5.0 (Android 14; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"}


@pytest.fixture
def web(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock) as stand:
        stand.add_mother("Léa")
        yield stand


@pytest.fixture
def here(web: WebStand) -> Client:
    browser = web.client()
    browser.sign_in("ent2")
    return browser


@pytest.fixture
def there(web: WebStand, here: Client) -> Client:
    browser = web.client()
    browser.sign_in("educonnect")
    return browser


def is_in(browser: Client) -> bool:
    return "Bonjour" in browser.get("/").body or "Vos enfants" in browser.get("/").body


def test_the_devices_are_listed_and_this_one_is_marked(here: Client, there: Client) -> None:
    page = here.get("/appareils").body
    assert page.count('class="card plain"') == 2
    assert page.count("Vous l'utilisez en ce moment") == 1
    assert len(SID.findall(page)) == 1


def test_a_device_is_named_by_what_its_browser_called_itself(web: WebStand) -> None:
    browser = web.client()
    left = browser.leave("educonnect")
    answer = web.world.upstreams["educonnect"].sign_in(left.location, "mere")
    query = "&".join(f"{name}={value}" for name, value in answer.params.items())
    browser.get(f"/retour/educonnect?{query}", **FIREFOX)
    assert "<bdi>Firefox, Android</bdi>" in browser.get("/appareils").body


def test_closing_one_device_signs_it_out_and_this_one_stays(here: Client, there: Client, clock: FakeClock) -> None:
    asked = here.get("/appareils")
    closed = here.post("/appareils", {"csrf": asked.token, "sid": SID.findall(asked.body)[0]})
    assert closed.location == "/appareils?fait=ferme"
    clock.advance(timedelta(seconds=31))
    assert not is_in(there)
    assert is_in(here)


def test_closing_all_the_others_leaves_this_one_alone(here: Client, there: Client, clock: FakeClock) -> None:
    here.post("/appareils", {"csrf": here.get("/appareils").token})
    clock.advance(timedelta(seconds=31))
    assert [is_in(here), is_in(there)] == [True, False]
    assert "Fermer tous les autres" not in here.get("/appareils").body


def test_a_forged_form_closes_nothing(here: Client, there: Client, clock: FakeClock) -> None:
    sid = SID.findall(here.get("/appareils").body)[0]
    for path in ("/appareils", "/passages"):
        assert here.post(path, {"csrf": "pcs_x", "sid": sid}).status == 400
    clock.advance(timedelta(seconds=31))
    assert is_in(there)


def test_not_me_closes_that_login_everywhere_within_a_minute(here: Client, there: Client, clock: FakeClock) -> None:
    asked = here.get("/passages")
    said = here.post("/passages", {"csrf": asked.token, "sid": SID.findall(asked.body)[0]})
    assert said.location == "/acces-ferme?quoi=acces"
    assert "Clear-Site-Data" in dict(said.headers)
    told = here.get(said.location).text
    assert "Appelez l'école : elle rouvre votre accès avec vous." in told
    assert not is_in(here)
    clock.advance(timedelta(seconds=60))
    assert not is_in(there)
    refused = there.sign_in("educonnect")
    assert "Ce moyen de connexion est fermé" in there.get(refused.location).body
    here.sign_in("ent2")
    assert is_in(here)


def test_closing_everything_lets_no_login_in(here: Client, there: Client, clock: FakeClock) -> None:
    said = here.post("/passages", {"csrf": here.get("/passages").token})
    assert said.location == "/acces-ferme?quoi=tout"
    clock.advance(timedelta(seconds=60))
    for browser, source in ((here, "ent2"), (there, "educonnect")):
        browser.sign_in(source)
        assert not is_in(browser)


def test_a_thief_of_a_session_can_only_close_with_it(here: Client, web: WebStand, clock: FakeClock) -> None:
    thief = web.client(cookies=dict(here.cookies))
    thief.post("/passages", {"csrf": thief.get("/passages").token})
    clock.advance(timedelta(seconds=60))
    assert not is_in(thief)
    (event,) = web.world.audit("access_closed")
    assert event["subject"] == event["actor"]


def test_nobody_freezes_by_the_sign_in_of_somebody_else(here: Client, web: WebStand) -> None:
    web.world.family("600600", uai="0990002B")
    web.knows("autre", "600600")
    other = web.client()
    other.sign_in(user="autre")
    sid = next(str(row["sid"]) for row in web.world.rows("sessions") if row["source_id"] == "ent2")
    token = other.get("/passages").token
    assert other.post("/passages", {"csrf": token, "sid": sid}).status == 404
    assert is_in(here)


def test_the_history_goes_back_a_year_and_no_further_page_by_page(
    here: Client, web: WebStand, clock: FakeClock
) -> None:
    for _ in range(24):
        clock.advance(timedelta(seconds=1))
        here.sign_in("ent2")
    first = here.get("/passages").body
    assert first.count("Ce n'est pas moi</button>") == 19
    assert 'href="/passages?page=2"' in first
    second = here.get("/passages?page=2").body
    assert second.count("Ce n'est pas moi</button>") == 5
    assert "Plus anciens" not in second
    clock.advance(timedelta(days=366))
    here.cookies.clear()
    here.sign_in("ent2")
    assert here.get("/passages").body.count("<li><p") == 1


@pytest.mark.parametrize("path", ["/appareils", "/passages"])
def test_whoever_is_not_signed_in_is_led_to_the_sign_in_page(web: WebStand, path: str) -> None:
    assert web.client().get(path).location.startswith("/connexion")
