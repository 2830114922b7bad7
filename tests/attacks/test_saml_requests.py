"""Hundreds of requests at the identity provider: none gets an assertion, none ends a session it does not name.

The door they fail at is the one that a good request passes, and each check, taken out, lets something in.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from broker.protocol.saml import message_checks
from broker.protocol.saml.slo import SingleLogout, SloChecks
from broker.protocol.saml.slo_checks import LOGOUT_CHECKS, SESSION_CHECKS, is_of_ours
from broker.protocol.saml.sso import SingleSignOn
from broker.protocol.saml.sso_checks import REQUEST_CHECKS, TARGET_CHECKS, check_acs, check_context, check_name_format
from broker.wire.http import SESSION_COOKIE
from tests.builders import NOW
from tests.oidc_stand import Answer, Browser
from tests.saml_party import Message, Party, logout_message
from tests.saml_stand import SamlStand, assertion_of, index_of, name_of, open_saml, posted, saml_service
from tests.vectors.saml_requests import CANTEEN, SIGNS, SamlVector, Sent, slo_vectors, sso_vectors

Change = Callable[[Any], Any]


@pytest.fixture
def stand(sqlite_url: str) -> Iterator[SamlStand]:
    services = (saml_service(), saml_service("bourses", SIGNS.declared(signed=True)))
    with open_saml(sqlite_url, services=services) as opened:
        yield opened


def send(stand: SamlStand, sent: Sent, browser: Browser) -> Answer:
    """Send a request, and the GET after it where it was kept for one."""
    method, target, form = sent
    answer = stand.call(method, target, form=form, browser=browser)
    if answer.status == 303 and "/resume?" in answer.location:
        return stand.call("GET", answer.location, browser=browser)
    return answer


def lets_in(stand: SamlStand, vector: SamlVector, browser: Browser) -> bool:
    answer = send(stand, vector.sent("", ""), browser)
    assert answer.status != 500, vector.id
    if answer.status != 200 or b"SAMLResponse" not in answer.body:
        return False
    return b"Assertion" in base64.b64decode(posted(answer)["SAMLResponse"])


def without(check: object) -> Change:
    """The endpoints without one of their checks."""

    def change(owner: Any) -> Any:
        if not isinstance(owner, SingleSignOn | SingleLogout):
            return owner
        lists = {name: getattr(owner.checks, name) for name in owner.checks.__slots__}
        kept = {name: tuple(each for each in checks if each is not check) for name, checks in lists.items()}
        return replace(owner, checks=replace(owner.checks, **kept))

    return change


def test_a_good_request_comes_in_by_every_way(stand: SamlStand) -> None:
    browser = stand.sign_in()
    for key in (None, CANTEEN.key):
        assert assertion_of(stand.ask(Message(), browser, key=key)) is not None
        kept = stand.call("POST", "/saml/sso", form=Message().form(key=key))
        assert assertion_of(stand.call("GET", kept.location, browser=browser)) is not None


def test_no_faulty_request_gets_an_assertion(stand: SamlStand) -> None:
    browser = stand.sign_in()
    assert [vector.id for vector in sso_vectors() if lets_in(stand, vector, browser)] == []


_ELSEWHERE = frozenset(
    {check_acs, check_name_format, check_context, message_checks.check_service, message_checks.check_current}
)
"""A suspended service is tried in `test_saml_flags`, metadata that ended below. The others are looked at again where
they are used: address and format are looked up, never taken from the request, and a context that nobody knows is
reached by no login."""


@pytest.mark.parametrize("check", [c for c in (*TARGET_CHECKS, *REQUEST_CHECKS) if c not in _ELSEWHERE])
def test_without_one_check_something_gets_in(stand: SamlStand, check: Callable[..., None]) -> None:
    open_door, browser = stand.rebuilt(without(check)), stand.sign_in()
    assert any(lets_in(open_door, vector, browser) for vector in sso_vectors()), check.__name__


def test_a_provider_whose_metadata_ended_gets_nothing_and_would_without_its_check(sqlite_url: str) -> None:
    over = Party().declared(until=NOW, idp_initiated=True)
    with open_saml(sqlite_url, services=(saml_service("cantine", over),)) as stand:
        browser = stand.sign_in()
        assert stand.ask(Message(), browser).body == b"PRE-3061"
        assert stand.call("GET", "/saml/sso/init?sp=cantine", browser=browser).body == b"PRE-3061"
        open_door = stand.rebuilt(without(message_checks.check_current))
        assert assertion_of(open_door.ask(Message(), browser)) is not None


def test_a_provider_whose_metadata_have_not_ended_gets_what_it_asks_for(sqlite_url: str) -> None:
    lasting = Party().declared(until=NOW + timedelta(days=1))
    with open_saml(sqlite_url, services=(saml_service("cantine", lasting),)) as stand:
        assert assertion_of(stand.ask(Message(), stand.sign_in())) is not None


# ---- logout -------------------------------------------------------------------------------------------------------


def ends(stand: SamlStand, vector: SamlVector, victim: Browser, known: tuple[str, str]) -> bool:
    """Whether a request ends the session of a browser, sent by that browser."""
    answer = send(stand, vector.sent(*known), Browser(dict(victim.cookies)))
    assert answer.status != 500, vector.id
    return stand.oidc.federation.session(victim.cookies[SESSION_COOKIE]) is None


def signed_in(stand: SamlStand) -> tuple[Browser, tuple[str, str]]:
    browser = stand.sign_in()
    assertion = assertion_of(stand.ask(Message(), browser))
    return browser, (name_of(assertion), index_of(assertion))


def test_no_faulty_logout_ends_a_session(stand: SamlStand) -> None:
    victim, known = signed_in(stand)
    assert [vector.id for vector in slo_vectors() if ends(stand, vector, victim, known)] == []


@pytest.mark.parametrize(
    "check",
    [
        c
        for c in (*LOGOUT_CHECKS, *SESSION_CHECKS)
        if c not in {is_of_ours, message_checks.check_service, message_checks.check_current}
    ],
)
def test_without_one_check_of_logout_something_ends(stand: SamlStand, check: Callable[..., object]) -> None:
    open_door = stand.rebuilt(without(check))
    victim, known = signed_in(stand)
    assert any(ends(open_door, vector, victim, known) for vector in slo_vectors()), check.__name__


def test_a_provider_whose_metadata_ended_ends_nothing_and_would_without_its_check(sqlite_url: str) -> None:
    """Whoever holds a key that was taken out of use must not end visits with it."""
    over = Party().declared(until=NOW)
    with open_saml(sqlite_url, services=(saml_service("cantine", over),)) as stand:
        victim = stand.sign_in()
        told = assertion_of(stand.rebuilt(without(message_checks.check_current)).ask(Message(), victim))
        known = name_of(told), index_of(told)
        message = logout_message(Party(), *known)
        vector = SamlVector("ended", lambda _n, _i: ("GET", f"/saml/slo?{message.redirect(key=CANTEEN.key)}", None))
        assert not ends(stand, vector, victim, known)
        assert ends(stand.rebuilt(without(message_checks.check_current)), vector, victim, known)


@pytest.mark.parametrize(("bearers", "meant"), [(("a", "b"), 0), (("a", "a"), 2)])
def test_a_name_that_several_bear_ends_nobody_without_an_index(bearers: tuple[str, ...], meant: int) -> None:
    """A service may know people by their school: its sign-out of one must not be everybody's."""
    told = tuple(SimpleNamespace(person_id=person_id) for person_id in bearers)
    nothing, logins = SimpleNamespace(), SimpleNamespace(sessions_of=lambda *_: told)
    door: Any = SingleLogout(  # type: ignore[arg-type]
        nothing, nothing, logins, nothing, nothing, nothing, nothing, SloChecks(session=())
    )  # fmt: skip
    asked = SimpleNamespace(
        received=SimpleNamespace(provider=SimpleNamespace(client_id="saml:cantine")),
        request=SimpleNamespace(name_id=SimpleNamespace(value="0990002Y"), session_indexes=()),
    )
    assert len(door._meant(asked, None)) == meant


def test_a_name_of_another_provider_ends_nothing_and_would_without_its_check(stand: SamlStand) -> None:
    victim, (name, index) = signed_in(stand)
    children = f'<saml:NameID SPNameQualifier="{SIGNS.entity_id}">{name}</saml:NameID>'
    message = replace(
        logout_message(Party(), name, index), children=f"{children}<samlp:SessionIndex>{index}</samlp:SessionIndex>"
    )
    vector = SamlVector("another's", lambda _n, _i: ("GET", f"/saml/slo?{message.redirect(key=CANTEEN.key)}", None))
    assert not ends(stand, vector, victim, (name, index))
    assert ends(stand.rebuilt(without(is_of_ours)), vector, victim, (name, index))
