"""Passkeys over WSGI: added when fresh, shown as second factor; of another origin, copied or replayed: nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from broker.wire.http import SESSION_COOKIE
from tests.authenticator import PRESENT, Authenticator, challenge_bytes, options_of
from tests.clock import FakeClock
from tests.federations import BASE
from tests.second_factors import enrol
from tests.web_stand import Answer, Client, WebStand, open_web

HELD = re.compile(r'name="cle" value="([^"]+)"')
NEW = "/second/cle/nouvelle"


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


@pytest.fixture
def device() -> Authenticator:
    return Authenticator(BASE)


def add(browser: Client, device: Authenticator) -> Answer:
    page = browser.get(NEW)
    held = HELD.search(page.body)
    assert held, page.body
    form = {"csrf": page.token, "cle": held[1], "reponse": device.create(options_of(page.body)), "de": "/acces"}
    return browser.post(NEW, form)


def show(browser: Client, device: Authenticator, **changes: str) -> Answer:
    page = browser.get("/second")
    held = HELD.search(page.body)
    assert held, page.body
    answer = device.get(options_of(page.body))
    return browser.post("/second/cle", {"csrf": page.token, "cle": held[1], "reponse": answer, **changes})


def amr_of(web: WebStand, browser: Client) -> tuple[str, ...]:
    session = web.world.federation.session(browser.cookies.get(SESSION_COOKIE, ""))
    return session.authn.amr if session else ()


def again(web: WebStand, clock: FakeClock) -> Client:
    clock.advance(timedelta(minutes=1))
    browser = web.client()
    browser.sign_in("ent2")
    return browser


# ---- adding -------------------------------------------------------------------------------------------------------


def test_a_new_passkey_is_kept_and_proves_at_once(mother: Client, web: WebStand, device: Authenticator) -> None:
    assert add(mother, device).location == "/acces"
    assert "hwk" in amr_of(web, mother)
    (kept,) = web.world.rows("credentials")
    assert (kept["kind"], kept["counter"]) == ("passkey", 0)
    assert "Clé d'accès" in mother.get("/second").text


def test_what_is_asked_of_a_device_names_this_site_and_asks_for_its_person(mother: Client) -> None:
    page = mother.get(NEW)
    options = options_of(page.body)
    assert (options["rp"]["id"], options["attestation"]) == ("preau.example", "none")
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert len(challenge_bytes(options)) >= 32
    assert "publickey-credentials-create=(self)" in page.header("Permissions-Policy")
    assert "publickey-credentials-get=()" in mother.get("/").header("Permissions-Policy")


@pytest.mark.parametrize(
    "origin", ["https://preau.example.evil.fr", "http://preau.example", "https://evil.preau.example"]
)
def test_a_passkey_made_on_another_origin_is_not_kept(mother: Client, web: WebStand, origin: str) -> None:
    assert add(mother, Authenticator(origin)).status == 403
    assert web.world.rows("credentials") == []


def test_a_passkey_that_did_not_ask_for_its_person_is_not_kept(mother: Client, web: WebStand) -> None:
    assert add(mother, Authenticator(BASE, flags=PRESENT)).status == 403
    assert web.world.rows("credentials") == []


def test_a_passkey_made_for_another_challenge_is_not_kept(mother: Client, device: Authenticator) -> None:
    first, second = mother.get(NEW), mother.get(NEW)
    held = HELD.search(second.body)
    assert held
    answer = device.create(options_of(first.body))
    assert mother.post(NEW, {"csrf": second.token, "cle": held[1], "reponse": answer}).status == 403


def test_an_old_login_adds_none_and_neither_does_who_showed_no_second_factor(
    mother: Client, web: WebStand, clock: FakeClock
) -> None:
    enrol(mother, clock())
    assert again(web, clock).get(NEW).location.startswith("/second?de=")
    clock.advance(timedelta(minutes=6))
    assert mother.get(NEW).status == 403


@pytest.mark.parametrize("answer", ["", "{}", "[]", "null", "x" * 13_000, '{"id": 1}', '{"id": "a", "response": []}'])
def test_what_no_device_made_is_refused_quietly(mother: Client, answer: str) -> None:
    page = mother.get(NEW)
    held = HELD.search(page.body)
    assert held
    assert mother.post(NEW, {"csrf": page.token, "cle": held[1], "reponse": answer}).status == 403


# ---- showing ------------------------------------------------------------------------------------------------------


def test_a_passkey_is_a_second_factor(mother: Client, web: WebStand, device: Authenticator, clock: FakeClock) -> None:
    add(mother, device)
    browser = again(web, clock)
    before = browser.cookies[SESSION_COOKIE]
    assert show(browser, device, de="/acces").location == "/acces"
    assert "hwk" in amr_of(web, browser)
    assert web.world.federation.session(before) is None


def test_an_answer_is_good_once(mother: Client, web: WebStand, device: Authenticator, clock: FakeClock) -> None:
    add(mother, device)
    browser = again(web, clock)
    page = browser.get("/second")
    held = HELD.search(page.body)
    assert held
    form = {"csrf": page.token, "cle": held[1], "reponse": device.get(options_of(page.body))}
    assert browser.post("/second/cle", form).status == 303
    replayed = {**form, "csrf": browser.get("/second").token if "csrf" in browser.get("/second").body else ""}
    assert browser.post("/second/cle", replayed).status == 400


def test_an_answer_for_another_origin_or_challenge_proves_nothing(
    mother: Client, web: WebStand, device: Authenticator, clock: FakeClock
) -> None:
    add(mother, device)
    browser = again(web, clock)
    phished = replace(device, origin="https://preau-example.fr")
    assert show(browser, phished).status == 403
    device.count = 5
    first = options_of(browser.get("/second").body)
    page = browser.get("/second")
    held = HELD.search(page.body)
    assert held
    form = {"csrf": page.token, "cle": held[1], "reponse": device.get(first)}
    assert browser.post("/second/cle", form).status == 403
    assert "hwk" not in amr_of(web, browser)


def test_a_copy_of_a_passkey_is_found_by_its_counter(
    mother: Client, web: WebStand, device: Authenticator, clock: FakeClock
) -> None:
    add(mother, device)
    copy = replace(device)
    for _ in range(3):
        assert show(again(web, clock), device).status == 303
    assert show(again(web, clock), copy).status == 403


def test_a_passkey_that_never_counts_is_good(mother: Client, web: WebStand, clock: FakeClock) -> None:
    """Most of those that are kept in several devices at once say 0 each time."""
    device = Authenticator(BASE)
    add(mother, device)
    for _ in range(2):
        device.count = -1
        assert show(again(web, clock), device).status == 303


def test_nobody_proves_by_the_passkey_of_somebody_else(
    mother: Client, web: WebStand, device: Authenticator, clock: FakeClock
) -> None:
    add(mother, device)
    web.world.family("600600", uai="0990002B")
    web.knows("autre", "600600")
    other = web.client()
    other.sign_in(user="autre")
    add(other, Authenticator(BASE))
    clock.advance(timedelta(minutes=1))
    second = web.client()
    second.sign_in(user="autre")
    assert show(second, device).status == 403
    assert "hwk" not in amr_of(web, second)


def test_guesses_with_passkeys_are_counted_like_those_with_codes(
    mother: Client, web: WebStand, device: Authenticator, clock: FakeClock
) -> None:
    add(mother, device)
    browser = again(web, clock)
    for _ in range(5):
        assert show(browser, Authenticator(BASE)).status == 403
    assert show(browser, device).status == 429


def test_the_script_of_a_passkey_page_is_small_and_the_only_one_allowed(mother: Client) -> None:
    page = mother.get(NEW)
    script = page.body.partition("<script>")[2].partition("</script>")[0]
    assert 0 < len(script.encode()) < 5_000
    assert "script-src 'sha256-" in page.header("Content-Security-Policy")
    assert "unsafe" not in page.header("Content-Security-Policy")
