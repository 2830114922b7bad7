"""Lists that schools hand over themselves, beside the file of the académie: what they say, that no login finds them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from broker.domain.people import Reference
from broker.settings import load_settings
from broker.storage import schema
from broker.storage.engine import open_engine
from broker.storage.sql_people import SqlPeople
from connectors.sdet import ACADEMIE_NUMBERS
from tests import aaf, siecle
from tests.command_line import CommandLine, install
from tests.onde import Adult, Child, write_set

ROOT = Path(__file__).parents[2]
UAI = aaf.SCHOOL_1D
INE = ("990000001EB", "990000002EA", "990000003DK", "990000004DJ", "990000005DH")
MOTHER = "610777"
FEEDS = """
[[feeds]]
id = "99-1d"
tenant = "ac-test"
academie = "99"
degree = "1D"
[[feeds]]
id = "99-2d"
tenant = "ac-test"
academie = "99"
degree = "2D"
[[feeds]]
id = "onde"
tenant = "ac-test"
kind = "onde"
guardians = "legal"
[[feeds]]
id = "siecle"
tenant = "ac-test"
kind = "siecle"
level = "college"
[[feeds]]
id = "cantine"
tenant = "ac-test"
kind = "csv"
people = "guardians"
columns = { login = "Login", family = "Nom", given = "Prenom", mail = "Courriel" }
"""
MAELYS = Child("QUEMENEUR", "Maëlys", date(2017, 3, 14), INE[1], label="CM1 bleu")
ALINE = Adult("QUEMENEUR", "Aline", mobile="0639980001", mail="aline@example.org", children=(MAELYS,))


@pytest.fixture
def desk(sql_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """A bare installation on each database."""
    return CommandLine(install(tmp_path / "here", database_url=sql_url, feeds=FEEDS), capsys)


def primary(folder: Path, *, day: str = "20260907") -> Path:
    """The académie's file of the école: Maëlys and her mother."""
    return aaf.write_set(
        folder,
        degree="1D",
        day=day,
        EtabEducNat=[aaf.school("9001", UAI, "ECOLE LES MARRONNIERS", "ECOLE ELEMENTAIRE")],
        Eleve=[aaf.pupil_1d("400001", f"{MOTHER}$10", ine=INE[1], given="Maëlys", born="14/03/2017")],
        PersRelEleve=[aaf.guardian(MOTHER, degree="1D", mobile="0639980001")],
    )


def onde(desk: CommandLine, folder: Path, *children: Child, adults: tuple[Adult, ...] = (ALINE,), day: int = 8) -> str:
    """Import an extraction; the feed of the école."""
    write_set(folder, children or (MAELYS,), adults)
    words = ["import", "onde", folder, "--feed", "onde", "--school", UAI, "--made-on", f"2026-09-{day:02}"]
    return str(desk.json(*words, "--confirm")["feed"])


def school(desk: CommandLine) -> tuple[object, ...]:
    (found,) = desk.rows(schema.schools, "name", "level", "academie", "commune")
    return found


def test_a_school_without_name_goes_by_its_uai_until_a_feed_names_it(desk: CommandLine, tmp_path: Path) -> None:
    onde(desk, tmp_path / "onde")
    assert school(desk) == (UAI, "ecole", "", "")
    desk.json("import", "aaf", primary(tmp_path / "1d"), "--feed", "99-1d")
    named = school(desk)
    assert (named[0], named[1], named[2]) == ("École les Marronniers", "ecole", "99")
    onde(desk, tmp_path / "again", replace(MAELYS, label="CM2"), day=9)
    assert school(desk) == named


def test_the_file_of_the_academie_tells_the_class_while_it_tells_the_school(desk: CommandLine, tmp_path: Path) -> None:
    feed = onde(desk, tmp_path / "onde")
    mother = next(
        r for r, of, kind in desk.rows(schema.records, "id", "feed", "kind") if (of, kind) == (feed, "guardian")
    )

    def classes() -> list[str]:
        return [child["class_label"] for child in desk.json("person", "show", mother)["children"]]

    assert classes() == ["CM1 bleu"]
    desk.json("import", "aaf", primary(tmp_path / "1d"), "--feed", "99-1d")
    (told,) = classes()
    assert told != "CM1 bleu"
    gone = aaf.write_set(
        tmp_path / "gone", degree="1D", day="20260910", mode="Delta", Eleve=[aaf.delete("Eleve", "400001")]
    )
    desk.json("import", "aaf", gone, "--feed", "99-1d", "--confirm")
    assert classes() == ["CM1 bleu"]


def vendor(folder: Path) -> Path:
    folder.mkdir()
    (folder / "liste.csv").write_text("Login;Nom;Prenom;Courriel\n610777;QUEMENEUR;Aline;aline@example.org\n")
    return folder


def hand_over_list(desk: CommandLine, folder: Path, *, school: str) -> Any:
    day = ["--made-on", "2026-09-08"]
    return desk.json("import", "csv", folder, "--feed", "cantine", "--school", school, *day)


@pytest.mark.spec("AAF")
def test_no_login_matches_a_key_of_a_schools_own_list(desk: CommandLine, tmp_path: Path) -> None:
    """Even a source that were allotted such feeds finds nothing in them, whatever académie it speaks for."""
    onde(desk, tmp_path / "onde")
    desk.json("import", "siecle", siecle.family(tmp_path / "siecle"), "--feed", "siecle")
    hand_over_list(desk, vendor(tmp_path / "csv"), school="9990002Y")
    desk.json("import", "aaf", primary(tmp_path / "1d"), "--feed", "99-1d")
    records = desk.rows(schema.records, "feed", "key", "academie")
    feeds = frozenset(feed for feed, _, _ in records)
    assert feeds == {"99-1d", f"onde.{UAI.lower()}", "siecle.9990002y", "cantine.9990002y"}
    asked = [Reference(academie, key) for _, key, _ in records for academie in sorted(ACADEMIE_NUMBERS)]
    engine = open_engine(load_settings(desk.config, {}).database_url)
    try:
        found = {view.feed for view in SqlPeople(engine).by_reference(asked, feeds=feeds)}
    finally:
        engine.dispose()
    assert found == {"99-1d"}
    assert {academie for feed, _, academie in records if feed != "99-1d"} == {""}


def test_proposals_of_a_vendors_list_open_nothing(desk: CommandLine, tmp_path: Path) -> None:
    onde(desk, tmp_path / "onde")
    done = desk.json(
        "import", "csv", vendor(tmp_path / "csv"), "--feed", "cantine", "--school", UAI, "--made-on", "2026-09-08"
    )
    assert (done["state"], done["counts"]["guardian_added"]) == ("done", 1)
    (record,) = [key for key, feed in desk.rows(schema.records, "id", "feed") if feed == f"cantine.{UAI.lower()}"]
    assert desk.json("person", "show", record)["children"] == []
    assert {state for of, state in desk.rows(schema.attachments, "record_id", "state") if of == record} == {"attached"}


# ---- SIECLE -------------------------------------------------------------------------------------------------------


def test_a_college_hands_over_its_exports(desk: CommandLine, tmp_path: Path) -> None:
    folder = siecle.family(tmp_path / "set", pupils=10)
    line = ["import", "siecle", folder, "--feed", "siecle"]
    assert desk.json(*line, "--dry-run")["difference"]["kinds"]["pupil"]["added"] == 10
    assert desk.rows(schema.records, "id") == []
    done = desk.json(*line, "--school", siecle.UAI.lower())
    assert (done["feed"], done["state"], done["made_on"]) == ("siecle.9990002y", "done", "2026-09-08")
    assert len(desk.json("person", "show", "siecle.9990002y:880101")["children"]) == 10
    assert desk.json(*line)["state"] == "nothing_to_do"
    fewer = siecle.family(tmp_path / "fewer", pupils=7, day="09/09/2026")
    assert desk.json(*line[:2], fewer, *line[3:], status=1)["state"] == "held"
    older = siecle.family(tmp_path / "older", pupils=9, day="07/09/2026")
    assert desk.refused(*line[:2], older, *line[3:]).startswith("PRE-4004")
    # Each school has its own order of days: another one's older export is taken.
    other = siecle.family(tmp_path / "other", uai="9990003Z", day="01/09/2026")
    assert desk.json(*line[:2], other, *line[3:])["feed"] == "siecle.9990003z"


def test_the_level_declared_of_all_schools_gives_way_to_the_one_a_feed_told(desk: CommandLine, tmp_path: Path) -> None:
    lycee = aaf.school("9003", siecle.UAI, "LGT$HENRI IV$PORT-FICTIF", "LYCEE")
    desk.json("import", "aaf", aaf.write_set(tmp_path / "2d", EtabEducNat=[lycee]), "--feed", "99-2d")
    told = school(desk)
    desk.json("import", "siecle", siecle.family(tmp_path / "set"), "--feed", "siecle")
    assert school(desk) == told
    assert told[1] == "lycee"


def test_exports_of_another_school_are_refused(desk: CommandLine, tmp_path: Path) -> None:
    line = ["import", "siecle", siecle.family(tmp_path / "set"), "--feed", "siecle", "--school"]
    assert desk.refused(*line, "9990003Z") == "PRE-4001: files of school 9990002Y for school 9990003Z"
    assert desk.rows(schema.imports, "id") == []
    assert desk.json(*line, "9990002Y")["state"] == "done"
