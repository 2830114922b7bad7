"""What npm's openid-client 6, which checks every signature, refuses by itself, and what is refused to it."""

from __future__ import annotations

import pytest

from tests.browser.town import RunningTown
from tests.interop.parties import NODE
from tests.interop.visits import answer, sign_in
from tests.scripted_browser import ScriptedBrowser

pytestmark = pytest.mark.interop


@pytest.mark.spec("RFC 6749 §4.1.2")
@pytest.mark.spec("RFC 6749 §10.5")
def test_a_code_presented_twice_buys_nothing_and_takes_the_first_token_back(
    browser: ScriptedBrowser, party_at: dict[str, str]
) -> None:
    """The token is not used before: a copy of one in use may be read for another 30 s, by `policies/sessions.toml`."""
    browser.open(party_at[NODE])
    answer(sign_in(browser))
    assert answer(browser.open(browser.page.url), 502) == {"error": "invalid_grant", "status": 400}
    assert answer(browser.open("/moi"), 502)["status"] == 401


@pytest.mark.spec("RFC 9207 §2.4")
def test_an_answer_without_our_name_is_refused_by_the_client_because_discovery_promises_one(
    browser: ScriptedBrowser, town: RunningTown, party_at: dict[str, str]
) -> None:
    browser.open(party_at[NODE])
    sign_in(browser)
    assert answer(browser.open("/"))["claims"]["iss"] == town.origin
    nameless, name, _ = browser.page.url.partition("&iss=")
    assert name
    assert answer(browser.open(nameless), 502)["error"] == "OAUTH_INVALID_RESPONSE"
