"""The read model of "Qui reçoit quoi": which services are told, what of, and for which child."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from broker.domain.people import ChildCard, PersonName, PersonView, Post, Profil, RecordKind, Space
from broker.domain.school import Level
from broker.domain.services import ClaimName
from broker.portal import DisclosurePage, Viewer, build_disclosures
from broker.services.access import Moment
from broker.services.ways import NO_WAYS, Way, Ways
from policies import Assurance, load_book
from tests.ledgers import told
from tests.web_stand import service

NOW = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)
LEA = ChildCard("prs_lea", "Léa", "Martin", "0990001A", "École Ferry", Level.ECOLE, "CM1", None)
TOM = ChildCard("prs_tom", "Tom", "Martin", "0990002B", "Collège Parks", Level.COLLEGE, "6e B", None)
POST = Post("0990002B", "Collège Parks", Level.COLLEGE, Profil.ENSEIGNANT, "ENS")
CANTEEN = service(claims=(ClaimName.GIVEN_NAME, ClaimName.CHILDREN))
STAFFROOM = service(
    "salle", profils=frozenset({Profil.ENSEIGNANT}), space=Space.STAFF, claims=(ClaimName.NAME, ClaimName.CHILDREN)
)
EVERY = (CANTEEN, STAFFROOM)


def disclosed(*kinds: RecordKind, **changes: Any) -> DisclosurePage:
    name = PersonName("Martin", "Nadia")
    person = PersonView("prs_1", name, frozenset(kinds), changes.get("posts", ()), changes.get("pupil_at", ()))
    moment = Moment(Assurance.LOW, NOW, changes.get("ways", NO_WAYS))
    viewer = Viewer(person, moment, load_book(), changes.get("services", EVERY))
    return build_disclosures(viewer, changes.get("children", ()), changes.get("releases", ()))


def test_a_parent_and_a_teacher_in_one_person_are_told_each_by_its_own_service() -> None:
    page = disclosed(RecordKind.GUARDIAN, RecordKind.STAFF, children=(LEA,), posts=(POST,))
    assert [(entry.service.service_id, entry.claims) for entry in page.services] == [
        ("cantine", (ClaimName.GIVEN_NAME, ClaimName.CHILDREN)),
        ("salle", (ClaimName.NAME,)),
    ]


def test_a_pupil_reads_that_no_child_is_told_of() -> None:
    (entry,) = disclosed(RecordKind.PUPIL, pupil_at=(TOM,)).services
    assert (entry.service.service_id, entry.claims, entry.children) == ("cantine", (ClaimName.GIVEN_NAME,), ())


def test_a_service_that_only_asks_for_more_proof_can_be_opened_and_is_told() -> None:
    asking = replace(CANTEEN, requires=Assurance.STRONG)
    ways = Ways((Way("educonnect", Assurance.STRONG),))
    (entry,) = disclosed(RecordKind.GUARDIAN, children=(LEA,), services=(asking,), ways=ways).services
    assert entry.can_open
    assert entry.claims == (ClaimName.GIVEN_NAME, ClaimName.CHILDREN)


def test_a_service_that_cannot_be_opened_receives_nothing_now_whatever_it_received_once() -> None:
    elsewhere = replace(CANTEEN, schools=frozenset({"0990009Z"}))
    once = told("prs_1", "cantine", date(2026, 9, 1), "name")
    (closed,) = disclosed(RecordKind.GUARDIAN, children=(LEA,), services=(elsewhere,), releases=(once,)).services
    assert (closed.can_open, closed.claims, closed.last) == (False, (), once)


def test_children_are_named_where_a_service_is_open_for_some_and_not_for_others() -> None:
    of_college = replace(CANTEEN, service_id="notes", levels=frozenset({Level.COLLEGE}))
    second_school = replace(TOM, uai="0990003C")
    page = disclosed(RecordKind.GUARDIAN, children=(LEA, TOM, second_school), services=(CANTEEN, of_college))
    assert [entry.children for entry in page.services] == [(), ("Tom",)]


def test_only_the_last_line_of_each_service_is_shown_and_of_services_that_left_too() -> None:
    lines = (
        told("prs_1", "cantine", date(2026, 9, 3), "given_name"),
        told("prs_1", "parti", date(2026, 9, 2), "name"),
        told("prs_1", "cantine", date(2026, 9, 1), "name"),
    )
    page = disclosed(RecordKind.GUARDIAN, children=(LEA,), releases=lines)
    assert [entry.last for entry in page.services] == [lines[0]]
    assert page.gone == (lines[1],)
