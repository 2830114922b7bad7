"""One logout: services of CAS and OpenID Connect end each other's sessions, with a receipt each, one being down too."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator

import pytest

from tests.clock import FakeClock
from tests.logouts import LogoutStand, end_session, is_signed_in, open_logouts, says_goodbye
from tests.web_stand import Client

CONFIRMED = "A confirmé la déconnexion."
WAITING = "N'a pas encore répondu."
INDEX = "{urn:oasis:names:tc:SAML:2.0:protocol}SessionIndex"


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[LogoutStand]:
    with open_logouts(sqlite_url, clock, heard=("cantine", "cahier"), by_cas=("notes", "livres")) as opened:
        yield opened


def by_cas(stand: LogoutStand, browser: Client) -> object:
    stand.enter(browser, "notes")
    return browser.get("/cas/logout")


def by_openid(stand: LogoutStand, browser: Client) -> object:
    return end_session(browser, id_token_hint=stand.open(browser, "cantine"))


WAYS: dict[str, Callable[[LogoutStand, Client], object]] = {"CAS": by_cas, "OpenID Connect": by_openid}


def index_told(stand: LogoutStand, name: str) -> list[str]:
    """The tickets whose sessions a service was told to end."""
    asked = (ET.fromstring(told.form["logoutRequest"]) for told in stand.listeners[name].told)
    return [request.findtext(INDEX, "") for request in asked]


@pytest.mark.parametrize("way", WAYS)
def test_whoever_begins_every_service_of_both_protocols_is_told(stand: LogoutStand, way: str) -> None:
    browser = stand.browser("cahier")
    ticket = stand.enter(browser, "livres")
    page = says_goodbye(browser, WAYS[way](stand, browser))
    assert WAITING in page.text
    assert not is_signed_in(browser)
    stand.tell()
    assert index_told(stand, "livres") == [ticket]
    assert len(stand.listeners["cahier"].tokens) == 1
    page = browser.get("/au-revoir")
    assert (WAITING in page.text, page.text.count(CONFIRMED)) == (False, 3)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("down", ["livres", "cahier"])
def test_a_service_that_is_down_keeps_no_other_from_being_told(stand: LogoutStand, way: str, down: str) -> None:
    browser = stand.browser("cahier")
    stand.enter(browser, "livres")
    stand.listeners[down].status = 503
    says_goodbye(browser, WAYS[way](stand, browser))
    stand.tell()
    page = browser.get("/au-revoir")
    assert (WAITING in page.text, page.text.count(CONFIRMED)) == (True, 2)


def test_a_service_with_two_sessions_is_told_of_both(stand: LogoutStand) -> None:
    browser = stand.browser()
    tickets = [stand.enter(browser, "notes"), stand.enter(browser, "notes")]
    browser.get("/cas/logout")
    stand.tell()
    assert sorted(index_told(stand, "notes")) == sorted(tickets)
