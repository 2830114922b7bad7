"""CAS from the click to the answer: tickets, the four ways to validate them, proxies, logout."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.cas_stand import BOOKS, CALLBACK, NOTES, PORTAL, CasStand, open_cas, read_outcome
from tests.no_programs import forbid_programs
from tests.oidc_stand import Browser


@pytest.fixture
def cas(sqlite_url: str) -> Iterator[CasStand]:
    with open_cas(sqlite_url) as opened:
        yield opened


@pytest.fixture
def browser(cas: CasStand) -> Browser:
    return cas.stand.sign_in()


def test_a_ticket_tells_who_came_once(cas: CasStand, browser: Browser) -> None:
    ticket = cas.ticket(browser, f"{NOTES}eleves?classe=6B")
    told = cas.validate(ticket, f"{NOTES}eleves?classe=6B")
    assert told.user
    assert dict(told.attributes)["isFromNewLogin"] == "false"
    assert cas.validate(ticket, f"{NOTES}eleves?classe=6B").code == "INVALID_TICKET"


def test_the_same_person_has_the_same_name_by_every_way(cas: CasStand, browser: Browser) -> None:
    ways = ("/validate", "/serviceValidate", "/proxyValidate", "/p3/serviceValidate", "/p3/proxyValidate")
    found = {cas.validate(cas.ticket(browser), at=way).user for way in ways}
    found.add(cas.validate(cas.ticket(browser), format="JSON").user)
    assert len(found) == 1
    assert "" not in found


def test_a_ticket_for_another_address_is_spent_and_good_for_nothing(cas: CasStand, browser: Browser) -> None:
    ticket = cas.ticket(browser)
    assert cas.validate(ticket, BOOKS).code == "INVALID_SERVICE"
    assert cas.validate(ticket).code == "INVALID_TICKET"


def test_a_ticket_is_over_after_ten_seconds(cas: CasStand, browser: Browser) -> None:
    ticket = cas.ticket(browser)
    cas.stand.clock.advance(timedelta(seconds=10))
    assert cas.validate(ticket).code == "INVALID_TICKET"


def test_a_proxy_comes_in_a_persons_name_where_it_is_let_in(cas: CasStand, browser: Browser) -> None:
    told = cas.validate(cas.proxied(browser), at="/p3/proxyValidate")
    assert told.user
    assert told.proxies == (CALLBACK,)
    assert cas.validate(cas.proxied(browser)).code == "INVALID_TICKET_SPEC"
    refused = read_outcome(cas.get("/proxy", pgt=cas.granting(browser), targetService=BOOKS))
    assert refused.code == "UNAUTHORIZED_SERVICE_PROXY"


def test_a_proxy_granting_ticket_ends_with_the_session(cas: CasStand, browser: Browser) -> None:
    granting = cas.granting(browser)
    assert cas.get("/logout", browser).location == "/au-revoir"
    assert read_outcome(cas.get("/proxy", pgt=granting, targetService=NOTES)).code == "INVALID_TICKET"


def test_without_a_session_gateway_comes_back_without_a_ticket(cas: CasStand) -> None:
    assert cas.get("/login", service=NOTES, gateway="true").location == NOTES
    assert cas.get("/login", service=NOTES).location.startswith("/connexion")
    assert cas.get("/login", service=NOTES, gateway="true", renew="true").location.startswith("/connexion")


def test_the_facade_takes_a_ticket_by_post_and_by_header(cas: CasStand, browser: Browser) -> None:
    answer = cas.get("/login", browser, service=PORTAL, method="HEADER")
    assert cas.validate(answer.headers["ticket"], PORTAL).user


def test_no_other_program_is_run_for_a_ticket(cas: CasStand, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_programs(monkeypatch)
    assert cas.validate(cas.ticket(browser, NOTES), NOTES).user
