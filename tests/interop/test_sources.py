"""Sources no one here wrote sign a mother in: LemonLDAP::NG by CAS and by SAML, SimpleSAMLphp by SAML."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest

from tests import llng
from tests.conftest import needs
from tests.interop.saml_parties import frames_of
from tests.interop.simplesaml import LOGIN, PASSWORD
from tests.interop.source_town import BY_CAS, BY_PHP, BY_SAML, SourceTown, mother_of, town_with_sources
from tests.interop.visits import SHARED, sign_out, soon
from tests.scripted_browser import Page, ScriptedBrowser

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SourceTown]:
    needs("other people's sources")
    with town_with_sources(tmp_path_factory.mktemp("sources")) as served:
        yield served


def with_password(browser: ScriptedBrowser, **values: str) -> Page:
    """Write name and password on the source's own page."""
    form = next(form for form in browser.page.forms if set(values) <= set(form.fields))
    return browser.submit(form, **values)


def at_lemon_by_cas(browser: ScriptedBrowser) -> Page:
    return with_password(browser, **llng.PERSON)


def at_lemon_by_saml(browser: ScriptedBrowser) -> Page:
    page = with_password(browser, **llng.PERSON)
    return browser.submit(page.forms[0])


def at_php(browser: ScriptedBrowser) -> Page:
    page = with_password(browser, username=LOGIN, password=PASSWORD)
    return browser.submit(page.forms[0])


SOURCES: Mapping[str, Callable[[ScriptedBrowser], Page]] = {
    BY_CAS: at_lemon_by_cas,
    BY_SAML: at_lemon_by_saml,
    BY_PHP: at_php,
}


def leave_for(browser: ScriptedBrowser, place: SourceTown, source: str) -> Page:
    browser.open(f"{place.origin}/")
    return browser.submit(browser.page.forms[0], button=source, device=SHARED)


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_signs_the_mother_in_by_her_references_and_she_signs_out_again(
    browser: ScriptedBrowser, place: SourceTown, source: str
) -> None:
    assert not leave_for(browser, place, source).url.startswith(place.origin), "the password is written elsewhere"
    page = SOURCES[source](browser)
    assert (page.url.startswith(place.origin), page.status) == (True, 200), (page.url, page.text)
    assert mother_of(place.town).given in page.text
    children = place.town.family("1").pupils
    assert all(child.given in page.text for child in children), page.text
    sign_out(browser, place.origin)
    page = browser.open(f"{place.origin}/")
    assert not any(child.given in page.text for child in children)


@pytest.mark.spec("SAML Profiles §4.4")
@pytest.mark.parametrize("source", SOURCES)
def test_a_sign_out_here_is_led_through_the_source_and_ends_its_session_too(
    browser: ScriptedBrowser, place: SourceTown, source: str
) -> None:
    leave_for(browser, place, source)
    SOURCES[source](browser)
    assert f"/au-revoir/{source}" in sign_out(browser, place.origin).body
    page = browser.open(f"{place.origin}/au-revoir/{source}")
    assert page.url.startswith(place.origin), (page.url, page.text)
    assert "Terminé là aussi." in page.text
    page = leave_for(browser, place, source)
    assert not page.url.startswith(place.origin)
    assert any("password" in form.fields for form in page.forms), "the source asks for the password again"


def leave_lemon_by_cas(browser: ScriptedBrowser, place: SourceTown) -> None:
    """It tells services from server to server."""
    browser.open(f"{place.portal}/cas/logout")


def leave_lemon_by_saml(browser: ScriptedBrowser, place: SourceTown) -> None:
    """It tells services by frames of its page."""
    for frame in frames_of(browser.open(f"{place.portal}/?logout=1")):
        browser.open(frame)


def leave_php(browser: ScriptedBrowser, place: SourceTown) -> None:
    """It leads the browser through every service, and back."""
    browser.open(f"{place.php}/saml2/idp/SingleLogoutService.php?ReturnTo={place.php}/logout.php")


LEAVE: Mapping[str, Callable[[ScriptedBrowser, SourceTown], None]] = {
    BY_CAS: leave_lemon_by_cas,
    BY_SAML: leave_lemon_by_saml,
    BY_PHP: leave_php,
}


@pytest.mark.parametrize("source", LEAVE)
def test_a_logout_that_begins_at_the_source_ends_the_visit_here(
    browser: ScriptedBrowser, place: SourceTown, source: str
) -> None:
    leave_for(browser, place, source)
    SOURCES[source](browser)
    child = place.town.family("1").pupils[0].given
    assert child in browser.open(f"{place.origin}/").text
    LEAVE[source](browser, place)
    assert soon(lambda: child not in browser.open(f"{place.origin}/").text)
