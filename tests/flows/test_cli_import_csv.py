"""`preau import csv`: a vendor's list of logins by the columns that preau.toml declares, by the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.storage import schema
from tests.command_line import CommandLine, install

UAI = "9990002Y"
HEAD = "Identifiant,Nom,Prénom,Courriel"
ALINE = "aline.q,QUEMENEUR,Aline,aline@example.org"
FEEDS = """
[[feeds]]
id = "cantine"
tenant = "ac-test"
kind = "csv"
people = "guardians"
separator = ","
columns = { login = "Identifiant", family = "Nom", given = "Prénom", mail = "Courriel" }
"""


@pytest.fixture
def desk(sqlite_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(install(tmp_path / "here", database_url=sqlite_url, feeds=FEEDS), capsys)


def line(folder: Path, *lines: str, day: str = "2026-09-10") -> list[str]:
    (folder / "liste.csv").write_text("\n".join([HEAD, *lines]), encoding="utf-8")
    path = str(folder / "liste.csv")
    return ["import", "csv", path, "--feed", "cantine", "--school", UAI, "--made-on", day]


def test_a_list_is_rehearsed_imported_and_known_again(desk: CommandLine, tmp_path: Path) -> None:
    words = line(tmp_path, ALINE)
    assert desk.json(*words, "--dry-run")["difference"]["kinds"]["guardian"]["added"] == 1
    assert desk.rows(schema.records, "id") == []
    done = desk.json(*words)
    assert (done["feed"], done["state"]) == ("cantine.9990002y", "done")
    assert desk.json(*words)["state"] == "nothing_to_do"
    assert desk.refused(*line(tmp_path, ALINE, day="2026-09-09")).startswith("PRE-4004")
    ((record, name),) = desk.rows(schema.records, "id", "family_name")
    assert name == "QUEMENEUR"
    assert "aline" not in record


def test_a_third_of_the_logins_gone_waits_for_a_human(desk: CommandLine, tmp_path: Path) -> None:
    people = [f"login{n},TEST,Prénom {n}," for n in range(10)]
    desk.json(*line(tmp_path, *people))
    fewer = line(tmp_path, *people[:7], day="2026-09-11")
    assert desk.json(*fewer, status=1)["state"] == "held"
    assert desk.json(*fewer, "--confirm")["counts"]["guardian_retired"] == 3


def test_a_name_that_is_a_formula_is_told_and_never_taken(desk: CommandLine, tmp_path: Path) -> None:
    told = desk.json(*line(tmp_path, ALINE, "evil,=HYPERLINK(1),Eve,"))
    assert [(fault["line"], fault["reason"]) for fault in told["faults"]] == [
        (3, "a text that a spreadsheet would execute")
    ]
    assert len(desk.rows(schema.records, "id")) == 1


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('login = "Identifiant"', 'logon = "Identifiant"', "feeds.cantine.columns: 'login' is missing"),
        ('mail = "Courriel"', 'mail = "Nom"', "feeds.cantine.columns: the column 'Nom' is declared twice"),
        ('mail = "Courriel"', 'ine = "Courriel"', "feeds.cantine.columns: 'ine' is of pupils only"),
    ],
)
def test_a_wrong_declaration_is_told_by_a_check_and_by_the_import(
    desk: CommandLine, tmp_path: Path, old: str, new: str, told: str
) -> None:
    sound = desk.config.read_text(encoding="utf-8")
    desk.config.write_text(sound.replace(old, new), encoding="utf-8")
    assert told in desk.refused("check")
    assert told in desk.refused(*line(tmp_path, ALINE))
    desk.config.write_text(sound, encoding="utf-8")
    assert desk.text("check")[0] == "settings, policies and services can be used\n"
    assert desk.json(*line(tmp_path, ALINE))["state"] == "done"


def test_a_column_that_the_list_does_not_have_is_refused(desk: CommandLine, tmp_path: Path) -> None:
    words = line(tmp_path, ALINE)
    (tmp_path / "liste.csv").write_text("Identifiant,Nom,Courriel\n", encoding="utf-8")
    assert desk.refused(*words) == "PRE-4001: liste.csv: these columns are missing: Prénom"
