"""The exports of a collège: entries, classes, both generations of responsibility codes, and what is told of faults."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

import pytest

from broker.domain.errors import FeedRefused
from broker.domain.feed import FeedFault, FeedRow, PersonRecord, SchoolRecord
from broker.domain.guardianship import Quality
from broker.domain.people import RecordKind
from broker.domain.school import Level
from connectors.siecle import SiecleFeed
from tests import siecle

MOTHER = [siecle.adult("8801")]
ONE = siecle.pupils_file([siecle.pupil("77")], [siecle.classes("77", "3A")])


def read(folder: Path) -> tuple[list[PersonRecord], list[FeedFault]]:
    items = list(SiecleFeed().read([folder]))
    rows = [one.record for one in items if isinstance(one, FeedRow)]
    return [one for one in rows if isinstance(one, PersonRecord)], [one for one in items if isinstance(one, FeedFault)]


def pupils(records: Iterable[PersonRecord]) -> dict[str, PersonRecord]:
    return {one.key: one for one in records if one.kind is RecordKind.PUPIL}


def delivery(folder: Path, *relations: str, adults: Iterable[str] = MOTHER) -> Path:
    return siecle.write_set(folder, ONE, siecle.adults_file(adults, relations))


# ---- rights -------------------------------------------------------------------------------------------------------


@pytest.mark.spec("SIECLE NIVEAU_RESPONSABILITE, RESP_LEGAL")
@pytest.mark.parametrize(
    ("by", "right", "quality"),
    [
        (siecle.LEVEL, "1", Quality.LEGAL_GUARDIAN),
        (siecle.LEVEL, "2", Quality.IN_CHARGE),
        (siecle.LEVEL, "3", Quality.CONTACT),
        (siecle.RANK, "1", Quality.LEGAL_GUARDIAN),
        (siecle.RANK, "2", Quality.LEGAL_GUARDIAN),
        (siecle.RANK, "0", Quality.CONTACT),
    ],
)
def test_the_same_digit_means_what_the_elements_of_its_file_say(
    tmp_path: Path, by: str, right: str, quality: Quality
) -> None:
    records, faults = read(delivery(tmp_path, siecle.relation("77", "8801", right, by=by)))
    assert faults == []
    assert [one.quality for one in pupils(records)["77"].relations] == [quality]


@pytest.mark.parametrize(("by", "right"), [(siecle.LEVEL, "0"), (siecle.RANK, "3"), (siecle.LEVEL, "4")])
def test_a_digit_of_the_other_generation_leaves_the_pupil_as_it_stood(tmp_path: Path, by: str, right: str) -> None:
    beside = [siecle.relation("77", "8801", right, by=by), siecle.relation("78", "8801", "1", by=by)]
    records, (fault,) = read(delivery(tmp_path, *beside))
    assert pupils(records) == {}
    assert (fault.kind, fault.key, fault.breaks, by in fault.reason) == ("pupil", "77", False, True)


@pytest.mark.parametrize(
    ("relations", "reason"),
    [
        ([siecle.relation("77", "1"), siecle.relation("77", "2", by=siecle.RANK)], "both NIVEAU_RESPONSABILITE and"),
        ([siecle.relation("77", "1", more="<RESP_LEGAL>2</RESP_LEGAL>")], "both NIVEAU_RESPONSABILITE and RESP_LEGAL"),
        ([siecle.relation("77", "1", "")], "neither NIVEAU_RESPONSABILITE nor RESP_LEGAL"),
        ([], "neither NIVEAU_RESPONSABILITE nor RESP_LEGAL"),
    ],
)
def test_a_file_of_both_generations_or_of_none_is_refused(tmp_path: Path, relations: list[str], reason: str) -> None:
    with pytest.raises(FeedRefused, match=reason) as refused:
        SiecleFeed().open([delivery(tmp_path, *relations)])
    assert refused.value.code == "PRE-4001"
    assert SiecleFeed().open([delivery(tmp_path, siecle.relation("77", "8801"))]).school == siecle.UAI


@pytest.mark.parametrize(("link", "code"), [("10", "10"), ("1", "20"), ("2", "10"), ("6", "90"), ("42", "42")])
def test_link_codes_of_both_generations_are_one(tmp_path: Path, link: str, code: str) -> None:
    records, _ = read(delivery(tmp_path, siecle.relation("77", "8801", link=link)))
    assert pupils(records)["77"].relations[0].link_code == code


@pytest.mark.parametrize(
    ("more", "pays", "first"),
    [
        ("<PAIE_FRAIS_SCOLAIRES>1</PAIE_FRAIS_SCOLAIRES>", True, False),
        ("<RESP_FINANCIER>1</RESP_FINANCIER><PERS_CONTACT>1</PERS_CONTACT>", True, True),
        ("<A_CONTACTER_EN_PRIORITE>true</A_CONTACTER_EN_PRIORITE>", False, True),
        ("<A_CONTACTER_EN_PRIORITE>FALSE</A_CONTACTER_EN_PRIORITE><PERS_CONTACT/>", False, False),
    ],
)
def test_who_pays_and_who_is_called_first_are_read_of_both(tmp_path: Path, more: str, pays: bool, first: bool) -> None:
    records, _ = read(delivery(tmp_path, siecle.relation("77", "8801", more=more)))
    (relation,) = pupils(records)["77"].relations
    assert (relation.pays, relation.contact_first) == (pays, first)


@pytest.mark.parametrize(
    ("relation", "reason"),
    [
        (siecle.relation("77", "8801", link="99"), "link code that does not exist"),
        (siecle.relation("77", "8801", link=""), "link code that does not exist"),
        (siecle.relation("77", ""), "key with characters"),
        (siecle.relation("77", "88 01"), "key with characters"),
        (siecle.relation("77", "8801", more="<PERS_CONTACT>oui</PERS_CONTACT>"), "neither yes nor no"),
        (siecle.relation("77", "8801", more="<PERSONNE_ID>9</PERSONNE_ID>"), "PERSONNE_ID stands there twice"),
        (siecle.relation("77", "8801", "3"), "the same adult twice"),
        (siecle.relation("77", "8801", more="<RESP_FINANCIER><b/></RESP_FINANCIER>"), "inside a value"),
    ],
)
def test_half_a_family_is_never_applied(tmp_path: Path, relation: str, reason: str) -> None:
    father = siecle.relation("77", "8802", link="20")
    records, (fault,) = read(delivery(tmp_path, siecle.relation("77", "8801"), father, relation))
    assert pupils(records) == {}
    assert reason in fault.reason
    assert (fault.kind, fault.key, fault.breaks) == ("pupil", "77", False)
    records, faults = read(delivery(tmp_path, siecle.relation("77", "8801"), father))
    assert (len(pupils(records)["77"].relations), faults) == (2, [])


def test_the_same_relation_twice_is_one(tmp_path: Path) -> None:
    records, faults = read(delivery(tmp_path, siecle.relation("77", "8801"), siecle.relation("77", "8801")))
    assert (len(pupils(records)["77"].relations), faults) == (1, [])


def test_a_relation_of_nobody_leaves_every_relation_as_it_stood(tmp_path: Path) -> None:
    records, (fault,) = read(delivery(tmp_path, siecle.relation("77", "8801"), siecle.relation("", "8801")))
    assert (fault.reason, fault.breaks) == ("an entry without identifier", True)
    assert "relations" not in pupils(records)["77"].stated
    assert "classes" in pupils(records)["77"].stated


def test_pupils_alone_say_nothing_of_adults(tmp_path: Path) -> None:
    folder = siecle.write_set(tmp_path, ONE)
    records, faults = read(folder)
    assert faults == []
    assert "relations" not in pupils(records)["77"].stated
    assert SiecleFeed().open([folder]).covers == {"school", "pupil"}


# ---- pupils -------------------------------------------------------------------------------------------------------


def test_a_pupil_is_in_the_classes_of_this_year_only(tmp_path: Path) -> None:
    last_year = f"<SCOLARITE_AN_DERNIER>{siecle.elements(CODE_STRUCTURE='4B', CODE_MEF='1')}</SCOLARITE_AN_DERNIER>"
    places = [siecle.classes("77", "3A"), siecle.classes("77", "3A GR1", kind="G"), siecle.classes("77", "3A", "")]
    one = siecle.pupil("77", more=last_year + siecle.elements(CODE_MEF="10310019110", NOM_USAGE="LE  GOFF"))
    items = list(SiecleFeed(Level.COLLEGE).read([siecle.write_set(tmp_path, siecle.pupils_file([one], places))]))
    school, child = (item.record for item in items if isinstance(item, FeedRow))
    assert isinstance(child, PersonRecord)
    assert isinstance(school, SchoolRecord)
    assert [one.class_code for one in child.classes] == ["3A"]
    assert (child.mef, child.siecle_id, child.name.family, child.birth_name) == (
        "10310019110", "77", "LE GOFF", "QUEMENEUR",
    )  # fmt: skip
    assert (school.uai, school.level, [one.code for one in school.classes]) == (siecle.UAI, Level.COLLEGE, ["3A"])


@pytest.mark.parametrize(("left", "there"), [("07/09/2026", False), (siecle.DAY, False), ("09/09/2026", True)])
def test_a_pupil_who_left_by_the_day_of_the_export_is_not_of_the_school(tmp_path: Path, left: str, there: bool) -> None:
    records, faults = read(siecle.write_set(tmp_path, siecle.pupils_file([siecle.pupil("77", left=left)])))
    assert (bool(pupils(records)), faults) == (there, [])


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (siecle.pupil("77", given=""), "without a name"),
        (siecle.pupil("77", family="X" * 300), "name longer"),
        (siecle.pupil("77", given="Lé\u00ada"), "a character in a name"),
        (siecle.pupil("77", born="2012-03-14"), "not dd/mm/yyyy"),
        (siecle.pupil("77", born="31/02/2012"), "does not exist"),
        (siecle.pupil("77", left="never"), "not dd/mm/yyyy"),
        (siecle.pupil("77", more="<PRENOM>Zoé</PRENOM>"), "PRENOM stands there twice"),
        (siecle.pupil("77", more=siecle.elements(MEL="x" * 5_000)), "longer than any real one"),
        (siecle.pupil("77", more=siecle.elements(CODE_MEF="x" * 70)), "code longer"),
        (siecle.pupil("77") * 2, "stands there twice"),
    ],
)
def test_a_malformed_pupil_is_told_with_its_key_and_stops_nothing(tmp_path: Path, entry: str, reason: str) -> None:
    everybody = siecle.pupils_file([siecle.pupil("1"), entry, siecle.pupil("2")])
    records, faults = read(siecle.write_set(tmp_path, everybody))
    assert list(pupils(records)) == ["1", "2"]
    assert {(reason in one.reason, one.kind, one.key, one.breaks, one.warning) for one in faults} == {
        (True, "pupil", "77", False, False)
    }


@pytest.mark.parametrize("key", ["", "7 7", "x" * 65, "é"])
def test_a_pupil_whom_nobody_can_name_makes_the_set_incomplete(tmp_path: Path, key: str) -> None:
    _, (fault,) = read(siecle.write_set(tmp_path, siecle.pupils_file([siecle.pupil(key), siecle.pupil("1")])))
    assert (fault.key, fault.breaks) == ("", True)


def test_classes_that_cannot_be_read_leave_their_pupil_and_those_of_nobody_leave_everybody(tmp_path: Path) -> None:
    both = [siecle.pupil("77"), siecle.pupil("78")]
    twice = siecle.classes("77", "3A").replace("</CODE_STRUCTURE>", "</CODE_STRUCTURE><CODE_STRUCTURE/>")
    records, (fault,) = read(siecle.write_set(tmp_path, siecle.pupils_file(both, [twice])))
    assert (list(pupils(records)), fault.key, "classes that cannot be read" in fault.reason) == (["78"], "77", True)
    records, (fault,) = read(siecle.write_set(tmp_path, siecle.pupils_file(both, [siecle.classes("", "3A")])))
    assert fault.breaks
    assert ["classes" in one.stated for one in records] == [False, False]


def test_an_ine_whose_key_does_not_hold_warns_and_stands_in_no_fault(tmp_path: Path) -> None:
    records, (fault,) = read(siecle.write_set(tmp_path, siecle.pupils_file([siecle.pupil("77", ine="990000003xx")])))
    assert (fault.warning, "990000003" in repr(fault)) == (True, False)
    assert pupils(records)["77"].ine == "990000003XX"


# ---- adults -------------------------------------------------------------------------------------------------------


def test_an_adult_has_names_contacts_and_the_address_that_its_number_names(tmp_path: Path) -> None:
    place = '<ADRESSE ADRESSE_ID="55">' + siecle.elements(
        LIGNE1_ADRESSE="4  RUE DES LICES", LIGNE3_ADRESSE="BAT B", CODE_POSTAL="29999", LIBELLE_POSTAL="PORT-FICTIF"
    )
    empty = '<ADRESSE ADRESSE_ID="56"><CODE_POSTAL>29999</CODE_POSTAL></ADRESSE>'
    one = siecle.adult(
        "8801", more=siecle.elements(TEL_PORTABLE="06 39 98 00 01", MEL="a@example.org", ADRESSE_ID="55")
    )
    older = siecle.adult("8802", family="", more=siecle.elements(NOM="LE GOFF", ADRESSE_ID="56"))
    other = siecle.adult("8803", more=siecle.elements(ADRESSE_ID="57"))
    adults = siecle.adults_file(
        [one, older, other], [siecle.relation("77", "8801")], places=f"{place}</ADRESSE>{empty}"
    )
    records, faults = read(siecle.write_set(tmp_path, ONE, adults))
    _, aline, elder, lone = records
    assert faults == []
    assert (aline.name.civility, aline.mobile, aline.mail) == ("Mme", "+33639980001", "a@example.org")
    assert (aline.address, aline.postal_code) == ("4 RUE DES LICES BAT B 29999 PORT-FICTIF", "29999")
    assert (elder.name.family, elder.birth_name, elder.address, elder.postal_code) == ("LE GOFF", "", "", "29999")
    assert (lone.address, lone.postal_code) == ("", "")


def test_a_malformed_adult_keeps_what_stood_and_its_children_keep_their_relation(tmp_path: Path) -> None:
    for entry in (siecle.adult("8801", given=""), siecle.adult("8801") * 2, siecle.adult("8801", more="<PRENOM/>")):
        records, faults = read(delivery(tmp_path, siecle.relation("77", "8801"), adults=[entry]))
        assert len(pupils(records)["77"].relations) == 1
        assert {(one.kind, one.key, one.breaks) for one in faults} == {("guardian", "8801", False)}
    records, (fault,) = read(delivery(tmp_path, siecle.relation("77", "8801"), adults=[siecle.adult("")]))
    assert fault.breaks


# ---- files and sets -----------------------------------------------------------------------------------------------


def test_the_header_names_school_day_and_kinds(tmp_path: Path) -> None:
    header = SiecleFeed().open([delivery(tmp_path, siecle.relation("77", "8801"))])
    assert (header.school, header.made_on, header.degree) == (siecle.UAI, date(2026, 9, 8), "2D")
    assert header.complete
    assert header.covers == {"school", "pupil", "guardian"}


def cut_in(content: bytes, where: bytes) -> bytes:
    return content[: content.index(where)]


def test_a_file_cut_short_is_told_and_what_it_may_have_lost_stays_as_it_stood(tmp_path: Path) -> None:
    adults = siecle.adults_file(MOTHER, [siecle.relation("77", "8801"), siecle.relation("77", "8802")])
    for where in (b"<PERSONNE", b"<RESPONSABLE_ELEVE", b"8802"):
        records, (fault,) = read(siecle.write_set(tmp_path, ONE, cut_in(adults, where)))
        assert (fault.breaks, "not well-formed" in fault.reason) == (True, True)
        assert "relations" not in pupils(records)["77"].stated
    records, faults = read(siecle.write_set(tmp_path, cut_in(ONE, b"<STRUCTURE>"), adults))
    assert [one.breaks for one in faults] == [True]
    assert pupils(records)["77"].stated >= {"relations", "family"}
    assert "classes" not in pupils(records)["77"].stated


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda said: said.replace(siecle.UAI, "ABC"), "no UAJ"),
        (lambda said: said.replace("<DATE_EXPORT>08/09/2026</DATE_EXPORT>", ""), "no DATE_EXPORT"),
        (lambda said: said.replace("08/09/2026", "8 sept."), "PARAMETRES: a date"),
        (lambda said: said.replace("2026</ANNEE", "26</ANNEE"), "no ANNEE_SCOLAIRE"),
        (lambda said: said.replace("<UAJ>", "<UAJ>9990003Z</UAJ><UAJ>"), "UAJ stands there twice"),
        (lambda _said: "<X/>", "no PARAMETRES"),
        (lambda said: f"<X>{said}</X>", "no PARAMETRES"),
    ],
)
def test_a_file_that_does_not_say_of_whom_and_when_it_speaks_is_refused(
    tmp_path: Path, spoil: Callable[[str], str], reason: str
) -> None:
    said = siecle.parameters()
    with pytest.raises(FeedRefused, match=reason) as refused:
        SiecleFeed().open([siecle.write_set(tmp_path, siecle.pupils_file([siecle.pupil("77")], said=spoil(said)))])
    assert refused.value.code == "PRE-4001"
    assert SiecleFeed().open([siecle.write_set(tmp_path, siecle.pupils_file([siecle.pupil("77")], said=said))]).school


@pytest.mark.parametrize(
    "said",
    [
        siecle.parameters(uai="9990003Z"),
        siecle.parameters(day="07/09/2026"),
        siecle.parameters(year="2025"),
    ],
    ids=["school", "day", "year"],
)
def test_two_files_that_do_not_belong_together_are_refused(tmp_path: Path, said: str) -> None:
    adults = siecle.adults_file(MOTHER, [siecle.relation("77", "8801")], said=said)
    with pytest.raises(FeedRefused, match="two schools, two school years or two days") as refused:
        SiecleFeed().open([siecle.write_set(tmp_path, ONE, adults)])
    assert refused.value.code == "PRE-4001"


def test_two_files_of_a_kind_and_adults_without_pupils_are_refused(tmp_path: Path) -> None:
    adults = siecle.adults_file(MOTHER, [siecle.relation("77", "8801")])
    with pytest.raises(FeedRefused, match="no BEE_ELEVES"):
        SiecleFeed().open([siecle.write_set(tmp_path, None, adults)])
    (tmp_path / "ElevesAvecAdresses.xml").write_bytes(ONE)
    assert SiecleFeed().open([tmp_path]).school == siecle.UAI
    with pytest.raises(FeedRefused, match="both BEE_ELEVES"):
        SiecleFeed().open([siecle.write_set(tmp_path, ONE)])


def test_other_exports_beside_them_are_told_and_left(tmp_path: Path) -> None:
    siecle.write_set(tmp_path, ONE)
    for name, said in (("Nomenclature.xml", siecle.parameters()), ("Structures.xml", "")):
        (tmp_path / name).write_bytes(siecle.document(f"BEE_{name[:-4].upper()}", said, "<X/>"))
    _, faults = read(tmp_path)
    assert [(one.file, one.warning) for one in faults] == [("Nomenclature.xml", True), ("Structures.xml", True)]
    (tmp_path / "autre.xml").write_bytes(b"<html/>")
    with pytest.raises(FeedRefused, match="not an export of SIECLE"):
        SiecleFeed().open([tmp_path])


def test_only_entries_where_real_files_have_them_are_read(tmp_path: Path) -> None:
    strange = siecle.document("BEE_ELEVES", siecle.parameters(), siecle.pupil("77"), siecle.adult("8801"))
    strange = strange.replace(b"</BEE_ELEVES>", siecle.pupil("79").encode() + b"</BEE_ELEVES>")
    records, faults = read(siecle.write_set(tmp_path, strange))
    assert ([one.key for one in records], faults) == (["77"], [])


@pytest.mark.parametrize("inner", [siecle.pupil("78"), siecle.adult("8801"), siecle.parameters()])
def test_an_entry_inside_another_is_not_taken_nor_is_the_other(tmp_path: Path, inner: str) -> None:
    place = siecle.classes("78", "3A").replace("</STRUCTURE>", f"{inner}</STRUCTURE>")
    pupils_file = siecle.pupils_file([siecle.pupil("77", more=inner), siecle.pupil("78")], [place])
    records, faults = read(siecle.write_set(tmp_path, pupils_file))
    assert records == []
    assert {("inside an entry" in one.reason, one.key) for one in faults} == {(True, "77"), (True, "78")}


def test_a_uai_whose_letter_does_not_hold_warns(tmp_path: Path) -> None:
    said = siecle.parameters(uai="9990002Z")
    _, (fault,) = read(siecle.write_set(tmp_path, siecle.pupils_file([siecle.pupil("77")], said=said)))
    assert (fault.warning, "9990002Z" in fault.reason) == (True, True)


@pytest.mark.parametrize(("limit", "value"), [("MOST_ENTRIES", 1), ("LARGEST", 20)])
def test_more_than_any_school_has_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    folder = siecle.write_set(tmp_path, ONE)
    assert SiecleFeed().open([folder]).school == siecle.UAI
    monkeypatch.setattr(f"connectors.siecle.files.{limit}", value)
    with pytest.raises(FeedRefused, match="more entries than any school has"):
        SiecleFeed().open([folder])


def test_zipped_or_plain_the_delivery_is_the_same(tmp_path: Path) -> None:
    plain = siecle.family(tmp_path / "plain", pupils=900)
    packed = tmp_path / "ExportXML.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in plain.iterdir():
            archive.write(file, file.name)
    assert SiecleFeed().checksum([plain]) == SiecleFeed().checksum([packed])
    assert list(SiecleFeed().read([plain])) == list(SiecleFeed().read([packed]))
    (portion,) = SiecleFeed().portions([packed])
    assert (portion.name, portion.size) == (packed.name, packed.stat().st_size)
    assert SiecleFeed().portions([]) == ()
    other = siecle.family(tmp_path / "other", pupils=901)
    assert SiecleFeed().checksum([plain]) != SiecleFeed().checksum([other])
