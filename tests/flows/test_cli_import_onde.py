"""`preau import onde`: an école's own extraction beside the académie's file of the same école, by the command line."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from broker.__main__ import main
from broker.storage import schema
from tests.command_line import CommandLine
from tests.onde import Adult, Child, write_set
from tests.servers import free_port

UAI, FEED = "9990001X", "onde.9990001x"
MOTHER = "99-1d:610777"
FEEDS = """
[[feeds]]
id = "onde"
tenant = "academie-fictive"
kind = "onde"

[[feeds]]
id = "onde-legal"
tenant = "academie-fictive"
kind = "onde"
guardians = "legal"
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo town, imported once, with feeds for extractions of its écoles."""
    folder = tmp_path_factory.mktemp("town")
    assert main(["demo", "--data", str(folder), "--port", str(free_port()), "--prepare-only"]) == 0
    return folder


@pytest.fixture
def desk(prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """A copy of it for one test."""
    desk = CommandLine(shutil.copytree(prepared, tmp_path / "town"), capsys)
    desk.add(FEEDS)
    return desk


def children_of(desk: CommandLine) -> list[Child]:
    """The pupils of the école as its own extraction tells them: other class names than the académie's."""
    here = {record for record, uai in desk.rows(schema.enrolments, "record_id", "uai") if uai == UAI}
    columns = ("id", "family_name", "given_name", "birth_date", "ine")
    found = [row for row in desk.rows(schema.records, *columns) if row[0] in here]
    return [Child(family, given, born, ine, label="Classe bleue") for _, family, given, born, ine in found]


def mother_of(*children: Child) -> Adult:
    """The demo family's mother under the very name, civility and mobile of the académie's file."""
    return Adult("QUEMENEUR", "Aline", mobile="06 39 98 00 01", children=children)


@pytest.fixture
def pupils(desk: CommandLine) -> list[Child]:
    return children_of(desk)


def titouan_in(pupils: Sequence[Child]) -> Child:
    return next(child for child in pupils if child.given == "Titouan")


def line(folder: Path, *, feed: str = "onde", day: str = "2026-09-10", school: str = UAI) -> list[str]:
    return ["import", "onde", str(folder), "--feed", feed, "--school", school, "--made-on", day]


def test_its_children_are_joined_to_their_persons_and_stay_one_card(
    desk: CommandLine, pupils: list[Child], tmp_path: Path
) -> None:
    before = desk.json("person", "show", MOTHER)
    done = desk.json(*line(write_set(tmp_path / "set", pupils, [mother_of(titouan_in(pupils))])))
    assert (done["feed"], done["state"], done["complete"]) == (FEED, "done", True)
    assert (done["counts"]["pupil_added"], done["counts"]["attached_same_ine"]) == (len(pupils), len(pupils))
    assert done["counts"]["persons_founded"] == 1
    after = desk.json("person", "show", MOTHER)
    assert after["children"] == before["children"] != []
    school = next(row for row in desk.rows(schema.schools, "uai", "name", "level", "commune", "kind") if row[0] == UAI)
    assert school[1:] == ("École les Marronniers", "ecole", "Port-Fictif", "ECOLE ELEMENTAIRE")


def test_a_rehearsal_tells_and_leaves_nothing(desk: CommandLine, pupils: list[Child], tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", pupils, [mother_of(titouan_in(pupils))])
    rehearsed = desk.json(*line(folder), "--dry-run")
    assert (rehearsed["state"], rehearsed["difference"]["kinds"]["pupil"]["added"]) == ("rehearsed", len(pupils))
    assert FEED not in {feed for (feed,) in desk.rows(schema.records, "feed")}
    assert FEED not in {feed for (feed,) in desk.rows(schema.imports, "feed")}
    assert "ADDED" in desk.text(*line(folder), "--dry-run")[0]


def adult_record(desk: CommandLine, feed: str) -> str:
    """The one adult's record of a feed."""
    (found,) = [
        record
        for record, of, kind in desk.rows(schema.records, "id", "feed", "kind")
        if (of, kind) == (feed, "guardian")
    ]
    return str(found)


def test_a_contact_opens_nothing(desk: CommandLine, pupils: list[Child], tmp_path: Path) -> None:
    desk.json(*line(write_set(tmp_path / "set", pupils, [mother_of(titouan_in(pupils))])))
    record = adult_record(desk, FEED)
    assert [(q, see) for adult, q, see in desk.rows(schema.guardianships, "adult_record", "quality", "may_see")
            if adult == record] == [("contact", False)]  # fmt: skip
    assert desk.json("person", "show", record)["children"] == []


def test_a_legal_guardian_founds_a_person_of_her_own_and_is_at_most_proposed(
    desk: CommandLine, pupils: list[Child], tmp_path: Path
) -> None:
    """No link code stands in ONDE, and what is not stated equals nothing: names and a shared child join nobody."""
    known = desk.json("person", "show", MOTHER)
    desk.json(*line(write_set(tmp_path / "set", pupils, [mother_of(titouan_in(pupils))]), feed="onde-legal"))
    told = desk.json("person", "show", adult_record(desk, "onde-legal.9990001x"))
    assert told["person_id"] != known["person_id"]
    assert [child["given"] for child in told["children"]] == ["Titouan"]
    own = f"{FEED.replace('onde', 'onde-legal')}:"
    proposed = [
        (state, kind)
        for record, state, kind in desk.rows(schema.attachments, "record_id", "state", "evidence_kind")
        if record.startswith(own) and state != "attached"
    ]
    assert set(proposed) == {("proposed", "resemblance")}


def test_two_ecoles_that_state_no_link_join_no_adult_either(
    desk: CommandLine, pupils: list[Child], tmp_path: Path
) -> None:
    for feed in ("onde", "onde-legal"):
        desk.json(*line(write_set(tmp_path / feed, pupils, [mother_of(titouan_in(pupils))]), feed=feed))
    persons = [desk.json("person", "show", adult_record(desk, f"{feed}.9990001x")) for feed in ("onde", "onde-legal")]
    assert persons[0]["person_id"] != persons[1]["person_id"]


def test_homonyms_go_to_review_and_neither_is_guessed(desk: CommandLine, pupils: list[Child], tmp_path: Path) -> None:
    titouan = titouan_in(pupils)
    namesake = replace(titouan, ine="", born=date(2018, 1, 2))
    twice = [mother_of(titouan), replace(mother_of(titouan), mobile="06 39 98 99 99")]
    folder = write_set(
        tmp_path / "set", [*pupils, namesake], [*twice, Adult("SEUL", "Paul", "M.", children=(titouan,))]
    )
    told = desk.json(*line(folder))["faults"]
    reasons = Counter(fault["reason"].partition(":")[0] for fault in told)
    assert reasons["two lines that nobody can tell apart (same names)"] == 2
    assert reasons["a child whose names several pupils bear"] == 1
    assert [adult for adult, feed in desk.rows(schema.guardianships, "adult_record", "feed") if feed == FEED] == []
    assert titouan.ine not in str(told)
    assert "fault: responsables.csv:2: two lines" in desk.text(*line(folder), "--dry-run")[1]


def test_a_second_delivery_unchanged_is_nothing_to_do_and_a_new_day_changes_nothing(
    desk: CommandLine, pupils: list[Child], tmp_path: Path
) -> None:
    folder = write_set(tmp_path / "set", pupils, [mother_of(titouan_in(pupils))])
    assert desk.json(*line(folder))["state"] == "done"
    assert desk.json(*line(folder))["state"] == "nothing_to_do"
    again = desk.json(*line(folder, day="2026-09-11"))
    assert (again["state"], again["counts"].get("pupil_changed", 0)) == ("done", 0)


def test_a_third_of_the_pupils_gone_waits_for_a_human(desk: CommandLine, pupils: list[Child], tmp_path: Path) -> None:
    desk.json(*line(write_set(tmp_path / "set", pupils)))
    fewer = write_set(tmp_path / "fewer", pupils[: len(pupils) * 7 // 10])
    held = desk.json(*line(fewer, day="2026-09-11"), status=1)
    assert (held["state"], "pupil records would be retired" in held["reason"]) == ("held", True)
    assert desk.json(*line(fewer, day="2026-09-11"), "--confirm")["counts"]["pupil_retired"] > len(pupils) // 4


def test_an_older_delivery_is_refused(desk: CommandLine, pupils: list[Child], tmp_path: Path) -> None:
    desk.json(*line(write_set(tmp_path / "set", pupils)))
    older = write_set(tmp_path / "older", pupils[:-1])
    assert desk.refused(*line(older, day="2026-09-09")).startswith("PRE-4004")
    assert desk.json(*line(older, day="2026-09-10"))["state"] == "done"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"school": "9990001"}, "PRE-4001: 9990001 is no UAI"),
        ({"school": "../etc"}, "PRE-4001: ../ETC is no UAI"),
        ({"school": "9990001A"}, "PRE-4002: held, nothing was applied: the check letter of UAI 9990001A"),
        ({"day": "2099-01-01"}, "PRE-4001: made on 2099-01-01: that day is still to come"),
        ({"feed": "99-1d"}, "feed 99-1d is of kind aaf: use preau import aaf"),
        ({"feed": "onde.9990001x"}, "no feed onde.9990001x; there are: 99-2d, 99-1d, onde, onde-legal"),
    ],
)
def test_a_slip_of_the_hand_is_told(
    desk: CommandLine, pupils: list[Child], tmp_path: Path, changes: dict[str, str], reason: str
) -> None:
    folder = write_set(tmp_path / "set", pupils[:3])
    assert desk.refused(*line(folder, **changes)).startswith(reason)
    assert desk.rows(schema.imports, "feed") == [("99-1d",), ("99-2d",)]
    assert desk.json(*line(folder, school=UAI.lower()))["feed"] == FEED


@pytest.mark.parametrize("left_out", ["--school", "--made-on"])
def test_what_the_files_do_not_say_must_be_said(desk: CommandLine, tmp_path: Path, left_out: str) -> None:
    words = line(write_set(tmp_path / "set", []))
    at = words.index(left_out)
    with pytest.raises(SystemExit) as usage:
        desk.json(*words[:at], *words[at + 2 :])
    assert usage.value.code == 2


def test_records_of_a_school_are_found_under_its_own_feed(
    desk: CommandLine, pupils: list[Child], tmp_path: Path
) -> None:
    desk.json(*line(write_set(tmp_path / "set", pupils, [mother_of(titouan_in(pupils))])))
    record = adult_record(desk, FEED)
    (found,) = desk.json("person", "find", record)
    assert (found["record"], found["family_name"]) == (record, "QUEMENEUR")
