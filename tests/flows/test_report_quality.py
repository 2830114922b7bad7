"""A broken school: its delivery, the report, the file mended, the next delivery, and everything closed."""

from __future__ import annotations

import csv
import json
import stat
from collections import Counter
from collections.abc import Iterable
from io import StringIO
from pathlib import Path

import pytest
from sqlalchemy import update

from broker.__main__ import main
from broker.settings import load_settings
from broker.storage import schema
from broker.storage.engine import open_engine, writing
from tests import siecle
from tests.command_line import CommandLine, install

HERE, ELSEWHERE = siecle.UAI, "9990003Z"
SOUND_INE, SHARED_INE, WRONG_INE = "990000001EB", "990000002EA", "990000003DX"
FEEDS = """
[[feeds]]
id = "siecle"
tenant = "ac-test"
kind = "siecle"
"""
MOBILE, FIXED = "06 39 98 00 {:02}", "01 45 67 89 01"
FORMULA = "=1+1"


@pytest.fixture
def desk(sql_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(install(tmp_path / "preau", database_url=sql_url, feeds=FEEDS), capsys)


def number(at: int) -> str:
    return siecle.elements(TEL_PORTABLE=MOBILE.format(at))


def reversed_day(day: int) -> str:
    return f"{day:02}/09/2026"


def write(folder: Path, pupils: Iterable[str], places: Iterable[str], adults: Iterable[str],
          beside: Iterable[str], *, day: int, uai: str = HERE) -> Path:  # fmt: skip
    said = siecle.parameters(uai=uai, day=reversed_day(day))
    return siecle.write_set(
        folder,
        siecle.pupils_file(pupils, places, said=said),
        siecle.adults_file(adults, beside, said=said),
    )


def broken(folder: Path) -> Path:
    pupils = [
        siecle.pupil("1", given="Alix", ine=SOUND_INE),
        siecle.pupil("2", given="Basile"),
        siecle.pupil("3", given="Chloé", born=""),
        siecle.pupil("4", given="Driss", ine=WRONG_INE),
        siecle.pupil("5", given="Elsa", ine=SHARED_INE),
        siecle.pupil("6", given="Faris", ine=SHARED_INE),
        siecle.pupil("7", given="Gwenn", born="14/03/1912"),
    ]
    adults = [
        siecle.adult("101", more=number(1)),
        siecle.adult("102", given="Goulven", title="M.", more=siecle.elements(TEL_PORTABLE=FIXED)),
        siecle.adult("103", given="Rozenn"),
        siecle.adult("104", more=number(4)),
        *(siecle.adult(str(200 + n), given=f"Tuteur {n}", title="", more=number(9)) for n in range(3)),
        siecle.adult("105", given="Nolwenn", more=number(5)),
    ]
    beside = [
        siecle.relation("1", "101"), siecle.relation("1", "104"), siecle.relation("3", "102", link="20"),
        siecle.relation("4", "103"), siecle.relation("5", "200", link="50"), siecle.relation("6", "201", link="50"),
        siecle.relation("6", "202", link="50"), siecle.relation("7", "105", "3"),
    ]  # fmt: skip
    places = [siecle.classes(str(key), FORMULA if key == 1 else "3A") for key in range(1, 7)]
    return write(folder, pupils, places, adults, beside, day=8)


def mended(folder: Path, *, day: int = 9) -> Path:
    pupils = [
        siecle.pupil(str(key), given=given, ine={1: SOUND_INE, 5: SHARED_INE}.get(key, ""))
        for key, given in enumerate(("Alix", "Basile", "Chloé", "Driss", "Elsa", "Faris", "Gwenn"), start=1)
    ]
    adults = [
        siecle.adult("101", more=number(1)),
        siecle.adult("102", given="Goulven", title="M.", more=number(2)),
        siecle.adult("103", given="Rozenn", more=siecle.elements(MEL="rozenn@example.org")),
        *(siecle.adult(str(200 + n), given=f"Tuteur {n}", title="", more=number(20 + n)) for n in range(3)),
        siecle.adult("105", given="Nolwenn", more=number(5)),
    ]
    beside = [
        siecle.relation("1", "101"), siecle.relation("2", "101"), siecle.relation("3", "102", link="20"),
        siecle.relation("4", "103"), siecle.relation("5", "200", link="50"), siecle.relation("6", "201", link="50"),
        siecle.relation("6", "202", link="50"), siecle.relation("7", "105"),
    ]  # fmt: skip
    return write(folder, pupils, [siecle.classes(str(key), "3A") for key in range(1, 8)], adults, beside, day=day)


def deliver(desk: CommandLine, folder: Path) -> None:
    desk.text("import", "siecle", folder, "--feed", "siecle", "--confirm")


@pytest.fixture
def broken_school(desk: CommandLine, tmp_path: Path) -> CommandLine:
    assert main(["db", "upgrade", "--config", str(desk.config)]) == 0
    deliver(desk, broken(tmp_path / "broken"))
    return desk


def report(desk: CommandLine, *more: str, school: str = HERE) -> list[dict[str, str]]:
    found: list[dict[str, str]] = desk.json("report", "quality", "--school", school, *more)["findings"]
    return found


EXPECTED = {
    "adult_twice_beside_pupil": 1, "birth_date_impossible": 1, "birth_date_missing": 1, "class_missing": 1,
    "guardian_without_contact": 1, "guardian_without_legal_child": 1, "ine_of_two_pupils": 2, "ine_wrong_key": 1,
    "mobile_is_no_mobile": 1, "mobile_of_many_adults": 3, "pupil_without_guardian": 1,
    "pupil_without_legal_guardian": 1,
}  # fmt: skip


def test_everything_that_is_wrong_is_told_and_closes_with_the_delivery_that_mends_it(
    broken_school: CommandLine, tmp_path: Path
) -> None:
    found = report(broken_school)
    assert Counter(one["finding"] for one in found) == EXPECTED
    assert {one["state"] for one in found} == {"open"}
    assert all(one["field"].startswith("SIECLE : ") and "SIECLE" in one["who"] for one in found)
    deliver(broken_school, mended(tmp_path / "mended"))
    closed = report(broken_school)
    assert Counter(one["finding"] for one in closed) == EXPECTED
    assert {one["state"] for one in closed} == {"closed"}
    (run,) = {one["closed_in"] for one in closed}
    assert (run, "done") in broken_school.rows(schema.imports, "id", "state")
    deliver(broken_school, mended(tmp_path / "later", day=10))
    assert report(broken_school) == []
    assert len(report(broken_school, "--all")) == len(closed)


def test_findings_are_dated_by_their_delivery_whenever_the_report_is_read(
    broken_school: CommandLine, tmp_path: Path
) -> None:
    """Nobody read a report between the deliveries: what one brought and the other mended is known."""
    deliver(broken_school, mended(tmp_path / "mended"))
    runs = dict(broken_school.rows(schema.imports, "id", "applied_at"))
    first, second = sorted(runs.values())
    found = report(broken_school)
    assert len(found) == sum(EXPECTED.values())
    for one in found:
        assert (one["since"], one["closed_at"]) == (first.isoformat(), second.isoformat())


def test_it_reads_as_text_and_names_field_remedy_and_day(broken_school: CommandLine) -> None:
    out, _ = broken_school.text("report", "quality", "--school", HERE.lower())
    assert f"À corriger : {sum(EXPECTED.values())}. Corrigé : 0." in out
    for words in ("DATE_NAISS", "ID_NATIONAL", "finissant par 2EA", "TEL_PORTABLE", "Mme Aline QUEMENEUR", "Basile"):
        assert words in out


def test_the_csv_is_for_office_software_its_owners_alone_and_computes_nothing(
    broken_school: CommandLine, tmp_path: Path
) -> None:
    engine = open_engine(load_settings(broken_school.config, {}).database_url)
    with writing(engine) as conn:
        for key, name in (("2", "@SUM(A1)"), ("3", "\t=1"), ("4", "-2"), ("5", " +3")):
            row = schema.records.c.id == f"siecle.{HERE.lower()}:{key}"
            conn.execute(update(schema.records).where(row).values(family_name=name))
    engine.dispose()
    path = tmp_path / "a-corriger.csv"
    path.touch(mode=0o644)
    broken_school.text("report", "quality", "--school", HERE, "--csv", path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(StringIO(path.read_text(encoding="utf-8-sig")), delimiter=";"))
    assert len(rows) == sum(EXPECTED.values())
    cells = {cell for row in rows for cell in row.values()}
    assert {f"'{FORMULA}", "'@SUM(A1)", "'-2", "' +3"} <= cells
    assert not [cell for cell in cells if cell.strip().startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_nothing_of_another_school_no_number_and_no_whole_ine_is_ever_told(
    broken_school: CommandLine, tmp_path: Path
) -> None:
    """The other school has a pupil with an INE of this one's, and adults under the mobile of this one's."""
    adults = [siecle.adult(str(300 + n), family="AILLEURS", given=f"Adulte {n}", more=number(9)) for n in range(3)]
    folder = write(
        tmp_path / "elsewhere",
        [siecle.pupil("1", family="AILLEURS", given="Zoé", ine=SOUND_INE)],
        [siecle.classes("1", "6Z")],
        adults,
        [siecle.relation("1", str(300 + n), link="50") for n in range(3)],
        day=8,
        uai=ELSEWHERE,
    )
    deliver(broken_school, folder)
    outputs = {}
    for school in (HERE, ELSEWHERE):
        path = tmp_path / f"{school}.csv"
        broken_school.text("report", "quality", "--school", school, "--csv", path, "--all")
        line = ["report", "quality", "--school", school, "--all"]
        outputs[school] = "".join(
            (path.read_text(encoding="utf-8-sig"), broken_school.text(*line)[0], json.dumps(broken_school.json(*line)))
        )
    assert "Alix" in outputs[HERE]
    assert "Zoé" in outputs[ELSEWHERE]
    assert not [word for word in ("AILLEURS", "Zoé", ELSEWHERE, ELSEWHERE.lower()) if word in outputs[HERE]]
    assert not [word for word in ("QUEMENEUR", "Alix", HERE, HERE.lower()) if word in outputs[ELSEWHERE]]
    for text in outputs.values():
        assert not [ine for ine in (SOUND_INE, SHARED_INE, WRONG_INE) if ine in text]
        assert "639980" not in text.replace(" ", "")
        assert FIXED.replace(" ", "")[1:] not in text


def test_a_school_that_nobody_named_is_told_and_one_is_wanted(broken_school: CommandLine) -> None:
    assert "9990001X" in broken_school.refused("report", "quality", "--school", "9990001X")
    with pytest.raises(SystemExit) as left:
        main(["report", "quality", "--config", str(broken_school.config)])
    assert left.value.code == 2


def test_while_a_delivery_is_being_applied_the_findings_stay_and_it_is_said(
    broken_school: CommandLine,
) -> None:
    before = report(broken_school)
    engine = open_engine(load_settings(broken_school.config, {}).database_url)
    with writing(engine) as conn:
        conn.execute(update(schema.imports).values(state="applying"))
        conn.execute(update(schema.records).values(birth_date=None))
    engine.dispose()
    out, err = broken_school.text("report", "quality", "--school", HERE, "--json")
    assert "being applied" in err
    assert json.loads(out)["findings"] == before
