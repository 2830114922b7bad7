"""Which files make one set, and what is refused as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.domain.errors import FeedRefused
from connectors.aaf import AafFeed
from connectors.aaf.filenames import parse_name
from connectors.aaf.header import read_header, two_digits
from tests import aaf


@pytest.mark.spec("AAF §file set")
@pytest.mark.parametrize(
    ("name", "degree", "uai", "complete", "category", "part"),
    [
        ("ENT2DVA-ENT16_Complet_20240916_PersEducNat_0000.xml", "2D", "", True, "PersEducNat", 0),
        ("EnvOLE_ENT2DVA_0940072T_Complet_20180830_Eleve_0000.xml", "2D", "0940072T", True, "Eleve", 0),
        ("ENT_TS_SERVICES_21_Delta_20140225_Eleve_0001.xml", "", "", False, "Eleve", 1),
        ("ENTBFC_BESANCON_Complet_20200516_Eleve_0005.xml", "", "", True, "Eleve", 5),
        ("ENT1D_Complet_20200516_PersRelEleve_0006.xml", "1D", "", True, "PersRelEleve", 6),
    ],
)
def test_real_file_names_are_understood(
    name: str, degree: str, uai: str, *, complete: bool, category: str, part: int
) -> None:
    found = parse_name(name)
    assert found is not None
    seen = (found.degree, found.uai, found.complete, found.category, found.part)
    assert seen == (degree, uai, complete, category, part)


@pytest.mark.parametrize(
    "name", ["Eleve.xml", "ENT2D_Complet_20261305_Eleve_0000.xml", "ENT2D_Full_20260905_Eleve_0000.xml"]
)
def test_other_names_are_not(name: str) -> None:
    assert parse_name(name) is None


def rename(folder: Path, old: str, new: str) -> None:
    for file in folder.iterdir():
        file.rename(folder / file.name.replace(old, new))


def test_a_set_that_mixes_complete_and_delta_is_refused(tmp_path: Path) -> None:
    whole = aaf.write_set(tmp_path, Eleve=[aaf.pupil("1")])
    aaf.write_set(tmp_path, mode="Delta", PersRelEleve=[aaf.guardian("5")])
    with pytest.raises(FeedRefused, match="complete and delta"):
        AafFeed().open([tmp_path])
    (tmp_path / "ENT2D_Delta_20260905_PersRelEleve_0000.xml").unlink()
    assert AafFeed().open([whole]).complete


def test_a_set_of_both_degrees_is_refused(tmp_path: Path) -> None:
    aaf.write_set(tmp_path, Eleve=[aaf.pupil("1")])
    aaf.write_set(tmp_path, degree="1D", PersRelEleve=[aaf.guardian("5", degree="1D")])
    with pytest.raises(FeedRefused, match="1D and 2D"):
        AafFeed().open([tmp_path])


def test_a_set_whose_comments_disagree_with_its_names_is_refused(tmp_path: Path) -> None:
    aaf.write_set(tmp_path, degree="1D", Eleve=[aaf.pupil_1d("1")])
    rename(tmp_path, "ENT1D", "ENT2D")
    with pytest.raises(FeedRefused, match="degrees"):
        AafFeed().open([tmp_path])


def test_a_set_of_several_days_is_refused(tmp_path: Path) -> None:
    aaf.write_set(tmp_path, Eleve=[aaf.pupil("1")])
    aaf.write_set(tmp_path, day="20260912", PersRelEleve=[aaf.guardian("5")])
    with pytest.raises(FeedRefused, match="several days"):
        AafFeed().open([tmp_path])


def test_a_missing_part_is_refused_and_the_whole_set_is_not(tmp_path: Path) -> None:
    aaf.write_set(tmp_path, Eleve=[[aaf.pupil("1")], [aaf.pupil("2")], [aaf.pupil("3")]])
    assert AafFeed().open([tmp_path]).complete
    (tmp_path / "ENT2D_Complet_20260905_Eleve_0001.xml").unlink()
    with pytest.raises(FeedRefused, match="missing"):
        AafFeed().open([tmp_path])


def test_a_numbering_that_begins_at_one_is_whole(tmp_path: Path) -> None:
    aaf.write_set(tmp_path, Eleve=[[aaf.pupil("1")], [aaf.pupil("2")]])
    (tmp_path / "ENT2D_Complet_20260905_Eleve_0000.xml").rename(tmp_path / "ENT2D_Complet_20260905_Eleve_0002.xml")
    assert AafFeed().open([tmp_path]).complete


def test_the_same_part_from_two_places_is_refused(tmp_path: Path) -> None:
    one = aaf.write_set(tmp_path / "one", Eleve=[aaf.pupil("1")])
    two = aaf.write_set(tmp_path / "two", Eleve=[aaf.pupil("2")])
    with pytest.raises(FeedRefused, match="twice"):
        AafFeed().open([one, two])


@pytest.mark.parametrize("name", ["notes.txt", "ficAlimMENESR.dtd"])
def test_a_folder_without_any_export_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    with pytest.raises(FeedRefused, match="no file"):
        AafFeed().open([tmp_path])


def test_an_xml_file_of_another_name_is_refused(tmp_path: Path) -> None:
    aaf.write_set(tmp_path, Eleve=[aaf.pupil("1")])
    (tmp_path / "Eleve.xml").write_bytes(aaf.document([]))
    with pytest.raises(FeedRefused, match="not named"):
        AafFeed().open([tmp_path])


def test_a_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FeedRefused, match="no such file"):
        AafFeed().open([tmp_path / "nothing"])


@pytest.mark.parametrize(
    ("stated", "digits"), [("1", "01"), ("013", "13"), ("99", "99"), ("0", "00"), ("x", ""), ("123", "")]
)
def test_an_academie_is_two_digits(stated: str, digits: str) -> None:
    assert two_digits(stated) == digits


@pytest.mark.parametrize("text", ["20260905", "2026-09-05T03:00:00", "05/09/2026", "05/09/2026 03:00"])
def test_the_day_of_an_export_is_read_in_several_spellings(text: str) -> None:
    made_on = read_header(f'<!-- dateGenerationExport="{text}" -->'.encode()).made_on
    assert str(made_on) == "2026-09-05"


@pytest.mark.parametrize("text", ["20261345", "soon", ""])
def test_a_day_that_cannot_be_read_is_none(text: str) -> None:
    assert read_header(f'<!-- dateGenerationExport="{text}" -->'.encode()).made_on is None
