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
from tests.flows.test_ways_in import activate, give_letter
from tests.own_accounts import GOOD, family
from tests.second_factors import enrol
from tests.web_stand import Answer, Client, WebStand, open_web

OWN = "maison"
IN_PROGRESS = re.compile(r'name="i" value="([^"]+)"')
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


# ---- signing in by a passkey ---------------------------------------------------------------------------------------


@pytest.fixture
def home(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    """A stand whose own source has one family, who have chosen their passphrase."""
    with open_web(sqlite_url, clock, own=OWN) as stand:
        activate(stand.client(), give_letter(stand, family(stand.world.engine)).code.written)
        yield stand


def own_page(browser: Client, device: str = "own") -> Answer:
    """The page of the source of own accounts, for a login in progress."""
    return browser.get(browser.leave(OWN, device=device).location)


def by_passkey(browser: Client, device: Authenticator) -> Answer:
    page = own_page(browser)
    held, interaction = HELD.search(page.body), IN_PROGRESS.search(page.body)
    assert held
    assert interaction
    form = {"csrf": page.token, "cle": held[1], "i": interaction[1], "reponse": device.get(options_of(page.body))}
    return browser.post(f"/connexion/{OWN}/cle", form)


def with_passphrase(browser: Client, device: str = "own") -> Answer:
    page = own_page(browser, device)
    interaction = IN_PROGRESS.search(page.body)
    assert interaction
    form = {"csrf": page.token, "i": interaction[1], "login": "dominique.lefevre", "password": GOOD}
    return browser.post(f"/connexion/{OWN}", form)


def test_a_family_is_offered_a_passkey_on_their_own_device_and_comes_in_by_it(
    home: WebStand, device: Authenticator, clock: FakeClock
) -> None:
    browser = home.client()
    assert with_passphrase(browser).location == "/second/cle/nouvelle?de=%2F"
    assert "Plus tard" in browser.get(NEW).body
    add(browser, device)
    clock.advance(timedelta(minutes=1))
    other = home.client()
    assert by_passkey(other, device).location == "/"
    assert "Inès" in other.get("/").text
    assert amr_of(home, other) == ("hwk",)


def test_no_passkey_is_offered_on_a_shared_device_nor_again_after_later(home: WebStand) -> None:
    assert with_passphrase(home.client(), "shared").location == "/"
    browser = home.client()
    with_passphrase(browser)
    assert browser.get("/second/cle/plus-tard?de=%2F").location == "/"
    browser.cookies.pop(SESSION_COOKIE)
    assert with_passphrase(browser).location == "/"


def test_a_passkey_that_nobody_added_signs_nobody_in(home: WebStand, device: Authenticator) -> None:
    browser = home.client()
    refused = by_passkey(browser, device)
    assert "Cette clé d'accès ne va pas." in refused.text
    assert SESSION_COOKIE not in browser.cookies


def test_a_challenge_shown_to_another_browser_signs_nobody_in(home: WebStand, device: Authenticator) -> None:
    browser = home.client()
    with_passphrase(browser)
    add(browser, device)
    victim, thief = home.client(), home.client()
    page, theirs = own_page(victim), own_page(thief)
    held, interaction = HELD.search(page.body), IN_PROGRESS.search(theirs.body)
    assert held
    assert interaction
    form = {"csrf": theirs.token, "cle": held[1], "i": interaction[1], "reponse": device.get(options_of(page.body))}
    thief.post(f"/connexion/{OWN}/cle", form)
    assert SESSION_COOKIE not in thief.cookies


def test_the_passkey_of_an_account_at_another_source_is_no_way_in(home: WebStand, device: Authenticator) -> None:
    home.world.family("600600", uai="0990002B")
    home.knows("autre", "600600")
    agent = home.client()
    agent.sign_in(user="autre")
    add(agent, device)
    browser = home.client()
    by_passkey(browser, device)
    assert SESSION_COOKIE not in browser.cookies
    assert [event["outcome"] for event in home.world.audit("sign_in_refused")] == ["refused"]


def test_a_new_secret_by_letter_ends_the_passkeys_of_before(
    home: WebStand, device: Authenticator, clock: FakeClock
) -> None:
    browser = home.client()
    with_passphrase(browser)
    add(browser, device)
    person = str(next(row["person_id"] for row in home.world.rows("accounts") if row["protocol"] == "own"))
    activate(home.client(), give_letter(home, person).code.written, "lagune osier tournevis")
    clock.advance(timedelta(minutes=1))
    other = home.client()
    by_passkey(other, device)
    assert SESSION_COOKIE not in other.cookies
