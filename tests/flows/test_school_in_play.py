"""Another school for the same person at a CAS service: its session of the first is ended, the visit here goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from broker.domain.cas import CasClient
from broker.domain.release_rules import ReleaseRules
from tests import builders
from tests.clock import FakeClock
from tests.flows.test_cas_logout import index_told
from tests.logouts import LogoutStand, is_signed_in, open_logouts
from tests.web_stand import KEY, UAI, Client

OTHER = "0990002Y"


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[LogoutStand]:
    with open_logouts(sqlite_url, clock, by_cas=("kne", "notes")) as opened:
        register = opened.web.register.current()
        services = tuple(
            replace(each, release=ReleaseRules(school_parameter="UAI")) if each.service_id == "kne" else each
            for each in register.all()
        )
        opened.web.register.value = type(register)(services)
        with opened.web.world.engine.begin() as conn:
            builders.add_school(conn, OTHER)
            _, pupil = builders.add_pupil(conn, "99", given="Tom")
            builders.add_guardianship(conn, f"{builders.FEED_2D}:{KEY}", pupil)
            builders.enrol(conn, pupil, OTHER)
        yield opened


def enter(stand: LogoutStand, browser: Client, school: str = "") -> str:
    service = stand.web.register.current().by_client("cas:kne")
    assert service is not None
    assert isinstance(service.cas, CasClient)
    address = service.cas.services[0] + (f"?UAI={school}" if school else "")
    asked = urlencode({"service": address})
    ticket = dict(parse_qsl(urlsplit(browser.get(f"/cas/login?{asked}").location).query))["ticket"]
    assert "authenticationSuccess" in stand.web.client().get(f"/cas/serviceValidate?{asked}&ticket={ticket}").body
    return ticket


def test_the_session_of_the_other_school_is_ended_and_nobody_signs_in_again(stand: LogoutStand) -> None:
    browser = stand.browser()
    first = enter(stand, browser, UAI)
    stand.enter(browser, "notes")
    second = enter(stand, browser, OTHER)
    stand.tell()
    assert index_told(stand, "kne") == [first]
    assert index_told(stand, "notes") == []
    assert is_signed_in(browser)
    browser.get("/cas/logout")
    stand.tell()
    assert index_told(stand, "kne") == [first, second]


@pytest.mark.parametrize("schools", [(UAI, UAI), (UAI, ""), ("", "")])
def test_the_same_school_again_or_none_ends_nothing(stand: LogoutStand, schools: tuple[str, str]) -> None:
    browser = stand.browser()
    for school in schools:
        enter(stand, browser, school)
    stand.tell()
    assert index_told(stand, "kne") == []


def test_another_browser_of_the_person_is_left_alone(stand: LogoutStand) -> None:
    here, there = stand.browser(), stand.browser()
    enter(stand, here, UAI)
    enter(stand, there, OTHER)
    stand.tell()
    assert index_told(stand, "kne") == []
