"""The file for Pronote: who stands in it, under which identifier, and what is noted of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from lxml import etree
from sqlalchemy import Engine

from broker.__main__ import main
from broker.domain.roll import Roll, RollEntry, RollKind
from broker.storage import schema
from broker.storage.engine import open_engine, writing
from broker.wire.rapprochement import NAMESPACE, write_rapprochement
from tests import builders as b
from tests.command_line import CommandLine, install
from tests.descriptors import REQUIRED

HERE, ELSEWHERE = "0990001A", "0990002B"
SCHEMA = Path(__file__).parents[1] / "data" / "rapprochement.xsd"
GOLDEN = Path(__file__).parents[1] / "golden" / "rapprochement.xml"
Q = f"{{{NAMESPACE}}}"
CLAIMS = ["family_name", "given_name", "birthdate", "children"]


def descriptor(service_id: str = "pronote", *, claims: list[str] = CLAIMS, more: str = "", staff: bool = False) -> str:
    profils = '["ENS", "DIR"]' if staff else '["TUT", "ELV"]'
    return f"""
service_id = "{service_id}"
tenant = "ac-test"
names = {{ fr = "{service_id}" }}
purpose = "Suivre la scolarité."
space = "{"staff" if staff else "family"}"
profils = {profils}
claims = {str(claims).replace("'", '"')}
protocols = ["cas"]
{REQUIRED}
[cas]
services = ["https://{service_id}.example/"]
{more}
[[instances]]
url = "https://{service_id}.example/"
"""


@pytest.fixture
def desk(sql_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    desk = CommandLine(install(tmp_path / "preau", database_url=sql_url), capsys)
    assert main(["db", "upgrade", "--config", str(desk.config)]) == 0
    services = desk.folder / "services"
    (services / "pronote.toml").write_text(descriptor(), "utf-8")
    (services / "pronote-personnels.toml").write_text(
        descriptor("pronote-personnels", claims=CLAIMS[:2], staff=True), "utf-8"
    )
    return desk


@pytest.fixture
def engine(sql_url: str, desk: CommandLine) -> Iterator[Engine]:
    """Here: Léa and her parents, of whom one may not see her; a teacher, a head. Elsewhere: Zoé and her mother."""
    engine = open_engine(sql_url)
    with writing(engine) as conn:
        b.add_school(conn, HERE, name='Collège "Les Tilleuls"')
        _, lea = b.add_pupil(conn, "E1", given="Léa")
        conn.execute(schema.records.update().values(birth_date=date(2014, 5, 6), ine="999999999AA"))
        b.enrol(conn, lea, HERE)
        _, mother = b.add_guardian(conn, "G1", given="Anne")
        b.add_guardianship(conn, mother, lea)
        _, other = b.add_guardian(conn, "G2", given="Paul")
        b.add_guardianship(conn, other, lea, may_see=False)
        _, teacher = b.add_staff(conn, "S1", given="Camille")
        b.add_post(conn, teacher, HERE)
        b.add_family(conn, uai=ELSEWHERE, children=("Zoé",))
    yield engine
    engine.dispose()


def wrote(desk: CommandLine, service: str = "pronote", name: str = "r.xml") -> ET.Element:
    desk.text("service", "rapprochement", service, "--school", HERE, "--to", desk.folder / name)
    octets = (desk.folder / name).read_bytes()
    _schema().assertValid(etree.fromstring(octets))
    return ET.fromstring(octets)


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(SCHEMA)))


def people(root: ET.Element, kind: str) -> list[dict[str, str]]:
    return [dict(each.attrib) for each in root.iter(f"{Q}{kind}") if "Nom" in each.attrib]


@pytest.mark.usefixtures("engine")
def test_the_people_of_one_school_stand_in_it_under_what_cas_will_say(desk: CommandLine) -> None:
    root = wrote(desk)
    (pupil,), (mother,) = people(root, "Eleve"), people(root, "Responsable")
    assert (pupil["Prenom"], pupil["DateNaissance"], mother["Prenom"]) == ("Léa", "2014-05-06", "Anne")
    subjects = {row[1]: row[0] for row in desk.rows(schema.subjects, "person_id", "value")}
    assert {pupil["ID_Partenaire"], mother["ID_Partenaire"]} <= set(subjects)
    linked = root.find(f"{Q}Eleves/{Q}Eleve/{Q}Responsable")
    assert linked is not None
    assert linked.get("Ident") == mother["Ident"]
    assert root.find(f"{Q}Etablissements/{Q}Etablissement").get("Numero") == HERE  # type: ignore[union-attr]


@pytest.mark.usefixtures("engine")
def test_nothing_that_no_release_holds_stands_in_it(desk: CommandLine) -> None:
    wrote(desk)
    text = (desk.folder / "r.xml").read_text("utf-8")
    for foreign in ("NumeroNational", "999999999AA", "Paul", "Zoé", "Camille", "prs_", "99-2d"):
        assert foreign not in text
    assert (desk.folder / "r.xml").stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("engine")
def test_identifiers_stay_from_one_file_to_the_next(desk: CommandLine) -> None:
    first, second = wrote(desk), wrote(desk, name="again.xml")
    assert people(first, "Eleve") == people(second, "Eleve")
    assert people(first, "Responsable") == people(second, "Responsable")


@pytest.mark.usefixtures("engine")
def test_staff_stand_in_the_file_of_their_own_service_alone(desk: CommandLine) -> None:
    root = wrote(desk, "pronote-personnels")
    assert [one["Prenom"] for one in people(root, "Professeur")] == ["Camille"]
    assert (people(root, "Eleve"), people(root, "Responsable")) == ([], [])


@pytest.mark.usefixtures("engine")
def test_each_of_them_finds_it_in_the_ledger(desk: CommandLine) -> None:
    wrote(desk)
    told = [(row[0], set(row[1])) for row in desk.rows(schema.releases, "service_id", "claims")]
    named = {"sub", "family_name", "given_name"}
    assert len(told) == 2
    assert ("pronote", {*named, "birthdate"}) in told
    assert ("pronote", {*named, "children"}) in told
    actions = [row[0] for row in desk.rows(schema.audit_events, "action")]
    assert actions.count("roll_exported") == 1


@pytest.mark.usefixtures("engine")
def test_a_dry_run_counts_and_leaves_no_trace(desk: CommandLine) -> None:
    told = desk.json("service", "rapprochement", "pronote", "--school", HERE, "--dry-run")
    assert (told["pupil"], told["guardian"], told["teacher"]) == (1, 1, 0)
    assert sum(told["left_out"].values()) == 2
    assert desk.rows(schema.subjects, "value") == []
    assert desk.rows(schema.releases, "service_id") == []


@pytest.mark.usefixtures("engine")
def test_who_is_whose_guardian_is_told_only_where_children_are(desk: CommandLine) -> None:
    (desk.folder / "services" / "pronote.toml").write_text(descriptor(claims=CLAIMS[:3]), "utf-8")
    root = wrote(desk)
    assert people(root, "Responsable")
    assert root.find(f"{Q}Eleves/{Q}Eleve/{Q}Responsable") is None


@pytest.mark.usefixtures("engine")
def test_a_pupil_without_a_birth_date_that_may_be_told_is_left_out(desk: CommandLine) -> None:
    (desk.folder / "services" / "pronote.toml").write_text(descriptor(claims=CLAIMS[:2]), "utf-8")
    told = desk.json("service", "rapprochement", "pronote", "--school", HERE, "--dry-run")
    assert told["pupil"] == 0
    assert told["left_out"]["a pupil without a birth date that may be told"] == 1


@pytest.mark.usefixtures("engine")
def test_a_suspended_service_is_told_of_nobody(desk: CommandLine) -> None:
    desk.text("service", "suspend", "pronote", "--reason", "essai")
    desk.refused("service", "rapprochement", "pronote", "--school", HERE, "--to", desk.folder / "r.xml")
    assert not (desk.folder / "r.xml").exists()
    assert desk.rows(schema.releases, "service_id") == []


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("service", "uai", "why"),
    [
        ("rien", HERE, "no service rien"),
        ("pronote", "0990009Z", "nobody of 0990009Z"),
        ("par-login", HERE, "may change hands"),
    ],
)
def test_what_cannot_be_written_is_refused_with_its_reason(desk: CommandLine, service: str, uai: str, why: str) -> None:
    by_login = '[release]\n[release.principal]\nkind = "uai"\n'
    (desk.folder / "services" / "par-login.toml").write_text(
        descriptor("par-login", claims=[*CLAIMS, "uai"], more=by_login), "utf-8"
    )
    assert why in desk.refused("service", "rapprochement", service, "--school", uai, "--to", desk.folder / "r.xml")
    assert not (desk.folder / "r.xml").exists()


@pytest.mark.usefixtures("engine")
def test_nothing_is_written_over(desk: CommandLine) -> None:
    (desk.folder / "r.xml").write_text("à garder", "utf-8")
    assert "exists" in desk.refused(
        "service", "rapprochement", "pronote", "--school", HERE, "--to", desk.folder / "r.xml"
    )
    assert (desk.folder / "r.xml").read_text("utf-8") == "à garder"


def _entry(person: str, kind: RollKind, family: str, given: str, **more: Any) -> RollEntry:
    return RollEntry(person, kind, f"{person}-{'0' * 8}", family, given, **more)


ROLL = Roll(HERE, 'Collège "Les <Tilleuls>"', (
    _entry("p1", RollKind.STAFF, "BERNARD", "Camille"),
    _entry("p2", RollKind.TEACHER, "CARON", "Noé", born=date(1980, 1, 2)),
    _entry("p3", RollKind.GUARDIAN, "D'ALMEIDA", "Aline & co"),
    _entry("p4", RollKind.PUPIL, "QUÉMENEUR", "Maëlys\x00", born=date(2015, 3, 14), guardians=("p3",)),
), {})  # fmt: skip


def test_the_file_is_as_it_is_written_down() -> None:
    written = write_rapprochement(ROLL, partner="Preau", now=b.NOW).decode()
    assert written == GOLDEN.read_text("utf-8")
    _schema().assertValid(etree.fromstring(written.encode()))
    root = ET.fromstring(written)
    order = [re.sub(r"\{.*\}", "", child.tag) for child in root]
    assert order == ["Etablissements", "EtablissementsGeres", "Personnels", "Professeurs", "Responsables", "Eleves"]
