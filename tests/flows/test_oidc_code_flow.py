"""The code flow from the first click to the claims, over the door, with real storage (OIDC Core §3.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import update

from broker.domain.errors import UnknownClient
from broker.protocol.oidc.authorize import Authorize
from broker.storage.schema import records
from broker.wire.http import BROWSER_COOKIE, SESSION_COOKIE
from tests import builders, second_opinion
from tests.oidc_stand import (
    ISSUER,
    REDIRECT,
    SECRET,
    UAI,
    Browser,
    Stand,
    authorization,
    authorize_url,
    basic,
    get_code,
    get_tokens,
    open_stand,
    redemption,
)


@pytest.fixture
def stand(sqlite_url: str) -> Iterator[Stand]:
    with open_stand(sqlite_url) as opened:
        yield opened


def userinfo(stand: Stand, access_token: str) -> dict[str, object]:
    answer = stand.call("GET", "/userinfo", headers={"Authorization": f"Bearer {access_token}"})
    assert answer.status == 200, answer.body
    claims: dict[str, object] = answer.json
    return claims


def read_id_token(stand: Stand, id_token: str, access_token: str, audience: str = "cantine") -> dict[str, object]:
    """Verify with another library than the one that signed; the stand's clock is not the machine's."""
    keys = stand.call("GET", "/jwks").json
    return second_opinion.read(
        id_token, keys, audience=audience, issuer=ISSUER, access_token=access_token,
        options={"verify_exp": False},
    )  # fmt: skip


@pytest.mark.spec("OIDC Core §3.1.2.5")
def test_a_signed_in_mother_gets_a_code_at_the_service_with_its_state_and_our_name(stand: Stand) -> None:
    answer = stand.call("GET", authorize_url(), browser=stand.sign_in())
    assert answer.status == 303
    assert answer.location.startswith(REDIRECT + "?")
    assert answer.told["state"] == "etat-1"
    assert answer.told["iss"] == ISSUER
    assert answer.told["code"].startswith("pco_")
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.spec("OIDC Core §3.1.3.3")
def test_a_code_is_redeemed_for_an_id_token_and_an_opaque_access_token(stand: Stand) -> None:
    browser = stand.sign_in(amr=("pwd", "otp", "origin:ECT"))
    answer = stand.call("POST", "/token", headers=basic(), form=redemption(get_code(stand, browser)))
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    tokens = answer.json
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 300
    claims = read_id_token(stand, tokens["id_token"], tokens["access_token"])
    now = int(stand.clock().timestamp())
    assert claims["nonce"] == "nonce-1"
    assert (claims["iat"], claims["exp"], claims["auth_time"]) == (now, now + 300, now)
    assert (claims["acr"], claims["amr"], claims["aud"]) == ("low", ["pwd", "otp"], "cantine")
    assert "name" not in claims


@pytest.mark.spec("OIDC Back-Channel Logout §2.1")
def test_two_services_of_one_session_cannot_put_their_session_ids_side_by_side(stand: Stand) -> None:
    browser = stand.sign_in()
    sids = []
    for client_id, auth in (("cantine", basic()), ("bourses", {})):
        code = get_code(stand, browser, client_id)
        secret = {} if auth else {"client_id": client_id, "client_secret": SECRET}
        form = redemption(code, redirect_uri=f"https://{client_id}.example/retour", **secret)
        tokens = stand.call("POST", "/token", headers=auth, form=form).json
        sids.append(read_id_token(stand, tokens["id_token"], tokens["access_token"], client_id)["sid"])
    assert sids[0] != sids[1]
    assert not any("sid_" in str(sid) for sid in sids)


def test_userinfo_tells_the_declared_claims_and_the_same_sub(stand: Stand) -> None:
    tokens = get_tokens(stand, stand.sign_in())
    told = userinfo(stand, tokens["access_token"])
    assert told["sub"] == read_id_token(stand, tokens["id_token"], tokens["access_token"])["sub"]
    assert told["given_name"] == "Dominique"
    assert told["profil"] == ["National_TUT"]
    assert told["uai"] == [UAI]
    assert isinstance(told["children"], list)
    for child in told["children"]:
        assert set(child) == {"sub", "uai", "level", "class", "rights"}
        assert (child["uai"], child["level"], child["class"], child["rights"]) == (UAI, "college", "6A", ["see", "act"])
    assert len({child["sub"] for child in told["children"]}) == 2


def test_the_answer_about_children_holds_no_name(stand: Stand) -> None:
    tokens = get_tokens(stand, stand.sign_in())
    answer = stand.call("GET", "/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert "Léa" not in answer.body.decode()
    assert "Tom" not in answer.body.decode()


@pytest.mark.spec("OIDC Core §5.1")
def test_scopes_open_only_their_claims(stand: Stand) -> None:
    browser = stand.sign_in()
    code = get_code(stand, browser, scope="openid")
    tokens = stand.call("POST", "/token", headers=basic(), form=redemption(code)).json
    assert set(userinfo(stand, tokens["access_token"])) == {"sub"}


@pytest.mark.spec("OIDC Core §8.1")
def test_the_sub_is_the_same_at_two_visits_and_another_at_each_service(stand: Stand) -> None:
    first = get_tokens(stand, stand.sign_in())
    second = get_tokens(stand, stand.sign_in())
    elsewhere = stand.call(
        "POST",
        "/token",
        form=redemption(
            get_code(stand, stand.sign_in(), "bourses"), redirect_uri="https://bourses.example/retour",
            client_id="bourses", client_secret=SECRET,
        ),
    ).json  # fmt: skip
    here = [userinfo(stand, tokens["access_token"]) for tokens in (first, second)]
    there = userinfo(stand, elsewhere["access_token"])
    assert here[0] == here[1]
    assert there["sub"] != here[0]["sub"]
    assert not {str(child["sub"]) for child in here[0]["children"]} & {str(c["sub"]) for c in there["children"]}  # type: ignore[attr-defined]


def test_a_service_that_serves_no_school_of_the_children_is_refused_at_the_service(stand: Stand) -> None:
    answer = stand.call("GET", authorize_url("lycee"), browser=stand.sign_in())
    assert answer.location.startswith("https://lycee.example/retour?")
    assert answer.told == {"error": "access_denied", "state": "etat-1", "iss": ISSUER}


@pytest.mark.spec("OIDC Core §3.1.2.3")
def test_without_a_session_the_browser_is_sent_to_sign_in_and_the_request_waits(stand: Stand) -> None:
    browser = Browser()
    asked = stand.call("GET", authorize_url(), browser=browser)
    assert asked.location.startswith("/connexion?i=pin_")
    interaction = asked.told["i"]
    resume = stand.federation.choices(interaction, browser=browser.cookies[BROWSER_COOKIE]).resume
    stand.clock.advance(30)
    answer = stand.call("GET", resume, browser=stand.sign_in(browser=browser))
    assert answer.told["state"] == "etat-1"
    assert "code" in answer.told
    assert stand.call("GET", resume, browser=browser).body == b"PRE-2001"


def test_a_waiting_request_is_taken_up_in_its_own_browser_only(stand: Stand) -> None:
    browser, other = Browser(), Browser()
    asked = stand.call("GET", authorize_url(), browser=browser)
    resume = stand.federation.choices(asked.told["i"], browser=browser.cookies[BROWSER_COOKIE]).resume
    stand.call("GET", authorize_url(), browser=other)
    assert stand.call("GET", resume, browser=stand.sign_in(browser=other)).body == b"PRE-2001"
    assert "code" in stand.call("GET", resume, browser=stand.sign_in(browser=browser)).told


@pytest.mark.spec("OIDC Core §3.1.2.1")
def test_a_posted_request_is_kept_a_minute_and_answered_to_the_get_that_follows(stand: Stand) -> None:
    posted = stand.call("POST", "/authorize", form=authorization())
    assert posted.status == 303
    assert posted.location.startswith("/authorize/resume?i=prq_")
    assert "code" in stand.call("GET", posted.location, browser=stand.sign_in()).told
    late = stand.call("POST", "/authorize", form=authorization()).location
    stand.clock.advance(61)
    assert stand.call("GET", late, browser=stand.sign_in()).body == b"PRE-2001"


def test_a_cross_site_post_never_reads_the_session(stand: Stand) -> None:
    route = next(route for route in stand.routes if (route.method, route.path) == ("POST", "/authorize"))
    assert not route.reads_session


@pytest.mark.spec("OIDC Core §3.1.2.6")
def test_prompt_none_never_shows_a_page(stand: Stand) -> None:
    answer = stand.call("GET", authorize_url(prompt="none"))
    assert answer.told == {"error": "login_required", "state": "etat-1", "iss": ISSUER}
    assert "code" in stand.call("GET", authorize_url(prompt="none"), browser=stand.sign_in()).told


@pytest.mark.spec("OIDC Core §3.1.2.1")
@pytest.mark.parametrize("ask", [{"prompt": "login"}, {"prompt": "select_account"}, {"max_age": "60"}])
def test_a_login_that_is_not_fresh_enough_is_made_anew(stand: Stand, ask: dict[str, str]) -> None:
    browser = stand.sign_in()
    stand.clock.advance(120)
    asked = stand.call("GET", authorize_url(**ask), browser=browser)
    assert asked.location.startswith("/connexion?i=")
    resume = stand.federation.choices(asked.told["i"], browser=browser.cookies[BROWSER_COOKIE]).resume
    stand.clock.advance(90)
    fresh = stand.call("GET", resume, browser=stand.sign_in(browser=browser))
    tokens = stand.call("POST", "/token", headers=basic(), form=redemption(fresh.told["code"])).json
    claims = read_id_token(stand, tokens["id_token"], tokens["access_token"])
    assert claims["auth_time"] == int(stand.clock().timestamp())


def test_a_young_login_satisfies_max_age(stand: Stand) -> None:
    browser = stand.sign_in()
    stand.clock.advance(30)
    assert "code" in stand.call("GET", authorize_url(max_age="10000"), browser=browser).told


@pytest.mark.spec("OIDC Core §3.1.2.2")
def test_a_hint_of_the_same_person_is_answered_and_of_another_is_not(stand: Stand) -> None:
    browser = stand.sign_in()
    hint = get_tokens(stand, browser)["id_token"]
    stand.clock.advance(timedelta(minutes=6))
    same = stand.call("GET", authorize_url(prompt="none", id_token_hint=hint), browser=browser)
    assert "code" in same.told
    stranger, _ = builders.add_family(stand.engine, uai="0990002B", children=("Zoé",))
    other = stand.sign_in(stranger)
    refused = stand.call("GET", authorize_url(prompt="none", id_token_hint=hint), browser=other)
    assert refused.told["error"] == "login_required"
    forged = hint[:-8] + "AAAAAAAA"
    refused = stand.call("GET", authorize_url(prompt="none", id_token_hint=forged), browser=browser)
    assert refused.told["error"] == "login_required"
    asked = stand.call("GET", authorize_url(id_token_hint=hint), browser=other)
    login = stand.federation.interaction(asked.told["i"], browser=other.cookies[BROWSER_COOKIE])
    assert login.request.prompt == {"login"}


def test_a_right_withdrawn_falls_with_the_next_call(stand: Stand) -> None:
    tokens = get_tokens(stand, stand.sign_in())
    assert len(userinfo(stand, tokens["access_token"])["children"]) == 2  # type: ignore[arg-type]
    builders.add_restriction(stand.engine, f"99-2d:G{UAI}", f"99-2d:E{UAI}0")
    assert len(userinfo(stand, tokens["access_token"])["children"]) == 1  # type: ignore[arg-type]


def test_an_access_token_ends_with_its_five_minutes_and_with_its_session(stand: Stand) -> None:
    browser = stand.sign_in()
    tokens = get_tokens(stand, browser)
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert stand.call("POST", "/userinfo", headers=bearer).status == 200
    stand.federation.sign_out(browser.cookies[SESSION_COOKIE], trace="t1")
    stand.clock.advance(30)
    refused = stand.call("GET", "/userinfo", headers=bearer)
    assert (refused.status, refused.json["error"]) == (401, "invalid_token")
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    late = get_tokens(stand, stand.sign_in())
    stand.clock.advance(300)
    assert stand.call("GET", "/userinfo", headers={"Authorization": f"Bearer {late['access_token']}"}).status == 401


@pytest.mark.spec("RFC 6750 §2.3")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_token_in_the_address_is_not_looked_at(stand: Stand, method: str) -> None:
    token = get_tokens(stand, stand.sign_in())["access_token"]
    refused = stand.call(method, "/userinfo?" + urlencode({"access_token": token}))
    assert (refused.status, refused.headers["www-authenticate"]) == (401, 'Bearer realm="preau"')


@pytest.mark.spec("RFC 6750 §2.2")
def test_a_token_in_a_form_is_looked_at_when_it_comes_alone_and_once(stand: Stand) -> None:
    token = get_tokens(stand, stand.sign_in())["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert stand.call("POST", "/userinfo", form={"access_token": token}).json["sub"]
    twice = stand.call("POST", "/userinfo", form=f"access_token={token}&access_token={token}")
    assert (twice.status, twice.headers["www-authenticate"]) == (401, 'Bearer realm="preau"')
    both = stand.call("POST", "/userinfo", form={"access_token": token}, headers=bearer)
    assert (both.status, both.json["error"]) == (400, "invalid_request")
    as_json = {"Content-Type": "application/json"}
    assert stand.call("POST", "/userinfo", form={"access_token": token}, headers=as_json).status == 401
    assert stand.call("GET", "/userinfo", form={"access_token": token}).status == 401


@pytest.mark.spec("OIDC Discovery §3")
def test_discovery_names_every_endpoint_and_nothing_that_does_not_exist(stand: Stand) -> None:
    answer = stand.call("GET", "/.well-known/openid-configuration")
    document = answer.json
    assert document["issuer"] == ISSUER
    routes = {route.path for route in stand.routes}
    endpoints = {document[name].removeprefix(ISSUER) for name in document if name.endswith(("_endpoint", "_uri"))}
    assert endpoints <= routes
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["response_types_supported"] == ["code"]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert answer.headers["access-control-allow-origin"] == "*"
    assert stand.call("GET", "/jwks").headers["access-control-allow-origin"] == "*"


def test_a_person_whose_last_record_is_gone_is_refused_and_told_of_no_more(stand: Stand) -> None:
    browser = stand.sign_in()
    tokens = get_tokens(stand, browser)
    with stand.engine.begin() as conn:
        conn.execute(update(records).where(records.c.key == f"G{UAI}").values(retired_at=stand.clock()))
    assert stand.call("GET", authorize_url(), browser=browser).told["error"] == "access_denied"
    refused = stand.call("GET", "/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert (refused.status, refused.json["error"]) == (401, "invalid_token")


def test_a_login_as_another_than_the_hint_names_is_told_to_the_client(stand: Stand) -> None:
    """The second time nothing is asked again: the person has chosen who they are."""
    hint = get_tokens(stand, stand.sign_in())["id_token"]
    browser = Browser()
    asked = stand.call("GET", authorize_url(id_token_hint=hint), browser=browser)
    resume = stand.federation.choices(asked.told["i"], browser=browser.cookies[BROWSER_COOKIE]).resume
    stranger, _ = builders.add_family(stand.engine, uai="0990002B", children=("Zoé",))
    answer = stand.call("GET", resume, browser=stand.sign_in(stranger, browser=browser))
    assert answer.told["error"] == "login_required"


def test_a_check_that_may_not_redirect_is_answered_by_a_page(stand: Stand) -> None:
    def refuse(_: object) -> None:
        raise UnknownClient("late")

    def strict(endpoint: Any) -> Any:
        if not isinstance(endpoint, Authorize):
            return endpoint
        return replace(endpoint, checks=replace(endpoint.checks, request=(refuse,)))

    answer = stand.rebuilt(strict).call("GET", authorize_url(), browser=stand.sign_in())
    assert (answer.status, answer.location, answer.body) == (400, "", b"PRE-3001")
