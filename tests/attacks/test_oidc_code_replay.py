"""A code stolen, replayed, raced, shown to the wrong door, or passed off as something else (RFC 6749 §10.5)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from broker.domain.audit import Action
from broker.domain.handles import Handle, new_handle
from broker.storage.engine import reading
from broker.storage.schema import audit_events, outbox
from broker.wire.http import BROWSER_COOKIE, SESSION_COOKIE
from tests.oidc_stand import (
    SECRET,
    Answer,
    Browser,
    Stand,
    authorize_url,
    basic,
    get_code,
    get_tokens,
    open_stand,
    redemption,
)

RACERS = 8


@pytest.fixture
def stand(sqlite_url: str) -> Iterator[Stand]:
    with open_stand(sqlite_url) as opened:
        yield opened


def redeem(stand: Stand, code: str, **changes: str | None) -> Answer:
    return stand.call("POST", "/token", headers=basic(), form=redemption(code, **changes))


def lives(stand: Stand, access_token: str) -> bool:
    bearer = {"Authorization": f"Bearer {access_token}"}
    return stand.call("GET", "/userinfo", headers=bearer).status == 200


def audited(stand: Stand, action: Action) -> int:
    with reading(stand.engine) as conn:
        rows = conn.execute(select(audit_events.c.id).where(audit_events.c.action == action.value)).all()
    return len(rows)


@pytest.mark.spec("RFC 6749 §4.1.2")
def test_a_second_use_is_refused_and_kills_what_the_first_gave(stand: Stand) -> None:
    code = get_code(stand, stand.sign_in())
    first = redeem(stand, code).json
    second = redeem(stand, code)
    assert (second.status, second.json["error"]) == (400, "invalid_grant")
    assert not lives(stand, first["access_token"])
    assert audited(stand, Action.CODE_REUSED) == 1
    assert redeem(stand, get_code(stand, stand.sign_in())).status == 200


def test_a_second_use_after_the_minute_still_kills_what_the_first_gave(stand: Stand) -> None:
    code = get_code(stand, stand.sign_in())
    first = redeem(stand, code).json
    stand.clock.advance(61)
    assert redeem(stand, code).json["error"] == "invalid_grant"
    assert not lives(stand, first["access_token"])


def test_a_clumsy_replay_counts_as_one(stand: Stand) -> None:
    """Somebody who holds the code but neither the verifier nor the address: the code has leaked all the same."""
    code = get_code(stand, stand.sign_in())
    first = redeem(stand, code).json
    redeem(stand, code, code_verifier="w" * 43, redirect_uri="https://evil.example/")
    assert not lives(stand, first["access_token"])


def test_of_a_killed_token_there_is_no_copy_to_live_on(stand: Stand) -> None:
    code = get_code(stand, stand.sign_in())
    first = redeem(stand, code).json
    assert lives(stand, first["access_token"])
    redeem(stand, code)
    with reading(stand.engine) as conn:
        assert conn.execute(select(outbox.c.topic)).scalars().all() == [], "nobody has to be told"
    assert not lives(stand, first["access_token"])


@pytest.mark.spec("RFC 9700 §4.5")
def test_of_many_at_once_one_redeems_and_in_the_end_nobody_holds_a_live_token(stand: Stand) -> None:
    code = get_code(stand, stand.sign_in())
    barrier = Barrier(RACERS)

    def race(_: int) -> Answer:
        barrier.wait()
        return redeem(stand, code)

    with ThreadPoolExecutor(RACERS) as pool:
        answers = list(pool.map(race, range(RACERS)))
    won = [answer for answer in answers if answer.status == 200]
    assert len(won) == 1
    assert {answer.json["error"] for answer in answers if answer.status != 200} == {"invalid_grant"}
    assert not lives(stand, won[0].json["access_token"])
    assert audited(stand, Action.CODE_REDEEMED) == 1


def test_a_code_is_worth_nothing_to_another_client_and_stays_good_for_its_own(stand: Stand) -> None:
    code = get_code(stand, stand.sign_in())
    form = redemption(code, client_id="bourses", client_secret=SECRET)
    stolen = stand.call("POST", "/token", form=form)
    assert stolen.json["error"] == "invalid_grant"
    tokens = redeem(stand, code).json
    assert stand.call("POST", "/token", form=form).json["error"] == "invalid_grant"
    assert lives(stand, tokens["access_token"])


def test_a_code_lives_sixty_seconds(stand: Stand) -> None:
    on_time, late = get_code(stand, stand.sign_in()), get_code(stand, stand.sign_in())
    stand.clock.advance(59)
    assert redeem(stand, on_time).status == 200
    stand.clock.advance(1)
    assert redeem(stand, late).json["error"] == "invalid_grant"


def test_a_code_dies_with_its_session(stand: Stand) -> None:
    browser = stand.sign_in()
    code = get_code(stand, browser)
    stand.federation.sign_out(browser.cookies[SESSION_COOKIE], trace="t")
    assert redeem(stand, code).json["error"] == "invalid_grant"


def handles(stand: Stand, browser: Browser) -> dict[str, str]:
    """One live handle of each kind that this flow has."""
    waiting = stand.call("POST", "/authorize", form=dict(_pairs(authorize_url()))).told["i"]
    interaction = stand.call("GET", authorize_url(prompt="login"), browser=browser).told["i"]
    return {
        "session": browser.cookies[SESSION_COOKIE],
        "browser": browser.cookies[BROWSER_COOKIE],
        "code": get_code(stand, browser),
        "access token": get_tokens(stand, browser)["access_token"],
        "request": waiting,
        "interaction": interaction,
    }


def _pairs(url: str) -> Any:
    from urllib.parse import parse_qsl

    return parse_qsl(url.partition("?")[2])


def test_no_handle_is_taken_for_another_kind(stand: Stand) -> None:
    """The class of CVE-2026-19349: a `state` that was accepted as a session."""
    browser = stand.sign_in()
    for kind, handle in handles(stand, browser).items():
        if kind != "code":
            assert redeem(stand, handle).json["error"] == "invalid_grant", kind
        if kind != "access token":
            assert not lives(stand, handle), kind
        if kind != "session":
            thief = Browser({SESSION_COOKIE: handle, BROWSER_COOKIE: new_handle(Handle.BROWSER)})
            assert stand.call("GET", authorize_url(), browser=thief).location.startswith("/connexion?"), kind
        if kind != "request":
            resumed = stand.call("GET", "/authorize/resume?" + urlencode({"i": handle}), browser=browser)
            assert resumed.body == b"PRE-2001", kind


@pytest.mark.parametrize(
    "code", ["", "x", "pco_", "pco_" + "x" * 43, "pco_" + "é" * 43, "' OR 1=1 --", "pco_" + "x" * 5000]
)
def test_an_unknown_code_is_refused(stand: Stand, code: str) -> None:
    assert redeem(stand, code).json["error"] == "invalid_grant"
