"""A feed corrects what joined two records: they part at once, and what comes back together does so by itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from broker.domain.acts import JudgeRecord
from broker.domain.audit import Action, AuditEvent
from broker.storage import schema
from broker.storage.sql_attachments import SqlAttachments
from broker.storage.sql_people import SqlPeople
from tests import aaf, builders
from tests.clock import FakeClock
from tests.imports import FEED_1D, FEED_2D, Desk

INE, OTHER_INE = "990000003DK", "990000004DJ"
BORN = "02/05/2018"
CHILD_1D, CHILD_2D = "99-1d:41", "99-2d:20"
MOTHER_1D, MOTHER_2D = "99-1d:610777", "99-2d:500101"


@pytest.fixture
def desk(sql_engine: Engine, clock: FakeClock) -> Desk:
    return Desk(sql_engine, clock)


def of_1d(folder: Path, *, link: str = "10", **mother: str) -> Path:
    """The primary school's child 41 and its mother 610777."""
    child = aaf.pupil_1d("41", f"610777${link}", ine=INE)
    parent = aaf.guardian("610777", degree="1D", **{"given": "Aline", **mother})  # type: ignore[arg-type]
    return aaf.write_set(
        folder,
        degree="1D",
        day="20260901",
        EtabEducNat=[aaf.school("9001", aaf.SCHOOL_1D, kind="ECOLE ELEMENTAIRE")],
        Eleve=[child],
        PersRelEleve=[parent],
    )


def of_2d(
    folder: Path, *, ine: str = INE, day: str = "20260901", mode: str = "Complet", link: str = "10", **mother: str
) -> Path:
    """The collège's child 20 and its mother 500101, who has a second child 21 there."""
    child = aaf.pupil("20", f"500101${link}$0$1$0$0", given="Titouan", born=BORN, ine=ine)
    second = aaf.pupil("21", "500101$10$0$1$0$0", given="Enora")
    parent = aaf.guardian("500101", **{"given": "Berthe", **mother})  # type: ignore[arg-type]
    return aaf.write_set(
        folder, mode=mode, day=day, EtabEducNat=[aaf.school()], Eleve=[child, second], PersRelEleve=[parent]
    )


def joined(desk: Desk, tmp_path: Path, **mother: str) -> None:
    """Both feeds bring their child under the same INE, one of them by a slip."""
    desk.run(of_1d(tmp_path / "1d"), feed=FEED_1D)
    desk.run(of_2d(tmp_path / "2d", **mother))


def corrected(tmp_path: Path, mode: str, *, ine: str = OTHER_INE, day: str = "20260902", **mother: str) -> Path:
    """The collège states another INE for its child: in a delta, or in the next complete set."""
    if mode == "Complet":
        return of_2d(tmp_path / day, ine=ine, day=day, **mother)
    change = aaf.modify("Eleve", "20", ENTEleveINE=ine)
    return aaf.write_set(tmp_path / day, mode="Delta", day=day, Eleve=[change])


def states(desk: Desk) -> dict[str, str]:
    rows = desk.rows(schema.attachments, "record_id", "state")
    return {record: state for record, state in rows if state in {"attached", "frozen"}}


def person_of(desk: Desk, record: str) -> str:
    query = select(schema.attachments.c.person_id).where(
        schema.attachments.c.record_id == record, schema.attachments.c.state.in_(["attached", "frozen"])
    )
    with desk.engine.connect() as conn:
        return str(conn.execute(query).scalar_one())


def sees(desk: Desk, record: str) -> set[str]:
    """Cards of the person behind a record, as (school, class)."""
    cards = SqlPeople(desk.engine).children_of(person_of(desk, record), now=desk.clock() + timedelta(seconds=1))
    return {f"{card.given} at {card.uai}" for card in cards}


def judge(desk: Desk, action: Action, record: str) -> str:
    now = desk.clock.advance(60)
    act = JudgeRecord(record, "seen", now, AuditEvent("ac-test", now, action, "cli:chef", detail={"record": record}))
    store = SqlAttachments(desk.engine)
    return store.thaw(act) if action is Action.RECORD_THAWED else store.split(act)


def audited(desk: Desk, action: Action) -> list[str]:
    rows = desk.rows(schema.audit_events, "action", "detail")
    return sorted(detail["record"] for found, detail in rows if found == action)


AT_1D, AT_2D, SECOND = "Titouan at 9990001X", "Titouan at 9990002Y", "Enora at 9990002Y"


@pytest.mark.parametrize("mode", ["Delta", "Complet"])
def test_a_corrected_ine_parts_two_children_and_each_mother_sees_no_other_s(
    desk: Desk, tmp_path: Path, mode: str
) -> None:
    joined(desk, tmp_path)
    assert sees(desk, MOTHER_1D) == {AT_1D, AT_2D}
    assert sees(desk, MOTHER_2D) == {AT_1D, AT_2D, SECOND}
    report = desk.run(corrected(tmp_path, mode))
    assert report.counts is not None
    assert (report.counts["frozen_same_ine"], report.counts["pupil_changed"]) == (1, 1)
    assert sees(desk, MOTHER_1D) == {AT_1D}
    assert sees(desk, MOTHER_2D) == {SECOND}
    assert audited(desk, Action.RECORD_FROZEN) == [CHILD_2D]
    judge(desk, Action.RECORD_SPLIT, CHILD_2D)
    assert (sees(desk, MOTHER_1D), sees(desk, MOTHER_2D)) == ({AT_1D}, {AT_2D, SECOND})


@pytest.mark.parametrize("mode", ["Delta", "Complet"])
def test_what_is_corrected_back_comes_together_by_itself(desk: Desk, tmp_path: Path, mode: str) -> None:
    joined(desk, tmp_path)
    before = desk.rows(schema.attachments, "record_id", "person_id", "state", "evidence")
    desk.run(corrected(tmp_path, mode))
    report = desk.run(corrected(tmp_path, mode, ine=INE, day="20260903"))
    assert report.counts is not None
    assert report.counts["thawed_same_ine"] == 1
    assert desk.rows(schema.attachments, "record_id", "person_id", "state", "evidence") == before
    assert sees(desk, MOTHER_1D) == {AT_1D, AT_2D}
    assert audited(desk, Action.RECORD_THAWED) == [CHILD_2D]


@pytest.mark.parametrize(
    "change",
    [{"ENTPersonDateNaissance": "03/05/2018"}, {"givenName": "Enora"}],
    ids=["another birth date", "another given name"],
)
def test_whatever_joined_them_is_asked_again(desk: Desk, tmp_path: Path, change: dict[str, str]) -> None:
    joined(desk, tmp_path)
    desk.run(aaf.write_set(tmp_path / "x", mode="Delta", day="20260902", Eleve=[aaf.modify("Eleve", "20", **change)]))
    assert states(desk)[CHILD_2D] == "frozen"
    assert AT_1D not in sees(desk, MOTHER_2D)


@pytest.mark.parametrize(
    "change",
    [{"sn": "LE GOFF"}, {"givenName": "Titouan Marie"}, {"ENTEleveClasses": "9002$4B"}],
    ids=lambda c: next(iter(c)),
)
def test_a_change_that_touches_no_ground_freezes_nothing(desk: Desk, tmp_path: Path, change: dict[str, str]) -> None:
    joined(desk, tmp_path)
    report = desk.run(
        aaf.write_set(tmp_path / "x", mode="Delta", day="20260902", Eleve=[aaf.modify("Eleve", "20", **change)])
    )
    assert report.counts is not None
    assert "frozen_same_ine" not in report.counts
    assert set(states(desk).values()) == {"attached"}


def test_a_number_left_out_is_no_correction_until_another_is_stated(desk: Desk, tmp_path: Path) -> None:
    joined(desk, tmp_path)
    report = desk.run(corrected(tmp_path, "Delta", ine=""))
    assert report.counts is not None
    assert (states(desk)[CHILD_2D], report.counts["unproven_same_ine"]) == ("attached", 1)
    desk.run(corrected(tmp_path, "Delta", day="20260903"))
    assert states(desk)[CHILD_2D] == "frozen"
    desk.run(corrected(tmp_path, "Delta", ine="", day="20260904"))
    assert states(desk)[CHILD_2D] == "frozen"


def test_when_the_record_beside_is_corrected_it_freezes_itself(desk: Desk, tmp_path: Path) -> None:
    joined(desk, tmp_path)
    change = aaf.modify("Eleve", "41", ENTEleveINE=OTHER_INE)
    desk.run(aaf.write_set(tmp_path / "x", degree="1D", mode="Delta", day="20260902", Eleve=[change]), feed=FEED_1D)
    assert (states(desk)[CHILD_1D], states(desk)[CHILD_2D]) == ("frozen", "attached")
    assert (sees(desk, MOTHER_1D), sees(desk, MOTHER_2D)) == (set(), {AT_2D, SECOND})
    judge(desk, Action.RECORD_SPLIT, CHILD_1D)
    assert (sees(desk, MOTHER_1D), sees(desk, MOTHER_2D)) == ({AT_1D}, {AT_2D, SECOND})


def test_the_child_who_bears_the_number_since_is_not_joined_to_a_frozen_record(desk: Desk, tmp_path: Path) -> None:
    joined(desk, tmp_path)
    change = aaf.modify("Eleve", "20", ENTEleveINE=OTHER_INE)
    new = aaf.pupil("30", "500101$10$0$1$0$0", given="Titouan", born=BORN, ine=OTHER_INE)
    desk.run(aaf.write_set(tmp_path / "x", mode="Delta", day="20260902", Eleve=[change, new]))
    assert states(desk)[CHILD_2D] == "frozen"
    assert ["99-2d:30"] in desk.persons()


def test_a_pupil_who_left_stays_who_he_is(desk: Desk, tmp_path: Path) -> None:
    joined(desk, tmp_path, given="Aline")
    desk.run(aaf.write_set(tmp_path / "x", degree="1D", mode="Delta", Eleve=[aaf.delete("Eleve", "41")]), feed=FEED_1D)
    desk.run(corrected(tmp_path, "Delta", ine=INE))
    mother = aaf.modify("PersRelEleve", "500101", mail="aline.test@example.org")
    place = aaf.modify("Eleve", "20", ENTEleveClasses="9002$4B")
    desk.run(aaf.write_set(tmp_path / "y", mode="Delta", day="20260903", Eleve=[place], PersRelEleve=[mother]))
    assert set(states(desk).values()) == {"attached"}
    assert sees(desk, MOTHER_1D) == {AT_2D, SECOND}


# ---- adults -------------------------------------------------------------------------------------------------------


def test_mothers_whom_only_a_mistyped_child_joined_part_with_it(desk: Desk, tmp_path: Path) -> None:
    """Two women of one name: what joined them was the child that the slip made theirs in common."""
    joined(desk, tmp_path, given="Aline")
    assert person_of(desk, MOTHER_1D) == person_of(desk, MOTHER_2D)
    report = desk.run(corrected(tmp_path, "Delta"))
    assert report.counts is not None
    assert (report.counts["frozen_same_ine"], report.counts["frozen_shared_child"]) == (1, 1)
    assert states(desk)[MOTHER_2D] == "frozen"
    assert sees(desk, MOTHER_1D) == {AT_1D}
    desk.run(corrected(tmp_path, "Delta", ine=INE, day="20260903"))
    assert sees(desk, MOTHER_1D) == {AT_1D, AT_2D, SECOND}
    assert audited(desk, Action.RECORD_THAWED) == [CHILD_2D, MOTHER_2D]


@pytest.mark.parametrize(
    ("changes", "frozen"),
    [
        ({"Eleve": [("20", {"ENTElevePersRelEleve": "500101$50$0$1$0$0"})]}, True),
        ({"Eleve": [("20", {"ENTElevePersRelEleve": "500102$10$0$1$0$0"})]}, True),
        ({"PersRelEleve": [("500101", {"personalTitle": "M."})]}, True),
        ({"PersRelEleve": [("500101", {"personalTitle": ""})]}, False),
        ({"PersRelEleve": [("500101", {"givenName": "Goulvena"})]}, True),
        ({"PersRelEleve": [("500101", {"sn": "LE GOFF"})]}, False),
        ({"PersRelEleve": [("500101", {"givenName": "Aline Anne"})]}, False),
        ({"PersRelEleve": [("500101", {"mail": "aline.test@example.org"})]}, False),
    ],
    ids=["link", "relation gone", "civility", "no civility", "given name", "marriage", "second name", "mail"],
)
def test_what_joined_an_adult_by_a_shared_child_is_asked_again(
    desk: Desk, tmp_path: Path, changes: dict[str, list[tuple[str, dict[str, str]]]], frozen: bool
) -> None:
    joined(desk, tmp_path, given="Aline")
    asked = {kind: [aaf.modify(kind, key, **attributes) for key, attributes in each] for kind, each in changes.items()}
    desk.run(aaf.write_set(tmp_path / "x", mode="Delta", day="20260902", **asked))
    assert (states(desk)[MOTHER_2D] == "frozen") is frozen
    assert states(desk)[CHILD_2D] == "attached"
    if "500102" in str(changes):
        assert sees(desk, MOTHER_1D) == set()  # this feed took the right back: what the other gave before is closed
        return
    assert sees(desk, MOTHER_1D) == ({AT_1D, AT_2D} if frozen else {AT_1D, AT_2D, SECOND})


# ---- the desk -----------------------------------------------------------------------------------------------------


def test_the_desk_thaws_what_it_judged_right_and_the_feed_freezes_it_no_more(desk: Desk, tmp_path: Path) -> None:
    joined(desk, tmp_path)
    desk.run(corrected(tmp_path, "Delta"))
    assert judge(desk, Action.RECORD_THAWED, CHILD_2D) == person_of(desk, CHILD_1D)
    assert sees(desk, MOTHER_1D) == {AT_1D, AT_2D}
    desk.run(corrected(tmp_path, "Complet", day="20260903"))
    assert states(desk)[CHILD_2D] == "attached"
    assert audited(desk, Action.RECORD_THAWED) == [CHILD_2D]
    with pytest.raises(LookupError, match="is not frozen"):
        judge(desk, Action.RECORD_THAWED, CHILD_2D)


def test_a_verdict_is_about_what_the_desk_saw(desk: Desk, tmp_path: Path) -> None:
    joined(desk, tmp_path)
    desk.run(corrected(tmp_path, "Delta"))
    judge(desk, Action.RECORD_THAWED, CHILD_2D)
    other = aaf.modify("Eleve", "20", ENTEleveINE="990000005DH")
    desk.run(aaf.write_set(tmp_path / "z", mode="Delta", day="20260903", Eleve=[other]))
    assert states(desk)[CHILD_2D] == "frozen"
    assert AT_2D not in sees(desk, MOTHER_1D)
    desk.run(corrected(tmp_path, "Delta", day="20260904"))
    assert states(desk)[CHILD_2D] == "attached"


def test_a_verdict_on_a_parent_is_about_the_relation_that_the_desk_saw(desk: Desk, tmp_path: Path) -> None:
    joined(desk, tmp_path, given="Aline")

    def states_link(code: str, day: str) -> str:
        change = aaf.modify("Eleve", "20", ENTElevePersRelEleve=f"500101${code}$0$1$0$0")
        desk.run(aaf.write_set(tmp_path / day, mode="Delta", day=day, Eleve=[change]))
        return states(desk)[MOTHER_2D]

    assert states_link("50", "20260902") == "frozen"
    judge(desk, Action.RECORD_THAWED, MOTHER_2D)
    assert states_link("50", "20260903") == "attached"
    assert states_link("41", "20260904") == "frozen"


def test_the_desk_splits_and_the_subject_stays(desk: Desk, tmp_path: Path) -> None:
    joined(desk, tmp_path, given="Aline")
    mother = person_of(desk, MOTHER_1D)
    subject = builders.add_subject(desk.engine, mother)
    desk.run(corrected(tmp_path, "Delta"))
    assert [one.record_id for one in SqlAttachments(desk.engine).frozen()] == [CHILD_2D, MOTHER_2D]
    child, parent = (judge(desk, Action.RECORD_SPLIT, record) for record in (CHILD_2D, MOTHER_2D))
    assert (person_of(desk, CHILD_2D), person_of(desk, MOTHER_2D)) == (child, parent)
    assert person_of(desk, MOTHER_1D) == mother
    assert desk.rows(schema.subjects, "value", "person_id") == [(subject, mother)]
    assert (sees(desk, MOTHER_1D), sees(desk, MOTHER_2D)) == ({AT_1D}, {AT_2D, SECOND})
    kept = desk.rows(schema.attachments, "record_id", "person_id", "state", "evidence_kind")
    assert (MOTHER_2D, mother, "undone", "shared_child") in kept
    assert audited(desk, Action.RECORD_SPLIT) == [CHILD_2D, MOTHER_2D]
    assert SqlAttachments(desk.engine).frozen() == ()
    desk.run(corrected(tmp_path, "Delta", ine=INE, day="20260903"))
    assert person_of(desk, CHILD_2D) == child


@pytest.mark.parametrize("record", ["99-2d:nobody", CHILD_1D])
def test_a_record_that_nothing_joined_is_not_split(desk: Desk, tmp_path: Path, record: str) -> None:
    joined(desk, tmp_path)
    with pytest.raises(LookupError):
        judge(desk, Action.RECORD_SPLIT, record)
    judge(desk, Action.RECORD_SPLIT, CHILD_2D)


def test_a_restriction_binds_through_a_frozen_record(desk: Desk, tmp_path: Path) -> None:
    """What is in doubt opens nothing, and closes what it closed."""
    joined(desk, tmp_path, given="Aline")
    with desk.engine.begin() as conn:
        builders.add_restriction(conn, MOTHER_2D, CHILD_2D, since=builders.NOW - timedelta(days=90))
    assert sees(desk, MOTHER_1D) == {SECOND}
    desk.run(corrected(tmp_path, "Delta"))
    assert states(desk)[CHILD_2D] == states(desk)[MOTHER_2D] == "frozen"
    assert sees(desk, MOTHER_1D) == set()


# ---- several records ----------------------------------------------------------------------------------------------


def third(folder: Path, pupils: Sequence[str]) -> Path:
    return aaf.write_set(folder, day="20260901", Eleve=pupils)


def test_a_third_record_stands_beside_the_first_when_the_second_leaves(desk: Desk, tmp_path: Path) -> None:
    desk.run(of_1d(tmp_path / "1d"), feed=FEED_1D)
    twice = [aaf.pupil(key, given="Titouan", born=BORN, ine=INE) for key in ("20", "21")]
    desk.run(third(tmp_path / "2d", twice), feed=FEED_2D)
    desk.run(corrected(tmp_path, "Delta"))
    assert states(desk) == {
        CHILD_1D: "attached", CHILD_2D: "frozen", "99-2d:21": "attached", MOTHER_1D: "attached"
    }  # fmt: skip
    change = aaf.modify("Eleve", "41", ENTEleveINE="990000005DH")
    desk.run(aaf.write_set(tmp_path / "x", degree="1D", mode="Delta", day="20260903", Eleve=[change]), feed=FEED_1D)
    assert (states(desk)[CHILD_1D], states(desk)["99-2d:21"]) == ("frozen", "attached")
    judge(desk, Action.RECORD_SPLIT, CHILD_1D)
    assert states(desk)[CHILD_2D] == "frozen"
