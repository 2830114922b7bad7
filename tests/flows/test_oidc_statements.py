"""How often the hot endpoints ask PostgreSQL, on their success path: each question is a round trip."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event

from tests.fapi import FapiClient, fapi_stand
from tests.oidc_stand import Stand, authorize_url, basic, get_code, get_tokens, open_stand, redemption

pytestmark = pytest.mark.services


@pytest.fixture
def stand(postgres_url: str) -> Iterator[Stand]:
    with open_stand(postgres_url) as opened:
        yield opened


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """Statements sent to the database meanwhile."""
    sent: list[str] = []

    def note(*details: object) -> None:
        sent.append(str(details[2]))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_a_redemption_is_one_statement(stand: Stand) -> None:
    """After the first of the day, whose line in the ledger is remembered."""
    get_tokens(stand, stand.sign_in())
    code = get_code(stand, stand.sign_in())
    with counted(stand.engine) as sent:
        assert stand.call("POST", "/token", headers=basic(), form=redemption(code)).status == 200
    assert len(sent) == 1
    assert sent[0].lstrip().startswith("WITH")


def test_an_authorization_with_a_session_known_here_is_three_reads_and_one_act(stand: Stand) -> None:
    """Person, children, subject; then the code. The session comes from its copy."""
    browser = stand.sign_in()
    stand.call("GET", authorize_url(), browser=browser)
    with counted(stand.engine) as sent:
        assert "code" in stand.call("GET", authorize_url(), browser=browser).told
    assert len(sent) == 4


def test_userinfo_asks_for_the_person_the_children_and_a_subject_each(stand: Stand) -> None:
    code = get_code(stand, stand.sign_in())
    token = stand.call("POST", "/token", headers=basic(), form=redemption(code)).json["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    with counted(stand.engine) as sent:
        assert stand.call("GET", "/userinfo", headers=bearer).status == 200
    first = len(sent)
    with counted(stand.engine) as sent:
        assert stand.call("GET", "/userinfo", headers=bearer).status == 200
    assert len(sent) == 2 + len(stand.children)
    assert first > len(sent)
    assert not any("releases" in statement for statement in sent)


def test_the_first_release_of_a_day_is_one_line_more(stand: Stand) -> None:
    code = get_code(stand, stand.sign_in())
    with counted(stand.engine) as sent:
        assert stand.call("POST", "/token", headers=basic(), form=redemption(code)).status == 200
    assert len(sent) == 2
    assert sent[1].startswith("INSERT INTO releases")


def test_a_client_of_high_assurance_costs_one_statement_more_for_its_assertion(postgres_url: str) -> None:
    with fapi_stand(postgres_url) as stand:
        client = FapiClient(stand)
        client.redeem(client.code())
        browser = stand.sign_in()
        client.authorize(browser)
        with counted(stand.engine) as pushing:
            uri = client.uri()
        with counted(stand.engine) as asking:
            code = client.authorize(browser, uri).told["code"]
        with counted(stand.engine) as redeeming:
            assert client.redeem(code).status == 200
    assert [len(sent) for sent in (pushing, asking, redeeming)] == [1, 4, 2]


def test_public_documents_ask_nothing(stand: Stand) -> None:
    with counted(stand.engine) as sent:
        stand.call("GET", "/.well-known/openid-configuration")
        stand.call("GET", "/jwks")
    assert sent == []
