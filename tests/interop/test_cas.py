"""mod_auth_cas, phpCAS and python-cas sign a mother in through the broker, learn who she is, and that she left."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest
from cas import CASClient

from broker.demo.prepared import Tls
from tests.browser.town import RunningTown
from tests.interop.cas_parties import PAGE, apache_with_cas, handed_over, php_with_cas, site_at
from tests.interop.parties import MOD_AUTH_CAS, PHP_CAS, PYTHON_CAS
from tests.interop.visits import SIGN_IN_PATH, sign_in, sign_out, soon
from tests.scripted_browser import ScriptedBrowser

pytestmark = pytest.mark.interop


def test_apache_by_cas_signs_her_in_tells_its_application_and_forgets_her(
    browser: ScriptedBrowser, town: RunningTown, tls: Tls, cas_at: dict[str, str]
) -> None:
    with apache_with_cas(cas_at[MOD_AUTH_CAS], town.origin, tls) as origin:
        assert browser.open(origin + PAGE).url.startswith(town.origin + SIGN_IN_PATH)
        page = sign_in(browser)
        assert (page.url, page.status) == (origin + PAGE, 200)
        told = handed_over(page)
        assert (told["HTTP_CAS_NAME"], told["HTTP_CAS_PROFIL"]) == ("Aline QUEMENEUR", "National_TUT")
        assert told["REMOTE_USER"] == told["HTTP_CAS_USER"]
        sign_out(browser, town.origin)
        assert soon(lambda: browser.open(origin + PAGE).url.startswith(town.origin))


def test_php_by_cas_signs_her_in_tells_its_application_and_forgets_her(
    browser: ScriptedBrowser, town: RunningTown, tls: Tls, cas_at: dict[str, str]
) -> None:
    with php_with_cas(cas_at[PHP_CAS], town.origin, tls) as origin:
        assert browser.open(f"{origin}/classe").url.startswith(town.origin + SIGN_IN_PATH)
        told = json.loads(sign_in(browser).body)
        assert (told["attributes"]["given_name"], told["attributes"]["family_name"]) == ("Aline", "QUEMENEUR")
        assert told["user"]
        sign_out(browser, town.origin)
        assert soon(lambda: browser.open(f"{origin}/classe").url.startswith(town.origin))


def test_python_cas_reads_who_she_is_and_which_session_ended(
    browser: ScriptedBrowser,
    town: RunningTown,
    tls: Tls,
    cas_at: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls.authority))
    with site_at(cas_at[PYTHON_CAS]) as site:
        client = CASClient(version=3, service_url=f"{site.origin}/", server_url=f"{town.origin}/cas/")
        browser.open(client.get_login_url())
        sign_in(browser)
        user, attributes, _ = client.verify_ticket(site.tickets[-1])
        assert user
        assert (attributes["given_name"], attributes["family_name"]) == ("Aline", "QUEMENEUR")
        assert client.verify_ticket(site.tickets[-1])[0] is None
        sign_out(browser, town.origin)
        assert soon(lambda: bool(site.posted))
        (request,) = parse_qs(site.posted[0])["logoutRequest"]
        (index,) = client.get_saml_slos(request)
        assert index.text == site.tickets[-1]


def test_a_logout_that_python_cas_begins_ends_the_visit_and_comes_back_to_it(
    browser: ScriptedBrowser, town: RunningTown, cas_at: dict[str, str]
) -> None:
    with site_at(cas_at[PYTHON_CAS]) as site:
        client = CASClient(version=3, service_url=f"{site.origin}/", server_url=f"{town.origin}/cas/")
        browser.open(client.get_login_url())
        sign_in(browser)
        assert browser.open(client.get_logout_url(f"{site.origin}/")).url.startswith(site.origin)
        assert browser.open(client.get_login_url()).url.startswith(town.origin + SIGN_IN_PATH)


def test_a_logout_that_php_begins_ends_the_visit_and_comes_back_to_it(
    browser: ScriptedBrowser, town: RunningTown, tls: Tls, cas_at: dict[str, str]
) -> None:
    """Last: it is gone before it can be told, and whatever this service is told next waits behind that."""
    with php_with_cas(cas_at[PHP_CAS], town.origin, tls) as origin:
        browser.open(f"{origin}/classe")
        sign_in(browser)
        page = browser.open(f"{origin}/sortir")
        assert (page.url, page.text) == (f"{origin}/vivant", "oui")
        assert browser.open(f"{origin}/classe").url.startswith(town.origin + SIGN_IN_PATH), "the broker still knew her"
