"""Open redirects: nothing a request says leads the browser out of the broker, except to a configured source."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest

from broker.domain.errors import BadPageRequest, every_fault
from broker.federation import local_path
from broker.web import faults, sign_in
from tests.clock import FakeClock
from tests.web_stand import WebStand, open_web

OUTSIDE = (
    "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example",
    "https:evil.example",
    "javascript:alert(1)", "data:text/html,x", "evil.example", "", "/\t/evil.example", "/\r\nLocation: //evil.example",
    "/\n/evil.example", "//evil.example/%2f..", "/\x00/evil.example", "@evil.example", ".evil.example",
)  # fmt: skip
NAMES = (
    "next",
    "url",
    "return",
    "returnTo",
    "return_to",
    "redirect",
    "redirect_uri",
    "service",
    "RelayState",
    "r",
    "vers",
)


@pytest.fixture
def web(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock) as stand:
        stand.add_mother("Léa")
        yield stand


@pytest.mark.parametrize("path", OUTSIDE)
def test_only_a_path_of_our_own_origin_passes(path: str) -> None:
    with pytest.raises(BadPageRequest):
        local_path(path)


@pytest.mark.parametrize("path", ["/", "/acces", "/authorize/resume?i=pin_x", "/a//b", "/?x=//y"])
def test_our_own_paths_pass(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize("target", OUTSIDE)
def test_no_parameter_leads_out(web: WebStand, target: str) -> None:
    hostile = urlencode(dict.fromkeys(NAMES, target))
    mother = web.client()
    for path in ("/", "/connexion", "/acces", "/pourquoi", "/avis", "/retour/ent1", "/deconnexion"):
        answer = mother.get(f"{path}?{hostile}")
        assert answer.location == "" or answer.location.startswith("/"), path
        assert not answer.location.startswith("//"), path
        assert "evil.example" not in answer.body, path


def test_the_way_back_of_an_error_page_cannot_be_chosen_by_its_address(web: WebStand) -> None:
    browser = web.client()
    browser.get("/connexion")
    notice = browser.get("/retour/ent1?state=x").location
    assert browser.get(notice).status == 400
    forged = notice.replace("r=%2F", "r=%2Facces")
    assert forged != notice
    assert browser.get(forged).status == 404


def test_a_way_back_out_of_our_origin_is_refused_even_from_inside(
    web: WebStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second wall: the journey checks the way back when it is given, the page when it is used."""
    browser = web.client()
    browser.get("/connexion")
    elsewhere = SimpleNamespace(done=True, resume="//evil.example", straight="", source_ids=(), service_id="")
    monkeypatch.setattr(type(web.parts.federation), "choices", lambda *_, **__: elsewhere)
    assert browser.get("/connexion?i=pin_x&lang=fr").status == 400
    monkeypatch.setattr(sign_in, "local_path", lambda path: path)
    assert browser.get("/connexion?i=pin_x&lang=fr").location == "//evil.example"


def test_an_unknown_source_is_no_page_and_sends_nobody_anywhere(web: WebStand) -> None:
    browser = web.client()
    token = browser.get("/connexion").token
    assert browser.post("/connexion", {"csrf": token, "source": "https://evil.example"}).status == 400
    assert browser.get(browser.get("/retour/evil").location).status == 404


def test_a_code_in_the_address_never_reaches_a_page_or_another_site(web: WebStand) -> None:
    browser = web.client()
    left = browser.leave("ent2")
    back = browser.come_back(left.location, source="ent2")
    assert (back.status, back.body, back.header("Referrer-Policy")) == (303, "", "no-referrer")
    assert "ticket" not in back.location


def test_every_error_has_a_page_with_its_number_and_no_cause(web: WebStand) -> None:
    with web.pages.test_request_context("/", base_url="https://preau.example"):
        for code, kind in every_fault().items():
            body = faults.fault_page(kind, trace="123-4567-890").get_data(as_text=True)
            assert "123-4567-890" in body, code
            assert "Traceback" not in body, code
