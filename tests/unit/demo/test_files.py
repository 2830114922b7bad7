"""What the demo town writes: AAF files, settings, descriptors, secrets."""

from __future__ import annotations

import hashlib
import re
import stat
import tomllib
from pathlib import Path

import pytest
from lxml import etree

from broker.demo.__main__ import main
from broker.demo.aaf import PART_SIZE, Category, Delivery, Entry, Request, write_delivery
from broker.demo.people import Degree
from broker.demo.prepared import Town
from broker.demo.town import describe, prepare
from tests.towns import YEAR


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return prepare(tmp_path_factory.mktemp("town"), year=YEAR)


def digest_of(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_two_towns_of_one_year_have_the_same_feeds_and_settings_byte_for_byte(town: Town, tmp_path: Path) -> None:
    other = prepare(tmp_path, year=YEAR)
    for part in ("feeds", "services"):
        assert digest_of(other.folder / part) == digest_of(town.folder / part)
    assert other.settings.read_bytes() == town.settings.read_bytes()


def test_a_second_start_keeps_the_secrets(tmp_path: Path) -> None:
    first = digest_of(prepare(tmp_path, year=YEAR).folder / "secrets")
    assert digest_of(prepare(tmp_path, year=YEAR).folder / "secrets") == first


def test_secrets_are_random_and_readable_by_their_owner_alone(town: Town) -> None:
    files = sorted((town.folder / "secrets").iterdir())
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert len({path.read_bytes() for path in files}) == len(files)
    assert all(len(path.read_bytes().strip()) >= 43 for path in files if path.name != "master")
    assert len((town.folder / "secrets" / "master").read_bytes()) == 32


def test_files_are_named_and_numbered_as_real_exports_are(town: Town) -> None:
    names = [path.name for feed in (*town.feeds, town.delta) for path in feed.files]
    assert all(re.fullmatch(r"ENT[12]D99-PORTFICTIF_(Complet|Delta)_\d{8}_\w+_\d{4}\.xml", name) for name in names)
    assert "ENT2D99-PORTFICTIF_Complet_20260905_PersRelEleve_0001.xml" in names
    assert "ENT1D99-PORTFICTIF_Complet_20260905_Eleve_0000.xml" in names


def test_every_file_holds_one_category_a_doctype_and_the_header_comment(town: Town) -> None:
    parser = etree.XMLParser(load_dtd=False, no_network=True, resolve_entities=False)
    for feed in (*town.feeds, town.delta):
        for path in feed.files:
            tree = etree.parse(str(path), parser)
            kinds = tree.xpath("//operationalAttributes/attr/value/text()")
            assert set(kinds) == {path.name.split("_")[-2]}
            assert len(kinds) <= PART_SIZE
            assert tree.docinfo.system_url == "ficAlimMENESR.dtd"
            assert f'degre="{feed.degree}"' in tree.xpath("string(//comment())")


def test_no_guardian_has_a_birth_date_in_either_feed(town: Town) -> None:
    for feed in town.feeds:
        for path in (path for path in feed.files if "PersRelEleve" in path.name):
            dates = etree.parse(str(path)).xpath("//attr[@name='ENTPersonDateNaissance']/value/text()")
            assert dates == []


def test_relations_have_six_parts_in_the_2d_feed_and_two_in_the_1d_feed(town: Town) -> None:
    shapes = {"2D": r"\d+\$\d\d\$[01]\$[012]\$[01]\$[01]", "1D": r"\d+\$\d\d"}
    names = {"2D": "ENTElevePersRelEleve", "1D": "ENTEleveAutoriteParentale"}
    for feed in town.feeds:
        trees = [etree.parse(str(path)) for path in feed.files if "_Eleve_" in path.name]
        values = [v for tree in trees for v in tree.xpath(f"//attr[@name='{names[feed.degree]}']/value/text()")]
        assert len(values) > 100
        assert all(re.fullmatch(shapes[feed.degree], value) for value in values)


def test_a_delta_modifies_with_replace_and_deletes_by_key_alone(town: Town) -> None:
    trees = [etree.parse(str(path)) for path in town.delta.files]
    assert {op for tree in trees for op in tree.xpath("//modification/@operation")} == {"replace"}
    deleted = [node for tree in trees for node in tree.xpath("//deleteRequest")]
    assert [node.xpath("string(identifier/id)") for node in deleted] == ["200451"]
    assert all(node.find("attributes") is None for node in deleted)


def test_marks_of_xml_in_a_name_are_escaped(tmp_path: Path) -> None:
    from datetime import date

    entry = Entry(Category.PUPIL, "1", {"sn": ("A & B <C>",), "mail": ()}, Request.ADD)
    (path,) = write_delivery(tmp_path, Delivery(Degree.SECOND, date(2026, 9, 5), complete=True), [entry])
    tree = etree.parse(str(path))
    assert tree.xpath("string(//attr[@name='sn']/value)") == "A & B <C>"
    assert len(tree.xpath("//attr[@name='mail']/value[not(node())]")) == 1


def test_a_new_delivery_removes_the_parts_of_the_one_before(town: Town, tmp_path: Path) -> None:
    (tmp_path / "feeds" / "2d").mkdir(parents=True)
    stale = tmp_path / "feeds" / "2d" / "ENT2D99-PORTFICTIF_Complet_20250905_Eleve_0009.xml"
    stale.touch()
    prepare(tmp_path, year=YEAR)
    assert not stale.exists()


def test_the_settings_name_three_sources_and_what_each_may_prove_beside_accounts_of_our_own(town: Town) -> None:
    settings = tomllib.loads(town.settings.read_text(encoding="utf-8"))
    feeds = {source["id"]: source.get("feeds") for source in settings["sources"]}
    assert feeds == {
        "maison": None,
        "educonnect": ["99-1d", "99-2d"],
        "ent-petits-pres": ["99-1d"],
        "ent-grand-large": ["99-2d"],
    }


def test_every_school_has_its_own_address_of_the_school_life_service(town: Town) -> None:
    service = tomllib.loads((town.folder / "services" / "vie-scolaire.toml").read_text(encoding="utf-8"))
    urls = [instance["url"] for instance in service["instances"]]
    assert len({instance["uai"] for instance in service["instances"]}) == len(set(urls)) == 5
    assert service["parties"][0]["redirect_uris"] == [f"{url}retour" for url in urls]


def test_the_restriction_covers_every_record_of_the_father_with_every_record_of_the_children(town: Town) -> None:
    pairs = {(pair.adult, pair.child) for pair in town.restrictions}
    assert len(pairs) == 6
    assert ("99-1d:610792", "99-1d:100392") in pairs
    assert ("99-2d:500152", "99-2d:200391") in pairs


def test_the_description_names_every_address_and_every_demo_login(town: Town) -> None:
    text = describe(town)
    for address in ("127.0.0.1:8000", "127.0.0.2:8000", "127.0.0.4:8000", "127.0.0.15:8000", "127.0.0.22:8000"):
        assert f"http://{address}/" in text
    for login in ("aline.quemeneur", "noemie.roussel-diop", "bruno.vasseur", "camille.ailleurs"):
        assert login in text


def test_the_module_prints_the_town_without_serving_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([str(tmp_path), "--print", "--issuer", "http://127.0.0.1:8123"]) == 0
    assert "http://127.0.0.2:8123/" in capsys.readouterr().out
    assert (tmp_path / "preau.toml").is_file()


def test_a_person_without_an_account_is_named_in_the_error(town: Town) -> None:
    from broker.demo.people import Site

    assert town.login("1-mere", Site.EDUCONNECT) == "aline.quemeneur"
    with pytest.raises(LookupError):
        town.login("1b-mere", Site.EDUCONNECT)
