"""Nine of nine: a logout that begins at a service of one protocol ends the session of a service of each protocol.

Each service listens on an address of its own and is told over HTTP, as its protocol has it.
"""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from broker.domain.cas import LogoutStyle
from broker.domain.services import Protocol
from broker.portal.receipts import ReceiptState, build_receipts
from tests.clock import FakeClock
from tests.federations import BASE
from tests.logouts import (
    LogoutStand,
    end_session,
    is_signed_in,
    listening,
    open_logouts,
    says_goodbye,
    speaking_cas,
    speaking_saml,
)
from tests.saml_party import Party, logout_message
from tests.saml_posts import SAML, SAMLP, Assertion
from tests.upstreams import Asked
from tests.web_stand import Client

OIDC, SAML2, CAS = Protocol.OIDC, Protocol.SAML, Protocol.CAS
FIRST = {OIDC: "cantine", SAML2: "bourses", CAS: "notes"}
SECOND = {OIDC: "cahier", SAML2: "bulletins", CAS: "livres"}
UNTOLD = {OIDC: "muet-oidc", SAML2: "muet-saml", CAS: "muet-cas"}
"""Services that gave no address where to tell them."""
PAIRS = pytest.mark.parametrize(("first", "second"), [(one, other) for one in FIRST for other in SECOND])


@pytest.fixture(scope="module")
def services(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LogoutStand]:
    """One stand for all pairs: each visit is another browser's."""
    database = tmp_path_factory.mktemp("pairs") / "preau.sqlite"
    shutil.copy(sqlite_template, database)
    untold = (
        listening(UNTOLD[OIDC]),
        speaking_saml(UNTOLD[SAML2], told_at=""),
        speaking_cas(UNTOLD[CAS], at=f"https://{UNTOLD[CAS]}.example/", logout=LogoutStyle.NONE),
    )
    names: dict[Protocol, tuple[str, ...]] = {each: (FIRST[each], SECOND[each]) for each in FIRST}
    told = {"heard": names[OIDC], "by_cas": names[CAS], "by_saml": names[SAML2]}
    with open_logouts(f"sqlite:///{database}", FakeClock(), *untold, **told) as opened:
        yield opened


@pytest.fixture
def stand(services: LogoutStand) -> LogoutStand:
    for listener in services.listeners.values():
        listener.status = 200
        listener.told.clear()
    return services


# ---- what each protocol calls a session, when it opens and when it is told over -------------------------------------


def opened_by_openid(stand: LogoutStand, browser: Client, name: str) -> object:
    return stand.open(browser, name)


def opened_by_saml(stand: LogoutStand, browser: Client, name: str) -> object:
    return stand.arrive(browser, name)


def opened_by_cas(stand: LogoutStand, browser: Client, name: str) -> object:
    return stand.enter(browser, name)


OPEN: Mapping[Protocol, Callable[[LogoutStand, Client, str], object]] = {
    OIDC: opened_by_openid,
    SAML2: opened_by_saml,
    CAS: opened_by_cas,
}


def over_by_openid(stand: LogoutStand, told: Asked, opened: Any) -> bool:
    """The logout token names the `sid` of the ID token."""
    _, logout = stand.read(told.form["logout_token"])
    _, login = stand.read(opened)
    return bool(logout["sid"] == login["sid"] and logout["sub"] == login["sub"])


def over_by_saml(_: LogoutStand, told: Asked, opened: Any) -> bool:
    """The request names the NameID and the SessionIndex of the assertion."""
    request = ET.fromstring(told.body).find(f".//{SAMLP}LogoutRequest")
    assert request is not None
    named = Assertion(request.findtext(f"{SAML}NameID", ""), request.findtext(f"{SAMLP}SessionIndex", ""))
    return bool(named == opened)


def over_by_cas(_: LogoutStand, told: Asked, opened: Any) -> bool:
    """The request names the ticket."""
    request = ET.fromstring(told.form["logoutRequest"])
    return request.findtext(f"{SAMLP}SessionIndex", "") == opened


OVER: Mapping[Protocol, Callable[[LogoutStand, Asked, Any], bool]] = {
    OIDC: over_by_openid,
    SAML2: over_by_saml,
    CAS: over_by_cas,
}


# ---- how a logout begins at the first -------------------------------------------------------------------------------


def leave_by_openid(_: LogoutStand, browser: Client, opened: Any) -> Any:
    return end_session(browser, id_token_hint=opened)


def leave_by_saml(stand: LogoutStand, browser: Client, opened: Any) -> Any:
    party = Party(FIRST[SAML2], BASE)
    asked = logout_message(party, opened.name, opened.index, now=stand.clock())
    return browser.get(f"{asked.path}?{asked.redirect(key=party.key)}")


def leave_by_cas(_: LogoutStand, browser: Client, __: Any) -> Any:
    return browser.get("/cas/logout")


LEAVE: Mapping[Protocol, Callable[[LogoutStand, Client, Any], Any]] = {
    OIDC: leave_by_openid,
    SAML2: leave_by_saml,
    CAS: leave_by_cas,
}


def receipt(stand: LogoutStand, browser: Client, name: str) -> ReceiptState:
    """The receipt of a service, as the page after the sign-out has it; one that asked by SAML is led past that page."""
    farewell = stand.web.parts.federation.farewells.find(browser.cookies["__Host-preau-farewell"])
    assert farewell is not None
    told = build_receipts(stand.web.parts.notices.of_visit(farewell.visit), stand.web.register.current())
    return {each.service.service_id: each.state for each in told.services}[name]


def visit(stand: LogoutStand, first: Protocol, other: str, second: Protocol) -> tuple[Client, object, object]:
    """A visit in which the mother opened two services; returns what each knows it by."""
    browser = stand.browser()
    return browser, OPEN[first](stand, browser, FIRST[first]), OPEN[second](stand, browser, other)


@PAIRS
def test_a_logout_at_one_ends_the_session_of_the_other(stand: LogoutStand, first: Protocol, second: Protocol) -> None:
    """Whoever began by SAML ended its own session and is not told again; the others began by the browser alone."""
    browser, mine, other = visit(stand, first, SECOND[second], second)
    says_goodbye(browser, LEAVE[first](stand, browser, mine))
    assert not is_signed_in(browser)
    stand.tell()
    (told,) = stand.listeners[SECOND[second]].told
    assert OVER[second](stand, told, other)
    assert [OVER[first](stand, each, mine) for each in stand.listeners[FIRST[first]].told] == [True] * (first != SAML2)
    assert receipt(stand, browser, SECOND[second]) is ReceiptState.CONFIRMED


@PAIRS
def test_with_the_other_down_the_receipt_says_so_until_it_answers(
    stand: LogoutStand, first: Protocol, second: Protocol
) -> None:
    browser, mine, other = visit(stand, first, SECOND[second], second)
    down = stand.listeners[SECOND[second]]
    down.status = 503
    says_goodbye(browser, LEAVE[first](stand, browser, mine))
    assert not is_signed_in(browser), "the broker's own session does not wait for a service"
    assert stand.tell().put_back == 1
    assert receipt(stand, browser, SECOND[second]) is ReceiptState.WAITING
    down.status = 200
    stand.clock.advance(5)
    assert stand.tell().told == 1
    assert [OVER[second](stand, told, other) for told in down.told] == [True, True]
    assert receipt(stand, browser, SECOND[second]) is ReceiptState.CONFIRMED


@PAIRS
def test_another_that_gave_no_address_is_said_to_be_untold(
    stand: LogoutStand, first: Protocol, second: Protocol
) -> None:
    browser, mine, _ = visit(stand, first, UNTOLD[second], second)
    says_goodbye(browser, LEAVE[first](stand, browser, mine))
    assert not is_signed_in(browser)
    stand.tell()
    assert receipt(stand, browser, UNTOLD[second]) is ReceiptState.NO_ADDRESS
