"""npm's openid-client 6, which checks every signature, signs a mother in through the broker."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.browser.town import RunningTown
from tests.interop.apache import GOOD, PAGE, handed_over
from tests.interop.parties import NODE
from tests.interop.visits import LEVELS, sign_in, verified
from tests.scripted_browser import Page, ScriptedBrowser

pytestmark = pytest.mark.interop


def answer(page: Page, status: int = 200) -> dict[str, Any]:
    """What the client says of what it received."""
    assert page.status == status, page.body
    return dict(json.loads(page.body))


@pytest.mark.spec("OIDC Core §3.1")
@pytest.mark.spec("RFC 9207 §2.4")
def test_openid_client_signs_the_mother_in_and_believes_the_signature(
    browser: ScriptedBrowser, town: RunningTown, node_at: str
) -> None:
    browser.open(node_at)
    told = answer(sign_in(browser))
    assert told["claims"] == verified(told["id_token"], issuer=town.origin, audience=NODE, alg="ES256")
    about = answer(browser.open(f"{node_at}/moi"))
    assert (about["sub"], about["given_name"]) == (told["claims"]["sub"], "Aline")
    assert sorted(child["level"] for child in about["children"]) == LEVELS


@pytest.mark.spec("RFC 6749 §4.1.2")
@pytest.mark.spec("RFC 6749 §10.5")
def test_a_code_presented_twice_buys_nothing_and_takes_the_first_token_back(
    browser: ScriptedBrowser, node_at: str
) -> None:
    """The token is not used before: a copy of one in use may be read for another 30 s, by `policies/sessions.toml`."""
    browser.open(node_at)
    answer(sign_in(browser))
    assert answer(browser.open(browser.page.url), 502) == {"error": "invalid_grant", "status": 400}
    assert answer(browser.open(f"{node_at}/moi"), 502)["status"] == 401


@pytest.mark.spec("RFC 9207 §2.4")
def test_an_answer_without_our_name_is_refused_by_the_client_because_discovery_promises_one(
    browser: ScriptedBrowser, town: RunningTown, node_at: str
) -> None:
    browser.open(node_at)
    sign_in(browser)
    assert answer(browser.open(node_at))["claims"]["iss"] == town.origin
    nameless, name, _ = browser.page.url.partition("&iss=")
    assert name
    assert answer(browser.open(nameless), 502)["error"] == "OAUTH_INVALID_RESPONSE"


@pytest.mark.spec("OIDC Core §8.1")
def test_two_programs_of_one_service_know_the_mother_as_one_subject(
    browser: ScriptedBrowser, node_at: str, apache_at: dict[str, str]
) -> None:
    browser.open(node_at)
    sub = answer(sign_in(browser))["claims"]["sub"]
    assert handed_over(browser.open(apache_at[GOOD] + PAGE))["OIDC_CLAIM_sub"] == sub
