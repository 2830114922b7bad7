"""The library of descriptors: what each product is told of invented people, to the byte."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree as ET

import pytest

from broker.domain.services import ClaimName
from broker.wire.cas_xml import CasSuccess, parse_service_response
from tests.releases import GOLDEN, LIBRARY, MOTHER, PUPIL, TEACHER, cas_of, library, oidc_of, render

NAMES = sorted(path.stem for path in LIBRARY.glob("*.toml"))
IN_FULL = {"pronote", "webgerest", "kne", "gepi", "la-vie-scolaire"}
ONE_TRICK = {"login", "external-id", "id", "mail", "uai"}


def told_to(service: str, who: str = "guardian") -> CasSuccess:
    people = {"guardian": MOTHER, "pupil": PUPIL, "teacher": TEACHER}
    found = parse_service_response(cas_of(library()[service], people[who]).encode())
    assert isinstance(found, CasSuccess)
    return found


def test_the_products_and_families_that_are_promised_are_there() -> None:
    assert {*IN_FULL, *ONE_TRICK, "modele"} <= set(NAMES)
    assert set(library()) == set(NAMES)
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_descriptor_tells_exactly_what_is_written_down(name: str) -> None:
    assert render(library()[name]) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_is_read_back_by_our_own_reader_and_by_a_plain_parser(name: str) -> None:
    for line in (GOLDEN / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("<cas:"):
            assert isinstance(parse_service_response(line.encode()), CasSuccess)
            ET.fromstring(line)
        elif not line.startswith(("#", "refused")):
            json.loads(line)


@pytest.mark.parametrize("name", NAMES)
def test_no_address_leads_anywhere_real(name: str) -> None:
    text = (LIBRARY / f"{name}.toml").read_text(encoding="utf-8")
    hosts = re.findall(r"https?://([^/\"]+)", text) + re.findall(r"@([a-z.-]+)", text)
    assert hosts
    assert all(host.endswith(".example") for host in hosts)


def test_pronote_knows_a_pupil_by_login_and_civil_state() -> None:
    pupil = told_to("pronote", "pupil")
    assert pupil.user == "maelys.quemeneur"
    assert pupil.attributes == {
        "nom": ("QUEMENEUR",),
        "prenom": ("Maëlys",),
        "dateNaissance": ("14/03/2015",),
        "codePostal": ("99100",),
        "categories": ("National_1",),
    }
    assert told_to("pronote").attributes["categories"] == ("National_2",)
    assert told_to("pronote-personnels", "teacher").attributes["categories"] == ("National_3",)


def test_kne_wraps_its_lists_and_gives_a_guardian_nothing_of_the_child() -> None:
    pupil = told_to("kne", "pupil").attributes
    assert pupil["ENTEleveCodeEnseignements"] == ("020300", "030201")
    assert pupil["ENTStructureTypeStruct"] == ("CLG",)
    guardian = cas_of(library()["kne"], MOTHER, school="0990002Y")
    assert "ENTPersonStructRattachUAI" in guardian
    assert "ENTEleve" not in guardian


def test_what_is_written_of_one_person_never_holds_what_another_one_is_known_by() -> None:
    theirs = {
        "guardian": ("maelys.", "200345", "Maëlys", "2015", "bernard"),
        "pupil": ("aline", "500101", "Aline", "bernard"),
        "teacher": ("aline", "QUEMENEUR", "771204", "99200"),
    }
    for name, service in library().items():
        sections = re.split(r"^## ", render(service), flags=re.MULTILINE)[1:]
        for section in sections:
            title, _, told = section.partition("\n")
            for foreign in theirs[re.split(r"[,:]", title)[0]]:
                assert foreign.lower() not in told.lower().replace("subject-of-prs_maelys", ""), (name, title)


def test_no_product_of_the_library_declares_the_children_without_need() -> None:
    declaring = {name for name, service in library().items() if ClaimName.CHILDREN in service.claims}
    assert declaring == {"modele"}
    assert json.loads(oidc_of(library()["id"], MOTHER)) == {}
