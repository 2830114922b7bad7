"""An agent reads out the number of a page of error: what happened, who can help; of nobody outside the own schools."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from broker.domain.audit import Action
from broker.domain.login_faults import Hop, HopKind, LoginFault
from broker.helpdesk.incident import read_number
from broker.storage.sql_login_faults import SqlLoginFaults
from tests.clock import FakeClock
from tests.desks import THERE, family, open_desk_web
from tests.flows.test_desk import DESK, agent, counted
from tests.web_stand import WebStand

NUMBER = "123-4567-890"


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_desk_web(sqlite_url, clock) as stand:
        yield stand


def happened(stand: WebStand, *, person: str = "", code: str = "PRE-5002") -> None:
    now = stand.parts.clock()
    hops = (Hop(HopKind.ASKED, now - timedelta(seconds=9)), Hop(HopKind.LEFT, now - timedelta(seconds=5), "educonnect"))
    fault = LoginFault(
        NUMBER, now, code, "answer too slow", "/retour/educonnect", person, "educonnect", "cantine", hops
    )
    SqlLoginFaults(stand.world.engine).note(fault)


def test_the_number_in_the_search_box_opens_the_story_of_that_login(stand: WebStand) -> None:
    happened(stand)
    client = agent(stand, DESK)
    for typed in ("1234567890", "123-4567-890", "123%204567%20890"):
        assert client.get(f"/guichet?q={typed}").location == f"/guichet/incident/{NUMBER}"
    page = client.get(f"/guichet/incident/{NUMBER}")
    assert page.status == 200
    for shown in ("Le site de connexion est en panne", "Le site de connexion choisi.", "Connexion demandée", "Cantine"):
        assert shown in page.text, shown
    assert "answer too slow" not in page.text
    assert counted(stand, Action.AGENT_SEARCHED) == 1


def test_the_story_of_somebody_at_the_own_school_leads_to_their_sheet(stand: WebStand) -> None:
    mother = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès")
    happened(stand, person=mother)
    assert f"/guichet/compte/{mother}" in agent(stand, DESK).get(f"/guichet/incident/{NUMBER}").body


def test_the_story_of_somebody_elsewhere_is_not_told(stand: WebStand) -> None:
    stranger = family(stand.world.engine, "1", name="Nadia BENALI", child="Inès", uai=THERE)
    happened(stand, person=stranger)
    page = agent(stand, DESK).get(f"/guichet/incident/{NUMBER}")
    assert page.status == 403
    assert "hors de votre périmètre" in page.text
    assert "en panne" not in page.text
    assert stranger not in page.body


def test_a_number_under_which_nothing_is_kept_says_so(stand: WebStand) -> None:
    page = agent(stand, DESK).get("/guichet/incident/999-9999-999")
    assert page.status == 404
    assert "Rien n'est gardé sous ce numéro" in page.text


def test_for_nobody_else_there_is_such_a_page(stand: WebStand) -> None:
    happened(stand)
    assert stand.client().get(f"/guichet/incident/{NUMBER}").status == 303


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("0612345678", ""),
        ("061-2345-678", "061-2345-678"),
        (" 123 4567 890 ", NUMBER),
        ("martin", ""),
        ("12345678901", ""),
    ],
)
def test_a_telephone_number_is_no_number_of_a_page(typed: str, read: str) -> None:
    assert read_number(typed) == read
