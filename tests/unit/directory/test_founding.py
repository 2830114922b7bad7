"""Which records are one person: no combination of name, date and contact ever joins two by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.directory.content import encode_person
from broker.directory.founding import Founder, shared_children
from broker.directory.grounds import is_same_pupil
from broker.directory.likeness import SameContacts
from broker.directory.record_facts import Circumstances
from broker.domain.feed import PERSON_FIELDS, PersonRecord
from broker.domain.founding import (
    FoundingPlan,
    Likeness,
    Neighbour,
    PupilTwin,
    Surroundings,
    Unattached,
    given_names_agree,
)
from broker.domain.handles import new_id
from broker.domain.people import PersonName, RecordKind
from broker.domain.ports import MatchSubject

AROUND = Circumstances("imp_1", "b", "ac-test", "99", datetime(2026, 9, 8, tzinfo=UTC), in_charge_sees=False)
FOUNDER = Founder(AROUND, SameContacts(), 0.75, new_id)
BORN = date(2012, 3, 14)


def content(**fields: str) -> str:
    return encode_person(
        PersonRecord(RecordKind.GUARDIAN, "", PersonName("A", "B"), stated=PERSON_FIELDS, **fields)  # type: ignore[arg-type]
    )


def record(number: int = 1, **fields: object) -> Unattached:
    whole: dict[str, object] = {
        "record_id": f"b:{number}",
        "name_key": "a|b|mme",
        "given_name": "Léa",
        "birth_date": BORN,
        "ine": "990000002EA",
        "content": content(),
    }
    return Unattached(**{**whole, **fields})  # type: ignore[arg-type]


TWIN = PupilTwin("a:1", "990000002EA", "LEA", BORN, "prs_1")


def attached(plan: FoundingPlan) -> dict[str, tuple[str, str]]:
    return {row.record_id: (row.person_id, row.evidence_kind) for row in plan.attachments if row.state == "attached"}


def proposed(plan: FoundingPlan) -> list[tuple[str, str, str]]:
    rows = [row for row in plan.attachments if row.state == "proposed"]
    return [(row.record_id, row.person_id, row.evidence_kind) for row in rows]


def test_a_pupil_alone_founds_a_person() -> None:
    plan = FOUNDER.pupils([record()], Surroundings())
    assert attached(plan) == {"b:1": (plan.persons[0], "own_record")}


def test_a_twin_by_ine_date_and_name_is_joined_and_audited() -> None:
    plan = FOUNDER.pupils([record()], Surroundings(twins=[TWIN]))
    assert attached(plan) == {"b:1": ("prs_1", "same_ine")}
    assert (plan.persons, [event.subject for event in plan.audit]) == ([], ["prs_1"])


@pytest.mark.parametrize("ine", ["00000000000", "INCONNU", "990000002EB"])
def test_a_number_whose_key_does_not_hold_joins_and_proposes_nobody(ine: str) -> None:
    twins = [replace(TWIN, ine=ine)]
    plan = FOUNDER.pupils([record(ine=ine), record(2, ine=ine)], Surroundings(twins=twins))
    assert [row.evidence_kind for row in plan.attachments] == ["own_record", "own_record"]


def test_two_persons_under_one_ine_leave_the_record_alone_and_propose_both() -> None:
    other = replace(TWIN, record_id="c:1", person_id="prs_2")
    plan = FOUNDER.pupils([record()], Surroundings(twins=[TWIN, other]))
    assert attached(plan)["b:1"][1] == "own_record"
    assert proposed(plan) == [("b:1", "prs_1", "same_ine"), ("b:1", "prs_2", "same_ine")]


@pytest.mark.parametrize(
    "against", [{"birth_date": date(2012, 3, 15)}, {"birth_date": None}, {"given_name": "Zoé"}, {"given_name": ""}]
)
def test_anything_against_it_makes_a_proposal_of_an_ine(against: dict[str, object]) -> None:
    plan = FOUNDER.pupils([record(**against)], Surroundings(twins=[TWIN]))
    assert attached(plan)["b:1"][1] == "own_record"
    assert proposed(plan) == [("b:1", "prs_1", "same_ine")]


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("Léa", "LEA", True),
        ("Léa", "Léa-Ève", True),
        ("Marie Lou", "Marie Ange", False),
        ("Jean", "Jeanne", False),
        ("", "Léa", False),
        ("-", "-", False),
    ],
)
def test_given_names_agree_when_one_begins_the_other(one: str, other: str, agree: bool) -> None:
    assert given_names_agree(one, other) is given_names_agree(other, one) is agree


@given(st.dates(), st.dates(), st.text(max_size=5), st.text(max_size=5))
def test_pupils_are_one_only_when_born_on_one_day(one: date, other: date, left: str, right: str) -> None:
    same = is_same_pupil(record(birth_date=one, given_name=left), replace(TWIN, birth_date=other, given_name=right))
    assert not same or one == other


def neighbour(record_id: str, person: str | None = None, **fields: str) -> Neighbour:
    feed = record_id.partition(":")[0]
    return replace(Neighbour("prs_child", record_id, feed, "a|b|mme", "Mme", "10", person), **fields)


MINE, THEIRS = neighbour("b:1"), neighbour("a:1", "prs_1")


def test_a_shared_child_joins() -> None:
    plan = FOUNDER.guardians([record()], Surroundings(neighbours=[MINE, THEIRS]))
    assert attached(plan) == {"b:1": ("prs_1", "shared_child")}


@pytest.mark.parametrize(
    "neighbours",
    [
        [MINE, replace(THEIRS, name_key="a|c|mme")],
        [MINE, replace(THEIRS, link_code="20")],
        [MINE, replace(THEIRS, child_person="prs_other")],
        [MINE, replace(THEIRS, feed="b")],
        [replace(MINE, civility=""), replace(THEIRS, civility="")],
        [replace(MINE, link_code=""), replace(THEIRS, link_code="")],
        [MINE, neighbour("b:2"), THEIRS],
        [MINE, THEIRS, neighbour("a:2", "prs_2")],
        [MINE, replace(THEIRS, person_id=None)],
    ],
    ids=["name", "link", "child", "one feed", "no civility", "no link", "two here", "two there", "unattached"],
)
def test_anything_against_it_joins_nobody(neighbours: list[Neighbour]) -> None:
    assert shared_children(neighbours).get("b:1", {}) == {}


def test_two_children_shared_with_one_person_are_one_evidence() -> None:
    second = [replace(MINE, child_person="prs_child2"), replace(THEIRS, child_person="prs_child2")]
    assert shared_children([MINE, THEIRS, *second])["b:1"] == {"prs_1": ("a:1", "prs_child")}


def test_a_third_feed_joins_where_the_first_two_are_one() -> None:
    assert shared_children([MINE, THEIRS, neighbour("c:1", "prs_1")])["b:1"].keys() == {"prs_1"}


def likeness(**contacts: str) -> Likeness:
    return Likeness("a:1", "a", "a|b|mme", content(**contacts), "prs_1")


def test_a_likeness_is_proposed_from_its_threshold_on() -> None:
    mine = record(content=content(mobile="+33639980001"))
    around = Surroundings(likenesses=[likeness(mobile="+33639980001")])
    plan = FOUNDER.guardians([mine], around)
    assert proposed(plan) == [("b:1", "prs_1", "resemblance")]
    assert attached(plan)["b:1"][1] == "own_record"
    strict = replace(FOUNDER, propose_from=0.85)
    assert proposed(strict.guardians([mine], around)) == []


def test_staff_found_their_own_persons() -> None:
    plan = FOUNDER.staff([record(), record(2)], Surroundings())
    assert len(plan.persons) == 2


SUBJECT = MatchSubject("b:1", "a|b|mme", "", "+33639980001", "a@example.org", "4 rue des Lices")


@pytest.mark.parametrize(
    ("other", "score"),
    [
        (replace(SUBJECT, record_id="a:1"), 0.95),
        (replace(SUBJECT, mobile="", mail="A@EXAMPLE.ORG", address="4, RUE DES LICES"), 0.9),
        (replace(SUBJECT, mobile="", mail=""), 0.8),
        (replace(SUBJECT, mobile="1", mail="2", address="3"), None),
        (replace(SUBJECT, name_key="other"), None),
    ],
)
def test_contacts_score_only_under_the_same_name(other: MatchSubject, score: float | None) -> None:
    assert [pair.score for pair in SameContacts().score([(SUBJECT, other)])] == ([score] if score else [])


def test_empty_contacts_are_not_the_same_contact() -> None:
    nothing = MatchSubject("b:1", "a|b|mme", "", "", "", "")
    assert list(SameContacts().score([(nothing, nothing)])) == []
