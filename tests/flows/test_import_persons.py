"""Whose records are these: what joins records into persons, what is only proposed, what does nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.domain.school import ine_is_plausible
from broker.storage import schema
from tests import aaf
from tests.clock import FakeClock
from tests.imports import FEED_1D, FEED_2D, Desk

LETTERS = "ABCDEFGHJK"
INE, OTHER_INE = "990000003DK", "990000004DJ"
BORN = "02/05/2018"


@pytest.fixture
def desk(sql_engine: Engine, clock: FakeClock) -> Desk:
    return Desk(sql_engine, clock)


def school_1d(folder: Path, pupils: Sequence[str], guardians: Sequence[str]) -> Path:
    return aaf.write_set(folder, degree="1D", day="20260901", Eleve=pupils, PersRelEleve=guardians)


def school_2d(folder: Path, pupils: Sequence[str], guardians: Sequence[str], day: str = "20260901") -> Path:
    return aaf.write_set(folder, day=day, Eleve=pupils, PersRelEleve=guardians)


def mother_1d(key: str = "610777", **fields: str) -> str:
    return aaf.guardian(key, degree="1D", **fields)  # type: ignore[arg-type]


def proposals(desk: Desk) -> list[tuple[str, str, str]]:
    rows = desk.rows(schema.attachments, "record_id", "state", "evidence_kind", "evidence")
    return [(record, kind, evidence["other"]) for record, state, kind, evidence in rows if state == "proposed"]


def test_a_pupil_of_two_feeds_with_one_ine_and_birth_date_is_one_person(desk: Desk, tmp_path: Path) -> None:
    desk.run(school_1d(tmp_path / "1", [aaf.pupil_1d("41", ine=INE)], []), feed=FEED_1D)
    desk.run(school_2d(tmp_path / "2", [aaf.pupil("20", given="TITOUAN", born=BORN, ine=INE)], []))
    assert desk.persons() == [["99-1d:41", "99-2d:20"]]
    assert [
        (kind, evidence) for _, kind, evidence in desk.rows(schema.attachments, "state", "evidence_kind", "evidence")
    ] == [("own_record", {}), ("same_ine", {"other": "99-1d:41"})]
    assert [a for (a,) in desk.rows(schema.audit_events, "action") if a == "record_attached"] == ["record_attached"]


@pytest.mark.parametrize(
    ("given", "born"), [("Titouan", "03/05/2018"), ("Enora", BORN)], ids=["other birth date", "other given name"]
)
def test_the_same_ine_with_anything_against_it_is_only_proposed(
    desk: Desk, tmp_path: Path, given: str, born: str
) -> None:
    desk.run(school_1d(tmp_path / "1", [aaf.pupil_1d("41", ine=INE)], []), feed=FEED_1D)
    desk.run(school_2d(tmp_path / "2", [aaf.pupil("20", given=given, born=born, ine=INE)], []))
    assert desk.persons() == [["99-1d:41"], ["99-2d:20"]]
    assert proposals(desk) == [("99-2d:20", "same_ine", "99-1d:41")]


def test_two_pupils_of_one_set_with_one_ine_are_looked_at_too(desk: Desk, tmp_path: Path) -> None:
    twins = [aaf.pupil("20", given="Léa", born=BORN, ine=INE), aaf.pupil("21", given="Zoé", born=BORN, ine=INE)]
    again = aaf.pupil("22", given="Lea-Eve", born=BORN, ine=INE)
    desk.run(school_2d(tmp_path, [*twins, again], []))
    assert desk.persons() == [["99-2d:20", "99-2d:22"], ["99-2d:21"]]


def test_pupils_without_ine_are_never_joined(desk: Desk, tmp_path: Path) -> None:
    desk.run(school_1d(tmp_path / "1", [aaf.pupil_1d("41")], []), feed=FEED_1D)
    desk.run(school_2d(tmp_path / "2", [aaf.pupil("20", given="Titouan", born=BORN)], []))
    assert len(desk.persons()) == 2
    assert proposals(desk) == []


def test_a_pupil_who_left_one_feed_is_known_again_in_the_next(desk: Desk, tmp_path: Path) -> None:
    desk.run(school_1d(tmp_path / "1", [aaf.pupil_1d("41", ine=INE)], []), feed=FEED_1D)
    gone = aaf.write_set(tmp_path / "2", degree="1D", mode="Delta", Eleve=[aaf.delete("Eleve", "41")])
    desk.run(gone, feed=FEED_1D)
    desk.run(school_2d(tmp_path / "3", [aaf.pupil("20", given="Titouan", born=BORN, ine=INE)], []))
    assert desk.persons() == [["99-1d:41", "99-2d:20"]]


# ---- guardians ----------------------------------------------------------------------------------------------------


def shared_child(desk: Desk, tmp_path: Path, first: Sequence[str], second: Sequence[str], link: str = "10") -> None:
    """One child in both feeds, first beside the adults of 1D, then beside those of 2D."""
    child_1d = aaf.pupil_1d("41", *(f"{_key(adult)}$10" for adult in first), ine=INE)
    relations = (f"{_key(adult)}${link}$0$1$0$0" for adult in second)
    child_2d = aaf.pupil("20", *relations, given="Titouan", born=BORN, ine=INE)
    desk.run(school_1d(tmp_path / "1", [child_1d], first), feed=FEED_1D)
    desk.run(school_2d(tmp_path / "2", [child_2d], second))


def _key(request: str) -> str:
    return request.partition("<id>")[2].partition("</id>")[0]


def test_a_shared_child_joins_a_mothers_two_records(desk: Desk, tmp_path: Path) -> None:
    shared_child(desk, tmp_path, [mother_1d(family="LE GOFF")], [aaf.guardian("500101", family="Le Goff")])
    assert ["99-1d:610777", "99-2d:500101"] in desk.persons()
    (evidence,) = [e for k, e in desk.rows(schema.attachments, "evidence_kind", "evidence") if k == "shared_child"]
    assert evidence["other"] == "99-1d:610777"


def test_of_several_shared_children_the_same_one_is_the_evidence_in_every_database(desk: Desk, tmp_path: Path) -> None:
    """Persons are numbered at random: what joined a mother must not depend on it, or no two runs could be compared."""
    numbers = [one for one in (f"9900000{n:02d}{a}{b}" for n in range(20) for a in LETTERS for b in LETTERS)
               if ine_is_plausible(one)][:8]  # fmt: skip
    first = [aaf.pupil_1d(f"4{n}", "610777$10", given=f"Tom {n}", ine=ine) for n, ine in enumerate(numbers)]
    second = [
        aaf.pupil(f"2{n}", "500101$10$1$1$0$1", given=f"Tom {n}", born=BORN, ine=ine) for n, ine in enumerate(numbers)
    ]
    desk.run(school_1d(tmp_path / "1", first, [mother_1d()]), feed=FEED_1D)
    desk.run(school_2d(tmp_path / "2", second, [aaf.guardian("500101")]))
    (evidence,) = [e for k, e in desk.rows(schema.attachments, "evidence_kind", "evidence") if k == "shared_child"]
    rows = desk.rows(schema.attachments, "record_id", "person_id")
    assert evidence == {"other": "99-1d:610777", "child": dict(rows)["99-1d:40"]}


@pytest.mark.parametrize(
    ("second", "link"),
    [
        ([aaf.guardian("500101", given="Aurélie")], "10"),
        ([aaf.guardian("500101", title="")], "10"),
        ([aaf.guardian("500101")], "50"),
        ([aaf.guardian("500101"), aaf.guardian("500102")], "10"),
    ],
    ids=["another name", "no civility", "another link", "two of that name"],
)
def test_a_shared_child_with_anything_against_it_joins_nobody(
    desk: Desk, tmp_path: Path, second: list[str], link: str
) -> None:
    shared_child(desk, tmp_path, [mother_1d()], second, link)
    assert ["99-1d:610777"] in desk.persons()
    assert ["99-2d:500101"] in desk.persons()
    assert proposals(desk) == []


def test_two_of_a_name_on_the_first_side_join_nobody(desk: Desk, tmp_path: Path) -> None:
    shared_child(desk, tmp_path, [mother_1d(), mother_1d("610778")], [aaf.guardian("500101")])
    assert ["99-2d:500101"] in desk.persons()


def test_a_child_whose_records_are_not_one_person_joins_no_parent(desk: Desk, tmp_path: Path) -> None:
    desk.run(school_1d(tmp_path / "1", [aaf.pupil_1d("41", "610777$10", ine=INE)], [mother_1d()]), feed=FEED_1D)
    child = aaf.pupil("20", "500101$10$0$1$0$0", given="Titouan", born=BORN, ine=OTHER_INE)
    desk.run(school_2d(tmp_path / "2", [child], [aaf.guardian("500101")]))
    assert len(desk.persons()) == 4


def test_a_withdrawn_guardianship_is_no_evidence(desk: Desk, tmp_path: Path) -> None:
    desk.run(school_1d(tmp_path / "1", [aaf.pupil_1d("41", "610777$10", ine=INE)], [mother_1d()]), feed=FEED_1D)
    withdrawn = aaf.modify("Eleve", "41", ENTEleveAutoriteParentale="")
    desk.run(aaf.write_set(tmp_path / "2", degree="1D", mode="Delta", day="20260902", Eleve=[withdrawn]), feed=FEED_1D)
    child = aaf.pupil("20", "500101$10$0$1$0$0", given="Titouan", born=BORN, ine=INE)
    desk.run(school_2d(tmp_path / "3", [child], [aaf.guardian("500101")]))
    assert ["99-2d:500101"] in desk.persons()


def test_a_parent_who_shares_children_with_two_persons_is_proposed_to_both(desk: Desk, tmp_path: Path) -> None:
    one = aaf.pupil_1d("41", "610777$10", ine=INE)
    two = aaf.pupil_1d("42", "610778$10", ine=OTHER_INE, given="Enora")
    desk.run(school_1d(tmp_path / "1", [one, two], [mother_1d(), mother_1d("610778")]), feed=FEED_1D)
    relation = "500101$10$0$1$0$0"
    children = [
        aaf.pupil("20", relation, given="Titouan", born=BORN, ine=INE),
        aaf.pupil("21", relation, given="Enora", born=BORN, ine=OTHER_INE),
    ]
    desk.run(school_2d(tmp_path / "2", children, [aaf.guardian("500101")]))
    assert ["99-2d:500101"] in desk.persons()
    assert sorted(proposals(desk)) == [
        ("99-2d:500101", "shared_child", "99-1d:610777"),
        ("99-2d:500101", "shared_child", "99-1d:610778"),
    ]


@pytest.mark.parametrize(
    ("contact", "grounds", "score"),
    [
        ({"mobile": "06 39 98 00 01"}, "mobile", 0.8),
        ({"mail": "Aline.Test@example.org"}, "mail", 0.8),
        ({"mobile": "0639980001", "mail": "aline.test@example.org"}, "mobile+mail", 0.9),
    ],
)
def test_the_same_name_and_contact_is_proposed_and_opens_nothing(
    desk: Desk, tmp_path: Path, contact: dict[str, str], grounds: str, score: float
) -> None:
    mine = {"mobile": "+33 6 39 98 00 01", "mail": "aline.test@example.org"}
    desk.run(school_1d(tmp_path / "1", [], [mother_1d(**mine)]), feed=FEED_1D)
    desk.run(school_2d(tmp_path / "2", [], [aaf.guardian("500101", **contact)]))  # type: ignore[arg-type]
    assert desk.persons() == [["99-1d:610777"], ["99-2d:500101"]]
    rows = desk.rows(schema.attachments, "state", "evidence_kind", "evidence", "score")
    assert ("proposed", "resemblance", {"other": "99-1d:610777", "grounds": grounds}, score) in rows


def test_names_alone_do_nothing(desk: Desk, tmp_path: Path) -> None:
    desk.run(school_1d(tmp_path / "1", [], [mother_1d()]), feed=FEED_1D)
    desk.run(school_2d(tmp_path / "2", [], [aaf.guardian("500101")]))
    assert proposals(desk) == []


def test_a_contact_under_another_name_does_nothing(desk: Desk, tmp_path: Path) -> None:
    desk.run(school_1d(tmp_path / "1", [], [mother_1d(mobile="0639980001")]), feed=FEED_1D)
    desk.run(school_2d(tmp_path / "2", [], [aaf.guardian("500101", given="Berthe", mobile="0639980001")]))
    assert proposals(desk) == []


def test_two_records_of_one_name_and_contact_in_one_feed_are_not_compared(desk: Desk, tmp_path: Path) -> None:
    pair = [aaf.guardian("500101", mobile="0639980001"), aaf.guardian("500102", mobile="0639980001")]
    desk.run(school_2d(tmp_path, [], pair))
    assert proposals(desk) == []


def test_a_proposal_is_made_once(desk: Desk, tmp_path: Path) -> None:
    desk.run(school_1d(tmp_path / "1", [], [mother_1d(mobile="0639980001")]), feed=FEED_1D)
    desk.run(school_2d(tmp_path / "2", [], [aaf.guardian("500101", mobile="0639980001")]))
    desk.run(school_2d(tmp_path / "3", [], [aaf.guardian("500101", mobile="0639980002")], day="20260908"))
    assert len(proposals(desk)) == 1


def test_a_teacher_who_is_a_parent_is_not_joined_by_a_feed(desk: Desk, tmp_path: Path) -> None:
    folder = school_2d(tmp_path, [], [aaf.guardian("500101", family="TEST", given="Camille")])
    aaf.write_set(folder, day="20260901", PersEducNat=[aaf.staff("300001", "9002$ENS$X", given="Camille")])
    desk.run(folder, feed=FEED_2D)
    assert desk.persons() == [["99-2d:300001"], ["99-2d:500101"]]
