"""Shibboleth's service provider, the strictest XML stack of all, as a service: login, attributes, logout both ways."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest

from broker.demo.prepared import Tls
from tests.browser.town import RunningTown
from tests.interop.saml_parties import (
    SEALED,
    SHIBBOLETH,
    SamlParty,
    arrive,
    environment_of,
    fetched_metadata,
    go_through,
)
from tests.interop.shibboleth import BYE, PAGE, shibboleth
from tests.interop.visits import SIGN_IN_PATH, prove, sign_out, soon
from tests.scripted_browser import ScriptedBrowser

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def service(town: RunningTown, saml_at: dict[str, SamlParty], tls: Tls) -> Iterator[str]:
    party = saml_at[SHIBBOLETH]
    idp = f"{town.origin}/saml/metadata"
    with shibboleth(party, idp, fetched_metadata(town.origin, tls), tls):
        yield party.origin


def test_shibboleth_signs_the_mother_in_and_tells_its_application_who_she_is(
    browser: ScriptedBrowser, service: str
) -> None:
    page = arrive(browser, service + PAGE)
    assert (page.url, page.status) == (service + PAGE, 200), page.text
    told = environment_of(page)
    assert (told["givenName"], told["sn"]) == ("Aline", "QUEMENEUR")
    assert told["REMOTE_USER"] == told["persistent-id"] != ""


def test_shibboleth_reads_an_encrypted_assertion(
    browser: ScriptedBrowser, town: RunningTown, saml_at: dict[str, SamlParty], tls: Tls
) -> None:
    """AES-256-GCM, RSA-OAEP."""
    party = saml_at[SEALED]
    with shibboleth(party, f"{town.origin}/saml/metadata", fetched_metadata(town.origin, tls), tls):
        carried = go_through(browser, party.origin + PAGE).forms[0]
        told = base64.b64decode(carried.fields["SAMLResponse"])
        assert (b"EncryptedAssertion" in told, b"Aline" in told) == (True, False)
        assert environment_of(browser.submit(carried))["givenName"] == "Aline", browser.page.text


def test_shibboleth_may_ask_for_a_new_proof_and_gets_no_answer_without_one(
    browser: ScriptedBrowser, town: RunningTown, service: str
) -> None:
    """By the source that she came from: the password is asked for there although she is signed in here."""
    arrive(browser, service + PAGE)
    asked = urlencode({"forceAuthn": "true", "target": service + PAGE})
    page = browser.open(f"{service}/Shibboleth.sso/Login?{asked}")
    assert not page.url.startswith((town.origin, service))
    prove(browser)
    assert environment_of(browser.submit(browser.page.forms[0]))["givenName"] == "Aline"


def test_a_logout_that_shibboleth_begins_ends_the_visit_and_comes_back_to_it(
    browser: ScriptedBrowser, town: RunningTown, service: str
) -> None:
    arrive(browser, service + PAGE)
    back = quote(f"{service}/au-revoir", safe="")
    page = browser.open(f"{service}/Shibboleth.sso/Logout?return={back}")
    assert BYE in page.text, (page.url, page.text)
    assert browser.open(service + PAGE).url.startswith(town.origin + SIGN_IN_PATH), "the broker still knew her"


def test_shibboleth_is_told_of_a_sign_out_by_soap_and_forgets_her(
    browser: ScriptedBrowser, another_browser: ScriptedBrowser, town: RunningTown, service: str
) -> None:
    """Asked with her cookie by a browser that the broker does not know: Shibboleth alone can have forgotten her."""
    arrive(browser, service + PAGE)
    another_browser.cookies("127.0.0.45").update(browser.cookies("127.0.0.45"))
    assert another_browser.open(service + PAGE).url == service + PAGE
    sign_out(browser, town.origin)
    assert soon(lambda: another_browser.open(service + PAGE).url != service + PAGE)
