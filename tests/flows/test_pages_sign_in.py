"""The way in and out, over WSGI, on real rows: choose, leave, come back, portal, sign out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from broker.domain.errors import UpstreamUnavailable
from broker.domain.school import Level
from broker.federation import LoginRequest
from broker.web import door as door_module
from broker.web.cookies import LANGUAGE_COOKIE
from broker.wire.http import FAREWELL_COOKIE
from tests.clock import FakeClock
from tests.web_stand import WebStand, as_pupil, open_web, service

SESSION = "__Host-preau-session"
DEVICE = "__Host-preau-device"


@pytest.fixture
def web(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock) as stand:
        yield stand


def test_the_home_page_of_a_stranger_is_the_sign_in_page_with_every_source(web: WebStand) -> None:
    page = web.client().get("/")
    assert page.status == 200
    assert [f'value="{name}"' in page.body for name in ("educonnect", "ent1", "ent2")] == [True] * 3


def test_looking_at_the_sign_in_page_writes_nothing_but_the_browser_cookie(web: WebStand) -> None:
    page = web.client().get("/connexion")
    assert set(page.cookies()) == {"__Host-preau-browser"}


def test_a_mother_chooses_leaves_comes_back_and_finds_her_children(web: WebStand) -> None:
    web.add_mother("Léa", "Tom")
    browser = web.client()
    left = browser.leave("educonnect")
    assert (left.status, left.location.split("?")[0]) == (303, "https://educonnect.example/login")
    back = browser.come_back(left.location)
    assert (back.status, back.location) == (303, "/")
    assert back.header("Referrer-Policy") == "no-referrer"
    portal = browser.get("/")
    assert portal.status == 200
    assert portal.body.count('<article class="card') == 2
    assert "<bdi>Léa</bdi>" in portal.body
    assert "<bdi>Tom</bdi>" in portal.body
    assert 'href="https://cantine.example/"' in portal.body


def test_on_a_shared_device_the_session_ends_with_the_browser(web: WebStand) -> None:
    web.add_mother("Léa")
    browser = web.client()
    back = browser.sign_in(device="shared")
    assert "Max-Age" not in back.cookies()[SESSION]
    assert DEVICE not in browser.cookies


def test_on_an_own_device_the_session_and_the_choice_are_kept(web: WebStand) -> None:
    web.add_mother("Léa")
    browser = web.client()
    back = browser.sign_in(device="own")
    assert "Max-Age=2592000" in back.cookies()[SESSION]
    assert browser.cookies[DEVICE] == "own"
    browser.cookies.pop(SESSION)
    assert 'value="own" checked' in browser.get("/connexion").body


def test_a_login_that_a_service_began_names_it_and_comes_back_to_it(web: WebStand) -> None:
    web.add_mother("Léa")
    browser = web.client()
    browser.get("/connexion")
    wanted = LoginRequest(service_id="cantine", resume="/authorize/resume?i=pin_x")
    handle = web.world.federation.begin(wanted, browser=browser.cookies["__Host-preau-browser"], now=web.world.clock())
    asked = browser.get(f"/connexion?i={handle}")
    assert "Ensuite, vous ouvrez <bdi>Cantine</bdi>." in asked.body.replace('<bdi lang="fr">', "<bdi>")
    left = browser.leave("ent2", target=f"/connexion?i={handle}")
    back = browser.come_back(left.location, source="ent2")
    assert back.location == "/authorize/resume?i=pin_x"


def test_a_signed_in_browser_that_asks_for_the_sign_in_page_is_home(web: WebStand) -> None:
    web.add_mother("Léa")
    browser = web.client()
    browser.sign_in()
    assert browser.get("/connexion").location == "/"


def test_pages_for_signed_in_people_lead_everybody_else_to_the_sign_in_page(web: WebStand) -> None:
    for path in ("/acces", "/pourquoi", "/deconnexion", "/acces/acc_x/annuler"):
        answer = web.client().get(path)
        assert (answer.status, answer.location) == (303, "/connexion"), path


def test_a_refused_return_is_told_on_a_page_whose_address_holds_no_code(web: WebStand) -> None:
    browser = web.client()
    browser.get("/connexion")
    back = browser.get("/retour/educonnect?state=x&code=secret")
    assert back.status == 303
    assert "secret" not in back.location
    page = browser.get(back.location)
    assert (page.status, "Il faut recommencer." in page.body) == (400, True)


def test_the_page_of_an_error_belongs_to_the_browser_it_was_made_for(web: WebStand) -> None:
    browser = web.client()
    browser.get("/connexion")
    notice = browser.get("/retour/educonnect?state=x").location
    assert web.client().get(notice).status == 404
    assert browser.get(notice).status == 400


def test_a_stranger_reads_what_to_do_next_and_may_try_another_source(web: WebStand) -> None:
    browser = web.client()
    back = browser.sign_in(user="inconnue")
    page = browser.get(back.location)
    assert page.status == 403
    assert "Nous ne vous avons pas encore trouvé." in page.body
    assert "appelez l'école" in page.text
    assert 'href="/connexion?i=' in page.body


def test_a_source_out_of_order_is_told_and_the_login_can_go_on_with_another(web: WebStand) -> None:
    web.add_mother("Léa")
    browser = web.client()
    web.world.upstreams["ent1"].fails = UpstreamUnavailable("down")
    refused = browser.leave("ent1")
    assert (refused.status, "Ce moyen de connexion est en panne." in refused.body) == (503, True)
    web.world.upstreams["ent1"].fails = None
    assert browser.leave("ent1").status == 303


def test_too_many_returns_from_one_address_are_told_when_to_try_again(
    web: WebStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "LOGIN_STEPS_PER_MINUTE", 1)
    browser = web.client()
    browser.get("/connexion")
    assert browser.get("/retour/educonnect?state=x").status == 303
    refused = browser.get("/retour/educonnect?state=x")
    assert (refused.status, "Attendez un peu." in refused.body) == (429, True)
    assert 0 < int(refused.header("Retry-After")) <= 60


def test_signing_out_is_asked_then_done_then_told(web: WebStand) -> None:
    web.add_mother("Léa")
    browser = web.client()
    browser.sign_in()
    handle = browser.cookies[SESSION]
    asked = browser.get("/deconnexion")
    assert web.world.federation.session(handle) is not None
    left = browser.post("/deconnexion", {"csrf": asked.token})
    assert (left.status, left.location) == (303, "/au-revoir")
    assert left.header("Clear-Site-Data") == '"cache", "storage"'
    assert web.world.federation.session(handle) is None
    assert set(browser.cookies) <= {LANGUAGE_COOKIE, FAREWELL_COOKIE}
    assert "Vous êtes déconnecté" in browser.get("/au-revoir").body


def test_a_parent_without_a_child_left_is_told_so_and_nothing_more(web: WebStand) -> None:
    mother = web.add_mother("Léa")
    browser = web.client()
    browser.sign_in()
    child = web.parts.people.children_of(mother, now=web.world.clock())[0].child_id
    with web.world.engine.begin() as conn:
        conn.exec_driver_sql("UPDATE guardianships SET may_see = 0")
    portal = browser.get("/")
    assert (portal.status, "Aucun enfant rattaché." in portal.body) == (200, True)
    assert "Léa" not in portal.body + browser.get("/pourquoi").body
    assert child not in portal.body


def test_the_health_page_says_when_the_database_does_not_answer(sqlite_url: str, clock: FakeClock) -> None:
    with open_web(sqlite_url, clock, healthy=lambda: False) as stand:
        assert stand.client().get("/sante").status == 503
    with open_web(sqlite_url, clock) as stand:
        assert stand.client(host="10.0.0.7:8000").get("/sante").status == 200


def test_the_style_sheet_is_kept_for_ever_under_the_name_of_its_content(web: WebStand) -> None:
    page = web.client().get("/")
    name = page.body.partition('href="/static/')[2].partition('"')[0]
    sheet = web.client().get(f"/static/{name}")
    assert (sheet.status, sheet.header("Content-Type").split(";")[0]) == (200, "text/css")
    assert "immutable" in sheet.header("Cache-Control")
    assert not sheet.header("Vary")
    assert web.client().get("/static/other.css").status == 404


def test_the_chosen_language_is_kept_and_an_unknown_one_is_not(web: WebStand) -> None:
    browser = web.client()
    assert '<html lang="ar" dir="rtl">' in browser.get("/connexion?lang=ar").body
    assert '<html lang="ar" dir="rtl">' in browser.get("/connexion").body
    assert '<html lang="ar" dir="rtl">' in browser.get("/connexion?lang=xx").body
    assert '<html lang="fr" dir="ltr">' in web.client().get("/connexion", Accept_Language="en").body


def test_the_language_links_keep_the_login_in_progress(web: WebStand) -> None:
    browser = web.client()
    browser.get("/")
    wanted = LoginRequest(service_id="cantine", resume="/")
    handle = web.world.federation.begin(wanted, browser=browser.cookies["__Host-preau-browser"], now=web.world.clock())
    assert f'href="/connexion?i={handle}&amp;lang=en"' in browser.get(f"/connexion?i={handle}").body


def test_a_service_shows_on_the_cards_of_its_own_level_alone(sqlite_url: str, clock: FakeClock) -> None:
    lycee = service("lycee", levels=frozenset({Level.LYCEE}))
    with open_web(sqlite_url, clock, services=(service(), lycee)) as stand:
        stand.add_mother("Léa")
        browser = stand.client()
        browser.sign_in()
        assert "https://lycee.example/" not in browser.get("/").body
        assert "La fiche du service ne couvre pas" in browser.get("/pourquoi").text


def test_kinds_of_people_have_pages_of_their_own(web: WebStand) -> None:
    as_pupil(web, "777")
    browser = web.client()
    browser.sign_in(user="eleve")
    page = browser.get("/")
    assert (page.status, "<h1>Espace élève</h1>" in page.body, "Vos enfants" in page.body) == (200, True, False)


def test_a_service_may_ask_for_a_language_until_the_person_chooses_one(web: WebStand) -> None:
    browser = web.client()
    browser.get("/")
    wanted = LoginRequest(service_id="cantine", resume="/", locale="ar")
    handle = web.world.federation.begin(wanted, browser=browser.cookies["__Host-preau-browser"], now=web.world.clock())
    asked = browser.get(f"/connexion?i={handle}")
    assert (asked.status, asked.location) == (303, f"/connexion?i={handle}&lang=ar")
    assert '<html lang="ar" dir="rtl">' in browser.get(asked.location).body
    assert '<html lang="en" dir="ltr">' in browser.get(f"/connexion?i={handle}&lang=en").body
    assert '<html lang="en" dir="ltr">' in browser.get(f"/connexion?i={handle}").body


def test_a_person_of_whom_no_record_speaks_any_more_is_told_so_and_not_sent_in_circles(web: WebStand) -> None:
    web.add_mother("Léa")
    browser = web.client()
    browser.sign_in()
    with web.world.engine.begin() as conn:
        conn.exec_driver_sql("UPDATE records SET retired_at = '2026-09-13 08:00:00.000000'")
    for path in ("/", "/pourquoi", "/acces", "/deconnexion"):
        assert browser.get(path).status == 200, path
    assert "Aucun enfant rattaché." in browser.get("/").text
    assert "Léa" not in browser.get("/").text
