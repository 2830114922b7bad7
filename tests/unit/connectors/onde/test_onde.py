"""The two extractions of an école: columns, encodings, and children found for adults by their names alone."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

import pytest

from broker.domain.errors import FeedRefused
from broker.domain.feed import FeedFault, FeedRow, PersonRecord, SchoolRecord
from broker.domain.guardianship import Quality
from broker.domain.people import PersonName, RecordKind
from broker.domain.school import Level
from connectors.onde import OndeFeed
from connectors.onde.columns import CHILD_COLUMNS, GUARDIAN_COLUMNS, PUPIL_COLUMNS

UAI = "9990001X"
MADE_ON = date(2026, 9, 7)
INE = "990000002EA"


def pupil(
    family: str = "QUEMENEUR", given: str = "Maëlys", *, usage: str = "", born: str = "14/03/2018", ine: str = INE,
    grade: str = "CM1 A",
) -> list[str]:  # fmt: skip
    row = dict.fromkeys(PUPIL_COLUMNS, "")
    row |= {"Nom élève": family, "Nom d'usage élève": usage, "Prénom élève": given, "Date naissance": born, "INE": ine}
    row |= {"Libellé classe": grade, "Identifiant classe": grade.replace(" ", "")}
    return list(row.values())


def guardian(
    *children: tuple[str, str, str], civility: str = "Mme", family: str = "QUEMENEUR", given: str = "Aline",
    mobile: str = "06 39 98 00 01",
) -> list[str]:  # fmt: skip
    row = dict.fromkeys(GUARDIAN_COLUMNS, "")
    row |= {"Civilité Responsable": civility, "Nom responsable": family, "Prénom responsable": given}
    row |= {"Téléphone portable": mobile, "Courriel": "aline@example.org", "Adresse responsable": "1  rue du Lac"}
    row |= {"CP responsable": "29999", "Commune responsable": "Port-Fictif"}
    cells = list(row.values())
    for child_family, child_given, grade in children:
        cells += ["", child_family, child_given, grade]
    return cells


MAELYS = ("QUEMENEUR", "Maëlys", "CM1 A")
GUARDIANS_HEAD = [*GUARDIAN_COLUMNS, *CHILD_COLUMNS, *CHILD_COLUMNS]


def csv_of(head: Sequence[str], rows: Iterable[Sequence[str]], *, encoding: str = "utf-8") -> bytes:
    return "\r\n".join(";".join(row) for row in [list(head), *rows]).encode(encoding)


def write(folder: Path, pupils: bytes | None, guardians: bytes | None = None) -> Path:
    for name, content in (("eleves.csv", pupils), ("responsables.csv", guardians)):
        if content is not None:
            (folder / name).write_bytes(content)
    return folder


def feed(**changes: object) -> OndeFeed:
    return OndeFeed(**{"uai": UAI, "made_on": MADE_ON, "guardians": Quality.LEGAL_GUARDIAN, **changes})  # type: ignore[arg-type]


def read(folder: Path) -> tuple[list[FeedRow], list[FeedFault]]:
    found = list(feed().read([folder]))
    return [one for one in found if isinstance(one, FeedRow)], [one for one in found if isinstance(one, FeedFault)]


def persons(rows: Iterable[FeedRow], kind: RecordKind) -> list[PersonRecord]:
    return [row.record for row in rows if isinstance(row.record, PersonRecord) and row.record.kind is kind]


def delivery(folder: Path, pupils: Iterable[Sequence[str]], guardians: Iterable[Sequence[str]]) -> Path:
    return write(folder, csv_of(PUPIL_COLUMNS, pupils), csv_of(GUARDIANS_HEAD, guardians))


def test_a_school_its_pupils_and_their_adults_are_read(tmp_path: Path) -> None:
    rows, faults = read(delivery(tmp_path, [pupil()], [guardian(MAELYS)]))
    assert faults == []
    school = rows[0].record
    assert isinstance(school, SchoolRecord)
    assert (school.key, school.uai, school.level) == (UAI, UAI, Level.ECOLE)
    assert [(one.code, one.label) for one in school.classes] == [("CM1A", "CM1 A")]
    (child,) = persons(rows, RecordKind.PUPIL)
    (adult,) = persons(rows, RecordKind.GUARDIAN)
    assert (child.name, child.birth_date, child.ine) == (PersonName("QUEMENEUR", "Maëlys"), date(2018, 3, 14), INE)
    assert (child.classes[0].school_key, child.classes[0].class_code) == (UAI, "CM1A")
    assert [(one.adult_key, one.link_code, one.quality) for one in child.relations] == [
        (adult.key, "", Quality.LEGAL_GUARDIAN)
    ]
    assert (adult.name, adult.mobile, adult.mail) == (
        PersonName("QUEMENEUR", "Aline", "Mme"), "+33639980001", "aline@example.org",
    )  # fmt: skip
    assert adult.address == "1 rue du Lac 29999 Port-Fictif"


def test_no_key_and_no_fault_holds_an_ine(tmp_path: Path) -> None:
    rows, faults = read(delivery(tmp_path, [pupil(ine="990000003XX")], [guardian(MAELYS)]))
    (child,) = persons(rows, RecordKind.PUPIL)
    assert [fault.reason for fault in faults] == ["the check letters of the INE do not hold"]
    assert "990000003" not in child.key + repr(faults)


def test_no_key_is_made_from_an_ine_or_could_be_taken_for_one(tmp_path: Path) -> None:
    """There are few enough INEs to try them all: whoever is told a key would know of which it was made."""
    keys = set()
    for ine in (INE, "990000003DK", ""):
        rows, _ = read(delivery(tmp_path, [pupil(ine=ine)], [guardian(MAELYS)]))
        keys |= {record.key for kind in RecordKind for record in persons(rows, kind)}
    assert len(keys) == 2
    assert all(key.isalpha() for key in keys)


def test_homonyms_born_on_one_day_are_told_apart_by_nobody_though_their_ines_differ(tmp_path: Path) -> None:
    rows, faults = read(delivery(tmp_path, [pupil(), pupil(ine="990000003DK")], []))
    assert persons(rows, RecordKind.PUPIL) == []
    assert faults != []
    rows, faults = read(delivery(tmp_path, [pupil(), pupil(ine="990000003DK", born="15/03/2018")], []))
    assert len(persons(rows, RecordKind.PUPIL)) == 2
    assert faults == []


def test_the_header_names_school_day_and_kinds(tmp_path: Path) -> None:
    header = feed().open([delivery(tmp_path, [pupil()], [guardian(MAELYS)])])
    assert (header.school, header.made_on, header.degree, header.complete) == (UAI, MADE_ON, "1D", True)
    assert header.covers == {"school", "pupil", "guardian"}


def test_pupils_alone_say_nothing_of_adults(tmp_path: Path) -> None:
    folder = write(tmp_path, csv_of(PUPIL_COLUMNS, [pupil()]))
    rows, _ = read(folder)
    (child,) = persons(rows, RecordKind.PUPIL)
    assert "relations" not in child.stated
    assert not rows[1].addition
    assert feed().open([folder]).covers == {"school", "pupil"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "iso-8859-15"])
def test_every_encoding_of_office_software_reads_the_same(tmp_path: Path, encoding: str) -> None:
    rows, faults = read(write(tmp_path, csv_of(PUPIL_COLUMNS, [pupil()], encoding=encoding)))
    assert faults == []
    assert persons(rows, RecordKind.PUPIL)[0].name.given == "Maëlys"


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "iso-8859-15"])
def test_the_ligature_of_a_name_is_read_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    rows, _ = read(write(tmp_path, csv_of(PUPIL_COLUMNS, [pupil("LECŒUR", "Œnone")], encoding=encoding)))
    assert persons(rows, RecordKind.PUPIL)[0].name == PersonName("LECŒUR", "Œnone")


def test_a_fraction_beside_letters_that_only_windows_has_is_a_fraction(tmp_path: Path) -> None:
    adult = guardian(("LECŒUR", "Maëlys", ""))
    adult[GUARDIAN_COLUMNS.index("Adresse responsable")] = "12 ½ rue du Lac"
    pupils = csv_of(PUPIL_COLUMNS, [pupil("LECŒUR")])
    rows, _ = read(write(tmp_path, pupils, csv_of(GUARDIANS_HEAD, [adult], encoding="cp1252")))
    assert persons(rows, RecordKind.GUARDIAN)[0].address.startswith("12 ½ rue")
    assert len(persons(rows, RecordKind.PUPIL)[0].relations) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no line of column names"),
        (b"\0\1\2", "no text"),
        (b"a;b\r\n1;2", "none of the columns"),
        (csv_of(PUPIL_COLUMNS, [], encoding="utf-16"), "no text"),
        (csv_of(PUPIL_COLUMNS[:4], []), "columns are missing: INE"),
        (csv_of([*PUPIL_COLUMNS, "INE"], []), "stands there twice"),
        (b"Nom \x81l\xe8ve;INE", "neither UTF-8 nor Windows-1252"),
    ],
)
def test_what_is_no_extraction_is_refused_with_its_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(FeedRefused, match=reason):
        feed().open([write(tmp_path, content)])
    assert feed().open([write(tmp_path, csv_of(PUPIL_COLUMNS, []))]).school == UAI


def test_guardians_without_pupils_and_two_of_a_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FeedRefused, match="no extraction of pupils"):
        feed().open([write(tmp_path, None, csv_of(GUARDIANS_HEAD, []))])
    (tmp_path / "more.csv").write_bytes(csv_of(GUARDIANS_HEAD, []))
    with pytest.raises(FeedRefused, match="both extractions of guardians"):
        feed().open([write(tmp_path, csv_of(PUPIL_COLUMNS, []))])


def test_a_table_larger_than_any_school_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path, csv_of(PUPIL_COLUMNS, [pupil()]))
    feed().open([folder])
    monkeypatch.setattr("connectors.csv_tables.LARGEST", 100)
    with pytest.raises(FeedRefused, match="larger than"):
        feed().open([folder])


def test_a_column_that_nobody_knows_is_told_and_left(tmp_path: Path) -> None:
    content = csv_of([*PUPIL_COLUMNS, "Nouveau"], [[*pupil(), "x"]])
    rows, faults = read(write(tmp_path, content))
    assert len(persons(rows, RecordKind.PUPIL)) == 1
    assert [(fault.warning, fault.reason) for fault in faults] == [
        (True, "column 23 is not read: its name is not known")
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (pupil(family="=HYPERLINK(1)"), "a spreadsheet would execute"),
        (pupil(given="@SUM(A1)"), "a spreadsheet would execute"),
        (pupil(given="+33"), "a spreadsheet would execute"),
        (pupil(given="Lé\x07a"), "a character in a name"),
        (pupil(given="x" * 257), "longer than any real one"),
        (pupil(given=""), "a pupil without a name"),
        (pupil(born="2018-03-14"), "dd/mm/yyyy"),
        (pupil(born="31/02/2018"), "does not exist"),
        (pupil(given="x" * 5000), "a value longer"),
    ],
)
def test_a_malformed_line_is_told_and_the_set_is_not_complete(tmp_path: Path, line: list[str], reason: str) -> None:
    other = pupil("LE GOFF", "Yann", ine="")
    rows, (fault,) = read(write(tmp_path, csv_of(PUPIL_COLUMNS, [line, other])))
    assert reason in fault.reason
    assert (fault.line, fault.breaks) == (2, True)
    assert [one.name.family for one in persons(rows, RecordKind.PUPIL)] == ["LE GOFF"]


def test_a_file_cut_inside_quotes_is_told_and_not_complete(tmp_path: Path) -> None:
    content = csv_of(PUPIL_COLUMNS, [pupil(), ['"never closed']])
    rows, (fault,) = read(write(tmp_path, content))
    assert fault.breaks
    assert len(persons(rows, RecordKind.PUPIL)) == 1


def test_a_pupils_line_cut_before_its_class_is_not_taken_for_a_pupil_without(tmp_path: Path) -> None:
    cut = pupil("LE GOFF", "Yann")[: PUPIL_COLUMNS.index("Identifiant classe")]
    rows, (fault,) = read(write(tmp_path, csv_of(PUPIL_COLUMNS, [pupil(), cut])))
    assert (fault.reason, fault.breaks) == ("a line that ends too early", True)
    assert len(persons(rows, RecordKind.PUPIL)) == 1
    empty_cells_left_out = pupil("LE GOFF", "Yann", ine="")[: PUPIL_COLUMNS.index("Identifiant classe") + 1]
    rows, faults = read(write(tmp_path, csv_of(PUPIL_COLUMNS, [pupil(), empty_cells_left_out])))
    assert (len(persons(rows, RecordKind.PUPIL)), faults) == (2, [])


@pytest.mark.parametrize("end", ["", "\r\n", "\n"])
def test_a_guardians_last_line_cut_within_a_child_leaves_relations_as_they_stood(tmp_path: Path, end: str) -> None:
    lines = [guardian(MAELYS), guardian(MAELYS, given="Paul", civility="M.")[:-2]]
    head = csv_of(GUARDIANS_HEAD, lines) + end.encode()
    rows, faults = read(write(tmp_path, csv_of(PUPIL_COLUMNS, [pupil()]), head))
    assert [one.reason for one in faults if one.breaks] == (
        [] if end else ["a last line that ends within what it says of a child"]
    )
    (child,) = persons(rows, RecordKind.PUPIL)
    assert ("relations" in child.stated) == bool(end)


def test_an_adults_line_cut_before_the_given_name_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path, csv_of(PUPIL_COLUMNS, [pupil()]), csv_of(GUARDIANS_HEAD, [["Mme", "", "QUEMENEUR"]]))
    _, (fault,) = read(folder)
    assert (fault.reason, fault.breaks) == ("a line that ends too early", True)


@pytest.mark.parametrize("column", ["Courriel", "Adresse responsable"])
def test_an_adults_other_texts_are_no_formula_either(tmp_path: Path, column: str) -> None:
    line = guardian(MAELYS)
    line[GUARDIAN_COLUMNS.index(column)] = "=HYPERLINK(1)"
    _, (fault,) = read(delivery(tmp_path, [pupil()], [line]))
    assert ("spreadsheet would execute" in fault.reason, fault.breaks) == (True, True)


def test_an_adult_without_name_keeps_all_relations_as_they_stood(tmp_path: Path) -> None:
    rows, (fault,) = read(delivery(tmp_path, [pupil()], [guardian(MAELYS), guardian(MAELYS, given="")]))
    assert fault.reason == "an adult without a name"
    assert "relations" not in persons(rows, RecordKind.PUPIL)[0].stated


# ---- children by their names --------------------------------------------------------------------------------------


def test_a_child_named_by_either_family_name_is_found_whatever_accents(tmp_path: Path) -> None:
    child = pupil("LE-BRAS", "Maëlys", usage="QUEMENEUR")
    rows, faults = read(delivery(tmp_path, [child], [guardian(("le bras", "MAELYS", ""))]))
    assert faults == []
    assert len(persons(rows, RecordKind.PUPIL)[0].relations) == 1


def test_namesakes_are_told_apart_by_their_class(tmp_path: Path) -> None:
    pupils = [pupil(), pupil(born="02/02/2016", ine="", grade="CM2 B")]
    rows, faults = read(delivery(tmp_path, pupils, [guardian(MAELYS)]))
    assert faults == []
    assert [len(one.relations) for one in persons(rows, RecordKind.PUPIL)] == [1, 0]


def test_namesakes_that_nothing_tells_apart_go_to_review_and_keep_what_stood(tmp_path: Path) -> None:
    pupils = [pupil(), pupil(born="02/02/2016", ine="")]
    rows, (fault,) = read(delivery(tmp_path, pupils, [guardian(MAELYS)]))
    assert "to be reviewed" in fault.reason
    assert all("relations" not in one.stated for one in persons(rows, RecordKind.PUPIL))
    clear = [pupil(), pupil("AUTRE", born="02/02/2016", ine="")]
    rows, faults = read(delivery(tmp_path, clear, [guardian(MAELYS)]))
    assert faults == []
    assert [len(one.relations) for one in persons(rows, RecordKind.PUPIL)] == [1, 0]


def test_a_child_who_was_not_delivered_makes_no_relation(tmp_path: Path) -> None:
    rows, (fault,) = read(delivery(tmp_path, [pupil()], [guardian(MAELYS, ("PARTI", "Paul", ""))]))
    assert "not among the pupils" in fault.reason
    assert len(persons(rows, RecordKind.PUPIL)[0].relations) == 1


def test_an_adult_who_stands_there_once_for_each_child_is_one(tmp_path: Path) -> None:
    pupils = [pupil(), pupil(given="Tom", ine="")]
    lines = [guardian(MAELYS), guardian(("QUEMENEUR", "Tom", ""))]
    rows, faults = read(delivery(tmp_path, pupils, lines))
    assert faults == []
    assert len(persons(rows, RecordKind.GUARDIAN)) == 1
    assert [len(one.relations) for one in persons(rows, RecordKind.PUPIL)] == [1, 1]


def test_two_adults_of_one_name_go_to_review_and_their_children_keep_what_stood(tmp_path: Path) -> None:
    pupils = [pupil(), pupil(given="Tom", ine="")]
    lines = [guardian(MAELYS), guardian(("QUEMENEUR", "Tom", ""), mobile="06 39 98 00 99")]
    rows, faults = read(delivery(tmp_path, pupils, lines))
    assert persons(rows, RecordKind.GUARDIAN) == []
    assert {(fault.line, bool(fault.key), fault.kind) for fault in faults} == {
        (2, True, "guardian"), (3, True, "guardian"),
    }  # fmt: skip
    assert all("relations" not in one.stated for one in persons(rows, RecordKind.PUPIL))


def test_two_pupils_whom_nothing_tells_apart_go_to_review(tmp_path: Path) -> None:
    rows, faults = read(write(tmp_path, csv_of(PUPIL_COLUMNS, [pupil(), pupil(grade="CM2 B")])))
    assert persons(rows, RecordKind.PUPIL) == []
    assert [fault.line for fault in faults] == [2, 3]


def test_a_line_given_twice_is_one_pupil(tmp_path: Path) -> None:
    rows, faults = read(write(tmp_path, csv_of(PUPIL_COLUMNS, [pupil(), pupil()])))
    assert faults == []
    assert len(persons(rows, RecordKind.PUPIL)) == 1


def test_what_nobody_declared_gives_no_right(tmp_path: Path) -> None:
    folder = delivery(tmp_path, [pupil()], [guardian(MAELYS)])
    plain = OndeFeed(uai=UAI, made_on=MADE_ON)
    child = next(r.record for r in plain.read([folder]) if isinstance(r, FeedRow) and r.record.key[0] == "e")
    assert isinstance(child, PersonRecord)
    assert [one.quality for one in child.relations] == [Quality.CONTACT]


# ---- the set ------------------------------------------------------------------------------------------------------


def test_zipped_or_plain_the_delivery_is_the_same(tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    plain.mkdir()
    packed.mkdir()
    delivery(plain, [pupil(), *(pupil(f"TEST {number}", ine="") for number in range(2_000))], [guardian(MAELYS)])
    with zipfile.ZipFile(packed / "extraction.zip", "w") as archive:
        for file in plain.iterdir():
            archive.write(file, f"dossier/{file.name}")
    assert (plain / "eleves.csv").stat().st_size > 1 << 16, "more than a packed member gives at once"
    assert feed().checksum([plain]) == feed().checksum([packed])
    assert [row.record for row in feed().read([plain]) if isinstance(row, FeedRow)] == [
        row.record for row in feed().read([packed]) if isinstance(row, FeedRow)
    ]


def test_another_day_or_school_is_another_delivery(tmp_path: Path) -> None:
    folder = delivery(tmp_path, [pupil()], [])
    sums = {
        feed().checksum([folder]),
        feed(made_on=date(2026, 9, 8)).checksum([folder]),
        feed(uai="9990002Y").checksum([folder]),
    }
    assert len(sums) == 3


def test_the_whole_set_is_one_portion(tmp_path: Path) -> None:
    folder = delivery(tmp_path, [pupil()], [])
    (portion,) = feed().portions([folder])
    assert portion.size == sum(file.stat().st_size for file in folder.iterdir())
    assert feed().portions([]) == ()
