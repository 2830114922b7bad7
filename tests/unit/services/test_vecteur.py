"""FrEduVecteur: one value a tuple of child and school, and never fields of two tuples in one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.domain.details import ChildPlace
from broker.domain.people import PersonName
from broker.services.vecteur import vecteurs
from tests.releases import COLLEGE, ECOLE, MAELYS, TITOUAN

NAME = PersonName("QUEMENEUR", "Aline")
AT_COLLEGE = ChildPlace("prs_maelys", COLLEGE, number="771204")
AT_ECOLE = ChildPlace("prs_titouan", ECOLE, number="30981")


@pytest.mark.spec("FrEduVecteur (domain facts §7)")
def test_the_samples_of_the_format() -> None:
    assert vecteurs([MAELYS, TITOUAN], [AT_COLLEGE, AT_ECOLE], guardian=NAME) == (
        f"2|QUEMENEUR|Aline|771204|{COLLEGE}",
        f"1|QUEMENEUR|Aline|30981|{ECOLE}",
    )
    assert vecteurs([MAELYS], [AT_COLLEGE]) == (f"4|||771204|{COLLEGE}",)
    assert vecteurs([TITOUAN], [AT_ECOLE]) == (f"3|||30981|{ECOLE}",)


def test_a_number_of_one_school_is_never_written_with_another_school() -> None:
    assert vecteurs([replace(MAELYS, uai=ECOLE)], [AT_COLLEGE], guardian=NAME) == ()
    assert vecteurs([TITOUAN], [replace(AT_ECOLE, child_id="prs_maelys")], guardian=NAME) == ()


@pytest.mark.parametrize("number", ["", " ", "77|1", "77;1", "7" * 33, "é1"])
def test_a_number_that_cannot_be_written_gives_no_vector(number: str) -> None:
    assert vecteurs([MAELYS], [replace(AT_COLLEGE, number=number)]) == ()


@pytest.mark.parametrize("name", [PersonName("QUE|MENEUR", "Aline"), PersonName("QUEMENEUR", "Ali;ne")])
def test_a_name_with_a_separator_gives_no_vector(name: PersonName) -> None:
    assert vecteurs([MAELYS], [AT_COLLEGE], guardian=name) == ()


def test_a_school_of_no_known_level_has_no_profile_to_write() -> None:
    assert vecteurs([replace(MAELYS, level=None)], [AT_COLLEGE], guardian=NAME) == ()


def test_of_two_numbers_for_one_place_the_oldest_record_counts() -> None:
    newer = replace(AT_COLLEGE, number="999")
    assert vecteurs([MAELYS, MAELYS], [AT_COLLEGE, newer]) == (f"4|||771204|{COLLEGE}",)
