"""What an administrator closed stays closed for tickets, proxies and SOAP, whatever was already under way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from broker.domain.cas import CasClient
from broker.domain.services import Protocol
from broker.domain.standings import InForce, StandingKind
from tests.attacks.test_cas_vectors import posted
from tests.cas_kit.validations import saml_request
from tests.cas_stand import CALLBACK, NOTES, PORTAL, CasStand, open_cas, read_outcome
from tests.oidc_stand import Browser, get_tokens, service


@pytest.fixture
def cas(sqlite_url: str) -> Iterator[CasStand]:
    with open_cas(sqlite_url) as opened:
        yield opened


@pytest.fixture
def browser(cas: CasStand) -> Browser:
    return cas.stand.sign_in()


def close(cas: CasStand, service_id: str) -> None:
    closed = InForce(frozenset({(StandingKind.SERVICE, service_id)}))
    cas.stand.register.value = cas.stand.register.value.standing(closed)


def reopen(cas: CasStand) -> None:
    cas.stand.register.value = cas.stand.register.value.standing(InForce())


def test_a_suspended_service_gets_no_ticket_and_its_ticket_tells_nothing(cas: CasStand, browser: Browser) -> None:
    ticket = cas.ticket(browser)
    close(cas, "notes")
    assert cas.get("/login", browser, service=NOTES).body == b"PRE-3015"
    assert cas.validate(ticket).code == "INVALID_SERVICE"
    reopen(cas)
    assert cas.validate(cas.ticket(browser)).user


def test_a_suspended_service_learns_nothing_by_soap(cas: CasStand, browser: Browser) -> None:
    ticket = cas.ticket(browser)
    close(cas, "notes")
    assert b"NameIdentifier" not in posted(cas, saml_request(ticket))
    reopen(cas)
    assert b"NameIdentifier" in posted(cas, saml_request(cas.ticket(browser)))


def test_a_suspended_proxy_and_a_suspended_target_open_nothing(cas: CasStand, browser: Browser) -> None:
    granting = cas.granting(browser)
    for closed in ("facade", "notes"):
        close(cas, closed)
        assert read_outcome(cas.get("/proxy", pgt=granting, targetService=NOTES)).code
        reopen(cas)
        assert read_outcome(cas.get("/proxy", pgt=granting, targetService=NOTES)).ticket


def test_a_service_that_left_the_register_is_told_nothing(cas: CasStand, browser: Browser) -> None:
    ticket, kept = cas.ticket(browser), cas.stand.register.value
    cas.stand.register.value = type(kept)(each for each in kept.all() if each.service_id != "notes")
    assert cas.validate(ticket).code == "INVALID_SERVICE"
    assert cas.get("/login", browser, service=NOTES).body == b"PRE-3050"


def test_a_proxy_whose_callback_was_taken_out_gets_no_new_standing(cas: CasStand, browser: Browser) -> None:
    ticket, kept = cas.ticket(browser, PORTAL), cas.stand.register.value
    cas.stand.register.value = type(kept)(
        replace(each, cas=CasClient((PORTAL,))) if each.service_id == "facade" else each for each in kept.all()
    )
    assert cas.validate(ticket, PORTAL, pgtUrl=CALLBACK).code == "INVALID_PROXY_CALLBACK"


def test_by_cas_and_by_openid_connect_the_same_person_has_the_same_name(sqlite_url: str) -> None:
    both = service(protocols=(Protocol.OIDC, Protocol.CAS), cas=CasClient((NOTES,)))
    with open_cas(sqlite_url, services=(both,)) as cas:
        browser = cas.stand.sign_in()
        token = get_tokens(cas.stand, browser)["access_token"]
        told = cas.stand.call("GET", "/userinfo", headers={"Authorization": f"Bearer {token}"}).json
        assert cas.validate(cas.ticket(browser)).user == told["sub"]
