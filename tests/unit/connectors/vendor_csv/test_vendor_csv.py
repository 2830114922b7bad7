"""A vendor's list of logins: declared columns, logins that stand there once, and nothing that could give a right."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from broker.domain.errors import FeedRefused
from broker.domain.feed import FeedFault, FeedRow, PersonRecord, SchoolRecord
from broker.domain.people import PersonName, RecordKind
from broker.domain.school import Level
from connectors.vendor_csv import VendorColumns, VendorCsvFeed, login_key
from connectors.vendor_csv.columns import column_faults

UAI = "9990002Y"
COLUMNS = VendorColumns(login="Identifiant", family="Nom", given="Prénom", mail="Courriel", school="UAI")
HEAD = ["Identifiant", "Nom", "Prénom", "Courriel", "UAI", "Autre"]


def line(login: str = "aquemeneur", family: str = "QUEMENEUR", given: str = "Aline", mail: str = "") -> list[str]:
    return [login, family, given, mail, UAI, "x"]


def write(folder: Path, *lines: Sequence[str], head: Sequence[str] = HEAD, encoding: str = "utf-8") -> Path:
    path = folder / "liste.csv"
    path.write_bytes("".join(";".join(one) + "\r\n" for one in (head, *lines)).encode(encoding))
    return path


def feed(**changes: Any) -> VendorCsvFeed:
    return replace(VendorCsvFeed(UAI, date(2026, 9, 9), RecordKind.GUARDIAN, COLUMNS), **changes)


def read(path: Path, **changes: Any) -> tuple[list[PersonRecord], list[FeedFault]]:
    items = list(feed(**changes).read([path]))
    rows = [one.record for one in items if isinstance(one, FeedRow)]
    return [one for one in rows if isinstance(one, PersonRecord)], [one for one in items if isinstance(one, FeedFault)]


def test_an_adult_is_read_by_the_declared_columns_and_holds_no_reference(tmp_path: Path) -> None:
    (adult,), faults = read(write(tmp_path, line(mail="a@example.org")))
    assert faults == []
    assert (adult.kind, adult.key) == (RecordKind.GUARDIAN, login_key("aquemeneur", uai=UAI))
    assert (adult.name, adult.mail) == (PersonName("QUEMENEUR", "Aline"), "a@example.org")
    assert (adult.relations, adult.ine, adult.siecle_id, adult.classes, adult.school_key) == ((), "", "", (), "")
    assert "aquemeneur" not in repr(adult)


def test_pupils_have_their_school_and_class_and_an_ine_only_where_it_is_declared(tmp_path: Path) -> None:
    path = write(tmp_path, line("maelys", given="Maëlys", mail="14/03/2012"), ["tom", "TEST", "Tom", "", UAI, "y"])
    columns = replace(COLUMNS, mail="", birth_date="Courriel", class_name="Autre")
    kind = {"kind": RecordKind.PUPIL, "columns": columns, "level": Level.COLLEGE}
    items = list(feed(**kind).read([path]))
    school, maelys, _ = (one.record for one in items if isinstance(one, FeedRow))
    assert isinstance(school, SchoolRecord)
    assert isinstance(maelys, PersonRecord)
    assert (school.uai, school.level, [one.code for one in school.classes]) == (UAI, Level.COLLEGE, ["x", "y"])
    assert (maelys.school_key, maelys.birth_date, maelys.classes[0].class_code) == (UAI, date(2012, 3, 14), "x")
    assert maelys.ine == ""
    assert feed(**kind).open([path]).covers == {"school", "pupil"}


def test_a_declared_ine_is_read_and_one_whose_key_does_not_hold_warns(tmp_path: Path) -> None:
    path = write(tmp_path, line("a", mail="990000002ea"), line("b", mail="990000002XX"))
    columns = replace(COLUMNS, mail="", ine="Courriel")
    records, (fault,) = read(path, kind=RecordKind.PUPIL, columns=columns)
    assert [one.ine for one in records] == ["990000002EA", "990000002XX"]
    assert (fault.warning, "990000002" in repr(fault)) == (True, False)


@pytest.mark.parametrize("other", ["aquemeneur", "AQuemeneur"])
def test_two_lines_of_one_login_are_both_reviewed_and_neither_is_applied(tmp_path: Path, other: str) -> None:
    records, faults = read(write(tmp_path, line(), line(other, "AUTRE", "Eve"), line("sbenali")))
    assert [one.key for one in records] == [login_key("sbenali", uai=UAI)]
    assert [(one.line, one.kind, one.key, one.breaks) for one in faults] == [
        (2, "guardian", login_key("aquemeneur", uai=UAI), False),
        (3, "guardian", login_key(other, uai=UAI), False),
    ]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (line(family="=cmd()"), "spreadsheet would execute"),
        (line(given="\t@SUM(1)"), "spreadsheet would execute"),
        (line(family="-1"), "spreadsheet would execute"),
        (line(mail="+HYPERLINK(1)"), "spreadsheet would execute"),
        (line(given=""), "without a name"),
        (line(given="a\u200bb"), "a character in a name"),
    ],
)
def test_a_malformed_line_is_told_with_its_key_and_stops_nothing(
    tmp_path: Path, broken: list[str], reason: str
) -> None:
    records, (fault,) = read(write(tmp_path, line("one"), broken, line("two")))
    assert len(records) == 2
    assert reason in fault.reason
    assert (fault.kind, fault.key, fault.breaks) == ("guardian", login_key("aquemeneur", uai=UAI), False)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (line(login=""), "without login"),
        (line(login="a\x07b"), "nobody can type"),
        (line(login="x" * 300), "nobody can type"),
        (line()[:4], "ends too early"),
        (line(given="x" * 5_000), "a value longer"),
    ],
)
def test_a_line_of_nobody_knows_whom_makes_the_set_incomplete(tmp_path: Path, broken: list[str], reason: str) -> None:
    columns = replace(COLUMNS, school="") if len(broken) < 5 else COLUMNS
    columns = replace(columns, mobile="Autre") if len(broken) < 5 else columns
    records, (fault,) = read(write(tmp_path, line("one"), broken), columns=columns)
    assert len(records) == 1
    assert reason in fault.reason
    assert (fault.key, fault.breaks) == ("", True)


def test_a_table_cut_inside_quotes_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, line("one"), ['"never closed'])
    _, (fault,) = read(path)
    assert fault.breaks


def test_missing_and_doubled_columns_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(FeedRefused, match="columns are missing: Prénom, UAI") as refused:
        feed().open([write(tmp_path, head=["Identifiant", "Nom", "Courriel"])])
    assert refused.value.code == "PRE-4001"
    with pytest.raises(FeedRefused, match="stand there twice: Nom"):
        feed().open([write(tmp_path, head=[*HEAD, "Nom"])])
    assert feed().open([write(tmp_path, line())]).school == UAI


def test_a_line_of_another_school_refuses_the_list(tmp_path: Path) -> None:
    stranger = line("b")
    stranger[4] = "9990003Z"
    with pytest.raises(FeedRefused, match="line 3 is not of school 9990002Y") as refused:
        feed().open([write(tmp_path, line(), stranger)])
    assert refused.value.code == "PRE-4001"
    assert feed(columns=replace(COLUMNS, school="")).open([write(tmp_path, line(), stranger)]).school == UAI


def test_one_table_is_read_at_a_time(tmp_path: Path) -> None:
    with pytest.raises(FeedRefused, match="there are 0"):
        feed().open([tmp_path])
    write(tmp_path, line())
    assert feed().open([tmp_path]).covers == {"guardian"}
    (tmp_path / "autre.csv").write_bytes((tmp_path / "liste.csv").read_bytes())
    with pytest.raises(FeedRefused, match="there are 2"):
        feed().open([tmp_path])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "iso-8859-15"])
def test_every_encoding_of_office_software_reads_the_same(tmp_path: Path, encoding: str) -> None:
    (adult,), faults = read(write(tmp_path, line(family="LECŒUR", given="Zoé"), encoding=encoding))
    assert (adult.name, faults) == (PersonName("LECŒUR", "Zoé"), [])


def test_another_separator_may_be_declared(tmp_path: Path) -> None:
    path = tmp_path / "liste.txt"
    path.write_text('Identifiant,Nom,Prénom,Courriel,UAI\na,"LE, GOFF",Yann,,9990002y\n', encoding="utf-8")
    (adult,), faults = read(path, separator=",")
    assert (adult.name.family, faults) == ("LE, GOFF", [])


def test_zipped_or_plain_the_delivery_is_the_same_and_another_day_or_declaration_another(tmp_path: Path) -> None:
    plain = write(tmp_path, *(line(f"login-{number}") for number in range(3_000)))
    packed = tmp_path / "liste.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(plain, "export/liste.csv")
    assert feed().checksum([plain]) == feed().checksum([packed])
    assert list(feed().read([plain])) == list(feed().read([packed]))
    sums = {
        feed().checksum([plain]),
        feed(made_on=date(2026, 9, 10)).checksum([plain]),
        feed(uai="9990003Z").checksum([plain]),
        feed(kind=RecordKind.PUPIL).checksum([plain]),
        feed(columns=replace(COLUMNS, mail="")).checksum([plain]),
    }
    assert len(sums) == 5
    assert [one.size for one in feed().portions([plain])] == [plain.stat().st_size]
    assert feed().portions([]) == ()


def test_a_declaration_is_checked_whole_and_a_good_one_has_no_fault() -> None:
    good = {"login": "a", "family": "b", "given": "c", "birth_date": "d"}
    assert list(column_faults(good, RecordKind.GUARDIAN)) == []
    assert VendorColumns(**good).declared() == good
    bad = {"login": "a", "family": "a", "ine": "x", "name": "y"}
    told = list(column_faults(bad, RecordKind.GUARDIAN))
    assert ["'ine' is of pupils" in one for one in told].count(True) == 1
    assert ["'name' is none of" in one for one in told].count(True) == 1
    assert "columns: 'given' is missing" in told
    assert "columns: the column 'a' is declared twice" in told
    assert len(told) == 4
    assert list(column_faults({**good, "ine": "x"}, RecordKind.PUPIL)) == []
