"""A refresh token stolen, replayed, raced, or shown by another client (RFC 9700 §4.14); a family that must end."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select, update

from broker.domain.audit import Action
from broker.domain.people import Profil
from broker.domain.sessions import Device
from broker.protocol.oidc import token_checks
from broker.protocol.oidc.token import Token
from broker.storage.engine import reading, writing
from broker.storage.schema import audit_events, records, sessions
from broker.wire.http import SESSION_COOKIE
from tests.oidc_stand import SECRET, Answer, Browser, Stand, basic, get_code, open_stand, redemption, service

OFFLINE = "openid offline_access"
RACERS = 8


@pytest.fixture
def stand(sqlite_url: str) -> Iterator[Stand]:
    offline = service(more_scopes=("offline_access",))
    other = service("bourses", auth_method=offline.parties[0].auth_method, more_scopes=("offline_access",))
    with open_stand(sqlite_url, services=(offline, other)) as opened:
        yield opened


def first_tokens(stand: Stand, browser: Browser | None = None, *, device: Device = Device.OWN) -> dict[str, Any]:
    browser = browser or stand.sign_in(device=device)
    answer = stand.call("POST", "/token", headers=basic(), form=redemption(get_code(stand, browser, scope=OFFLINE)))
    tokens: dict[str, Any] = answer.json
    return tokens


def refresh(stand: Stand, token: str, client_id: str = "cantine", **more: str) -> Answer:
    form = {"grant_type": "refresh_token", "refresh_token": token, **more}
    return stand.call("POST", "/token", headers=basic(client_id), form=form)


def lives(stand: Stand, access_token: str) -> bool:
    return stand.call("GET", "/userinfo", headers={"Authorization": f"Bearer {access_token}"}).status == 200


def told(stand: Stand, action: Action) -> int:
    with reading(stand.engine) as conn:
        return len(conn.execute(select(audit_events.c.id).where(audit_events.c.action == action.value)).all())


@pytest.mark.spec("RFC 9700 §4.14.2")
def test_a_replayed_refresh_token_ends_the_whole_family(stand: Stand) -> None:
    stolen = first_tokens(stand)["refresh_token"]
    fresh = refresh(stand, stolen).json
    assert lives(stand, fresh["access_token"])
    replay = refresh(stand, stolen)
    assert (replay.status, replay.json["error"]) == (400, "invalid_grant")
    assert not lives(stand, fresh["access_token"])
    assert refresh(stand, fresh["refresh_token"]).json["error"] == "invalid_grant"
    assert told(stand, Action.REFRESH_REUSED) == 1
    assert refresh(stand, first_tokens(stand)["refresh_token"]).status == 200


def test_of_many_at_once_one_is_renewed_and_in_the_end_nobody_holds_a_live_token(stand: Stand) -> None:
    token = first_tokens(stand)["refresh_token"]
    barrier = Barrier(RACERS)

    def race(_: int) -> Answer:
        barrier.wait()
        return refresh(stand, token)

    with ThreadPoolExecutor(RACERS) as pool:
        answers = list(pool.map(race, range(RACERS)))
    won = [answer for answer in answers if answer.status == 200]
    assert len(won) == 1
    assert not lives(stand, won[0].json["access_token"])
    assert refresh(stand, won[0].json["refresh_token"]).json["error"] == "invalid_grant"


def test_another_client_neither_uses_nor_spends_it(stand: Stand) -> None:
    token = first_tokens(stand)["refresh_token"]
    assert refresh(stand, token, "bourses").json["error"] == "invalid_grant"
    renewed = refresh(stand, token)
    assert renewed.status == 200
    assert refresh(stand, token, "bourses").json["error"] == "invalid_grant"
    assert lives(stand, renewed.json["access_token"]), "another client's replay ends nothing"


@pytest.mark.spec("RFC 6749 §6")
def test_no_scope_is_added_and_asking_ends_the_family(stand: Stand) -> None:
    tokens = first_tokens(stand)
    asked = refresh(stand, tokens["refresh_token"], scope="openid children")
    assert asked.json["error"] == "invalid_scope"
    assert refresh(stand, tokens["refresh_token"]).json["error"] == "invalid_grant"
    assert told(stand, Action.REFRESH_REFUSED) == 1


def test_the_scope_check_is_what_stops_it(stand: Stand) -> None:
    def lax(endpoint: Any) -> Any:
        if not isinstance(endpoint, Token):
            return endpoint
        way = endpoint.ways["refresh_token"]
        kept = tuple(check for check in way.checks if check is not token_checks.check_scope)
        return replace(endpoint, ways={**endpoint.ways, "refresh_token": replace(way, checks=kept)})

    token = first_tokens(stand)["refresh_token"]
    assert refresh(stand.rebuilt(lax), token, scope="openid children").status == 200


def test_a_shared_device_yields_none(stand: Stand) -> None:
    """The next person at that computer would be the family as far as the service can tell (LR-16)."""
    tokens = first_tokens(stand, device=Device.SHARED)
    assert ("refresh_token" in tokens, tokens["scope"]) == (False, "openid")


def test_who_did_not_ask_offline_access_gets_none(stand: Stand) -> None:
    code = get_code(stand, stand.sign_in(device=Device.OWN), scope="openid")
    assert "refresh_token" not in stand.call("POST", "/token", headers=basic(), form=redemption(code)).json


def test_signing_out_ends_the_family(stand: Stand) -> None:
    browser = stand.sign_in(device=Device.OWN)
    token = first_tokens(stand, browser)["refresh_token"]
    stand.federation.sign_out(browser.cookies[SESSION_COOKIE], trace="t")
    assert refresh(stand, token).json["error"] == "invalid_grant"


def test_who_left_the_school_is_not_renewed(stand: Stand) -> None:
    token = first_tokens(stand)["refresh_token"]
    with writing(stand.engine) as conn:
        conn.execute(update(records).values(retired_at=stand.clock()))
    assert refresh(stand, token).json["error"] == "invalid_grant"


def test_a_service_that_may_no_longer_renew_is_refused(stand: Stand) -> None:
    token = first_tokens(stand)["refresh_token"]
    before = stand.register.value
    party = before.all()[0].parties[0]
    stand.register.value = type(before)(
        tuple(replace(each, parties=(replace(party, scopes=("openid",)),)) for each in before.all()[:1])
    )
    assert refresh(stand, token).json["error"] == "invalid_grant"


@pytest.mark.parametrize("shown", ["", "prt_", "prt_" + "x" * 43, "pat_" + "x" * 43, "prt_" + "é" * 43, "x" * 5000])
def test_what_is_no_refresh_token_of_ours_is_refused(stand: Stand, shown: str) -> None:
    assert refresh(stand, shown).json["error"] == "invalid_grant"


def test_a_code_and_an_access_token_are_no_refresh_tokens(stand: Stand) -> None:
    browser = stand.sign_in(device=Device.OWN)
    code, access = get_code(stand, browser, scope=OFFLINE), first_tokens(stand, browser)["access_token"]
    for shown in (code, access, browser.cookies[SESSION_COOKIE]):
        assert refresh(stand, shown).json["error"] == "invalid_grant"


def test_a_secret_is_asked_for(stand: Stand) -> None:
    token = first_tokens(stand)["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token}
    wrong = stand.call("POST", "/token", headers=basic(secret=SECRET[::-1]), form=form)
    assert (wrong.status, wrong.json["error"]) == (401, "invalid_client")
    assert refresh(stand, token).status == 200


def test_idle_families_end_after_twelve_hours(stand: Stand) -> None:
    kept, late = (first_tokens(stand)["refresh_token"] for _ in range(2))
    stand.clock.advance(timedelta(hours=12).total_seconds() - 1)
    assert refresh(stand, kept).status == 200
    stand.clock.advance(1)
    assert refresh(stand, late).json["error"] == "invalid_grant"


@pytest.mark.parametrize("over", ["idle_until", "ends_at"])
def test_a_sign_out_after_the_session_was_over_ends_the_family_all_the_same(stand: Stand, over: str) -> None:
    """A teacher who leaves after sixteen minutes: the session is over by itself, what services hold is not."""
    browser = stand.sign_in(device=Device.OWN)
    token = first_tokens(stand, browser)["refresh_token"]
    with writing(stand.engine) as conn:
        conn.execute(update(sessions).values({over: stand.clock()}))
    stand.clock.advance(31)  # copies of sessions live thirty seconds
    assert stand.federation.session(browser.cookies[SESSION_COOKIE]) is None
    stand.federation.sign_out(browser.cookies[SESSION_COOKIE], trace="t")
    assert refresh(stand, token).json["error"] == "invalid_grant"


def test_who_may_no_longer_use_the_service_is_not_renewed(stand: Stand) -> None:
    token = first_tokens(stand)["refresh_token"]
    token = refresh(stand, token).json["refresh_token"]
    before = stand.register.value
    stand.register.value = type(before)(
        tuple(replace(each, profils=frozenset({Profil.ELEVE})) for each in before.all())
    )
    assert refresh(stand, token).json["error"] == "invalid_grant"
    stand.register.value = before
    assert refresh(stand, token).json["error"] == "invalid_grant", "the family has ended"
