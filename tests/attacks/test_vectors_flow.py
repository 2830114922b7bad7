"""State-machine vectors: one fault, one wrong slot or one wrong order, and nothing is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from broker.domain.handles import Handle, new_handle
from broker.domain.sessions import Device
from broker.protocol.oidc import authorize_checks, token_checks
from broker.protocol.oidc.authorize import Authorize
from broker.protocol.oidc.pushed import PUSH_CHECKS, Push, check_no_reference
from broker.protocol.oidc.token import Token
from broker.wire.http import BROWSER_COOKIE, SESSION_COOKIE
from broker.wire.oauth import PUSHED_URN
from tests.oidc_stand import Browser, Stand, authorization, authorize_url, basic, get_code, open_stand, redemption
from tests.vectors import flow
from tests.vectors.flow import SLOTS, TEXTS, Redeeming, Request

OFFLINE = "openid offline_access"
REQUESTS, PUSHED = tuple(flow.requests()), tuple(flow.pushed_requests())
CODES, REFRESHES = tuple(flow.code_redemptions()), tuple(flow.refresh_redemptions())
CROSSINGS, ROWS = tuple(flow.crossings()), tuple(flow.rows())
NOT_ALONE = {
    authorize_checks.check_claims: "read again where it is used",
    authorize_checks.check_school: "read again where it is used: tests/unit/protocol/test_authorize_checks.py",
    authorize_checks.check_service: "an administrator's act: tests/attacks/test_disabled_flags.py",
    authorize_checks.check_pushed: "nothing that is pushed came openly",
    authorize_checks.check_resource: "an API's: tests/attacks/test_resources.py",
    authorize_checks.check_resource_space: "an API's: tests/attacks/test_resources.py",
    token_checks.check_resource: "an API's: tests/attacks/test_resources.py",
    token_checks.check_audience: "an API's descriptor changed: tests/unit/protocol/test_token_checks.py",
    token_checks.check_owner: "the claim in SQL asks it too",
    token_checks.check_unused: "the claim in SQL asks it too",
    token_checks.check_unexpired: "the claim in SQL asks it too",
    token_checks.check_challenged: "a waiver's: tests/attacks/test_oidc_pkce.py",
    token_checks.check_offline: "the register's: tests/unit/protocol/test_token_checks.py",
}
"""Checks that another wall stands behind, or that no request alone can meet."""
NOT_ALONE_IN_A_BODY = {
    authorize_checks.check_repeated: "a body that repeats is refused where it is read",
    check_no_reference: "and `check_request_uri` after it",
    authorize_checks.check_request_uri: "and `check_no_reference` before it",
}


@pytest.fixture
def stand(sqlite_url: str) -> Iterator[Stand]:
    with open_stand(sqlite_url, services=flow.served()) as opened:
        yield opened


def without(removed: Callable[..., None] | None) -> Callable[[Any], Any]:
    def less(checks: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(check for check in checks if check is not removed)

    def change(endpoint: Any) -> Any:
        if isinstance(endpoint, Authorize):
            lists = endpoint.checks
            return replace(endpoint, checks=replace(lists, target=less(lists.target), request=less(lists.request)))
        if isinstance(endpoint, Push):
            return replace(endpoint, checks=less(endpoint.checks))
        if isinstance(endpoint, Token):
            ways = {name: replace(way, checks=less(way.checks)) for name, way in endpoint.ways.items()}
            return replace(endpoint, ways=ways)
        return endpoint

    return change


# ---- requests ------------------------------------------------------------------------------------------------------


def by_get(stand: Stand, browser: Browser, request: Request) -> bool:
    return "code" in stand.call("GET", "/authorize?" + urlencode(request.pairs), browser=browser).told


def by_post(stand: Stand, browser: Browser, request: Request) -> bool:
    answer = stand.call("POST", "/authorize", browser=browser, form=urlencode(request.pairs))
    if not answer.location.startswith("/authorize/resume"):
        return False
    return "code" in stand.call("GET", answer.location, browser=browser).told


def by_push(stand: Stand, _: Browser, request: Request) -> bool:
    return stand.call("POST", "/par", headers=basic(), form=urlencode(request.pairs)).status == 201


ROUTES = ((by_get, REQUESTS), (by_post, REQUESTS), (by_push, PUSHED))
of_route = pytest.mark.parametrize(("gets_in", "table"), ROUTES, ids=("get", "post", "push"))
OTHERS_NAME = "client_id"


@of_route
def test_no_faulty_request_is_answered_with_a_code(stand: Stand, gets_in: Any, table: Sequence[Request]) -> None:
    browser = stand.sign_in()
    told = [each for each in table if gets_in is not by_push or not each.id.startswith(OTHERS_NAME)]
    assert [each.id for each in told if gets_in(stand, browser, each)] == []
    assert gets_in(stand, browser, Request("good", tuple(authorization().items()), None))


@of_route
def test_without_its_check_a_faulty_request_gets_in(stand: Stand, gets_in: Any, table: Sequence[Request]) -> None:
    browser = stand.sign_in()
    listed = (
        PUSH_CHECKS if gets_in is by_push else (*authorize_checks.TARGET_CHECKS, *authorize_checks.AUTHORIZE_CHECKS)
    )
    alone = set()
    for check in listed:
        lax = stand.rebuilt(without(check))
        if any(gets_in(lax, browser, each) for each in table if each.check is check):
            alone.add(check)
    excused = set(NOT_ALONE) | (set() if gets_in is by_get else set(NOT_ALONE_IN_A_BODY))
    assert {check.__name__ for check in set(listed) - alone - excused} == set()


# ---- redemptions ---------------------------------------------------------------------------------------------------


def redeem(stand: Stand, browser: Browser, vector: Redeeming) -> bool:
    """Whether a good code gets tokens with this one fault."""
    form = redemption(get_code(stand, browser, **dict(vector.asked_with)), **vector.changes)
    return posted(stand, vector, form)


def renew(stand: Stand, browser: Browser, vector: Redeeming) -> bool:
    """Whether a good refresh token gets tokens with this one fault."""
    token = tokens_of(stand, browser)["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token, **vector.changes}
    return posted(stand, vector, {name: value for name, value in form.items() if value is not None})


def posted(stand: Stand, vector: Redeeming, form: dict[str, str]) -> bool:
    began = stand.clock()
    stand.clock.advance(vector.later)
    answer = stand.call("POST", "/token", headers=basic(vector.client_id, vector.secret), form=form)
    stand.clock.set(began)
    return answer.status == 200


def tokens_of(stand: Stand, browser: Browser) -> dict[str, str]:
    code = get_code(stand, browser, scope=OFFLINE)
    told: dict[str, str] = stand.call("POST", "/token", headers=basic(), form=redemption(code)).json
    return told


WAYS = ((redeem, CODES, token_checks.CODE_CHECKS), (renew, REFRESHES, token_checks.REFRESH_CHECKS))
of_way = pytest.mark.parametrize(("gets_in", "table", "listed"), WAYS, ids=("code", "refresh"))


@of_way
def test_no_faulty_redemption_gives_tokens(stand: Stand, gets_in: Any, table: Sequence[Redeeming], listed: Any) -> None:
    browser = stand.sign_in(device=Device.OWN)
    assert [each.id for each in table if gets_in(stand, browser, each)] == []
    assert gets_in(stand, browser, Redeeming("good", {}))


@of_way
def test_without_its_check_a_faulty_redemption_gives_tokens(
    stand: Stand, gets_in: Any, table: Sequence[Redeeming], listed: Sequence[Callable[..., None]]
) -> None:
    browser = stand.sign_in(device=Device.OWN)
    alone = set()
    for check in listed:
        lax = stand.rebuilt(without(check))
        if any(gets_in(lax, browser, each) for each in table if each.check is check):
            alone.add(check)
    missed = set(listed) - alone - set(NOT_ALONE)
    assert missed <= ({token_checks.check_key} if gets_in is renew else set())


# ---- handles -------------------------------------------------------------------------------------------------------


def live_handles(stand: Stand, browser: Browser) -> dict[Handle, str]:
    """One handle of each kind, live where the protocol has it: drawn anew, for each is spent where it belongs."""
    tokens = tokens_of(stand, browser)
    waiting = stand.call("POST", "/authorize", form=authorization()).told["i"]
    push = stand.call("POST", "/par", headers=basic(), form=authorization()).json["request_uri"]
    return {
        **{kind: new_handle(kind) for kind in Handle},
        Handle.SESSION: browser.cookies[SESSION_COOKIE], Handle.BROWSER: browser.cookies[BROWSER_COOKIE],
        Handle.CODE: get_code(stand, browser), Handle.ACCESS_TOKEN: tokens["access_token"],
        Handle.REFRESH_TOKEN: tokens["refresh_token"], Handle.REQUEST: waiting,
        Handle.PUSHED: push.removeprefix(PUSHED_URN),
    }  # fmt: skip


def is_taken(stand: Stand, browser: Browser, slot: str, shown: str) -> bool:
    """Whether a slot takes this text for what belongs there."""
    return TAKEN[slot](stand, browser, shown)


def _token(stand: Stand, form: dict[str, str]) -> bool:
    return stand.call("POST", "/token", headers=basic(), form=form).status == 200


def _introspected(stand: Stand, _: Browser, shown: str) -> bool:
    return bool(stand.call("POST", "/introspect", headers=basic(), form={"token": shown}).json["active"])


def _as_secret(stand: Stand, _: Browser, shown: str) -> bool:
    return stand.call("POST", "/introspect", headers=basic(secret=shown), form={"token": "x"}).status == 200


def _as_session(stand: Stand, _: Browser, shown: str) -> bool:
    stranger = Browser({SESSION_COOKIE: shown})
    return "code" in stand.call("GET", authorize_url(prompt="none"), browser=stranger).told


def _as_pushed(stand: Stand, browser: Browser, shown: str) -> bool:
    query = urlencode({"client_id": "cantine", "request_uri": PUSHED_URN + shown})
    return "code" in stand.call("GET", "/authorize?" + query, browser=browser).told


def _taken_up(stand: Stand, browser: Browser, target: str) -> bool:
    return stand.call("GET", target, browser=browser).status == 303


TAKEN: dict[str, Callable[[Stand, Browser, str], bool]] = {
    "code": lambda stand, _, shown: _token(stand, redemption(shown)),
    "refresh": lambda stand, _, shown: _token(stand, {"grant_type": "refresh_token", "refresh_token": shown}),
    "userinfo": lambda stand, _, shown: (
        stand.call("GET", "/userinfo", headers={"Authorization": f"Bearer {shown}"}).status == 200
    ),
    "introspect": _introspected,
    "secret": _as_secret,
    "session": _as_session,
    "request_uri": _as_pushed,
    "resume": lambda stand, browser, shown: _taken_up(stand, browser, "/authorize/resume?" + urlencode({"i": shown})),
    "logout resume": lambda stand, browser, shown: _taken_up(
        stand, browser, "/end-session/resume?" + urlencode({"i": shown})
    ),
}


def texts(crossing: tuple[str, Handle, str], live: dict[Handle, str]) -> str:
    slot, kind, how = crossing
    if how == "disguised":
        return SLOTS[slot] + live[kind][4:]
    return live[kind] if how == "as it is" else TEXTS[how](live[kind])


def test_no_handle_opens_what_another_kind_opens(stand: Stand) -> None:
    browser = stand.sign_in(device=Device.OWN)
    live = live_handles(stand, browser)
    taken = [each for each in CROSSINGS if is_taken(stand, browser, each[0], texts(each, live))]
    assert taken == []
    for slot, kind in SLOTS.items():
        if slot not in {"secret", "logout resume"}:
            assert is_taken(stand, browser, slot, live_handles(stand, browser)[kind]), (
                f"{slot}: the right one is refused"
            )


# ---- orders --------------------------------------------------------------------------------------------------------


def test_no_row_of_steps_leaves_a_code_good(stand: Stand) -> None:
    assert [row for row in ROWS if row_gives(stand, row)] == []
    assert row_gives(stand, ())
    assert row_gives(stand, ("other client",))


def row_gives(stand: Stand, row: Iterable[str]) -> bool:
    """Whether a code still gives tokens after these steps."""
    browser, began = stand.sign_in(), stand.clock()
    code, given = get_code(stand, browser), ""
    for step in row:
        if step == "redeem":
            answer = stand.call("POST", "/token", headers=basic(), form=redemption(code))
            given = answer.json["access_token"] if answer.status == 200 else given
        elif step == "sign out":
            stand.federation.sign_out(browser.cookies[SESSION_COOKIE], trace="t")
        elif step == "expire":
            stand.clock.advance(timedelta(seconds=61))
        elif step == "revoke":
            stand.call("POST", "/revoke", headers=basic(), form={"token": given or code})
        else:
            stand.call("POST", "/token", headers=basic("bourses"), form=redemption(code))
    answer = stand.call("POST", "/token", headers=basic(), form=redemption(code))
    stand.clock.set(began)
    return answer.status == 200
