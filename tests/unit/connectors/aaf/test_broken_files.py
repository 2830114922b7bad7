"""Broken records are told with file, line and reason and stop nothing; broken files end the claim to be complete."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.domain.feed import FeedFault, FeedRow, PersonRecord
from connectors.aaf import AafFeed
from tests import aaf

EVERYBODY = "<value>500101$10$1$1$0$1</value>"


def read(folder: Path) -> tuple[list[str], list[FeedFault]]:
    items = list(AafFeed().read([folder]))
    keys = [item.record.key for item in items if isinstance(item, FeedRow)]
    return keys, [item for item in items if isinstance(item, FeedFault)]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (aaf.pupil("2", born="31/02/2012"), "date that does not exist"),
        (aaf.pupil("2", born="2012-03-14"), "not dd/mm/yyyy"),
        (aaf.pupil("2", given=""), "without a name"),
        (aaf.pupil("2", family="X" * 300), "name longer"),
        (aaf.pupil("2", "500101$10$1"), "neither two nor six"),
        (aaf.pupil("2", "500101$10$1$7$0$1"), "level or flag"),
        (aaf.pupil("2", "500101$10$x$1$0$1"), "level or flag"),
        (aaf.pupil("2", "500101$99$1$1$0$1"), "link code"),
        (aaf.pupil("2", "5 01$10$1$1$0$1"), "key with characters"),
        (aaf.pupil("2", "5$10$1$1$0$1", "5$39$0$0$0$0"), "same adult twice"),
        (aaf.pupil("2", place="X" * 70), "code longer"),
        (aaf.pupil("2").replace("<value>3A", "<value>x</value><value>").replace("sn", "givenName"), "twice"),
        (aaf.pupil("2").replace("Maëlys", "<b>Maëlys</b>"), "inside a value"),
        (aaf.pupil("2", family="X" * 5_000), "longer than any real one"),
        (aaf.add("PersRelEleve", "2", sn="A", givenName="B"), "category PersRelEleve in a file of Eleve"),
        (aaf.modify("Eleve", "2", sn="A").replace("replace", "delete"), "not a replacement"),
        (aaf.pupil("2").replace("9002$3A", "9002$3A").replace("ENTEleveClasses", "ENTPersonClasses"), "five parts"),
    ],
)
def test_a_malformed_record_is_told_and_stops_nothing(tmp_path: Path, broken: str, reason: str) -> None:
    aaf.write_set(tmp_path, Eleve=[aaf.pupil("1"), broken, aaf.pupil("3")])
    keys, (fault,) = read(tmp_path)
    assert keys == ["1", "3"]
    assert reason in fault.reason
    assert (fault.file, fault.kind, fault.key) == ("ENT2D_Complet_20260905_Eleve_0000.xml", "pupil", "2")
    assert fault.line == 5 + aaf.pupil("1").count("\n")
    assert (fault.warning, fault.breaks) == (False, False)


def test_the_same_adult_twice_in_the_same_terms_is_one(tmp_path: Path) -> None:
    aaf.write_set(tmp_path, Eleve=[aaf.pupil("1", "5$10$1$1$0$1", "5$10$1$1$0$1")])
    (row,) = AafFeed().read([tmp_path])
    assert isinstance(row, FeedRow)
    assert isinstance(row.record, PersonRecord)
    assert len(row.record.relations) == 1


def test_a_record_without_identifier_breaks_completeness(tmp_path: Path) -> None:
    lost = aaf.pupil("2").replace("<identifier><id>2</id></identifier>", "<identifier/>")
    aaf.write_set(tmp_path, Eleve=[lost, aaf.pupil("3")])
    keys, (fault,) = read(tmp_path)
    assert (keys, fault.breaks, fault.key) == (["3"], True, "")


@pytest.mark.parametrize("cut", ["<attr name=", "</addRequest>", "<value>200"])
def test_a_truncated_file_keeps_what_came_before_and_names_the_line(tmp_path: Path, cut: str) -> None:
    aaf.write_set(tmp_path, Eleve=[aaf.pupil("1"), aaf.pupil("20023")])
    (file,) = tmp_path.iterdir()
    text = file.read_bytes()
    file.write_bytes(text[: text.rindex(cut.encode())])
    keys, (fault,) = read(tmp_path)
    assert keys == ["1"]
    assert fault.breaks
    assert fault.line >= 5 + aaf.pupil("1").count("\n")


def test_an_ill_formed_line_is_named(tmp_path: Path) -> None:
    aaf.write_set(tmp_path, Eleve=[aaf.pupil("1"), "<addRequest>\n<identifier>\n</addRequest>\n", aaf.pupil("3")])
    keys, (fault,) = read(tmp_path)
    assert (keys, fault.breaks) == (["1"], True)
    assert fault.line == 5 + aaf.pupil("1").count("\n") + 2


def test_lines_beyond_sixteen_bits_are_told_to_the_line_of_the_first_value(tmp_path: Path) -> None:
    aaf.write_set(tmp_path, Eleve=["\n" * 70_000, aaf.pupil("2", born="x")])
    _, (fault,) = read(tmp_path)
    assert fault.line == 70_006


@pytest.mark.parametrize("content", [b"", b"<html/>", b"<html><addRequest/></html>"])
def test_a_file_that_is_no_export_breaks_completeness(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ENT2D_Complet_20260905_Eleve_0000.xml").write_bytes(content)
    keys, (fault,) = read(tmp_path)
    assert (keys, fault.breaks) == ([], True)


def test_an_unreadable_table_of_curricula_loses_no_pupil(tmp_path: Path) -> None:
    aaf.write_set(tmp_path, Eleve=[aaf.pupil("1")], MefEducNat=["<addRequest>"])
    keys, (fault,) = read(tmp_path)
    assert (keys, fault.breaks) == (["1"], False)


@pytest.mark.spec("UAI key")
def test_national_numbers_with_a_wrong_key_warn_and_pass(tmp_path: Path) -> None:
    aaf.write_set(tmp_path, EtabEducNat=[aaf.school(uai="9990002A")], Eleve=[aaf.pupil("1", ine="990000002XX")])
    keys, faults = read(tmp_path)
    assert keys == ["9002", "1"]
    assert [fault.warning for fault in faults] == [True, True]
    assert "UAI" in faults[0].reason
    assert "990000002XX" not in faults[1].reason


@pytest.mark.parametrize(
    "school", [aaf.school(uai=""), aaf.school(uai="99X"), aaf.school(name=""), aaf.school(key="9$2")]
)
def test_a_school_that_nothing_can_be_joined_on_is_a_fault(tmp_path: Path, school: str) -> None:
    aaf.write_set(tmp_path, EtabEducNat=[school])
    keys, (fault,) = read(tmp_path)
    assert (keys, fault.kind) == ([], "school")
