"""What an administrator closed is closed to SAML too: no assertion leaves, whatever was under way (threat K-10)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from broker.domain.acts import SetStanding
from broker.domain.audit import Action, AuditEvent
from broker.domain.standings import StandingKind, StandingState
from broker.services.register import Register
from broker.storage.sql_standings import SqlStandings
from tests.oidc_stand import UAI, Answer, Browser
from tests.saml_party import Message, Party, logout_message
from tests.saml_stand import SamlStand, assertion_of, index_of, name_of, open_saml, saml_service, status_of

SUSPENDED = b"PRE-3015"


@pytest.fixture
def stand(sqlite_url: str) -> Iterator[SamlStand]:
    declared = Party().declared(idp_initiated=True)
    with open_saml(sqlite_url, services=(saml_service(declared=declared),)) as opened:
        yield opened


def close(stand: SamlStand, kind: StandingKind, subject: str) -> None:
    """Suspend something, and let every process see it."""
    now = stand.oidc.clock()
    event = AuditEvent("ville", now, Action.STANDING_SET, actor="cli:test")
    port = SqlStandings(stand.oidc.engine)
    port.set(SetStanding(kind, subject, StandingState.SUSPENDED, tenant="ville", reason="essai", now=now, audit=event))
    stand.oidc.standings.value = port.in_force()
    stand.oidc.register.value = stand.oidc.register.value.standing(port.in_force())
    stand.oidc.store.drop([])


WAYS: dict[str, Callable[[SamlStand, Browser], Answer]] = {
    "redirect": lambda stand, browser: stand.ask(Message(), browser),
    "post": lambda stand, browser: stand.call("POST", "/saml/sso", form=Message().form(), browser=browser),
    "init": lambda stand, browser: stand.call("GET", "/saml/sso/init?sp=cantine", browser=browser),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_suspended_service_gets_no_assertion_by_any_way(stand: SamlStand, way: str) -> None:
    browser = stand.sign_in()
    kept = stand.call("POST", "/saml/sso", form=Message().form()).location
    close(stand, StandingKind.SERVICE, "cantine")
    assert WAYS[way](stand, browser).body in {SUSPENDED, b"PRE-3021"}
    assert stand.call("GET", kept, browser=browser).body == SUSPENDED


def test_a_suspended_service_ends_no_session(stand: SamlStand) -> None:
    browser = stand.sign_in()
    assertion = assertion_of(stand.ask(Message(), browser))
    close(stand, StandingKind.SERVICE, "cantine")
    message = logout_message(Party(), name_of(assertion), index_of(assertion))
    assert stand.ask(message, browser, key=Party().key).body == SUSPENDED


def test_a_suspended_person_gets_no_assertion(stand: SamlStand) -> None:
    browser = stand.sign_in()
    close(stand, StandingKind.PERSON, stand.oidc.mother)
    assert stand.ask(Message(), browser).location.startswith("/connexion")


def test_a_closed_school_is_in_no_assertion(stand: SamlStand) -> None:
    browser = stand.sign_in()
    close(stand, StandingKind.SCHOOL, UAI)
    assert status_of(stand.ask(Message(), browser)) == ("Responder", "RequestDenied")


def test_a_service_that_left_the_register_is_nobody(stand: SamlStand) -> None:
    stand.oidc.register.value = Register([replace(saml_service(), saml=None)])
    assert stand.ask(Message(), stand.sign_in()).body == b"PRE-3061"
