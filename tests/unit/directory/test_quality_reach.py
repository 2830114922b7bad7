"""Who is not reached, and what to do first: from the cheapest to the dearest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.directory.quality_words import action_words
from broker.directory.reach import reach_of
from broker.domain.people import PersonName
from broker.domain.quality import EnrolledChild, NextAction, SchoolFamilies, Seer

LEA = EnrolledChild("prs_lea", "f:lea", PersonName("Martin", "Léa"), "6A")
NOBODY = Seer("prs_lea", signs_in=False, may_be_known=False, mail="", mobile="", address="")
LETTERED = replace(NOBODY, address="4 RUE DES LICES$$$")
TEXTED = replace(LETTERED, mobile="+33639980001")
MAILED = replace(TEXTED, mail="anne@example.org")
KNOWN = replace(MAILED, may_be_known=True)


def actions(*seers: Seer) -> list[NextAction]:
    reach = reach_of(SchoolFamilies("9990002Y", "Les Tilleuls", (LEA,), seers))
    return [one.action for one in reach.unreached]


@pytest.mark.parametrize(
    ("seer", "action"),
    [
        (KNOWN, NextAction.CONFIRM),
        (MAILED, NextAction.MAIL),
        (TEXTED, NextAction.TEXT),
        (LETTERED, NextAction.POST),
        (NOBODY, NextAction.HAND),
        (replace(NOBODY, address="$$$"), NextAction.HAND),
        (replace(LETTERED, mobile="+33145678901"), NextAction.POST),
    ],
)
def test_each_means_leads_to_its_action(seer: Seer, action: NextAction) -> None:
    assert actions(seer) == [action]
    assert actions(replace(seer, signs_in=True)) == []


def test_of_two_guardians_the_cheaper_way_is_told_and_one_who_signs_in_is_enough() -> None:
    assert actions(LETTERED, MAILED) == [NextAction.MAIL]
    assert actions(LETTERED, replace(MAILED, signs_in=True)) == []


def test_a_child_whom_nobody_may_see_is_for_the_school_to_mend() -> None:
    assert actions() == [NextAction.MEND]
    assert actions(replace(MAILED, child_id="prs_other")) == [NextAction.MEND]


def test_several_records_of_one_child_count_once() -> None:
    twice = (LEA, replace(LEA, record_id="g:lea"))
    reach = reach_of(SchoolFamilies("9990002Y", "Les Tilleuls", twice, (MAILED,)))
    assert (reach.children, len(reach.unreached)) == (1, 1)


def test_the_list_goes_from_cheap_to_dear_then_by_name() -> None:
    zoe = replace(LEA, child_id="prs_zoe", name=PersonName("Abel", "Zoé"))
    tom = replace(LEA, child_id="prs_tom", name=PersonName("Zidi", "Tom"))
    seers = (LETTERED, replace(LETTERED, child_id="prs_zoe"), replace(MAILED, child_id="prs_tom"))
    reach = reach_of(SchoolFamilies("9990002Y", "Les Tilleuls", (LEA, zoe, tom), seers))
    assert [one.child.child_id for one in reach.unreached] == ["prs_tom", "prs_zoe", "prs_lea"]


def test_every_action_has_its_words() -> None:
    assert len({action_words(action) for action in NextAction}) == len(NextAction)
