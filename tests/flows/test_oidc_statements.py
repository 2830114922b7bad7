"""How often the hot endpoints ask PostgreSQL, on their success path: each question is a round trip."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from broker.domain.sessions import Device
from tests.contract.statements import statements
from tests.fapi import FapiClient, fapi_stand
from tests.oidc_stand import (
    SERVICES,
    Browser,
    Stand,
    authorize_url,
    basic,
    get_code,
    get_tokens,
    open_stand,
    redemption,
    service,
)

pytestmark = pytest.mark.services

SCOPE = "openid profile school children offline_access"


@pytest.fixture
def stand(postgres_url: str) -> Iterator[Stand]:
    offline = service(more_scopes=("offline_access", "email", "directory"))
    with open_stand(postgres_url, services=(offline, *SERVICES[1:])) as opened:
        yield opened


def bearer(stand: Stand, **changes: str) -> dict[str, str]:
    code = get_code(stand, stand.sign_in(device=Device.OWN), **changes)
    token = stand.call("POST", "/token", headers=basic(), form=redemption(code)).json["access_token"]
    return {"Authorization": f"Bearer {token}"}


def known_here(stand: Stand) -> Browser:
    """The browser of a person who was here a moment ago, on her own device."""
    browser = stand.sign_in(device=Device.OWN)
    get_tokens(stand, browser)
    stand.call("GET", authorize_url(), browser=browser)
    return browser


def test_a_redemption_is_one_statement(stand: Stand) -> None:
    """After the first of the day, whose line in the ledger is remembered."""
    code = get_code(stand, known_here(stand))
    with statements(stand.engine) as sent:
        assert stand.call("POST", "/token", headers=basic(), form=redemption(code)).status == 200
    assert len(sent) == 1
    assert sent[0][0].lstrip().startswith("WITH")


def test_an_authorization_of_a_person_known_here_is_one_statement(stand: Stand) -> None:
    """The session comes from its copy, the person from the last portrait, and the act holds only while both do."""
    browser = known_here(stand)
    with statements(stand.engine) as sent:
        assert "code" in stand.call("GET", authorize_url(), browser=browser).told
    assert len(sent) == 1
    assert sent[0][0].lstrip().startswith("WITH")


def test_an_authorization_of_a_person_whose_portrait_is_old_is_one_read_more(stand: Stand) -> None:
    """A quarter of an hour later: the session, the portrait, the act."""
    browser = known_here(stand)
    stand.clock.advance(900)
    stand.call("GET", "/authorize", browser=browser)
    stand.signer.ring()
    with statements(stand.engine) as sent:
        assert "code" in stand.call("GET", authorize_url(), browser=browser).told
    assert len(sent) == 2


def test_a_refresh_is_one_statement_also_of_a_person_unknown_here(stand: Stand) -> None:
    code = get_code(stand, stand.sign_in(device=Device.OWN), scope=SCOPE)
    token = stand.call("POST", "/token", headers=basic(), form=redemption(code)).json["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token}
    with statements(stand.engine) as sent:
        assert stand.call("POST", "/token", headers=basic(), form=form).status == 200
    assert len(sent) == 1
    assert sent[0][0].lstrip().startswith("WITH")


@pytest.mark.parametrize("scope", ["openid profile", SCOPE, f"{SCOPE} email directory"])
def test_userinfo_is_one_statement_whatever_is_told(stand: Stand, scope: str) -> None:
    """After the first of the day: then the children have their subjects and the ledger its line."""
    told = bearer(stand, scope=scope)
    first = stand.call("GET", "/userinfo", headers=told)
    with statements(stand.engine) as sent:
        answer = stand.call("GET", "/userinfo", headers=told)
    assert (answer.status, answer.json) == (200, first.json)
    assert len(sent) == 1


def test_introspection_is_one_statement(stand: Stand) -> None:
    token = bearer(stand)["Authorization"].removeprefix("Bearer ")
    with statements(stand.engine) as sent:
        assert stand.call("POST", "/introspect", headers=basic(), form={"token": token}).json["active"] is True
    assert len(sent) == 1


def test_the_first_release_of_a_day_is_one_line_more(stand: Stand) -> None:
    code = get_code(stand, stand.sign_in())
    with statements(stand.engine) as sent:
        assert stand.call("POST", "/token", headers=basic(), form=redemption(code)).status == 200
    assert len(sent) == 2
    assert sent[1][0].startswith("INSERT INTO releases")


def test_a_client_of_high_assurance_costs_one_statement_more_for_its_assertion(postgres_url: str) -> None:
    with fapi_stand(postgres_url) as stand:
        client = FapiClient(stand)
        client.redeem(client.code())
        browser = stand.sign_in()
        client.authorize(browser)
        with statements(stand.engine) as pushing:
            uri = client.uri()
        with statements(stand.engine) as asking:
            code = client.authorize(browser, uri).told["code"]
        with statements(stand.engine) as redeeming:
            assert client.redeem(code).status == 200
    assert [len(sent) for sent in (pushing, asking, redeeming)] == [1, 1, 2]


def test_public_documents_ask_nothing(stand: Stand) -> None:
    with statements(stand.engine) as sent:
        stand.call("GET", "/.well-known/openid-configuration")
        stand.call("GET", "/jwks")
    assert sent == []
