"""Forged requests: no page of another origin, browser or session can make this browser act."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from broker.web import pages
from tests.clock import FakeClock
from tests.federations import BASE
from tests.web_stand import Client, WebStand, open_web

SESSION = "__Host-preau-session"
BROWSER = "__Host-preau-browser"
REFUSED = "La demande n'est pas valable."


@pytest.fixture
def web(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock) as stand:
        stand.add_mother("Léa")
        yield stand


@pytest.fixture
def mother(web: WebStand) -> Client:
    browser = web.client()
    browser.sign_in()
    return browser


def still_in(mother: Client) -> bool:
    return mother.world.federation.session(mother.cookies[SESSION]) is not None


def test_a_form_without_a_token_is_refused_and_with_it_passes(mother: Client) -> None:
    refused = mother.post("/deconnexion", {})
    assert (refused.status, REFUSED in refused.body, still_in(mother)) == (400, True, True)
    assert mother.post("/deconnexion", {"csrf": mother.get("/deconnexion").token}).status == 303


@pytest.mark.parametrize("token", ["", "pcs_", "pcs_" + "0" * 64, "é", "None"])
def test_an_invented_token_is_refused(mother: Client, token: str) -> None:
    assert mother.post("/deconnexion", {"csrf": token}).status == 400
    assert still_in(mother)


def test_the_token_of_another_browser_is_refused(web: WebStand, mother: Client) -> None:
    attacker = web.client()
    stolen = attacker.get("/connexion").token
    assert mother.post("/deconnexion", {"csrf": stolen}).status == 400
    assert still_in(mother)


def test_the_token_from_before_the_sign_in_says_nothing_after_it(web: WebStand) -> None:
    browser = web.client()
    before = browser.get("/connexion").token
    browser.sign_in()
    assert browser.post("/deconnexion", {"csrf": before}).status == 400
    assert browser.post("/deconnexion", {"csrf": browser.get("/deconnexion").token}).status == 303


def test_the_token_of_the_person_before_on_the_same_computer_is_refused(web: WebStand, mother: Client) -> None:
    before = mother.get("/deconnexion").token
    web.world.family("600600", uai="0990002B")
    web.knows("autre", "600600")
    mother.sign_in(user="autre")
    assert mother.post("/deconnexion", {"csrf": before}).status == 400
    assert still_in(mother)


def test_a_browser_without_its_cookie_has_no_token_that_works(web: WebStand) -> None:
    browser = web.client()
    token = browser.get("/connexion").token
    browser.cookies.clear()
    assert browser.post("/connexion", {"csrf": token, "source": "ent1"}).status == 400


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://preau.example", f"{BASE}:444", ""])
def test_a_form_that_another_origin_posts_is_refused_even_with_a_good_token(mother: Client, origin: str) -> None:
    token = mother.get("/deconnexion").token
    refused = mother.post("/deconnexion", {"csrf": token}, Origin=origin)
    assert (refused.status, still_in(mother)) == (400, True)
    assert mother.post("/deconnexion", {"csrf": token}, Origin=BASE).status == 303


def test_only_the_origin_check_stops_a_good_token_from_elsewhere(
    mother: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = mother.get("/deconnexion").token
    monkeypatch.setattr(pages, "check_origin", lambda *_, **__: None)
    assert mother.post("/deconnexion", {"csrf": token}, Origin="https://evil.example").status == 303


def test_only_the_token_check_stops_a_form_without_origin_and_token(
    mother: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "check_form", lambda *_, **__: None)
    assert mother.post("/deconnexion", {}).status == 303


def test_a_link_or_an_image_acts_on_nothing(mother: Client) -> None:
    path = next(p.split('"')[0] for p in mother.get("/acces").body.split('href="') if p.startswith("/acces/"))
    for target in (f"/deconnexion?csrf={mother.get('/deconnexion').token}", f"{path}?csrf=x", "/connexion?source=ent1"):
        mother.get(target)
    assert still_in(mother)
    assert path in mother.get("/acces").body


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_method_cannot_be_overridden(mother: Client, name: str) -> None:
    token = mother.get("/deconnexion").token
    assert mother.get(f"/deconnexion?_method=POST&csrf={token}", **{name: "POST"}).status == 200
    assert still_in(mother)
    assert mother.post("/deconnexion", {"csrf": token, "_method": "GET"}, **{name: "GET"}).status == 303


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_other_methods_are_refused(mother: Client, method: str) -> None:
    answer = mother.send(method, "/deconnexion", form={"csrf": mother.get("/deconnexion").token})
    assert (answer.status, still_in(mother)) == (405, True)
    assert set(answer.header("Allow").split(", ")) >= {"GET", "POST"}


def test_a_body_that_is_not_a_form_is_refused(mother: Client) -> None:
    token = mother.get("/deconnexion").token
    for kind in ("text/plain", "application/json", "multipart/form-data; boundary=x"):
        answer = mother.send("POST", "/deconnexion", form=f"csrf={token}", headers={"Content-Type": kind})
        assert (answer.status, still_in(mother)) == (400, True), kind


def test_a_field_or_parameter_sent_twice_is_refused(mother: Client) -> None:
    token = mother.get("/deconnexion").token
    assert mother.send("POST", "/deconnexion", form=f"csrf={token}&csrf={token}").status == 400
    assert still_in(mother)
    assert mother.get("/?lang=fr&lang=ar").status == 400
    assert mother.get("/?lang=fr").status == 200


def test_only_one_check_stops_a_repeated_field(mother: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    token = mother.get("/deconnexion").token
    monkeypatch.setattr(pages, "check_single", lambda _: None)
    assert mother.send("POST", "/deconnexion", form=f"csrf={token}&csrf={token}").status == 303


def test_a_form_larger_than_any_of_ours_is_refused(mother: Client) -> None:
    form = {"csrf": mother.get("/deconnexion").token, "filler": "x" * 20_000}
    assert mother.post("/deconnexion", form).status == 413
    assert still_in(mother)


def test_a_login_cannot_be_begun_for_somebody_else(web: WebStand) -> None:
    """Login CSRF: the attacker's own answer from a source, brought to the victim's browser, opens nothing."""
    attacker, victim = web.client(), web.client()
    left = attacker.leave("ent1")
    victim.get("/connexion")
    back = victim.come_back(left.location, source="ent1")
    assert back.location.startswith("/avis?")
    assert SESSION not in victim.cookies
