"""Who may open a service and what it is told: the facts computed from persons, decided by the shipped policies."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from broker.domain.people import ChildCard, PersonName, PersonView, Post, Profil, RecordKind, Space
from broker.domain.school import Level
from broker.domain.services import ClaimName, Service
from broker.services.access import may_open, role_in
from broker.services.release import claims_for, released
from policies import Assurance, Policies, PolicyBook, Role, load_book
from tests.builders import NOW
from tests.oidc_stand import service

LEA = ChildCard("prs_lea", "Léa", "Martin", "0990001A", "Collège", Level.COLLEGE, "6A", None)
TOM = replace(LEA, child_id="prs_tom", given="Tom", uai="0990002B", level=Level.ECOLE, class_label="CP")
MOTHER = PersonView("prs_m", PersonName("Martin", "Dominique", "Mme"), frozenset({RecordKind.GUARDIAN}))
PUPIL = PersonView("prs_lea", PersonName("Martin", "Léa"), frozenset({RecordKind.PUPIL}), pupil_at=(LEA,))
POST = Post("0990001A", "Collège", Level.COLLEGE, Profil.ENSEIGNANT, "ENS")
TEACHER = PersonView("prs_t", PersonName("Bernard", "Camille"), frozenset({RecordKind.STAFF}), posts=(POST,))
BOTH = replace(TEACHER, kinds=frozenset({RecordKind.STAFF, RecordKind.GUARDIAN}))
NOBODY = PersonView("prs_n", PersonName("X", "Y"), frozenset())

FAMILY = service()
COLLEGE = service(levels=frozenset({Level.COLLEGE}))
PUPILS = service(profils=frozenset({Profil.ELEVE, Profil.TUTEUR}))
STAFF = service(space=Space.STAFF, profils=frozenset({Profil.ENSEIGNANT}))


@pytest.fixture(scope="module")
def book() -> PolicyBook:
    return load_book()


@pytest.fixture(scope="module")
def policies(book: PolicyBook) -> Policies:
    return book.installation


def opens(book: PolicyBook, served: Service, person: PersonView, *children: ChildCard) -> bool:
    return may_open(book, served, person, children, assurance=Assurance.LOW, now=NOW).allowed


def test_a_mother_opens_what_serves_her_profile_and_a_school_of_a_child(book: PolicyBook) -> None:
    assert opens(book, FAMILY, MOTHER, LEA)
    assert opens(book, COLLEGE, MOTHER, LEA, TOM)
    assert not opens(book, COLLEGE, MOTHER, TOM)
    assert not opens(book, FAMILY, MOTHER)
    assert not opens(book, service(schools=frozenset({"0990009Z"})), MOTHER, LEA)


def test_an_enrolment_that_lies_ahead_opens_nothing_yet(book: PolicyBook) -> None:
    ahead = replace(LEA, starts=date(2027, 9, 1))
    assert not opens(book, FAMILY, MOTHER, ahead)
    assert opens(book, FAMILY, MOTHER, ahead, TOM)


def test_a_pupil_opens_what_serves_pupils(book: PolicyBook) -> None:
    assert opens(book, PUPILS, PUPIL)
    assert not opens(book, FAMILY, PUPIL)


def test_a_teacher_opens_staff_services_and_no_family_service(book: PolicyBook) -> None:
    assert opens(book, STAFF, TEACHER)
    assert not opens(book, FAMILY, TEACHER)
    assert not opens(book, STAFF, MOTHER, LEA)
    assert not opens(book, replace(STAFF, profils=frozenset({Profil.DIRECTION})), TEACHER)


def test_a_teacher_who_is_a_parent_is_one_or_the_other_by_the_space_of_the_service(
    book: PolicyBook, policies: Policies
) -> None:
    assert role_in(STAFF, BOTH) is Role.STAFF
    assert role_in(FAMILY, BOTH) is Role.GUARDIAN
    assert opens(book, FAMILY, BOTH, LEA)
    assert not opens(book, FAMILY, BOTH)
    told = told_to(policies, service(space=Space.STAFF, profils=frozenset({Profil.ENSEIGNANT})), BOTH, LEA)
    assert told["profil"] == ["National_ENS"]
    assert "children" not in told


def test_nobody_opens_anything_and_is_told_of_to_nobody(book: PolicyBook, policies: Policies) -> None:
    assert not opens(book, FAMILY, NOBODY, LEA)
    assert released(policies, FAMILY, NOBODY) == ()


def test_an_unproven_login_opens_nothing(book: PolicyBook, policies: Policies) -> None:
    assert not may_open(book, FAMILY, MOTHER, [LEA], assurance=Assurance.NONE, now=NOW).allowed


def told_to(policies: Policies, served: Service, person: PersonView, *children: ChildCard) -> dict[str, object]:
    return claims_for(policies, served, person, children, child_subject=lambda child: f"sub-of-{child}", now=NOW)


def test_a_service_is_told_what_it_declared_and_no_more(policies: Policies) -> None:
    told = told_to(policies, service(claims=(ClaimName.GIVEN_NAME,)), MOTHER, LEA)
    assert told == {"given_name": "Dominique"}
    assert told_to(policies, service(claims=()), MOTHER, LEA) == {}


def test_a_guardian_is_told_of_whole(policies: Policies) -> None:
    assert told_to(policies, FAMILY, MOTHER, LEA, TOM) == {
        "name": "Dominique Martin",
        "given_name": "Dominique",
        "family_name": "Martin",
        "profil": ["National_TUT"],
        "uai": ["0990001A", "0990002B"],
        "children": [
            {"sub": "sub-of-prs_lea", "uai": "0990001A", "level": "college", "class": "6A", "rights": ["see"]},
            {"sub": "sub-of-prs_tom", "uai": "0990002B", "level": "ecole", "class": "CP", "rights": ["see"]},
        ],
    }


def test_a_service_hears_only_of_children_in_schools_it_serves(policies: Policies) -> None:
    told = told_to(policies, COLLEGE, MOTHER, LEA, TOM)
    assert told["uai"] == ["0990001A"]
    assert [child["class"] for child in told["children"]] == ["6A"]  # type: ignore[attr-defined]


def test_a_pupil_is_told_of_without_any_child(policies: Policies) -> None:
    told = told_to(policies, PUPILS, PUPIL, LEA)
    assert "children" not in told
    assert told["profil"] == ["National_ELV"]


def test_what_a_grant_covers_narrows_what_is_told(policies: Policies) -> None:
    told = claims_for(policies, FAMILY, MOTHER, [LEA], child_subject=str, now=NOW, wanted=["uai", "unheard_of"])
    assert told == {"uai": ["0990001A"]}


def test_a_school_without_level_is_told_as_such(policies: Policies) -> None:
    told = told_to(policies, FAMILY, MOTHER, replace(LEA, level=None))
    assert told["children"][0]["level"] is None  # type: ignore[index]


def test_a_service_is_told_for_whom_the_guardian_may_act(policies: Policies) -> None:
    told = told_to(policies, service(claims=(ClaimName.CHILDREN,)), MOTHER, replace(LEA, may_act=True), TOM)
    children = told["children"]
    assert isinstance(children, list)
    assert [child["rights"] for child in children] == [["see", "act"], ["see"]]


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (datetime(2026, 11, 18, 15, tzinfo=UTC), None),
        (datetime(2026, 11, 18, 21, tzinfo=UTC), "2026-11-19T06:00:00Z"),
        (datetime(2026, 11, 20, 20, tzinfo=UTC), "2026-11-23T06:00:00Z"),
    ],
)
def test_a_service_is_told_until_when_messages_wait(policies: Policies, now: datetime, until: str | None) -> None:
    """At 22:00 of a Wednesday until the next morning, on a Friday evening until Monday; by day it is not said."""
    served = service(claims=(ClaimName.QUIET_UNTIL,))
    told = claims_for(policies, served, MOTHER, [LEA, TOM], child_subject=str, now=now)
    assert told.get("quiet_until") == until
    assert claims_for(policies, served, MOTHER, [], child_subject=str, now=now) == {}, "no school, no quiet"
