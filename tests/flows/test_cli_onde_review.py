"""Children whom several pupils could be, from the command line: asked in a table, decided by a human, never guessed."""

from __future__ import annotations

import csv
import shutil
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from broker.__main__ import main
from broker.storage import schema
from tests.command_line import CommandLine
from tests.onde import Adult, Child, write_set
from tests.servers import free_port

UAI, FEED = "9990001X", "onde.9990001x"
ONE = Child("LE BIHAN", "Noé", date(2018, 3, 14), label="CM1 A")
NAMESAKE = replace(ONE, born=date(2018, 11, 2))
OTHER = Child("QUEMENEUR", "Maëlys", date(2018, 5, 1), label="CM1 A")
ADULT = Adult("LE BIHAN", "Yann", "M.", mobile="06 39 98 00 11", children=(ONE,))
MOTHER = Adult("QUEMENEUR", "Aline", mobile="06 39 98 00 01", children=(OTHER,))
FEEDS = '\n[[feeds]]\nid = "onde"\ntenant = "academie-fictive"\nkind = "onde"\nguardians = "legal"\n'


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation without anybody in it."""
    folder = tmp_path_factory.mktemp("town")
    assert main(["demo", "--data", str(folder), "--port", str(free_port()), "--prepare-only"]) == 0
    return folder


@pytest.fixture
def desk(prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    desk = CommandLine(shutil.copytree(prepared, tmp_path / "town"), capsys)
    desk.add(FEEDS)
    return desk


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_set(tmp_path / "set", [ONE, NAMESAKE, OTHER], [ADULT, MOTHER])


def line(folder: Path, *more: object, day: str = "2026-09-10") -> list[object]:
    return ["import", "onde", folder, "--feed", "onde", "--school", UAI, "--made-on", day, *more]


def relations(desk: CommandLine) -> list[tuple[str, str]]:
    """Adult and child by given name and birth date, as they stand for this feed."""
    names = {row[0]: row[1:] for row in desk.rows(schema.records, "id", "given_name", "birth_date")}
    rows = desk.rows(schema.guardianships, "adult_record", "child_record", "feed", "until")
    return sorted(
        (names[adult][0], str(names[child][1])) for adult, child, feed, until in rows if feed == FEED and until is None
    )


def answered(table: Path, answer: Callable[[dict[str, str]], str]) -> Path:
    """The table as a human gives it back."""
    with table.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter=";"))
    back = table.with_name("back.csv")
    with back.open("w", encoding="cp1252", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys(), delimiter=";")
        writer.writeheader()
        writer.writerows(row | {"choix": answer(row)} for row in rows)
    return back


def born(day: str) -> Callable[[dict[str, str]], str]:
    return lambda row: "oui" if row["date de naissance"] == day else "non"


def test_whom_several_bear_is_asked_decided_and_only_then_joined(
    desk: CommandLine, folder: Path, tmp_path: Path
) -> None:
    assert desk.json(*line(folder))["state"] == "done"
    assert relations(desk) == [("Aline", "2018-05-01")]
    table = tmp_path / "questions.csv"
    assert desk.json(*line(folder, "--review", table)) == {"state": "review", "questions": 1, "file": str(table)}
    assert stat.S_IMODE(table.stat().st_mode) == 0o600
    text = table.read_text(encoding="utf-8-sig")
    assert text.count("M. LE BIHAN Yann;LE BIHAN Noé;CM1 A") == 2
    assert "14/03/2018" in text
    assert "02/11/2018" in text
    done = desk.json(*line(folder, "--decided", answered(table, born("02/11/2018")), "--confirm"))
    assert done["state"] == "done"
    assert [fault["reason"] for fault in done["faults"]] == [
        "a child whose names several pupils bear: taken for the one that was decided"
    ]
    assert relations(desk) == [("Aline", "2018-05-01"), ("Yann", "2018-11-02")]
    assert desk.json(*line(folder, "--decided", tmp_path / "back.csv"))["state"] == "nothing_to_do"
    assert desk.json(*line(folder, day="2026-09-11"))["state"] == "done", "an extraction in doubt again"
    assert relations(desk) == [("Aline", "2018-05-01"), ("Yann", "2018-11-02")], "what was decided stands"


def test_a_decision_about_lines_that_changed_is_refused_and_nothing_is_imported(
    desk: CommandLine, folder: Path, tmp_path: Path
) -> None:
    desk.json(*line(folder, "--review", tmp_path / "questions.csv"))
    decided = answered(tmp_path / "questions.csv", born("14/03/2018"))
    changed = write_set(tmp_path / "changed", [ONE, OTHER], [ADULT, MOTHER])
    told = desk.refused(*line(changed, "--decided", decided))
    assert told.startswith("PRE-4001: back.csv: question q")
    assert "write the table anew with --review" in told
    assert FEED not in {feed for (feed,) in desk.rows(schema.records, "feed")}


def test_a_table_is_never_written_over_and_a_review_imports_nothing(
    desk: CommandLine, folder: Path, tmp_path: Path
) -> None:
    table = tmp_path / "questions.csv"
    out = desk.text(*line(folder, "--review", table))[0]
    assert "nothing was imported" in out
    assert not [row for row in desk.rows(schema.imports, "feed") if row == (FEED,)]
    written = table.read_bytes()
    assert "does not exist yet" in desk.refused(*line(folder, "--review", table))
    assert table.read_bytes() == written


def test_other_feeds_have_no_review(desk: CommandLine, folder: Path, capsys: Any) -> None:
    with pytest.raises(SystemExit) as left:
        main(["import", "siecle", str(folder), "--feed", "x", "--review", "y.csv"])
    assert left.value.code == 2
    assert "--review" in capsys.readouterr().err
