"""Addresses, tickets, requests, callbacks and bodies that get nobody in at the CAS server; what each check stops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import pytest

from broker.federation.farewells import SIGN_OUT
from broker.protocol.cas import requests, sign_out, spending
from broker.protocol.cas.login import Login
from broker.protocol.cas.validation import Validation
from broker.services import cas_addresses
from broker.services.cas_addresses import ADDRESS_CHECKS, services_at
from tests.cas_stand import BOOKS, CALLBACK, NOTES, PORTAL, SERVICES, CasStand, open_cas, read_outcome
from tests.oidc_stand import Answer, Browser, run_app
from tests.vectors.cas import (
    BODY_FAULTS,
    CALLBACKS,
    LOGIN_WAYS,
    REQUEST_FAULTS,
    TICKET_FAULTS,
    VALIDATIONS,
    Address,
    addresses,
)

EVERY = addresses()


@pytest.fixture
def cas(sqlite_url: str) -> Iterator[CasStand]:
    with open_cas(sqlite_url) as opened:
        yield opened


@pytest.fixture
def browser(cas: CasStand) -> Browser:
    return cas.stand.sign_in()


def named(cas: CasStand, browser: Browser, url: str, way: str) -> Answer:
    """Name an address to the server in one of the ways there are."""
    if way.startswith("logout"):
        return cas.get("/logout", None, **{way.partition(" ")[2] or "service": url})
    more = {"gateway": {"gateway": "true"}, "method=POST": {"method": "POST"}}.get(way, {})
    return cas.get("/login", browser, **{"TARGET" if way == "TARGET" else "service": url}, **more)


# ---- addresses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", LOGIN_WAYS)
def test_nobody_is_led_to_an_address_of_nobody(cas: CasStand, browser: Browser, way: str) -> None:
    led = {each.id: answer.location for each in EVERY if (answer := named(cas, browser, each.url, way)).location}
    assert {name: place for name, place in led.items() if place != "/au-revoir"} == {}


def test_no_proxy_ticket_goes_to_an_address_of_nobody(cas: CasStand, browser: Browser) -> None:
    granting = cas.granting(browser)
    assert [e.id for e in EVERY if read_outcome(cas.get("/proxy", pgt=granting, targetService=e.url)).ticket] == []


@pytest.mark.parametrize("check", ADDRESS_CHECKS, ids=lambda check: check.__name__)
def test_each_check_of_an_address_stops_what_no_other_does(check: cas_addresses.AddressCheck) -> None:
    others = tuple(each for each in ADDRESS_CHECKS if each is not check)
    mine = [each for each in EVERY if each.check is check]
    assert mine
    for each in mine:
        assert services_at(SERVICES, each.url) == (), each.id
    assert [each.id for each in mine if services_at(SERVICES, each.url, others)], "a check that alone stops nothing"


@pytest.mark.parametrize("each", [each for each in EVERY if each.check is None], ids=lambda each: each.id)
def test_an_address_that_is_not_registered_belongs_to_nobody_without_any_check(each: Address) -> None:
    assert services_at(SERVICES, each.url) == ()


def test_the_same_requests_pass_at_a_registered_address(cas: CasStand, browser: Browser) -> None:
    ways = [way for way in LOGIN_WAYS if way != "method=POST"]
    assert [way for way in ways if not named(cas, browser, NOTES, way).location.startswith(NOTES)] == []


# ---- checks of a login, taken out in turn ---------------------------------------------------------------------------


def without(check: requests.LoginCheck) -> Any:
    def change(owner: Any) -> Any:
        if not isinstance(owner, Login):
            return owner
        return replace(owner, checks=tuple(each for each in owner.checks if each is not check))

    return change


LOGIN_VECTORS = (
    (requests.check_once, f"renew=&renew=&{urlencode({'service': NOTES})}"),
    (requests.check_one_name, urlencode({"service": NOTES, "TARGET": BOOKS})),
)


@pytest.mark.parametrize(("check", "query"), LOGIN_VECTORS, ids=lambda each: getattr(each, "__name__", ""))
def test_each_check_of_a_login_stops_what_no_other_does(
    cas: CasStand, browser: Browser, check: requests.LoginCheck, query: str
) -> None:
    assert not cas.stand.call("GET", f"/cas/login?{query}", browser=browser).location
    weakened = cas.stand.rebuilt(without(check))
    assert "ticket=ST-" in weakened.call("GET", f"/cas/login?{query}", browser=browser).location


# ---- tickets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", VALIDATIONS)
def test_no_spoilt_ticket_validates(cas: CasStand, browser: Browser, path: str) -> None:
    passed = []
    for name, spoil in TICKET_FAULTS.items():
        ticket = cas.ticket(browser)
        if cas.validate(spoil(ticket), at=path).user:
            passed.append(name)
        assert cas.validate(ticket, at=path).user, f"{name} spent the ticket it was made of"
    assert passed == []


@pytest.mark.parametrize("path", VALIDATIONS)
def test_no_spoilt_request_validates_a_ticket(cas: CasStand, browser: Browser, path: str) -> None:
    passed = []
    for name, fault in REQUEST_FAULTS.items():
        ticket = cas.ticket(browser)
        answer = cas.stand.call("GET", f"/cas{path}?{urlencode(fault(NOTES, ticket))}")
        if read_outcome(answer).user:
            passed.append(name)
    assert passed == []


WEAKENED = (
    ("check_verdict", "the service below"),
    ("check_verdict", "another service"),
    ("check_verdict", "renew after single sign-on"),
    ("check_request", "renew twice"),
)


@pytest.mark.parametrize(("check", "fault"), WEAKENED)
def test_each_check_of_a_spent_ticket_stops_what_no_other_does(
    cas: CasStand, browser: Browser, check: str, fault: str
) -> None:
    kept = tuple(each for each in spending.SPENT_CHECKS if each.__name__ != check)

    def change(owner: Any) -> Any:
        if not isinstance(owner, Validation):
            return owner
        return replace(owner, spending=replace(owner.spending, checks=kept))

    query = urlencode(REQUEST_FAULTS[fault](NOTES, cas.ticket(browser)))
    assert read_outcome(cas.stand.call("GET", f"/cas/serviceValidate?{query}")).code
    query = urlencode(REQUEST_FAULTS[fault](NOTES, cas.ticket(browser)))
    assert read_outcome(cas.stand.rebuilt(change).call("GET", f"/cas/serviceValidate?{query}")).user


# ---- callbacks ------------------------------------------------------------------------------------------------------


def test_no_callback_of_nobody_is_called(cas: CasStand, browser: Browser) -> None:
    for callback in CALLBACKS:
        told = cas.validate(cas.ticket(browser, PORTAL), PORTAL, pgtUrl=callback)
        assert (told.code, told.iou) == ("INVALID_PROXY_CALLBACK", ""), callback
    assert cas.callbacks.seen == []


@pytest.mark.parametrize("status", [0, 201, 204, 301, 302, 303, 307, 400, 401, 403, 404, 500, 503])
def test_a_callback_that_does_not_say_200_gets_no_standing(cas: CasStand, browser: Browser, status: int) -> None:
    cas.callbacks.status = status
    told = cas.validate(cas.ticket(browser, PORTAL), PORTAL, pgtUrl=CALLBACK)
    assert told.user
    assert told.iou == ""
    for arrived in cas.callbacks.seen:
        assert read_outcome(cas.get("/proxy", pgt=arrived["pgtId"], targetService=NOTES)).code == "INVALID_TICKET"


# ---- SOAP -----------------------------------------------------------------------------------------------------------


def posted(cas: CasStand, body: bytes, service: str = NOTES) -> bytes:
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/cas/samlValidate", "QUERY_STRING": urlencode({"TARGET": service}),
        "HTTP_HOST": "preau.example", "REMOTE_ADDR": "192.0.2.1", "wsgi.input": BytesIO(body),
        "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "text/xml",
    }  # fmt: skip
    return run_app(cas.stand.door, environ, None).body


def test_no_spoilt_body_validates_a_ticket(cas: CasStand, browser: Browser) -> None:
    accepted = []
    for name, spoil in BODY_FAULTS.items():
        ticket = cas.ticket(browser)
        if b"NameIdentifier" in posted(cas, spoil(ticket).encode()):
            accepted.append(name)
    assert accepted == []


# ---- steps in the wrong order ---------------------------------------------------------------------------------------


def test_a_ticket_of_another_kind_or_service_opens_nothing(cas: CasStand, browser: Browser) -> None:
    granting, proxied = cas.granting(browser), cas.proxied(browser)
    iou = cas.callbacks.seen[-1]["pgtIou"]
    for path in VALIDATIONS:
        for ticket in (granting, iou):
            assert cas.validate(ticket, PORTAL, at=path).code, path
    assert cas.validate(proxied, PORTAL, at="/proxyValidate").code == "INVALID_SERVICE"
    for handle in (iou, cas.ticket(browser), cas.proxied(browser)):
        assert read_outcome(cas.get("/proxy", pgt=handle, targetService=NOTES)).code == "INVALID_TICKET"


def test_nothing_that_was_drawn_before_a_logout_is_good_after_it(cas: CasStand, browser: Browser) -> None:
    ticket, proxied, granting = cas.ticket(browser), cas.proxied(browser), cas.granting(browser)
    cas.get("/logout", browser)
    assert cas.validate(ticket).code == "INVALID_TICKET"
    assert cas.validate(proxied, at="/proxyValidate").code == "INVALID_TICKET"
    assert read_outcome(cas.get("/proxy", pgt=granting, targetService=NOTES)).code == "INVALID_TICKET"


def test_a_family_gets_no_ticket_for_a_service_of_staff(cas: CasStand, browser: Browser) -> None:
    answer = cas.get("/login", browser, service="https://personnels.example/")
    assert (answer.status, answer.body) == (403, b"PRE-3006")
    quiet = cas.get("/login", browser, service="https://personnels.example/", gateway="true")
    assert quiet.location == "https://personnels.example/"


def test_a_proxy_does_not_lead_where_the_person_may_not_go(cas: CasStand, browser: Browser) -> None:
    staff = SERVICES[-1]
    assert staff.cas is not None
    cas.stand.register.value = type(cas.stand.register.value)(
        (*SERVICES[:-1], replace(staff, cas=replace(staff.cas, proxied_by=frozenset({"facade"}))))
    )
    told = read_outcome(cas.get("/proxy", pgt=cas.granting(browser), targetService="https://personnels.example/"))
    assert told.code == "UNAUTHORIZED_SERVICE_PROXY"


NOT_WALKED_TO = {
    "an image": {"Sec-Fetch-Dest": "image"},
    "a frame": {"Sec-Fetch-Dest": "iframe"},
    "a script": {"Sec-Fetch-Dest": "script"},
    "a fetch": {"Sec-Fetch-Dest": "empty"},
    "a page fetched beforehand": {"Sec-Fetch-Dest": "document", "Sec-Purpose": "prefetch"},
    "a page drawn beforehand": {"Sec-Fetch-Dest": "document", "Sec-Purpose": "prefetch;prerender"},
}


@pytest.mark.parametrize("what", NOT_WALKED_TO)
def test_what_a_neighbours_page_only_loads_signs_nobody_out(
    cas: CasStand, browser: Browser, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a sister domain the cookie comes along: only what the browser says of the request tells it from a person's."""
    asked = cas.stand.call("GET", "/cas/logout", browser=browser, headers=NOT_WALKED_TO[what])
    assert asked.location == SIGN_OUT, "whoever meant it is asked"
    assert cas.ticket(browser)
    monkeypatch.setattr(sign_out, "is_walked_to", lambda _: True)
    cas.stand.call("GET", "/cas/logout", browser=browser, headers=NOT_WALKED_TO[what])
    assert not cas.get("/login", browser, service=NOTES).told.get("ticket")


def test_a_person_who_walks_there_is_signed_out_without_a_question(cas: CasStand, browser: Browser) -> None:
    cas.stand.call("GET", "/cas/logout", browser=browser, headers={"Sec-Fetch-Dest": "document"})
    assert not cas.get("/login", browser, service=NOTES).told.get("ticket")
