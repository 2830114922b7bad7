"""The AAF reader on golden files: both degrees, complete and delta, parts, archives, encodings."""

from __future__ import annotations

import tarfile
import zipfile
from datetime import date
from pathlib import Path

import pytest

from broker.domain.feed import (
    PERSON_FIELDS,
    ClassMembership,
    FeedFault,
    FeedRow,
    PersonRecord,
    PostRow,
    Relation,
    Removal,
    SchoolRecord,
)
from broker.domain.guardianship import Quality
from broker.domain.people import PersonName, Profil, RecordKind
from broker.domain.school import Level
from connectors.aaf import AafFeed
from tests import aaf

GOLDEN = Path(__file__).parents[3] / "data" / "aaf"


def read(*paths: Path) -> list[FeedRow | FeedFault]:
    return list(AafFeed().read(paths))


def records(*paths: Path) -> dict[str, SchoolRecord | PersonRecord | Removal]:
    return {item.record.key: item.record for item in read(*paths) if isinstance(item, FeedRow)}


def person(folder: Path, key: str) -> PersonRecord:
    found = records(folder)[key]
    assert isinstance(found, PersonRecord)
    return found


@pytest.mark.spec("AAF §file set")
def test_a_complete_2d_set_says_what_it_is() -> None:
    header = AafFeed().open([GOLDEN / "2d-complet"])
    assert (header.academie, header.degree, header.complete) == ("99", "2D", True)
    assert header.made_on == date(2026, 9, 5)
    assert header.covers == {"school", "pupil", "guardian", "staff"}


def test_a_golden_2d_set_reads_without_any_fault() -> None:
    assert [item for item in read(GOLDEN / "2d-complet") if isinstance(item, FeedFault)] == []


def test_a_2d_pupil_is_read_whole() -> None:
    assert person(GOLDEN / "2d-complet", "200345") == PersonRecord(
        kind=RecordKind.PUPIL,
        key="200345",
        name=PersonName("QUEMENEUR", "Maëlys", "Mme"),
        birth_name="QUEMENEUR",
        birth_date=date(2012, 3, 14),
        ine="990000002EA",
        mef="10310019110",
        level_code="2116",
        school_key="9002",
        address="4 RUE DES LICES 99100 PORT-FICTIF",
        postal_code="99100",
        siecle_id="7200345",
        teachings=("020300", "030201"),
        classes=(ClassMembership("9002", "3A", "3A", since=date(2026, 9, 1)),),
        relations=(
            Relation("500101", "10", Quality.LEGAL_GUARDIAN, pays=True),
            Relation("500102", "20", Quality.LEGAL_GUARDIAN),
            Relation("500103", "39", Quality.CONTACT, contact_first=True),
        ),
        stated=PERSON_FIELDS,
    )


def test_a_1d_pupil_is_read_by_its_own_attribute_names() -> None:
    pupil = person(GOLDEN / "1d-complet", "410001")
    assert pupil.name == PersonName("QUEMENEUR", "Titouan", "M.")
    assert pupil.level_code == "1122"
    assert pupil.classes == (ClassMembership("9001", "30412", "CE1-CE2 MME TEST"),)
    assert pupil.relations == (
        Relation("610777", "10", Quality.LEGAL_GUARDIAN),
        Relation("610778", "20", Quality.LEGAL_GUARDIAN),
    )


def test_a_grandmother_of_1d_is_a_contact() -> None:
    relations = person(GOLDEN / "1d-complet", "410002").relations
    assert relations[1] == Relation("610779", "38", Quality.CONTACT)


def test_a_guardian_keeps_a_mobile_in_one_spelling() -> None:
    mother = person(GOLDEN / "2d-complet", "500101")
    assert (mother.mobile, mother.birth_name, mother.mail) == ("+33639980001", "LE GOFF", "")
    assert person(GOLDEN / "2d-complet", "500102").mobile == "+33639980002"
    assert person(GOLDEN / "1d-complet", "610777").mobile == "+33639980001"


def test_what_a_guardian_says_of_children_is_not_read() -> None:
    assert person(GOLDEN / "2d-complet", "500103").relations == ()


@pytest.mark.spec("SDET profiles")
def test_staff_functions_become_profiles() -> None:
    assert person(GOLDEN / "2d-complet", "300001").posts == (
        PostRow("9002", "ENS", Profil.ENSEIGNANT),
        PostRow("9003", "ENS", Profil.ENSEIGNANT),
    )
    assert person(GOLDEN / "2d-complet", "300002").posts == (PostRow("9002", "DIR", Profil.DIRECTION),)
    assert person(GOLDEN / "2d-complet", "300003").posts == (PostRow("9002", "ADF", Profil.ETABLISSEMENT),)


def test_schools_are_read_with_readable_names_and_levels() -> None:
    schools = {**records(GOLDEN / "2d-complet"), **records(GOLDEN / "1d-complet")}
    seen = [(s.uai, s.name, s.commune, s.level) for s in schools.values() if isinstance(s, SchoolRecord)]
    assert seen == [
        ("9990002Y", "Collège des Tilleuls", "Port-Fictif", Level.COLLEGE),
        ("9990003Z", "Lycée Henri IV", "Port-Fictif", Level.LYCEE),
        ("9990001X", "École les Acacias", "L'Ile-Fictive", Level.ECOLE),
    ]


def test_schools_come_before_people() -> None:
    kinds = [type(item.record).__name__ for item in read(GOLDEN / "2d-complet") if isinstance(item, FeedRow)]
    assert kinds[:2] == ["SchoolRecord", "SchoolRecord"]
    assert "SchoolRecord" not in kinds[2:]


def test_a_delta_carries_removals_and_partial_changes() -> None:
    items = [item for item in read(GOLDEN / "2d-delta") if isinstance(item, FeedRow)]
    assert AafFeed().open([GOLDEN / "2d-delta"]).complete is False
    removal, change, mail = (item.record for item in items)
    assert removal == Removal(RecordKind.PUPIL, "200346")
    assert isinstance(change, PersonRecord)
    assert (change.stated, len(change.relations)) == ({"relations"}, 2)
    assert isinstance(mail, PersonRecord)
    assert (mail.stated, mail.mail) == ({"mail"}, "nouveau.test@example.org")
    assert not any(item.addition for item in items)


def test_an_old_file_in_latin_9_is_read_by_its_declaration() -> None:
    assert person(GOLDEN / "2d-latin9", "200345").name == PersonName("BŒUF-FÊTÉ", "Gaël", "Mme")


def test_archives_and_folders_give_the_same_records(tmp_path: Path) -> None:
    folder = GOLDEN / "2d-complet"
    with tarfile.open(tmp_path / "ENT2D.20260905.tgz", "w:gz") as archive:
        for file in sorted(folder.iterdir(), reverse=True):
            archive.add(file, f"export/{file.name}")
    with zipfile.ZipFile(tmp_path / "ENT2D.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    plain = records(folder)
    assert records(tmp_path / "ENT2D.20260905.tgz") == plain
    assert records(tmp_path / "ENT2D.zip") == plain
    assert records(*sorted(folder.iterdir())) == plain


def test_the_level_of_a_curriculum_is_found_whatever_the_order_in_an_archive(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz") as archive:
        for file in sorted((GOLDEN / "2d-complet").iterdir()):
            archive.add(file, file.name)
    found = records(tmp_path / "set.tar.gz")["200346"]
    assert isinstance(found, PersonRecord)
    assert found.level_code == "2211"


def test_the_checksum_tells_two_deliveries_apart(tmp_path: Path) -> None:
    one = aaf.write_set(tmp_path / "one", Eleve=[aaf.pupil("1")])
    same = aaf.write_set(tmp_path / "same", Eleve=[aaf.pupil("1")])
    other = aaf.write_set(tmp_path / "other", Eleve=[aaf.pupil("2")])
    reader = AafFeed()
    assert reader.checksum([one]) == reader.checksum([same]) != reader.checksum([other])


def test_a_category_of_another_kind_is_skipped_with_one_warning(tmp_path: Path) -> None:
    folder = aaf.write_set(tmp_path, Eleve=[aaf.pupil("1")], PersExt=[["<x/>"], ["<x/>"]])
    faults = [item for item in read(folder) if isinstance(item, FeedFault)]
    assert [(fault.warning, "PersExt" in fault.reason) for fault in faults] == [(True, True)]


def test_a_complete_set_of_one_school_does_not_count_as_complete(tmp_path: Path) -> None:
    name = "EnvOLE_ENT2DVA_9990002Y_Complet_20260905_Eleve_0000.xml"
    (tmp_path / name).write_bytes(aaf.document([aaf.pupil("1")]))
    assert AafFeed().open([tmp_path]).complete is False
    faults = [item for item in read(tmp_path) if isinstance(item, FeedFault)]
    assert ["one school" in fault.reason and fault.warning for fault in faults] == [True]
