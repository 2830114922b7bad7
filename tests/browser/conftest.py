"""Chromium without a network, and one demo town for the whole folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.chromium import running_chromium
from tests.browser.people import Visitor
from tests.browser.town import RunningTown, running_town


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTown]:
    with running_town(tmp_path_factory.mktemp("town")) as running:
        yield running


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser that nobody used, without JavaScript: every page must do without."""
    fresh = chromium.new_context(locale="fr-FR", viewport={"width": 390, "height": 844}, java_script_enabled=False)
    fresh.set_default_timeout(20_000)
    yield fresh
    fresh.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def visitor(page: Page, town: RunningTown) -> Visitor:
    return Visitor(page, town)


@pytest.fixture
def another_visitor(chromium: Browser, town: RunningTown) -> Iterator[Visitor]:
    fresh = chromium.new_context(locale="fr-FR", java_script_enabled=False)
    fresh.set_default_timeout(20_000)
    yield Visitor(fresh.new_page(), town)
    fresh.close()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = os.environ.get("PREAU_PICTURES")
    return Path(folder) if folder else tmp_path_factory.mktemp("pictures")
