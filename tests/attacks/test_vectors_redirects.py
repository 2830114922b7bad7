"""Redirect vectors at every endpoint that takes an address: a page or an error, never the address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from broker.domain.services import TokenAuthMethod
from broker.protocol.oidc import authorize_checks, end_session_checks
from broker.protocol.oidc.authorize import Authorize
from broker.protocol.oidc.end_session import EndSession
from broker.protocol.oidc.pushed import Push
from tests.oidc_stand import Browser, Stand, authorization, basic, get_code, open_stand, redemption
from tests.vectors.redirects import ENDPOINTS, SHAPES, Shape, spoilt_addresses


@pytest.fixture
def stand(sqlite_url: str) -> Iterator[Stand]:
    with open_stand(sqlite_url, services=tuple(shape.served for shape in SHAPES)) as opened:
        yield opened


def asked(shape: Shape, uri: str) -> dict[str, str]:
    return authorization(shape.name, redirect_uri=uri)


def credentials(shape: Shape) -> dict[str, str]:
    return basic(shape.name) if shape.served.parties[0].auth_method is TokenAuthMethod.BASIC else {}


def by_get(stand: Stand, browser: Browser, shape: Shape, uri: str) -> bool:
    answer = stand.call("GET", "/authorize?" + urlencode(asked(shape, uri)), browser=browser)
    return answer.status != 400 or bool(answer.location)


def by_post(stand: Stand, browser: Browser, shape: Shape, uri: str) -> bool:
    answer = stand.call("POST", "/authorize", browser=browser, form=asked(shape, uri))
    return answer.status != 400 or bool(answer.location)


def pushed(stand: Stand, _: Browser, shape: Shape, uri: str) -> bool:
    return stand.call("POST", "/par", headers=credentials(shape), form=asked(shape, uri)).status == 201


def after_sign_out(stand: Stand, browser: Browser, shape: Shape, uri: str) -> bool:
    hint = browser.cookies["hint of " + shape.name]
    query = urlencode({"id_token_hint": hint, "post_logout_redirect_uri": uri})
    return stand.call("GET", "/end-session?" + query).location not in {"", "/au-revoir"}


TRIED = (by_get, by_post, pushed, after_sign_out)
UNSEEN = {"null", "line", "tab", "joiner", "soft hyphen", "right to left"}
GetsIn = Callable[[Stand, Browser, Shape, str], bool]


def ready(stand: Stand) -> Browser:
    """A signed-in browser, and an ID token of each client to show at the logout."""
    browser = stand.sign_in()
    for shape in SHAPES:
        code = get_code(stand, browser, shape.name, redirect_uri=shape.uri)
        form = {**redemption(code, redirect_uri=shape.uri), "client_id": shape.name}
        tokens = stand.call("POST", "/token", headers=credentials(shape), form=form).json
        browser.cookies["hint of " + shape.name] = tokens["id_token"]
    return browser


def reached(stand: Stand, browser: Browser, gets_in: GetsIn) -> list[str]:
    return [each.id for each in spoilt_addresses() if gets_in(stand, browser, each.shape, each.uri)]


def test_every_endpoint_is_tried() -> None:
    assert tuple(each.__name__ for each in TRIED) == ENDPOINTS


@pytest.mark.spec("RFC 9700 §2.1")
@pytest.mark.parametrize("gets_in", TRIED, ids=lambda endpoint: endpoint.__name__)
def test_no_address_is_reached_that_was_not_registered(stand: Stand, gets_in: GetsIn) -> None:
    browser = ready(stand)
    assert reached(stand, browser, gets_in) == []
    for shape in SHAPES:
        assert gets_in(stand, browser, shape, shape.uri), f"{shape.name}: the registered one is not reached"


@pytest.mark.parametrize("gets_in", TRIED, ids=lambda endpoint: endpoint.__name__)
def test_the_exact_comparison_alone_keeps_them_out(stand: Stand, gets_in: GetsIn) -> None:
    """Text that no form may carry (a line break, a NUL, what is not seen) is stopped before, by whatever reads it."""
    browser = ready(stand)
    lax = stand.rebuilt(_without_comparison)
    kept_out = {each.id for each in spoilt_addresses()} - set(reached(lax, browser, gets_in))
    assert {each.rpartition("/")[2] for each in kept_out} <= UNSEEN


def _without_comparison(endpoint: Any) -> Any:
    if isinstance(endpoint, Authorize):
        return replace(endpoint, checks=replace(endpoint.checks, target=()))
    if isinstance(endpoint, Push):
        return replace(endpoint, checks=_less(endpoint.checks, authorize_checks.check_redirect_uri))
    if isinstance(endpoint, EndSession):
        kept = _less(endpoint.checks.leading_on, end_session_checks.check_return_uri)
        return replace(endpoint, checks=replace(endpoint.checks, leading_on=kept))
    return endpoint


def _less(checks: tuple[Any, ...], removed: object) -> tuple[Any, ...]:
    return tuple(check for check in checks if check is not removed)
