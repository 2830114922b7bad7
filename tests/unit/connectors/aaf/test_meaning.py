"""What the codes of AAF mean: link codes of both generations, legal levels, school names and kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.domain.feed import FeedRow, PersonRecord, SchoolRecord
from broker.domain.guardianship import Quality
from broker.domain.school import Level
from connectors.aaf import AafFeed
from connectors.aaf.relations import parse_relations
from connectors.aaf.school_names import capitals, readable_name
from connectors.feed_values import phone
from tests import aaf


@pytest.mark.spec("NIVEAU_RESPONSABILITE")
@pytest.mark.parametrize(
    ("level", "quality"),
    [
        ("1", Quality.LEGAL_GUARDIAN),
        ("2", Quality.IN_CHARGE),
        ("3", Quality.CONTACT),
        ("0", Quality.CONTACT),
    ],
)
def test_the_legal_level_is_a_quality_and_not_a_rank(level: str, quality: Quality) -> None:
    (relation,) = parse_relations([f"500101$50$0${level}$0$0"], degree="2D")
    assert relation.quality is quality


@pytest.mark.spec("N_LIEN_ELEVE_RESPONSABLE")
@pytest.mark.parametrize(
    ("legacy", "link"), [("1", "20"), ("2", "10"), ("3", "50"), ("4", "39"), ("5", "51"), ("6", "90")]
)
def test_legacy_link_codes_are_turned_into_the_newer_ones(legacy: str, link: str) -> None:
    (relation,) = parse_relations([f"500101${legacy}$0$1$0$0"], degree="2D")
    assert relation.link_code == link


@pytest.mark.parametrize("link", ["10", "20", "50", "1", "2", "3"])
def test_a_two_part_relation_of_mother_father_or_tutor_is_legal(link: str) -> None:
    (relation,) = parse_relations([f"610777${link}"], degree="1D")
    assert relation.quality is Quality.LEGAL_GUARDIAN


@pytest.mark.parametrize("link", ["37", "38", "39", "41", "42", "43", "51", "70", "90", "4", "5", "6"])
def test_any_other_two_part_relation_is_a_contact(link: str) -> None:
    (relation,) = parse_relations([f"610777${link}"], degree="1D")
    assert relation.quality is Quality.CONTACT


@pytest.mark.parametrize(
    ("delivered", "name", "commune", "level"),
    [
        ("CLG$DES TILLEULS$PORT-FICTIF", "Collège des Tilleuls", "Port-Fictif", Level.COLLEGE),
        ("CLG-JEAN MOULIN-ac-FICTIVE", "Collège Jean Moulin", "", Level.COLLEGE),
        ("LGT$HENRI IV$PORT-FICTIF", "Lycée Henri IV", "Port-Fictif", Level.LYCEE),
        ("LP$L'ENVOL$L'ISLE-SUR-FICTIVE", "Lycée professionnel l'Envol", "L'Isle-sur-Fictive", Level.LYCEE),
        ("LPO LYCEE DES METIERS$X$Y", "Lycée polyvalent Lycée des Metiers X", "Y", Level.LYCEE),
        ("E.E.PU JULES FERRY", "École élémentaire publique Jules Ferry", "", Level.ECOLE),
        ("ECOLE MATERNELLE DU CENTRE", "École maternelle du Centre", "", Level.ECOLE),
        ("Collège Victor Hugo", "Collège Victor Hugo", "", Level.COLLEGE),
        ("COURS FICTIF", "Cours Fictif", "", None),
        ("INSTITUT$SAINTE FICTIVE$D'EN HAUT", "Institut Sainte Fictive", "D'en Haut", None),
        ("CLG", "Collège", "", Level.COLLEGE),
        ("", "", "", None),
    ],
)
def test_school_names_read_as_people_say_them(delivered: str, name: str, commune: str, level: Level | None) -> None:
    found = readable_name(delivered)
    assert (found.name, found.commune, found.level) == (name, commune, level)


def test_a_name_in_small_letters_is_left_alone() -> None:
    assert capitals("Lycée de la Mer") == "Lycée de la Mer"


@pytest.mark.parametrize(
    ("kind", "code", "level"),
    [
        ("COLLEGE", "", Level.COLLEGE),
        ("LYCEE PROFESSIONNEL", "", Level.LYCEE),
        ("", "340", Level.COLLEGE),
        ("", "300", Level.LYCEE),
        ("SECTION", "999", None),
    ],
)
def test_the_level_of_a_school_comes_from_its_kind_or_code(
    tmp_path: Path, kind: str, code: str, level: Level | None
) -> None:
    one = aaf.add(
        "EtabEducNat",
        "9002",
        ENTEtablissementUAI=aaf.SCHOOL_2D,
        ENTStructureNomCourant="COURS FICTIF",
        ENTStructureTypeStruct=kind,
        ENTStructureCodeTypeStruct=code,
        l="PORT-FICTIF",
    )
    aaf.write_set(tmp_path, EtabEducNat=[one])
    (row,) = AafFeed().read([tmp_path])
    assert isinstance(row, FeedRow)
    assert isinstance(row.record, SchoolRecord)
    assert (row.record.level, row.record.commune) == (level, "Port-Fictif")


def test_the_deprecated_authority_attribute_is_not_read_in_2d(tmp_path: Path) -> None:
    one = aaf.add("Eleve", "1", sn="A", givenName="B", ENTEleveAutoriteParentale="500101$10", ENTElevePersRelEleve="")
    change = aaf.modify("Eleve", "1", ENTEleveAutoriteParentale="500101$10")
    aaf.write_set(tmp_path, Eleve=[one, change])
    for row in AafFeed().read([tmp_path]):
        assert isinstance(row, FeedRow)
        assert isinstance(row.record, PersonRecord)
        assert row.record.relations == ()
        assert ("relations" in row.record.stated) is row.addition


def test_a_partial_change_of_1d_authority_states_the_relations(tmp_path: Path) -> None:
    aaf.write_set(tmp_path, degree="1D", mode="Delta", Eleve=[aaf.modify("Eleve", "1", ENTEleveAutoriteParentale="")])
    (row,) = AafFeed().read([tmp_path])
    assert isinstance(row, FeedRow)
    assert isinstance(row.record, PersonRecord)
    assert row.record.stated == {"relations"}


def test_a_changed_curriculum_states_its_level_only_when_the_table_came_with_it(tmp_path: Path) -> None:
    change = aaf.modify("Eleve", "1", ENTEleveMEF="10310019110")
    alone = aaf.write_set(tmp_path / "alone", mode="Delta", Eleve=[change])
    table = aaf.write_set(tmp_path / "table", mode="Delta", Eleve=[change], MefEducNat=[aaf.mef()])
    stated = []
    for folder in (alone, table):
        (row,) = AafFeed().read([folder])
        assert isinstance(row, FeedRow)
        assert isinstance(row.record, PersonRecord)
        stated.append(row.record.stated)
    assert stated == [{"mef"}, {"mef", "level_code"}]


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+33 6 39 98 00 01", "+33639980001"),
        ("06 39 98 00 01", "+33639980001"),
        ("0033639980001", "+33639980001"),
        ("12 34", "1234"),
        ("", ""),
    ],
)
def test_two_spellings_of_a_number_compare_equal(written: str, number: str) -> None:
    assert phone(written) == number


def test_a_pupil_without_class_keeps_the_school(tmp_path: Path) -> None:
    aaf.write_set(tmp_path, Eleve=[aaf.pupil("1", place="")])
    (row,) = AafFeed().read([tmp_path])
    assert isinstance(row, FeedRow)
    assert isinstance(row.record, PersonRecord)
    assert (row.record.classes, row.record.school_key) == ((), "9002")
