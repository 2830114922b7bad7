"""npm's oidc-client-ts in Chromium: a page without a server signs a mother in, renews her tokens, signs her out.

The library checks no signature (the tokens come over TLS from the broker itself): a third one does here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from broker.demo.prepared import Tls
from broker.wire.jose import CLOCKS_APART
from tests.browser.people import EDUCONNECT, Visitor
from tests.browser.town import RunningTown
from tests.certificates import ThrowAwayCa
from tests.interop.page_site import page_site
from tests.interop.parties import BROWSER, DPOP_BROWSER, Party
from tests.interop.visits import LEVELS, MOTHER, OWN, SHARED, SIGN_IN_PATH, verified

pytestmark = [pytest.mark.interop, pytest.mark.browser]
each_page = pytest.mark.parametrize("client_id", [BROWSER, DPOP_BROWSER])


@pytest.fixture(scope="session")
def pages_at(parties: dict[str, Party], town: RunningTown, tls: Tls) -> Iterator[dict[str, tuple[str, ...]]]:
    """The origins of each page, by its client id; pages of the second one of `BROWSER` may read no answers."""
    with ExitStack() as stack:
        wait_for_proofs(town)
        yield {
            client_id: stack.enter_context(
                page_site(parties[client_id], town.origin, tls, dpop=client_id == DPOP_BROWSER)
            )
            for client_id in (BROWSER, DPOP_BROWSER)
        }


def wait_for_proofs(town: RunningTown) -> None:
    """A broker that has just started takes no proof (DPoP) that could have been used before: see its `ProofDesk`."""
    lines = town.log.read_text(encoding="utf-8").splitlines()
    answered = datetime.fromisoformat(json.loads(next(line for line in lines if line.startswith("{")))["at"])
    usable = answered + timedelta(seconds=CLOCKS_APART + 1)
    time.sleep(max(0.0, (usable - datetime.now(UTC)).total_seconds()))


def sign_in(context: BrowserContext, town: RunningTown, origin: str, *, device: str = OWN) -> Page:
    """From the page's own button through the broker and EduConnect, back to the page."""
    page = context.new_page()
    page.goto(f"{origin}/")
    page.locator("#entrer").click()
    page.locator(f"input[name=device][value={device}]").check()
    Visitor(page, town).choose(EDUCONNECT, MOTHER)
    return page


def said(page: Page) -> dict[str, Any]:
    """What the page says it was told."""
    told = page.locator("#dit")
    expect(told).not_to_be_empty(timeout=20_000)
    return dict(json.loads(told.inner_text()))


@each_page
@pytest.mark.spec("Fetch §3.2")
def test_a_page_signs_the_mother_in_and_reads_who_she_is(
    client_id: str, context: BrowserContext, town: RunningTown, pages_at: dict[str, tuple[str, ...]],
    throw_away_ca: ThrowAwayCa,
) -> None:  # fmt: skip
    told = said(sign_in(context, town, pages_at[client_id][0]))
    token = verified(told["id_token"], issuer=town.origin, audience=client_id, alg="ES256", trust=throw_away_ca.trust())
    assert (told["profile"]["sub"], told["profile"]["given_name"]) == (token["sub"], "Aline")
    assert sorted(child["level"] for child in told["profile"]["children"]) == LEVELS
    assert told["token_type"].lower() == ("dpop" if client_id == DPOP_BROWSER else "bearer")


@each_page
@pytest.mark.spec("RFC 6749 §6")
@pytest.mark.spec("RFC 9700 §2.2.2")
def test_a_page_renews_its_tokens_in_silence_without_a_frame(
    client_id: str, context: BrowserContext, town: RunningTown, pages_at: dict[str, tuple[str, ...]]
) -> None:
    page = sign_in(context, town, pages_at[client_id][0])
    first = said(page)
    page.locator("#renouveler").click()
    expect(page.locator("#dit")).not_to_contain_text(first["access_token"])
    second = said(page)
    assert (second["profile"]["sub"], second["renewable"]) == (first["profile"]["sub"], True)
    assert page.locator("iframe").count() == 0


@pytest.mark.spec("OIDC Core §11")
def test_on_a_shared_device_a_page_is_given_nothing_to_renew_with_and_its_frame_finds_nobody(
    context: BrowserContext, town: RunningTown, pages_at: dict[str, tuple[str, ...]]
) -> None:
    """Without a refresh token the library asks in a hidden frame, where our cookie is another site's: `prompt=none`."""
    page = sign_in(context, town, pages_at[BROWSER][0], device=SHARED)
    assert not said(page)["renewable"]
    page.locator("#renouveler").click()
    expect(page.locator("#dit")).to_have_text('{"error":"login_required"}')


@each_page
@pytest.mark.spec("RP-Initiated Logout §2")
@pytest.mark.spec("RP-Initiated Logout §3")
def test_a_logout_that_a_page_begins_ends_the_visit_and_comes_back_to_it(
    client_id: str, context: BrowserContext, town: RunningTown, pages_at: dict[str, tuple[str, ...]]
) -> None:
    page = sign_in(context, town, pages_at[client_id][0])
    said(page)
    page.locator("#sortir").click()
    page.wait_for_url(f"{pages_at[client_id][0]}/au-revoir")
    assert said(page) == {"bye": True}
    page.locator("#entrer").click()
    page.wait_for_url(f"{town.origin}{SIGN_IN_PATH}?*")


@pytest.mark.spec("Fetch §3.2")
def test_a_page_of_an_origin_that_may_not_read_answers_gets_a_code_and_no_token(
    context: BrowserContext, town: RunningTown, pages_at: dict[str, tuple[str, ...]]
) -> None:
    """The same page at its other origin gets through (above); `origins` alone differs."""
    told = said(sign_in(context, town, pages_at[BROWSER][1]))
    assert told == {"error": "Failed to fetch"}
