"""The pages that CAS shows: the warning before a service, the form that carries a ticket, a login on the way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from broker.domain.cas import CasClient
from broker.domain.services import Protocol
from tests.clock import FakeClock
from tests.web_stand import WebStand, open_web, service

NOTES = "https://notes.example/app/"
ASKED = f"/cas/login?{urlencode({'service': NOTES})}"


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    offered = replace(service("notes", parties=()), protocols=(Protocol.CAS,), cas=CasClient((NOTES,)))
    with open_web(sqlite_url, clock, services=(offered,)) as opened:
        opened.add_mother("Léa")
        yield opened


def ticket_of(location: str) -> str:
    return dict(parse_qsl(urlsplit(location).query)).get("ticket", "")


def test_the_warning_names_the_service_and_leads_on_once(stand: WebStand) -> None:
    browser = stand.client()
    browser.sign_in()
    warned = browser.get(f"{ASKED}&warn=true")
    page = browser.get(warned.location)
    assert "Ensuite, vous ouvrez" in page.text
    onward = re.search(r'href="(/cas/login/resume[^"]+)"', page.body)
    assert onward
    assert ticket_of(browser.get(onward[1]).location).startswith("ST-")
    assert browser.get(onward[1]).status == 400


def test_another_browser_does_not_take_up_what_waits(stand: WebStand) -> None:
    browser, other = stand.client(), stand.client()
    browser.sign_in()
    other.sign_in()
    waiting = dict(parse_qsl(urlsplit(browser.get(f"{ASKED}&warn=1").location).query))["i"]
    assert other.get(f"/cas/login/resume?i={waiting}").status == 400
    assert ticket_of(browser.get(f"/cas/login/resume?i={waiting}").location)


def test_a_stranger_cannot_write_that_the_warning_was_seen(stand: WebStand) -> None:
    browser = stand.client()
    browser.sign_in()
    assert browser.get(f"{ASKED}&warn=1&seen=1").location.startswith("/cas/avertir")


def test_by_post_the_ticket_stands_in_a_form_and_in_no_address(stand: WebStand) -> None:
    browser = stand.client()
    browser.sign_in()
    page = browser.get(f"{ASKED}&method=POST")
    assert (page.status, page.location) == (200, "")
    assert f'action="{NOTES}"' in page.body
    assert re.search(r'name="ticket" value="ST-[A-Za-z0-9]{29}"', page.body)
    assert "https://notes.example" in page.header("Content-Security-Policy")


def test_a_login_on_the_way_ends_at_the_service(stand: WebStand) -> None:
    browser = stand.client()
    assert browser.get(ASKED).location.startswith("/connexion")


def test_an_address_of_nobody_is_a_page_of_ours(stand: WebStand) -> None:
    page = stand.client().get(f"/cas/login?{urlencode({'service': 'https://evil.example/'})}")
    assert (page.status, page.location) == (403, "")
    assert "evil.example" not in page.body
