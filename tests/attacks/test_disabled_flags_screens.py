"""The matrix of `test_disabled_flags` at the pages that have a service of their own: screens, strangers, starts.

The same flags, the same rule: prepared while all is open, refused while the flag stands, open again once it is lifted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from broker.domain.services import SelfRegistered, Service
from broker.domain.standings import StandingKind
from tests.attacks.test_device_flow import approve, begin, form_of, poll, screens, write
from tests.attacks.test_disabled_flags import BESIDE, DIRECTORY, FLAGS, Attempt, Town
from tests.attacks.test_strangers import HOST, START, question, stranger
from tests.clock import FakeClock
from tests.web_stand import open_web, service

CHILD = "Léa"
SCREEN, STRANGER, STARTED = "ecran", "visiteur", "cantine"


def registered(clock: FakeClock) -> Service:
    declared = stranger(clock)
    return replace(declared, registered=SelfRegistered(HOST, clock() + timedelta(days=30)))


def started() -> Service:
    plain = service(STARTED)
    return replace(plain, parties=(replace(plain.parties[0], initiate_login_uri=START),))


@pytest.fixture
def town(sqlite_url: str, clock: FakeClock) -> Iterator[Town]:
    offered = (screens(SCREEN), registered(clock), started())
    with open_web(sqlite_url, clock, services=offered, directory=DIRECTORY) as stand:
        mother = stand.add_mother(CHILD)
        child = next(iter(stand.world.federation.people.children_of(mother, now=clock()))).child_id
        opened = Town(stand, mother, child)
        opened.signed_in()
        yield opened


def asking_screen(town: Town) -> Attempt:
    return lambda: begin(town.stand)["status"] == 200


def device_page(town: Town) -> Attempt:
    phone = town.signed_in()
    return lambda: 'name="code"' in phone.get("/device").body


def finding(town: Town) -> Attempt:
    phone, asked = town.signed_in(), begin(town.stand)
    form = {"csrf": phone.get("/device").token, "code": asked["user_code"]}
    return lambda: "Le Tableau" in phone.post("/device", form).text


def deciding(town: Town) -> Attempt:
    phone, asked = town.signed_in(), begin(town.stand)
    form = {**form_of(write(phone, asked["user_code"])), "reponse": "oui"}
    return lambda: phone.post("/device/reponse", form).location.startswith("/device?fait=oui")


def agreeing_page(town: Town) -> Attempt:
    browser = town.signed_in()
    _, fields = question(browser)
    path = f"/accord?service={fields['service']}&i={fields['i']}"
    return lambda: HOST in browser.get(path).text


def agreeing(town: Town) -> Attempt:
    browser = town.signed_in()
    _, fields = question(browser)

    def attempt() -> bool:
        answer = browser.post("/accord", fields)
        return answer.status == 303 and "code=" in browser.get(answer.location).location

    return attempt


def start(town: Town) -> Attempt:
    browser = town.signed_in()
    return lambda: browser.get(f"/start/{STARTED}").location.startswith(START)


ENDPOINTS: Mapping[str, Callable[[Town], Attempt]] = {
    "POST /device_authorization": asking_screen,
    "GET /device": device_page,
    "POST /device": finding,
    "POST /device/reponse": deciding,
    "GET /accord": agreeing_page,
    "POST /accord": agreeing,
    "GET /start/<service_id>": start,
}


_NOBODY_YET = "who asks is not known before the login"
_NAMES_NOBODY = "it names no service, no child and no school"
_LEADS_AWAY = "it leads to the service, which asks for a login as ever: that one is refused"
_ASKS = "the question names the service alone; the answer to it is refused"
ELSEWHERE: Mapping[tuple[str, str], str] = {
    **{(flag, "POST /device_authorization"): _NOBODY_YET for flag in FLAGS if flag != "service"},
    **{(flag, "GET /device"): _NAMES_NOBODY for flag in ("service", "school", "guardianship")},
    **{(flag, "GET /accord"): _ASKS for flag in ("school", "guardianship")},
    **{(flag, "GET /start/<service_id>"): _LEADS_AWAY for flag in FLAGS if flag != "service"},
}


def owner_of(endpoint: str) -> str:
    """The service that an endpoint is about."""
    return SCREEN if "device" in endpoint else STRANGER if "accord" in endpoint else STARTED


def set_flag(town: Town, flag: str, endpoint: str, *, closes: bool) -> None:
    if flag == "service":
        town.standing(StandingKind.SERVICE, owner_of(endpoint), closes=closes)
    else:
        FLAGS[flag](town, closes)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_what_is_closed_is_closed_there_and_opens_again(town: Town, endpoint: str) -> None:
    found = {}
    for flag in FLAGS:
        attempt = ENDPOINTS[endpoint](town)
        set_flag(town, flag, endpoint, closes=True)
        passed = attempt()
        set_flag(town, flag, endpoint, closes=False)
        found[flag] = passed, ENDPOINTS[endpoint](town)()
    assert found == {flag: ((flag, endpoint) in ELSEWHERE, True) for flag in FLAGS}


def test_these_are_the_addresses_that_the_first_matrix_leaves_to_others() -> None:
    assert set(ENDPOINTS) <= BESIDE


def test_a_screen_that_was_let_in_is_closed_with_its_ground(town: Town) -> None:
    phone, asked = town.signed_in(), begin(town.stand)
    approve(phone, asked)
    town.standing(StandingKind.PERSON, town.mother, closes=True)
    assert poll(town.stand, asked)["error"] == "expired_token"
