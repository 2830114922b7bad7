"""One parent, one login, all the children: the acceptance, in Chromium, without JavaScript, on a phone's width."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.browser.people import EDUCONNECT, ENT_ECOLES, ENT_SECONDAIRE, Visitor
from tests.browser.town import RunningTown

pytestmark = pytest.mark.browser

MOTHER = "aline.quemeneur"
SECOND_MOTHER = "noemie.roussel-diop"
MARIE = "marie.martin"
RESTRICTED = "bruno.vasseur"
STRANGER = "camille.ailleurs"
VIE_SCOLAIRE = "Vie scolaire"
CANTINE = "La Cantine"


def preau(town: RunningTown, *arguments: str) -> str:
    """What an administrator's command prints for this town."""
    command = [sys.executable, "-m", "broker", *arguments, "--config", str(town.folder / "preau.toml")]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_a_mother_signs_in_once_and_finds_her_three_children_in_three_schools(visitor: Visitor) -> None:
    visitor.sign_in(EDUCONNECT, MOTHER)
    assert visitor.names() == ["Titouan", "Maëlys", "Ewen"]
    assert len({school for _, school in visitor.children()}) == 3


def test_she_opens_two_services_with_no_further_login_and_is_the_same_person_at_each_visit(visitor: Visitor) -> None:
    visitor.sign_in(EDUCONNECT, MOTHER)
    first = visitor.open_service("Maëlys", VIE_SCOLAIRE)
    canteen = visitor.open_service("Maëlys", CANTINE)
    visitor.home()
    visitor.open_service("Maëlys", VIE_SCOLAIRE)
    visitor.leave_service()
    assert visitor.open_service("Maëlys", VIE_SCOLAIRE) == first
    assert canteen != first


def test_through_either_ent_she_lands_on_the_same_page_as_the_same_person(
    visitor: Visitor, another_visitor: Visitor
) -> None:
    visitor.sign_in(EDUCONNECT, MOTHER)
    cards = visitor.children()
    sub = visitor.open_service("Maëlys", VIE_SCOLAIRE)
    visitor.sign_out()
    for source in (ENT_ECOLES, ENT_SECONDAIRE):
        another_visitor.sign_in(source, MOTHER)
        assert another_visitor.children() == cards
        assert another_visitor.open_service("Maëlys", VIE_SCOLAIRE) == sub
        another_visitor.leave_service()
        another_visitor.sign_out()


def test_a_mother_who_never_used_educonnect_sees_only_her_ents_children_and_her_proposal_waits_unseen(
    visitor: Visitor, another_visitor: Visitor, town: RunningTown
) -> None:
    visitor.sign_in(ENT_ECOLES, SECOND_MOTHER)
    another_visitor.sign_in(ENT_SECONDAIRE, SECOND_MOTHER)
    assert visitor.names() == ["Aïssa"]
    assert another_visitor.names() == ["Malick", "Fanta"]
    shown = json.loads(preau(town, "person", "show", "99-2d:500111", "--json"))
    found = json.loads(preau(town, "person", "show", "99-1d:610781", "--json"))
    assert shown["person_id"] != found["person_id"]
    proposals = shown["proposals"] + found["proposals"]
    assert {proposal["state"] for proposal in proposals} == {"proposed"}


def test_she_undoes_a_wrong_link_and_everything_is_as_before(visitor: Visitor, another_visitor: Visitor) -> None:
    """EduConnect groups Marie Martin with the record of another Marie Martin: she sees a child who is not hers."""
    visitor.sign_in(ENT_ECOLES, MARIE)
    assert visitor.names() == ["Jules"]
    before = visitor.page.locator("main").inner_html()
    sub = visitor.open_service("Jules", CANTINE)
    visitor.sign_out()

    visitor.sign_in(EDUCONNECT, MARIE)
    assert visitor.names() == ["Jules", "Jade"]
    visitor.page.goto(visitor.town.origin + "/acces")
    visitor.page.get_by_role("link", name="EduConnect").click()
    visitor.page.locator("main form button").first.click()

    another_visitor.sign_in(ENT_ECOLES, MARIE)
    assert another_visitor.names() == ["Jules"]
    assert another_visitor.page.locator("main").inner_html() == before
    assert another_visitor.open_service("Jules", CANTINE) == sub

    visitor.sign_in(EDUCONNECT, MARIE)
    assert visitor.refusal() == "PRE-2004", "an undone login does not come back by itself"
    assert visitor.names() == []


def test_a_parent_restricted_by_a_court_gets_the_page_of_a_stranger(visitor: Visitor, another_visitor: Visitor) -> None:
    visitor.sign_in(EDUCONNECT, RESTRICTED)
    another_visitor.sign_in(EDUCONNECT, STRANGER)
    assert visitor.refusal() == another_visitor.refusal() == "PRE-2003"
    assert without_trace(visitor) == without_trace(another_visitor)
    assert "Lila" not in visitor.page.content()
    visitor.sign_in(ENT_ECOLES, RESTRICTED)
    assert without_trace(visitor) == without_trace(another_visitor)


def without_trace(visitor: Visitor) -> str:
    """The page without its trace number and the handle of the login in progress, which differ at every request."""
    text = visitor.page.content()
    trace = visitor.page.locator(".trace strong").inner_text()
    way_on = visitor.page.locator("main a.button").get_attribute("href") or "none"
    return text.replace(trace, "TRACE").replace(way_on, "WAY ON")


@pytest.mark.parametrize(("language", "direction"), [("fr", "ltr"), ("en", "ltr"), ("ar", "rtl")])
def test_the_page_is_offered_in_each_language_in_its_direction(visitor: Visitor, language: str, direction: str) -> None:
    visitor.sign_in(EDUCONNECT, MOTHER)
    visitor.page.goto(f"{visitor.town.origin}/?lang={language}")
    html = visitor.page.locator("html")
    assert (html.get_attribute("lang"), html.get_attribute("dir")) == (language, direction)
    assert visitor.names() == ["Titouan", "Maëlys", "Ewen"]
