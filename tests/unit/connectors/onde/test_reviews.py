"""Children whom several pupils could be: what is asked, which answers hold, and which are refused."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from broker.domain.errors import FeedRefused
from broker.domain.feed import PERSON_FIELDS, FeedFault, FeedRow, PersonRecord
from broker.domain.guardianship import Quality
from broker.domain.people import RecordKind
from connectors.onde import OndeFeed
from connectors.onde.reviews import UNDECIDED, Decisions, read_decisions, write_questions
from tests.onde import Adult, Child, write_set

ONE = Child("LE BIHAN", "Noé", date(2018, 3, 14), ine="990000002EA", label="CM1 A")
NAMESAKE = replace(ONE, born=date(2018, 11, 2), ine="")
OTHER = Child("QUEMENEUR", "Maëlys", date(2018, 5, 1), label="CM1 A")
ADULT = Adult("LE BIHAN", "Yann", "M.", mobile="06 39 98 00 11", children=(ONE,))
MOTHER = Adult("QUEMENEUR", "Aline", mobile="06 39 98 00 01", children=(OTHER,))

Answer = Callable[[Mapping[str, str]], str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_set(tmp_path / "set", [ONE, NAMESAKE, OTHER], [ADULT, MOTHER])


def feed(decisions: Decisions = UNDECIDED) -> OndeFeed:
    return OndeFeed("9990001X", date(2026, 9, 10), Quality.LEGAL_GUARDIAN, decisions=decisions)


def asked(folder: Path) -> Path:
    """The table of a delivery."""
    table = folder.with_name("questions.csv")
    write_questions(table, feed().questions([folder]))
    return table


def answered(folder: Path, answer: Answer, **changes: str) -> Path:
    """It as a human gives it back, in office software's code page."""
    with asked(folder).open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter=";"))
    back = folder.with_name("back.csv")
    with back.open("w", encoding="cp1252", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys(), delimiter=";")
        writer.writeheader()
        writer.writerows(row | {"choix": answer(row)} | changes for row in rows)
    return back


def born(day: str) -> Answer:
    return lambda row: "oui" if row["date de naissance"] == day else "non"


def read(folder: Path, decisions: Decisions = UNDECIDED) -> tuple[dict[str, PersonRecord], list[FeedFault]]:
    """Pupils by birth date, and what is told."""
    items = list(feed(decisions).read([folder]))
    records = [item.record for item in items if isinstance(item, FeedRow)]
    pupils = [one for one in records if isinstance(one, PersonRecord) and one.kind is RecordKind.PUPIL]
    return {str(one.birth_date): one for one in pupils}, [item for item in items if isinstance(item, FeedFault)]


def refusal(folder: Path, table: Path) -> str:
    with pytest.raises(FeedRefused) as refused:
        read(folder, read_decisions(table))
    assert refused.value.code == "PRE-4001"
    return refused.value.cause


def test_the_table_shows_who_is_in_question_and_no_ine(folder: Path) -> None:
    text = asked(folder).read_bytes().decode("utf-8-sig")
    assert text.count("\r\n") == 3
    assert text.count(";2;M. LE BIHAN Yann;LE BIHAN Noé;CM1 A;") == 2
    assert all(day in text for day in ("14/03/2018", "02/11/2018"))
    assert ONE.ine not in text
    assert "QUEMENEUR" not in text


def test_undecided_both_keep_what_stood(folder: Path) -> None:
    pupils, (told,) = read(folder)
    assert {day: "relations" in one.stated for day, one in pupils.items()} == {
        "2018-03-14": False, "2018-11-02": False, "2018-05-01": True,
    }  # fmt: skip
    assert "to be reviewed" in told.reason


def test_the_one_chosen_gets_the_adult_and_the_other_none(folder: Path) -> None:
    decided = read_decisions(answered(folder, born("02/11/2018")))
    pupils, (told,) = read(folder, decided)
    assert [len(pupils[day].relations) for day in ("2018-03-14", "2018-11-02", "2018-05-01")] == [0, 1, 1]
    assert all(one.stated == PERSON_FIELDS for one in pupils.values())
    assert (told.line, told.warning, "was decided" in told.reason) == (2, True, True)
    assert feed(decided).questions([folder]) == []
    assert feed(decided).checksum([folder]) != feed().checksum([folder])


def test_none_of_them_is_a_decision_too(folder: Path) -> None:
    pupils, (told,) = read(folder, read_decisions(answered(folder, lambda _row: "Non")))
    assert [len(pupils[day].relations) for day in ("2018-03-14", "2018-11-02")] == [0, 0]
    assert all(one.stated == PERSON_FIELDS for one in pupils.values())
    assert "none of them" in told.reason


def test_a_table_without_answers_decides_nothing(folder: Path) -> None:
    decided = read_decisions(answered(folder, lambda _row: ""))
    assert read(folder, decided) == read(folder)
    assert feed(decided).checksum([folder]) == feed().checksum([folder])


CHANGES: dict[str, tuple[list[Child], list[Adult]]] = {
    "another namesake": ([ONE, NAMESAKE, replace(ONE, born=date(2019, 1, 1)), OTHER], [ADULT, MOTHER]),
    "a namesake left": ([ONE, OTHER], [ADULT, MOTHER]),
    "both changed class": ([replace(one, label="CM1 B") for one in (ONE, NAMESAKE)], [ADULT]),
    "the adult's line changed": ([ONE, NAMESAKE, OTHER], [replace(ADULT, mobile="06 39 98 00 12"), MOTHER]),
    "the adult left": ([ONE, NAMESAKE, OTHER], [MOTHER]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_decision_about_lines_that_changed_is_refused(folder: Path, tmp_path: Path, change: str) -> None:
    table = answered(folder, born("14/03/2018"))
    told = refusal(write_set(tmp_path / "changed", *CHANGES[change]), table)
    assert "changed or are clear now; write the table anew with --review" in told
    moved = write_set(tmp_path / "moved", [OTHER, NAMESAKE, ONE], [MOTHER, ADULT])
    pupils, _ = read(moved, read_decisions(table))
    assert len(pupils["2018-03-14"].relations) == 1, "lines that only moved"


BROKEN: dict[str, tuple[Answer, dict[str, str], str]] = {
    "two of them": (lambda _row: "oui", {}, "write 'oui' at one pupil"),
    "some of them not": (lambda row: "non" if "11" in row["date de naissance"] else "", {}, "write 'oui' at one"),
    "another word": (lambda _row: "=oui()", {}, "write 'oui' at one pupil"),
    "a question of nobody": (born("14/03/2018"), {"question": "qabc"}, "changed or are clear now"),
    "no question": (born("14/03/2018"), {"question": ""}, "line 2: no question"),
    "one pupil twice": (born("14/03/2018"), {"clé de l'élève": "eabc"}, "one pupil twice"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_table_that_says_no_one_thing_is_refused(folder: Path, broken: str) -> None:
    answer, changes, reason = BROKEN[broken]
    told = refusal(folder, answered(folder, answer, **changes))
    assert told.startswith("back.csv:")
    assert reason in told


def test_a_table_without_one_of_its_pupils_or_columns_is_refused(folder: Path) -> None:
    back = answered(folder, born("14/03/2018"))
    lines = back.read_text(encoding="cp1252").splitlines()
    for spoilt, reason in (
        ("\n".join(row for row in lines if "02/11/2018" not in row), "not every pupil in question stands there"),
        ("\n".join(row.rpartition(";")[0] for row in lines), "these columns are missing"),
        (lines[0] + '\n"cut', "quotes that do not close"),
    ):
        back.write_text(spoilt, encoding="utf-8")
        assert reason in refusal(folder, back)
    assert "not readable" in refusal(folder, folder / "none.csv")


def test_a_table_is_never_written_over(folder: Path) -> None:
    table = asked(folder)
    with pytest.raises(FileExistsError):
        write_questions(table, ())
    assert table.stat().st_size


@pytest.mark.parametrize("label", ["CM1 A", "CM1 B"])
def test_a_namesake_is_no_answer_where_others_of_the_name_cannot_be_told_apart(tmp_path: Path, label: str) -> None:
    """Two lines of one name and day are nobody's; the child meant may be one of them, so the third is not guessed."""
    twins = [replace(NAMESAKE, ine="990000001EB", label=label), replace(NAMESAKE, ine="990000003DK", label=label)]
    folder = write_set(tmp_path / "set", [ONE, *twins], [replace(ADULT, children=(replace(ONE, label=""),))])
    pupils, faults = read(folder)
    assert "relations" not in pupils["2018-03-14"].stated
    assert sum("to be reviewed" in fault.reason for fault in faults) == 3
    assert feed().questions([folder]) == []
    alone, _ = read(write_set(tmp_path / "alone", [ONE], [ADULT]))
    assert len(alone["2018-03-14"].relations) == 1


def test_a_lost_line_of_a_pupil_may_be_the_namesake_who_is_meant(tmp_path: Path) -> None:
    lost = write_set(tmp_path / "lost", [ONE, replace(NAMESAKE, family="=LE BIHAN"), OTHER], [ADULT, MOTHER])
    pupils, _ = read(lost)
    assert not any("relations" in one.stated for one in pupils.values())
