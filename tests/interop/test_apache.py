"""mod_auth_openidc 2.4, as Debian ships it, signs a mother in through the broker."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.people import EDUCONNECT, Visitor
from tests.browser.town import RunningTown
from tests.certificates import ThrowAwayCa
from tests.interop.apache_party import (
    BY_POST,
    BYE,
    GOOD,
    PAGE,
    UNREGISTERED,
    WITHOUT_PKCE,
    handed_over,
    leaving,
    renewing,
)
from tests.interop.parties import APACHE, farewell, redirect_uri
from tests.interop.visits import LEVELS, MOTHER, SHARED, SIGN_IN_PATH, sign_in, sign_out, soon, verified
from tests.scripted_browser import Page, ScriptedBrowser

pytestmark = pytest.mark.interop


def refusal_code(page: Page, town: RunningTown) -> str:
    """The code in the log under the trace number that the page shows."""
    lines = (line for line in town.log.read_text(encoding="utf-8").splitlines() if line.startswith("{"))
    (told,) = [line for line in map(json.loads, lines) if "code" in line and line["trace"] in page.text]
    return str(told["code"])


@pytest.mark.spec("OIDC Core §3.1")
@pytest.mark.spec("RFC 7636 §4")
def test_apache_signs_the_mother_in_and_tells_its_application_who_she_is(
    browser: ScriptedBrowser, town: RunningTown, apache_at: dict[str, str], throw_away_ca: ThrowAwayCa
) -> None:
    asked = browser.open(apache_at[GOOD] + PAGE)
    assert asked.url.startswith(town.origin)
    page = sign_in(browser)
    assert (page.url, page.status) == (apache_at[GOOD] + PAGE, 200)
    told = handed_over(page)
    token = verified(
        told["OIDC_id_token"], issuer=town.origin, audience=APACHE, alg="RS256", trust=throw_away_ca.trust()
    )
    assert told["OIDC_CLAIM_sub"] == token["sub"]
    assert told["OIDC_CLAIM_iss"] == town.origin
    assert (told["OIDC_CLAIM_given_name"], told["OIDC_CLAIM_family_name"]) == ("Aline", "QUEMENEUR")


def test_apache_hands_the_children_over_whole_as_json(browser: ScriptedBrowser, apache_at: dict[str, str]) -> None:
    """As a claim of its own a list of objects comes out empty there: `OIDCPassUserInfoAs json` is what carries it."""
    browser.open(apache_at[GOOD] + PAGE)
    told = handed_over(sign_in(browser))
    children = json.loads(told["OIDC_userinfo_json"])["children"]
    assert sorted(child["level"] for child in children) == LEVELS
    assert told["OIDC_CLAIM_children"] == ""


def test_once_apache_has_forgotten_her_the_broker_has_not_and_asks_no_second_login(
    browser: ScriptedBrowser, another_browser: ScriptedBrowser, town: RunningTown, apache_at: dict[str, str]
) -> None:
    browser.open(apache_at[GOOD] + PAGE)
    first = handed_over(sign_in(browser))
    broker = urlsplit(town.origin).hostname or ""
    another_browser.cookies(broker).update(browser.cookies(broker))
    second = handed_over(another_browser.open(apache_at[GOOD] + PAGE))
    assert second["OIDC_CLAIM_sub"] == first["OIDC_CLAIM_sub"]
    assert second["OIDC_id_token"] != first["OIDC_id_token"]


@pytest.mark.browser
@pytest.mark.spec("OAuth 2.0 Form Post Response Mode §2")
def test_an_answer_by_post_reaches_apache_by_the_page_that_sends_itself(
    context: BrowserContext, town: RunningTown, apache_at: dict[str, str]
) -> None:
    """In Chromium: whether a page may send its form to a service is for its policy to say (CSP `form-action`)."""
    page = context.new_page()
    posted: list[str] = []
    page.on("request", lambda request: posted.append(request.url) if request.method == "POST" else None)
    page.goto(apache_at[BY_POST] + PAGE)
    Visitor(page, town).choose(EDUCONNECT, MOTHER)
    page.wait_for_url(apache_at[BY_POST] + PAGE)
    assert redirect_uri(apache_at[BY_POST]) in posted
    assert "OIDC_CLAIM_given_name=Aline" in page.content()


@pytest.mark.spec("RFC 6749 §6")
def test_apache_renews_its_tokens_when_its_application_asks(
    browser: ScriptedBrowser, apache_at: dict[str, str]
) -> None:
    browser.open(apache_at[GOOD] + PAGE)
    first = handed_over(sign_in(browser))
    second = handed_over(browser.open(renewing(apache_at[GOOD], first["OIDC_access_token"])))
    assert second["OIDC_access_token"] != first["OIDC_access_token"]
    assert second["OIDC_refresh_token"] != first["OIDC_refresh_token"]
    assert second["OIDC_CLAIM_sub"] == first["OIDC_CLAIM_sub"]


@pytest.mark.spec("OIDC Core §11")
def test_on_a_shared_device_apache_has_nothing_to_renew_with(
    browser: ScriptedBrowser, apache_at: dict[str, str]
) -> None:
    browser.open(apache_at[GOOD] + PAGE)
    told = handed_over(sign_in(browser, device=SHARED))
    assert "OIDC_refresh_token" not in told
    refused = browser.open(renewing(apache_at[GOOD], told["OIDC_access_token"]))
    assert "error_code=" in refused.url


@pytest.mark.spec("RP-Initiated Logout §2")
@pytest.mark.spec("RP-Initiated Logout §3")
def test_a_logout_that_apache_begins_ends_the_visit_and_comes_back_to_it(
    browser: ScriptedBrowser, town: RunningTown, apache_at: dict[str, str]
) -> None:
    browser.open(apache_at[GOOD] + PAGE)
    sign_in(browser)
    page = browser.open(leaving(apache_at[GOOD]))
    assert page.url.startswith(farewell(apache_at[GOOD]))
    assert BYE in page.text
    again = browser.open(apache_at[GOOD] + PAGE)
    assert again.url.startswith(town.origin + SIGN_IN_PATH), "the broker still knew her"


@pytest.mark.spec("Back-Channel Logout §2.5")
@pytest.mark.spec("Back-Channel Logout §2.6")
def test_apache_is_told_of_a_sign_out_and_believes_the_logout_token(
    browser: ScriptedBrowser, another_browser: ScriptedBrowser, town: RunningTown, apache_at: dict[str, str]
) -> None:
    """Asked with her cookie by a browser that the broker does not know: Apache alone can have forgotten her."""
    browser.open(apache_at[GOOD] + PAGE)
    sign_in(browser)
    another_browser.cookies(GOOD).update(browser.cookies(GOOD))
    page = apache_at[GOOD] + PAGE
    assert another_browser.open(page).url == page
    sign_out(browser, town.origin)
    assert soon(lambda: another_browser.open(page).url != page)
    assert another_browser.page.url.startswith(town.origin + SIGN_IN_PATH)


@pytest.mark.spec("RFC 9700 §2.1")
def test_a_redirect_uri_that_nobody_registered_is_refused_here_and_apache_hears_nothing(
    browser: ScriptedBrowser, town: RunningTown, apache_at: dict[str, str]
) -> None:
    """The same client at its registered address gets through (above); the address alone differs."""
    page = browser.open(apache_at[UNREGISTERED] + PAGE)
    assert page.url.startswith(f"{town.origin}/authorize?")
    assert page.status == 400
    assert UNREGISTERED not in page.body
    assert refusal_code(page, town) == "PRE-3002"


@pytest.mark.spec("RFC 7636 §4.4.1")
def test_apache_without_pkce_is_told_so_at_its_own_address(browser: ScriptedBrowser, apache_at: dict[str, str]) -> None:
    """One directive away from the first test: the registration, the scope and the secret are the same."""
    page = browser.open(apache_at[WITHOUT_PKCE] + PAGE)
    assert urlsplit(page.url).hostname == WITHOUT_PKCE
    assert "error=invalid_request" in page.url
    assert "OIDC_CLAIM_sub" not in page.body
