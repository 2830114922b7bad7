"""Claims asked for by name at the whole provider: never more than the client's scopes, one subject, one `acr`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.oidc_stand import Browser, Stand, authorize_url, basic, get_code, get_tokens, open_stand, redemption


@pytest.fixture
def stand(sqlite_url: str) -> Iterator[Stand]:
    with open_stand(sqlite_url) as opened:
        yield opened


def told(stand: Stand, browser: Browser, **changes: str) -> dict[str, Any]:
    tokens = stand.call("POST", "/token", headers=basic(), form=redemption(get_code(stand, browser, **changes))).json
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    claims: dict[str, Any] = stand.call("GET", "/userinfo", headers=bearer).json
    return claims


def test_a_claim_is_told_without_the_scope_that_would_open_it(stand: Stand) -> None:
    asked = json.dumps({"userinfo": {"given_name": {"essential": True}}})
    assert set(told(stand, stand.sign_in(), scope="openid", claims=asked)) == {"sub", "given_name"}


def test_a_claim_that_no_scope_of_the_client_opens_is_not_told(stand: Stand) -> None:
    asked = json.dumps({"userinfo": {"email": {"essential": True}, "birthdate": None, "ine": None}})
    assert set(told(stand, stand.sign_in(), scope="openid", claims=asked)) == {"sub"}


def subject(value: str) -> str:
    return json.dumps({"id_token": {"sub": {"value": value}}})


@pytest.mark.spec("OIDC Core §5.5.1")
def test_another_subject_than_the_one_meant_must_sign_in_anew(stand: Stand) -> None:
    browser = stand.sign_in()
    bearer = {"Authorization": f"Bearer {get_tokens(stand, browser)['access_token']}"}
    mine = stand.call("GET", "/userinfo", headers=bearer).json["sub"]
    assert "code" in stand.call("GET", authorize_url(claims=subject(mine), prompt="none"), browser=browser).told
    other = stand.call("GET", authorize_url(claims=subject("0" * 32), prompt="none"), browser=browser)
    assert other.told["error"] == "login_required"
    asked = stand.call("GET", authorize_url(claims=subject("0" * 32)), browser=browser)
    assert asked.location.startswith("/connexion?")


def acr(*values: str) -> str:
    return json.dumps({"id_token": {"acr": {"essential": True, "values": values}}})


@pytest.mark.spec("OIDC Core §5.5.1.1")
def test_an_essential_acr_is_met_or_a_login_is_asked_for(stand: Stand) -> None:
    browser = stand.sign_in(acr="low")
    assert "code" in stand.call("GET", authorize_url(claims=acr("low", "high")), browser=browser).told
    assert stand.call("GET", authorize_url(claims=acr("high")), browser=browser).location.startswith("/connexion?")
    silent = stand.call("GET", authorize_url(claims=acr("high"), prompt="none"), browser=browser)
    assert silent.told["error"] == "unmet_authentication_requirements"


def test_a_login_that_does_not_reach_it_ends_there_instead_of_turning_in_a_circle(stand: Stand) -> None:
    browser = stand.sign_in(acr="low")
    asked = stand.call("GET", authorize_url(claims=acr("high")), browser=browser)
    stand.clock.advance(1)
    stand.sign_in(browser=browser, acr="low")
    choices = stand.federation.choices(asked.told["i"], browser=browser.cookies["__Host-preau-browser"], session=None)
    back = stand.call("GET", choices.resume, browser=browser)
    assert back.told["error"] == "unmet_authentication_requirements"
