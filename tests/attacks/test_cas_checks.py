"""The rest of the CAS checks, each taken out in turn: what comes in then, and which sets of them stop it together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from lxml import etree
from sqlalchemy import func, select

from broker.domain.audit import Action
from broker.domain.standings import InForce, StandingKind
from broker.protocol.cas import requests, validation
from broker.protocol.cas.login import Login
from broker.protocol.cas.spending import SPENT_CHECKS, check_verdict
from broker.protocol.cas.validation import REQUEST_CHECKS, Validation
from broker.services.register import Register
from broker.storage.schema import audit_events
from broker.wire.cas_saml import SamlRequest
from tests.attacks.test_cas_vectors import posted
from tests.cas_stand import NOTES, SERVICES, CasStand, open_cas, read_outcome
from tests.oidc_stand import Browser
from tests.vectors.cas import BODY_FAULTS

EVIL = "https://evil.example/"


@pytest.fixture
def cas(sqlite_url: str) -> Iterator[CasStand]:
    with open_cas(sqlite_url) as opened:
        yield opened


@pytest.fixture
def browser(cas: CasStand) -> Browser:
    return cas.stand.sign_in()


def without(*checks: requests.LoginCheck) -> Callable[[Any], Any]:
    """The login without some of its checks."""

    def change(owner: Any) -> Any:
        if not isinstance(owner, Login):
            return owner
        return replace(owner, checks=tuple(each for each in owner.checks if each not in checks))

    return change


def drawn(cas: CasStand) -> int:
    """How many tickets were ever drawn."""
    with cas.stand.engine.connect() as conn:
        issued = audit_events.c.action == Action.TICKET_ISSUED.value
        return conn.execute(select(func.count()).select_from(audit_events).where(issued)).scalar_one()


def led(cas: CasStand, service: str, *checks: requests.LoginCheck) -> str:
    """Where a browser in which nobody is signed in is sent by `gateway`."""
    query = urlencode({"service": service, "gateway": "true"})
    return cas.stand.rebuilt(without(*checks)).call("GET", f"/cas/login?{query}").location


def test_only_its_check_stops_a_way_that_there_is_not_before_a_ticket_is_drawn(cas: CasStand, browser: Browser) -> None:
    target = f"/cas/login?{urlencode({'service': NOTES, 'method': 'PUT'})}"
    assert cas.stand.call("GET", target, browser=browser).status == 400
    assert drawn(cas) == 0
    with suppress(ValueError):
        cas.stand.rebuilt(without(requests.check_method)).call("GET", target, browser=browser)
    assert drawn(cas) == 1


def test_two_checks_stop_an_address_of_nobody_and_either_would_do(cas: CasStand) -> None:
    assert led(cas, EVIL) == ""
    assert led(cas, EVIL, requests.check_registered) == ""
    assert led(cas, EVIL, requests.check_open) == ""
    assert led(cas, EVIL, requests.check_registered, requests.check_open) == EVIL


def test_only_its_check_stops_a_suspended_service(cas: CasStand) -> None:
    assert led(cas, NOTES) == NOTES
    closed = InForce(suspended=frozenset({(StandingKind.SERVICE, "notes")}))
    cas.stand.register.value = Register(SERVICES, in_force=closed)
    assert led(cas, NOTES) == ""
    assert led(cas, NOTES, requests.check_registered) == ""
    assert led(cas, NOTES, requests.check_open) == NOTES


# ---- the parameters of a validation -----------------------------------------------------------------

FAULTY = {
    "repeats": lambda ticket: (("service", NOTES), ("ticket", ticket), ("renew", ""), ("renew", "")),
    "misnames": lambda ticket: (("service", NOTES), ("ticket", ticket), ("format", "YAML")),
}


@pytest.mark.parametrize("name", FAULTY)
def test_each_check_of_the_parameters_stops_what_no_other_does(
    cas: CasStand, browser: Browser, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def validated() -> str:
        query = urlencode(FAULTY[name](cas.ticket(browser)))
        return read_outcome(cas.stand.call("GET", f"/cas/serviceValidate?{query}")).user

    assert not validated()
    kept = tuple(check for check in REQUEST_CHECKS if check.__name__ != name)
    monkeypatch.setattr(validation, "REQUEST_CHECKS", kept)
    assert validated()


def test_two_checks_stop_a_validation_that_names_no_service(
    cas: CasStand, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(owner: Any) -> Any:
        if not isinstance(owner, Validation):
            return owner
        kept = tuple(check for check in SPENT_CHECKS if check is not check_verdict)
        return replace(owner, spending=replace(owner.spending, checks=kept))

    def validated(stand: Any) -> str:
        query = urlencode({"ticket": cas.ticket(browser)})
        return read_outcome(stand.call("GET", f"/cas/serviceValidate?{query}")).user

    weakened = cas.stand.rebuilt(change)
    assert not validated(cas.stand)
    assert not validated(weakened)
    monkeypatch.setattr(validation, "REQUEST_CHECKS", tuple(c for c in REQUEST_CHECKS if c.__name__ != "lacks"))
    assert not validated(cas.stand)
    assert validated(weakened)


# ---- the reader of SOAP -----------------------------------------------------------------------------


def read_loosely(body: bytes) -> SamlRequest:
    """As a reader does that looks for what it wants, wherever it stands."""
    root = etree.fromstring(body, etree.XMLParser(remove_comments=True, no_network=True, resolve_entities=True))
    found = next(root.iter("{*}AssertionArtifact", "{*}AssertionIDReference"))
    return SamlRequest("".join(found.itertext()).strip())


def test_a_reader_that_looks_for_what_it_wants_would_take_spoilt_bodies(
    cas: CasStand, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def accepted() -> set[str]:
        taken = set()
        for name, spoil in BODY_FAULTS.items():
            with suppress(etree.XMLSyntaxError, ValueError, StopIteration):
                if b"NameIdentifier" in posted(cas, spoil(cas.ticket(browser)).encode()):
                    taken.add(name)
        return taken

    assert accepted() == set()
    monkeypatch.setattr(validation, "read_saml_request", read_loosely)
    assert {
        "a comment in the ticket",
        "an entity",
        "two artifacts",
        "no envelope",
        "a part in the artifact",
    } <= accepted()
