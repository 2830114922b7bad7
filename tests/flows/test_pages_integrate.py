"""The pages for those who connect a service: whole in each language, true to discovery, no account by default."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from broker.demo.accounts import PASSWORD
from broker.demo.town import prepare
from broker.domain.errors import SettingsError, every_fault
from broker.portal import read_sandbox
from broker.web.pages import create_pages
from tests.clock import FakeClock
from tests.federations import BASE
from tests.web_stand import WebStand, open_web

FAMILIES = 13
"""The twelve, the first of them told twice (1 and 1b)."""


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock) as opened:
        yield opened


def text_of(body: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())


@pytest.mark.parametrize(
    ("code", "title"), [("fr", "Intégrer votre service"), ("en", "Connect your service"), ("ar", "ربط خدمتك")]
)
def test_the_page_is_public_in_each_language_and_needs_no_script(stand: WebStand, code: str, title: str) -> None:
    answer = stand.client().get(f"/integrer?lang={code}")
    assert answer.status == 200
    assert title in answer.body
    assert "<script" not in answer.body


def test_every_address_of_discovery_is_on_the_page(stand: WebStand) -> None:
    browser = stand.client()
    metadata = json.loads(browser.get("/.well-known/openid-configuration").body)
    page = browser.get("/integrer").body
    addresses = [value for value in metadata.values() if isinstance(value, str)]
    assert f"{BASE}/token" in addresses
    assert [address for address in addresses if f">{address}<" not in page] == []
    assert metadata["service_documentation"] == f"{BASE}/integrer"
    assert browser.get(metadata["service_documentation"].removeprefix(BASE)).status == 200


def test_every_code_is_listed_and_has_a_page_with_its_words_and_what_the_service_is_told(stand: WebStand) -> None:
    browser = stand.client()
    wanted = {code: kind for code, kind in every_fault().items() if not code.endswith("000")}
    assert set(re.findall(r'href="/codes/(PRE-\d{4})"', browser.get("/codes").body)) == set(wanted)
    for code, kind in wanted.items():
        shown = unescape(text_of(browser.get(f"/codes/{code}").body))
        assert kind.title in shown, code
        assert (kind.spec_error or "rien") in shown
    assert [browser.get(f"/codes/{code}").status for code in ("PRE-9999", "x")] == [404] * 2


def test_a_refusal_shows_its_code_and_leads_to_what_the_code_means(stand: WebStand) -> None:
    browser = stand.client()
    refused = browser.get("/authorize?client_id=personne")
    (code,) = re.findall(r'href="/codes/(PRE-\d{4})"', refused.body)
    assert refused.status == every_fault()[code].status
    assert every_fault()[code].title in unescape(refused.body)
    assert browser.get(f"/codes/{code}").status == 200


def test_no_account_is_shown_where_no_sandbox_is_named(stand: WebStand) -> None:
    browser = stand.client()
    page = browser.get("/integrer").body
    assert "preau demo" in page
    assert "/integrer/familles" not in page
    assert browser.get("/integrer/familles").status == 404


def test_the_families_of_the_demo_have_their_page_with_their_logins(stand: WebStand, tmp_path: Path) -> None:
    town = prepare(tmp_path, year=2026)
    sandbox = read_sandbox(tmp_path / "sandbox.json")
    assert len(sandbox.families) == FAMILIES
    pages = create_pages(replace(stand.parts, sandbox=sandbox))
    assert 'href="/integrer/familles"' in pages.test_client().get("/integrer", base_url=BASE).text
    body = pages.test_client().get("/integrer/familles", base_url=BASE).text
    assert f"Leur mot de passe est {PASSWORD}" in text_of(body)
    shown = {person.login for family in sandbox.families for person in family.people}
    assert {"aline.quemeneur", "bruno.vasseur"} <= shown <= {account.login for account in town.accounts}
    assert [login for login in shown if f">{login}<" not in body] == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"password": "x", "families": 1}',
        '{"password": "x", "families": [{"number": "1", "title": "t", "people": 3}]}',
    ],
)
def test_a_sandbox_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sandbox.json"
    path.write_text(text, "utf-8")
    with pytest.raises(SettingsError) as told:
        read_sandbox(path)
    assert told.value.problems[0].startswith(f"sandbox_file: {path} cannot be used")
