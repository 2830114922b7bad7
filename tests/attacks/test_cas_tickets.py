"""What an administrator closed stays closed for tickets, proxies and SOAP, whatever was already under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from broker.domain.cas import CasClient
from broker.domain.people import Profil
from broker.domain.services import Protocol, Service
from broker.domain.standings import InForce, StandingKind
from broker.protocol.cas import proxies, spending
from tests.attacks.test_cas_vectors import posted
from tests.cas_kit.validations import saml_request
from tests.cas_stand import CALLBACK, NOTES, PORTAL, CasStand, cas_service, open_cas, read_outcome
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


# ---- a right to be a proxy that ended --------------------------------------------------------------------------------

RELAY, RELAY_CALLBACK = "https://relais.example/", "https://relais.example/pgt"
LET_IN = {"facade": frozenset[str](), "relais": frozenset({"facade"}), "notes": frozenset({"facade", "relais"})}
CHAIN = (
    cas_service("facade", CasClient((PORTAL,), proxy_callbacks=(CALLBACK,))),
    cas_service("relais", CasClient((RELAY,), proxy_callbacks=(RELAY_CALLBACK,), proxied_by=LET_IN["relais"])),
    cas_service("notes", CasClient((NOTES,), proxied_by=LET_IN["notes"])),
)
"""Notes are reached from the façade, straight or by way of the relay."""


@pytest.fixture
def chain(sqlite_url: str) -> Iterator[CasStand]:
    with open_cas(sqlite_url, services=CHAIN) as opened:
        yield opened


def changed(cas: CasStand, service_id: str, change: Callable[[Service], Service]) -> None:
    kept = cas.stand.register.value
    cas.stand.register.value = type(kept)(
        change(each) if each.service_id == service_id else each for each in kept.all()
    )


def by_cas(**changes: Any) -> Callable[[Service], Service]:
    def change(service: Service) -> Service:
        assert service.cas is not None
        return replace(service, cas=replace(service.cas, **changes))

    return change


def relayed(cas: CasStand, browser: Browser) -> str:
    """A proxy-granting ticket of the relay, which the façade came to in the person's name."""
    ticket = cas.proxied(browser, RELAY)
    assert cas.validate(ticket, RELAY, at="/proxyValidate", pgtUrl=RELAY_CALLBACK).proxies == (CALLBACK,)
    return cas.callbacks.seen[-1]["pgtId"]


def let_in_no_more(cas: CasStand) -> None:
    for each in ("notes", "relais"):
        changed(cas, each, by_cas(proxied_by=LET_IN[each] - {"facade"}))


def keep_out(cas: CasStand) -> None:
    """The façade is for pupils from now on, and the mother may enter it no longer."""
    changed(cas, "facade", lambda each: replace(each, profils=frozenset({Profil.ELEVE})))


ENDS: dict[str, Callable[[CasStand], None]] = {
    "the façade is suspended": lambda cas: close(cas, "facade"),
    "the façade has left": lambda cas: changed(cas, "facade", lambda each: replace(each, cas=None)),
    "its callback was taken out": lambda cas: changed(cas, "facade", by_cas(proxy_callbacks=())),
    "nobody lets it in any more": let_in_no_more,
}


@pytest.mark.parametrize("way", ["straight", "relayed"])
@pytest.mark.parametrize("end", [*ENDS, "the person may not enter it any more"])
def test_a_granting_ticket_outlives_no_right_that_it_came_of(chain: CasStand, end: str, way: str) -> None:
    browser = chain.stand.sign_in()
    granting = chain.granting(browser) if way == "straight" else relayed(chain, browser)
    assert read_outcome(chain.get("/proxy", pgt=granting, targetService=NOTES)).ticket
    ENDS.get(end, keep_out)(chain)
    refused = read_outcome(chain.get("/proxy", pgt=granting, targetService=NOTES))
    assert refused.code in {"UNAUTHORIZED_SERVICE_PROXY", "INVALID_TICKET"}


def test_without_these_checks_it_would(chain: CasStand, monkeypatch: pytest.MonkeyPatch) -> None:
    granting = relayed(chain, chain.stand.sign_in())
    keep_out(chain)
    monkeypatch.setattr(proxies.Proxies, "_check_person", lambda *_, **__: None)
    assert read_outcome(chain.get("/proxy", pgt=granting, targetService=NOTES)).ticket
    ENDS["its callback was taken out"](chain)
    assert read_outcome(chain.get("/proxy", pgt=granting, targetService=NOTES)).code == "UNAUTHORIZED_SERVICE_PROXY"
    monkeypatch.setattr(proxies, "way_through", lambda known, *_: (known[0],))
    assert read_outcome(chain.get("/proxy", pgt=granting, targetService=NOTES)).ticket


@pytest.mark.parametrize("end", ENDS)
def test_a_proxy_ticket_tells_nothing_once_the_right_it_came_of_has_ended(
    chain: CasStand, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = chain.stand.sign_in()
    tickets = [chain.proxied(browser), chain.proxied(browser)]
    ENDS[end](chain)
    told = chain.validate(tickets[0], at="/proxyValidate")
    assert (told.code, told.user) == ("UNAUTHORIZED_SERVICE_PROXY", "")
    monkeypatch.setattr(spending, "way_through", lambda *_: CHAIN)
    assert chain.validate(tickets[1], at="/proxyValidate").user


def test_by_cas_and_by_openid_connect_the_same_person_has_the_same_name(sqlite_url: str) -> None:
    both = service(protocols=(Protocol.OIDC, Protocol.CAS), cas=CasClient((NOTES,)))
    with open_cas(sqlite_url, services=(both,)) as cas:
        browser = cas.stand.sign_in()
        token = get_tokens(cas.stand, browser)["access_token"]
        told = cas.stand.call("GET", "/userinfo", headers={"Authorization": f"Bearer {token}"}).json
        assert cas.validate(cas.ticket(browser)).user == told["sub"]
