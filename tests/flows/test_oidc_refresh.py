"""A service renews its tokens by itself, gives one back, asks about one (OIDC Core §12, RFC 7009, RFC 7662)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import select

from broker.domain.services import ClientKind, RelyingParty, TokenAuthMethod
from broker.domain.sessions import Device
from broker.storage.engine import reading
from broker.storage.schema import sessions
from broker.storage.sql_purge import SqlPurge
from tests.oidc_stand import (
    POST,
    SECRET,
    VERIFIER,
    Answer,
    Stand,
    authorize_url,
    basic,
    challenge_of,
    get_code,
    open_stand,
    redemption,
    service,
)

OFFLINE = "openid children offline_access"
APP = RelyingParty(
    "appli",
    "",
    ("http://127.0.0.1/retour",),
    TokenAuthMethod.NONE,
    ("openid", "offline_access"),
    kind=ClientKind.NATIVE,
)


@pytest.fixture
def stand(sqlite_url: str) -> Iterator[Stand]:
    offline = service(more_scopes=("offline_access",))
    mobile = service("mobile", parties=(APP,))
    with open_stand(sqlite_url, services=(offline, service("bourses", auth_method=POST), mobile)) as opened:
        yield opened


def tokens_of(stand: Stand) -> dict[str, Any]:
    code = get_code(stand, stand.sign_in(device=Device.OWN), scope=OFFLINE)
    told: dict[str, Any] = stand.call("POST", "/token", headers=basic(), form=redemption(code)).json
    return told


def refresh(stand: Stand, token: str, **more: str) -> Answer:
    form = {"grant_type": "refresh_token", "refresh_token": token, **more}
    return stand.call("POST", "/token", headers=basic(), form=form)


def userinfo(stand: Stand, access_token: str) -> Answer:
    return stand.call("GET", "/userinfo", headers={"Authorization": f"Bearer {access_token}"})


def claims_of(stand: Stand, id_token: str) -> dict[str, Any]:
    keys = KeySet.import_key_set(stand.call("GET", "/jwks").json)
    return dict(jwt.decode(id_token, keys, algorithms=["ES256"]).claims)


@pytest.mark.spec("OIDC Core §12.2")
def test_renewed_tokens_tell_the_same_person_and_login_without_the_nonce(stand: Stand) -> None:
    first = tokens_of(stand)
    stand.clock.advance(600)
    renewed = refresh(stand, first["refresh_token"])
    assert (renewed.status, renewed.headers["cache-control"]) == (200, "no-store")
    assert renewed.json["scope"] == first["scope"] == OFFLINE
    assert renewed.json["refresh_token"] != first["refresh_token"]
    before, after = claims_of(stand, first["id_token"]), claims_of(stand, renewed.json["id_token"])
    same = ("iss", "sub", "aud", "auth_time", "sid", "acr", "amr")
    assert [before[name] for name in same] == [after[name] for name in same]
    assert ("nonce" in before, "nonce" in after, after["iat"] - before["iat"]) == (True, False, 600)
    assert userinfo(stand, renewed.json["access_token"]).json == userinfo(stand, renewed.json["access_token"]).json
    assert userinfo(stand, first["access_token"]).status == 401


def test_a_renewal_goes_on_after_the_session_was_idle(stand: Stand) -> None:
    shown = tokens_of(stand)["refresh_token"]
    for _ in range(4):
        stand.clock.advance(timedelta(hours=11).total_seconds())
        answer = refresh(stand, shown)
        assert userinfo(stand, answer.json["access_token"]).json["children"]
        shown = answer.json["refresh_token"]


def test_the_purge_keeps_a_session_that_is_still_renewed(stand: Stand) -> None:
    shown = tokens_of(stand)["refresh_token"]
    kept = {rule: timedelta(0) for rule in _numbers()}
    for _ in range(2):
        stand.clock.advance(timedelta(hours=11).total_seconds())
        shown = refresh(stand, shown).json["refresh_token"]
        SqlPurge(stand.engine, kept=lambda: kept).purge(now=stand.clock(), limit=100)
    assert refresh(stand, shown).status == 200
    stand.clock.advance(timedelta(days=31).total_seconds())
    SqlPurge(stand.engine, kept=lambda: kept).purge(now=stand.clock(), limit=100)
    with reading(stand.engine) as conn:
        assert conn.execute(select(sessions.c.sid)).all() == []


def _numbers() -> set[str]:
    from broker.storage.sql_purge import RULES

    return {rule.number for rule in RULES}


@pytest.mark.spec("RFC 8252 §8.4")
def test_an_app_without_a_secret_renews_by_rotation(stand: Stand) -> None:
    back = "http://127.0.0.1:4711/retour"
    asked = authorize_url(
        "appli", redirect_uri=back, scope="openid offline_access", code_challenge=challenge_of(VERIFIER)
    )
    code = stand.call("GET", asked, browser=stand.sign_in(device=Device.OWN)).told["code"]
    first = stand.call("POST", "/token", form=redemption(code, redirect_uri=back, client_id="appli"))
    form = {"grant_type": "refresh_token", "refresh_token": first.json["refresh_token"], "client_id": "appli"}
    assert stand.call("POST", "/token", form=form).status == 200
    assert stand.call("POST", "/token", form=form).json["error"] == "invalid_grant"


# ---- given back --------------------------------------------------------------------------------------------------


def give_back(stand: Stand, token: str, client_id: str = "cantine", **more: str) -> Answer:
    return stand.call("POST", "/revoke", headers=basic(client_id), form={"token": token, **more})


@pytest.mark.spec("RFC 7009 §2.1")
@pytest.mark.parametrize("which", ["refresh_token", "access_token"])
def test_a_token_given_back_ends_all_that_was_granted_with_it(stand: Stand, which: str) -> None:
    tokens = tokens_of(stand)
    answer = give_back(stand, tokens[which], token_type_hint="a word that does not matter")
    assert (answer.status, answer.body) == (200, b"")
    assert userinfo(stand, tokens["access_token"]).status == 401
    assert refresh(stand, tokens["refresh_token"]).json["error"] == "invalid_grant"


@pytest.mark.spec("RFC 7009 §2.2")
@pytest.mark.parametrize("token", ["x", "prt_" + "x" * 43, "pat_" + "x" * 43])
def test_an_unknown_token_is_answered_as_if_it_had_been(stand: Stand, token: str) -> None:
    assert give_back(stand, token).status == 200


def test_nobody_gives_back_another_s_token(stand: Stand) -> None:
    tokens = tokens_of(stand)
    form = {"token": tokens["refresh_token"], "client_id": "bourses", "client_secret": SECRET}
    assert stand.call("POST", "/revoke", form=form).status == 200
    assert refresh(stand, tokens["refresh_token"]).status == 200


def test_a_token_that_was_already_used_still_ends_its_family(stand: Stand) -> None:
    tokens = tokens_of(stand)
    renewed = refresh(stand, tokens["refresh_token"]).json
    give_back(stand, tokens["refresh_token"])
    assert userinfo(stand, renewed["access_token"]).status == 401


@pytest.mark.parametrize("path", ["/revoke", "/introspect"])
def test_who_asks_is_proven_first_and_names_a_token(stand: Stand, path: str) -> None:
    wrong = stand.call("POST", path, headers=basic(secret="faux" * 12), form={"token": "x"})
    assert (wrong.status, wrong.json["error"]) == (401, "invalid_client")
    none = stand.call("POST", path, headers=basic(), form={})
    assert (none.status, none.json["error"]) == (400, "invalid_request")


# ---- asked about -------------------------------------------------------------------------------------------------


def ask(stand: Stand, token: str) -> Answer:
    return stand.call("POST", "/introspect", headers=basic(), form={"token": token})


@pytest.mark.spec("RFC 7662 §2.2")
def test_a_live_access_token_is_told_with_its_subject_and_scope(stand: Stand) -> None:
    tokens = tokens_of(stand)
    told = ask(stand, tokens["access_token"]).json
    assert (told["active"], told["client_id"], told["scope"]) == (True, "cantine", OFFLINE)
    assert told["sub"] == claims_of(stand, tokens["id_token"])["sub"]
    assert told["exp"] - stand.clock().timestamp() == 300
    assert set(told) == {"active", "iss", "client_id", "aud", "sub", "scope", "token_type", "exp"}


@pytest.mark.spec("RFC 7662 §4")
def test_of_everything_else_only_that_it_is_not_active(stand: Stand) -> None:
    tokens = tokens_of(stand)
    others = stand.call(
        "POST", "/introspect",
        form={"token": tokens["access_token"], "client_id": "bourses", "client_secret": SECRET},
    )  # fmt: skip
    asked = [ask(stand, "x"), ask(stand, tokens["refresh_token"]), others]
    give_back(stand, tokens["access_token"])
    asked.append(ask(stand, tokens["access_token"]))
    asked.append(ask(stand, tokens_of(stand)["access_token"]))
    assert [answer.json for answer in asked[:-1]] == [{"active": False}] * 4
    assert asked[-1].json["active"] is True


def test_who_keeps_no_secret_may_not_ask(stand: Stand) -> None:
    answer = stand.call("POST", "/introspect", form={"token": "x", "client_id": "appli"})
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")
