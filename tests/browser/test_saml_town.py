"""The demo town with EduConnect in SAML, in Chromium: a mother comes in, sees her children, and signs out there too."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.people import EDUCONNECT, ENT_SECONDAIRE, PASSWORD, Visitor
from tests.browser.town import RunningTown, running_town

pytestmark = pytest.mark.browser
PROVIDER, SOURCE = "127.0.0.5", "educonnect-saml"


@pytest.fixture(scope="module")
def saml_town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTown]:
    with running_town(tmp_path_factory.mktemp("saml"), "--saml") as running:
        yield running


@pytest.fixture(params=[True, False], ids=["script", "no script"])
def visitor(request: pytest.FixtureRequest, chromium: Browser, saml_town: RunningTown) -> Iterator[Visitor]:
    fresh = chromium.new_context(locale="fr-FR", java_script_enabled=request.param)
    fresh.set_default_timeout(20_000)
    yield Visitor(fresh.new_page(), saml_town)
    fresh.close()


def prove(page: Page, *, runs_script: bool) -> None:
    page.locator(f"button[name=source][value={SOURCE}]").click()
    page.get_by_role("button", name="Responsable d'élève").click()
    page.locator("#login").fill("aline.quemeneur")
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="Se connecter").click()
    if not runs_script:
        page.get_by_role("button", name="Continuer").click()


def test_the_mother_of_family_1_sees_three_children_and_is_signed_out_at_educonnect_too(
    visitor: Visitor, request: pytest.FixtureRequest
) -> None:
    page, origin = visitor.page, urlsplit(visitor.town.origin)
    provider = f"http://{PROVIDER}:{origin.port}/"
    visitor.home()
    prove(page, runs_script="no script" not in request.node.name)
    page.wait_for_url(visitor.town.origin + "/")
    assert len(visitor.children()) == 3
    page.goto(provider)
    assert "est connecté ici" in page.locator("main").inner_text()
    visitor.sign_out()
    assert page.locator("h1").inner_text() == "Vous êtes déconnecté"
    page.wait_for_url(f"{provider}idp/au-revoir")
    page.goto(provider)
    assert "Personne n'est connecté ici." in page.locator("main").inner_text()
    page.goto(visitor.town.origin + "/au-revoir")
    assert "Votre navigateur y est allé." in page.locator("main").inner_text()


@pytest.mark.parametrize("source", [EDUCONNECT, ENT_SECONDAIRE])
def test_on_a_shared_device_the_logout_of_every_other_source_is_one_click_away_and_leads_back(
    visitor: Visitor, source: str
) -> None:
    visitor.sign_in(source, "aline.quemeneur")
    assert visitor.children()
    visitor.sign_out()
    page = visitor.page
    page.get_by_role("link", name="Se déconnecter là aussi").click()
    page.wait_for_url(visitor.town.origin + "/au-revoir")
    assert "Terminé là aussi." in page.locator("main").inner_text()


def test_whoever_signs_out_at_educonnect_is_signed_out_here_too(
    visitor: Visitor, request: pytest.FixtureRequest
) -> None:
    page = visitor.page
    provider = f"http://{PROVIDER}:{urlsplit(visitor.town.origin).port}/"
    visitor.home()
    prove(page, runs_script="no script" not in request.node.name)
    page.wait_for_url(visitor.town.origin + "/")
    page.goto(provider)
    page.get_by_role("link", name="Se déconnecter").click()
    page.wait_for_url(f"{provider}idp/au-revoir")
    visitor.home()
    assert visitor.children() == []
    assert page.locator(f"button[name=source][value={SOURCE}]").count() == 1
