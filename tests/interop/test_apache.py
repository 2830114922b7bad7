"""mod_auth_openidc 2.4, as Debian ships it, signs a mother in through the broker."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser.town import RunningTown
from tests.interop.apache import GOOD, PAGE, UNREGISTERED, WITHOUT_PKCE
from tests.interop.conftest import APACHE
from tests.interop.visits import CHILDREN, sign_in, verified
from tests.scripted_browser import Page, ScriptedBrowser

pytestmark = pytest.mark.interop


def handed_over(page: Page) -> dict[str, str]:
    """What the module gave to the application: the environment, as the page prints it."""
    return dict(re.findall(r"(OIDC_\w+)=(\S[^\n]*?)(?= [A-Za-z_]+=|$)", page.text))


def test_apache_signs_the_mother_in_and_tells_its_application_who_she_is(
    browser: ScriptedBrowser, town: RunningTown, apache_at: dict[str, str]
) -> None:
    asked = browser.open(apache_at[GOOD] + PAGE)
    assert asked.url.startswith(town.origin)
    page = sign_in(browser)
    assert (page.url, page.status) == (apache_at[GOOD] + PAGE, 200)
    told = handed_over(page)
    token = verified(told["OIDC_id_token"], issuer=town.origin, audience=APACHE, alg="RS256")
    assert told["OIDC_CLAIM_sub"] == token["sub"]
    assert told["OIDC_CLAIM_iss"] == town.origin
    assert told["OIDC_CLAIM_given_name"] == "Aline"
    assert {child["given_name"] for child in json.loads(f"[{told['OIDC_CLAIM_children']}]")} == CHILDREN
