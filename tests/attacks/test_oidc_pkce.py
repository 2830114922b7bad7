"""PKCE taken away, weakened or guessed; and what happens once its checks are taken out (RFC 7636, RFC 9700 §4.8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from broker.protocol.oidc import authorize_checks, token_checks
from broker.protocol.oidc.authorize import Authorize
from broker.protocol.oidc.token import Token
from broker.services.register import Register
from broker.storage.schema import audit_events
from tests.oidc_stand import (
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

BARE: dict[str, str | None] = {"code_challenge": None, "code_challenge_method": None}


@pytest.fixture
def stand(sqlite_url: str) -> Iterator[Stand]:
    with open_stand(sqlite_url) as opened:
        yield opened


def without(*removed: Any) -> Any:
    """Both endpoints without these checks."""

    def change(endpoint: Any) -> Any:
        if isinstance(endpoint, Authorize):
            kept = tuple(check for check in endpoint.checks.request if check not in removed)
            return replace(endpoint, checks=replace(endpoint.checks, request=kept))
        if isinstance(endpoint, Token):
            way = endpoint.ways["authorization_code"]
            kept = tuple(check for check in way.checks if check not in removed)
            return replace(endpoint, ways={"authorization_code": replace(way, checks=kept)})
        return endpoint

    return change


def redeem(stand: Stand, code: str, **changes: str | None) -> Answer:
    return stand.call("POST", "/token", headers=basic(), form=redemption(code, **changes))


@pytest.mark.spec("RFC 9700 §2.1.1")
@pytest.mark.parametrize(
    "ask",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": None},
        {"code_challenge_method": None},
        {"code_challenge": VERIFIER, "code_challenge_method": "plain"},
        {"code_challenge_method": "S512"},
        {"code_challenge": ""},
        {"code_challenge": "a" * 128},
    ],
)
def test_a_request_without_s256_is_told_so_at_the_client(stand: Stand, ask: dict[str, str | None]) -> None:
    answer = stand.call("GET", authorize_url(**ask), browser=stand.sign_in())
    assert answer.told["error"] == "invalid_request"
    assert "code" not in answer.told
    assert "code" in stand.call("GET", authorize_url(), browser=stand.sign_in()).told


def test_a_plain_challenge_would_let_whoever_saw_the_request_redeem_it(stand: Stand) -> None:
    """Shown by removing the checks: with them gone, the challenge as seen in the address is the verifier."""
    seen = "p" * 43
    lax = stand.rebuilt(without(authorize_checks.check_challenge_method, token_checks.check_verifier))
    code = get_code(lax, lax.sign_in(), code_challenge=seen, code_challenge_method="plain")
    assert redeem(lax, code, code_verifier=seen).status == 200


@pytest.mark.spec("RFC 7636 §4.6")
@pytest.mark.parametrize("verifier", [None, "w" * 43, challenge_of(VERIFIER), VERIFIER + "v", VERIFIER[:-1] + "V"])
def test_a_stolen_code_is_worth_nothing_without_its_verifier(stand: Stand, verifier: str | None) -> None:
    browser = stand.sign_in()
    code = get_code(stand, browser)
    assert redeem(stand, code, code_verifier=verifier).json["error"] == "invalid_grant"
    assert redeem(stand, code).json["error"] == "invalid_grant", "one try: a code that was tried wrongly is spent"
    assert redeem(stand, get_code(stand, browser)).status == 200


def test_the_verifier_is_what_stops_a_stolen_code(stand: Stand) -> None:
    lax = stand.rebuilt(without(token_checks.check_verifier))
    assert redeem(lax, get_code(lax, lax.sign_in()), code_verifier="w" * 43).status == 200


@pytest.mark.spec("RFC 7636 §4.1")
@pytest.mark.parametrize("verifier", ["court", "v" * 42, "v" * 129, "v" * 42 + "!", "v" * 42 + "é"])
def test_a_verifier_of_another_shape_is_refused_even_when_it_matches(stand: Stand, verifier: str) -> None:
    code = get_code(stand, stand.sign_in(), code_challenge=challenge_of(verifier))
    assert redeem(stand, code, code_verifier=verifier).json["error"] == "invalid_grant"
    lax = stand.rebuilt(without(token_checks.check_verifier_shape))
    another = get_code(lax, lax.sign_in(), code_challenge=challenge_of(verifier))
    assert redeem(lax, another, code_verifier=verifier).status == 200


# ---- a client with a waiver --------------------------------------------------------------------------------------


@pytest.fixture
def waived(sqlite_url: str) -> Iterator[Stand]:
    """A client that may go without, and another of the same kind that may not."""
    old = service()
    excused = replace(old, parties=(replace(old.parties[0], pkce_waiver="Client of 2014, replaced in July."),))
    with open_stand(sqlite_url, services=(excused, service("bourses"))) as opened:
        yield opened


def test_a_waiver_is_the_clients_own_and_the_trail_names_every_code(waived: Stand) -> None:
    browser = waived.sign_in()
    assert redeem(waived, get_code(waived, browser, **BARE), code_verifier=None).status == 200
    assert waived.call("GET", authorize_url("bourses", **BARE), browser=browser).told["error"] == "invalid_request"
    assert "code" in waived.call("GET", authorize_url("bourses"), browser=browser).told
    with waived.engine.connect() as conn:
        issued = conn.execute(
            select(audit_events.c.detail).where(audit_events.c.action == "code_issued").order_by(audit_events.c.id)
        )
    assert [detail.get("pkce") for (detail,) in issued] == ["waived", None]


@pytest.mark.parametrize(
    "ask",
    [
        {"code_challenge": None},
        {"code_challenge_method": None},
        {"code_challenge": VERIFIER, "code_challenge_method": "plain"},
    ],
)
def test_who_sends_half_of_pkce_or_plain_is_not_excused(waived: Stand, ask: dict[str, str | None]) -> None:
    assert waived.call("GET", authorize_url(**ask), browser=waived.sign_in()).told["error"] == "invalid_request"


@pytest.mark.spec("RFC 9700 §4.8")
def test_a_challenge_that_was_taken_out_of_the_request_is_noticed(waived: Stand) -> None:
    """The client sends its verifier: somebody between it and us cut the challenge, to redeem the code elsewhere."""
    browser = waived.sign_in()
    assert redeem(waived, get_code(waived, browser, **BARE)).json["error"] == "invalid_grant"
    lax = waived.rebuilt(without(token_checks.check_challenged))
    assert redeem(lax, get_code(lax, browser, **BARE)).status == 200


def test_a_waiver_that_was_taken_back_counts_for_codes_on_their_way(waived: Stand) -> None:
    code = get_code(waived, waived.sign_in(), **BARE)
    waived.register.value = Register((service(), service("bourses")))
    assert redeem(waived, code, code_verifier=None).json["error"] == "invalid_grant"


def test_a_challenge_of_another_request_does_not_help(stand: Stand) -> None:
    browser = stand.sign_in()
    mine = get_code(stand, browser, code_challenge=challenge_of("m" * 43))
    assert redeem(stand, mine).json["error"] == "invalid_grant"
    again = get_code(stand, browser, code_challenge=challenge_of("m" * 43))
    assert redeem(stand, again, code_verifier="m" * 43).status == 200
