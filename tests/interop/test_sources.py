"""Sources no one here wrote sign a mother in: LemonLDAP::NG by CAS and by SAML, SimpleSAMLphp by SAML."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest

from tests import llng
from tests.conftest import needs
from tests.interop.simplesaml import LOGIN, PASSWORD
from tests.interop.source_town import BY_CAS, BY_PHP, BY_SAML, SourceTown, mother_of, town_with_sources
from tests.interop.visits import SHARED, sign_out
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


@pytest.mark.parametrize("source", SOURCES)
def test_whoever_is_still_signed_in_at_the_source_comes_back_without_a_password(
    browser: ScriptedBrowser, place: SourceTown, source: str
) -> None:
    """Signing out here ends nothing at the source: the page after a sign-out says so."""
    leave_for(browser, place, source)
    SOURCES[source](browser)
    left = sign_out(browser, place.origin)
    assert "Les pages des services et de votre accès habituel" in left.text
    page = leave_for(browser, place, source)
    if not page.url.startswith(place.origin):
        page = browser.submit(page.forms[0])
    assert mother_of(place.town).given in page.text


@pytest.mark.spec("SAML Profiles §4.4")
@pytest.mark.parametrize("source", SOURCES)
def test_whoever_signs_out_at_the_source_too_writes_the_password_again(
    browser: ScriptedBrowser, place: SourceTown, source: str
) -> None:
    """A shared device: each source's own logout is led to or offered, and leads back to the page that says so."""
    leave_for(browser, place, source)
    SOURCES[source](browser)
    assert f"/au-revoir/{source}" in sign_out(browser, place.origin).body
    page = browser.open(f"{place.origin}/au-revoir/{source}")
    assert page.url == f"{place.origin}/au-revoir", (page.url, page.text)
    assert "Terminé là aussi." in page.text
    page = leave_for(browser, place, source)
    assert any("password" in form.fields for form in page.forms), page.text
