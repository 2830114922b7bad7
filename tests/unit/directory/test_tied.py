"""What a directory itself calls one human: which record joins whom by it, and which is only proposed."""

from __future__ import annotations

from datetime import date

import pytest

from broker.domain.founding import Neighbour, Surroundings, Tied, Unattached
from broker.domain.people import RecordKind
from tests.unit.directory.test_founding import BORN, FOUNDER, TWIN, attached, proposed, record

GUARDIAN, PUPIL, STAFF = (kind.value for kind in (RecordKind.GUARDIAN, RecordKind.PUPIL, RecordKind.STAFF))


def adult(number: int = 1, **changes: object) -> Unattached:
    return record(number, name_key="a|lea|mme", ine="", birth_date=None)._replace(**changes)  # type: ignore[arg-type]


def tie(other: str = "e:1", *, of: str = "b:1", person: str | None = "prs_1", **changes: object) -> Tied:
    told = Tied(of, other, "reference", GUARDIAN, "a|lea|mme", "Léa", None, "", person)
    return told._replace(**changes)  # type: ignore[arg-type]


def test_an_adult_joins_the_one_person_that_a_directory_names_and_it_is_audited() -> None:
    plan = FOUNDER.guardians([adult()], Surroundings(tied=[tie(), tie("e:2")]))
    assert attached(plan) == {"b:1": ("prs_1", "directory_tie")}
    assert (plan.persons, proposed(plan)) == ([], [])
    assert plan.audit[0].detail == {
        "record": "b:1", "evidence": "directory_tie", "other": "e:1", "nature": "reference",
    }  # fmt: skip


def test_two_records_of_one_delivery_that_it_ties_are_one_person() -> None:
    ties = [tie("b:1", of="b:2", person=None), tie("b:2", person=None)]
    plan = FOUNDER.guardians([adult(), adult(2)], Surroundings(tied=ties))
    assert attached(plan) == {
        "b:1": (plan.persons[0], "own_record"), "b:2": (plan.persons[0], "directory_tie"),
    }  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"given_name": "Zoé"}, {"name_key": "a|lea|m"}, {"kind": STAFF}, {"kind": PUPIL},
    ],
    ids=str,
)  # fmt: skip
def test_what_contradicts_or_is_of_another_kind_is_only_proposed(changes: dict[str, object]) -> None:
    plan = FOUNDER.guardians([adult()], Surroundings(tied=[tie()._replace(**changes)]))  # type: ignore[arg-type]
    assert attached(plan) == {"b:1": (plan.persons[0], "own_record")}
    assert proposed(plan) == [("b:1", "prs_1", "directory_tie")]


def test_two_persons_that_a_directory_calls_one_are_proposed_and_never_merged_by_it() -> None:
    plan = FOUNDER.guardians([adult()], Surroundings(tied=[tie(), tie("e:2", person="prs_2")]))
    assert attached(plan) == {"b:1": (plan.persons[0], "own_record")}
    assert [person for _, person, _ in proposed(plan)] == ["prs_1", "prs_2"]


def test_staff_are_never_joined() -> None:
    plan = FOUNDER.staff([adult(name_key="a|lea|mme")], Surroundings(tied=[tie(kind=STAFF)]))
    assert attached(plan) == {"b:1": (plan.persons[0], "own_record")}
    assert proposed(plan) == [("b:1", "prs_1", "directory_tie")]


def test_a_shared_child_proves_more_and_the_person_a_directory_names_is_proposed() -> None:
    beside = [
        Neighbour("prs_c", one, feed, "a|lea|mme", "Mme", "10", person)
        for one, feed, person in (("b:1", "b", None), ("a:1", "a", "prs_2"))
    ]
    plan = FOUNDER.guardians([adult()], Surroundings(neighbours=beside, tied=[tie()]))
    assert attached(plan) == {"b:1": ("prs_2", "shared_child")}
    assert proposed(plan) == [("b:1", "prs_1", "directory_tie")]


def test_a_pupil_without_number_joins_by_a_tie_and_one_with_another_birth_date_does_not() -> None:
    told = tie(kind=PUPIL, birth_date=BORN, name_key="a|lea|")
    assert attached(FOUNDER.pupils([record(ine="")], Surroundings(tied=[told]))) == {"b:1": ("prs_1", "directory_tie")}
    plan = FOUNDER.pupils([record(ine="")], Surroundings(tied=[told._replace(birth_date=date(2011, 1, 1))]))
    assert attached(plan) == {"b:1": (plan.persons[0], "own_record")}


def test_a_pupil_of_the_same_number_joins_by_it() -> None:
    told = tie(kind=PUPIL, person="prs_9")
    plan = FOUNDER.pupils([record()], Surroundings(twins=[TWIN], tied=[told]))
    assert attached(plan) == {"b:1": ("prs_1", "same_ine")}
    assert proposed(plan) == [("b:1", "prs_9", "directory_tie")]
