"""`preau explain`: a decision told whole, for a person of the town and for facts alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from broker.__main__ import main
from broker.storage.engine import open_engine
from tests import builders
from tests.servers import free_port

MOTHER = "99-2d:500101"
GATE = """
[[openings]]
uai = "{uai}"
opens = {opens}
[openings.text]
fr = "Le service ouvre à la rentrée."
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The town, imported once."""
    folder = tmp_path_factory.mktemp("town")
    assert main(["demo", "--data", str(folder), "--port", str(free_port()), "--prepare-only"]) == 0
    return folder


@pytest.fixture
def town(prepared: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    return shutil.copytree(prepared, tmp_path / "town")


def text(town: Path, capsys: pytest.CaptureFixture[str], *line: str, status: int = 0) -> str:
    capsys.readouterr()
    assert main([*line, "--config", str(town / "preau.toml")]) == status
    captured = capsys.readouterr()
    return captured.out + captured.err


def told(town: Path, capsys: pytest.CaptureFixture[str], *line: str, status: int = 0) -> Any:
    return json.loads(text(town, capsys, *line, "--json", status=status))


@pytest.fixture
def mother(town: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The mother as `person show` tells her."""
    shown: dict[str, Any] = told(town, capsys, "person", "show", MOTHER)
    return shown


def access(person: str, *more: str, service: str = "cantine", source: str = "educonnect") -> tuple[str, ...]:
    return ("explain", "access", "--person", person, "--service", service, "--source", source, *more)


def gate(town: Path, *, uai: str, opens: str, service: str = "cantine") -> None:
    path = town / "services" / f"{service}.toml"
    path.write_text(path.read_text("utf-8") + GATE.format(uai=uai, opens=opens), encoding="utf-8")


def test_an_access_is_told_with_every_fact_and_what_said_it(
    town: Path, mother: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    person = mother["person_id"]
    found = told(town, capsys, *access(person))
    assert found["allowed"]
    assert [rule["id"] for rule in found["rules"]] == ["access.served"]
    assert found["facts"]["role"] == {
        "value": "guardian",
        "grounds": "Un dossier d'école vous dit responsable d'élève.",
    }
    assert "Votre connexion par educonnect" in found["facts"]["assurance"]["grounds"]
    printed = text(town, capsys, *access(person))
    assert printed.startswith("decision  allowed\nrules     access.served\n")
    assert "FACT" in printed


def test_what_opens_later_is_told_with_its_date_and_passes_from_then_on(
    town: Path, mother: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    person, child = mother["person_id"], mother["children"][0]
    gate(town, uai=child["uai"], opens="2031-09-01")
    by_child = access(person, "--child", child["child_id"])
    found = told(town, capsys, *by_child, status=1)
    assert [rule["id"] for rule in found["rules"]] == ["access.term_ahead"]
    assert found["would_pass"].startswith("passerait à partir du 1er septembre 2031, quand le service ouvre pour ")
    assert (found["opens"], found["families_read"]) == ("2031-09-01", "Le service ouvre à la rentrée.")
    printed = text(town, capsys, *by_child, status=1)
    assert "would pass     passerait à partir du 1er septembre 2031" in printed
    before, after = "2031-08-31T23:59+02:00", "2031-09-01T00:00+02:00"
    assert told(town, capsys, *by_child, "--at", before, status=1)["facts"]["term"]["value"] == "ahead"
    assert told(town, capsys, *by_child, "--at", after)["facts"]["term"]["value"] == "open"


def test_the_login_that_is_taken_is_the_linked_one_that_proves_most(
    town: Path, mother: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    line = ("explain", "access", "--person", mother["person_id"], "--service", "cantine")
    found = told(town, capsys, *line, status=1)
    assert found["facts"]["assurance"]["value"] == "none"
    assert "access.unproven" in [rule["id"] for rule in found["rules"]]


@pytest.mark.parametrize("kind", ["person", "source"])
def test_a_suspension_refuses_whatever_the_rules_say(
    town: Path, mother: dict[str, Any], capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    person = mother["person_id"]
    closing = (kind, "suspend", {"person": person, "source": "educonnect"}[kind], "--reason", "secret")
    tenant = ("--tenant", told(town, capsys, *closing)["tenant"])
    refused = told(town, capsys, *access(person), status=1)
    assert not refused["allowed"]
    assert [rule["id"] for rule in refused["rules"]] == [f"standing.{kind}"]
    assert refused["would_pass"] == "passerait si la suspension était levée"
    assert refused["suspended"].startswith(f"{kind} {closing[2]} by ")
    assert "secret" not in text(town, capsys, *access(person), status=1)
    assert told(town, capsys, *access(person), "--at", "2020-09-01T08:00+02:00", status=1)["rules"] != refused["rules"]
    text(town, capsys, kind, "resume", closing[2], "--reason", "fini", *tenant)
    assert told(town, capsys, *access(person))["allowed"]


def test_a_suspended_login_refuses_where_it_is_the_only_one_there(
    town: Path, mother: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    person = mother["person_id"]
    engine = open_engine(f"sqlite:///{next(town.rglob('*.sqlite*'))}")
    accounts = [builders.add_account(engine, person, source_id="educonnect") for _ in range(2)]
    for account, status in zip(accounts, (0, 1), strict=True):
        text(town, capsys, "link", "suspend", account, "--reason", "essai")
        found = told(town, capsys, *access(person), status=status)
    assert [rule["id"] for rule in found["rules"]] == ["standing.link"]


def test_a_person_is_named_by_a_record_as_everywhere(
    town: Path, mother: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(town, capsys, *access(MOTHER)) == told(town, capsys, *access(mother["person_id"]))
    assert "no live record 99-2d:0" in text(town, capsys, *access("99-2d:0"), status=1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"person": "prs_unheard"}, "no person prs_unheard"),
        ({"service": "piscine"}, "no service piscine; there are: "),
        ({"source": "minitel"}, "no source minitel; there are: "),
    ],
)
def test_what_is_not_there_is_told(
    town: Path, mother: dict[str, Any], capsys: pytest.CaptureFixture[str], changes: dict[str, str], said: str
) -> None:
    line = access(**{"person": mother["person_id"], **changes})
    assert said in text(town, capsys, *line, status=1)


def test_a_child_whom_the_adult_does_not_see_is_told_as_none(
    town: Path, mother: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    line = access(mother["person_id"], "--child", "prs_unheard")
    assert "sees no child prs_unheard" in text(town, capsys, *line, status=1)


def test_a_release_is_told_claim_by_claim(
    town: Path, mother: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    line = ("explain", "release", "--person", mother["person_id"], "--service", "cantine")
    every = {each["claim"]: each for each in told(town, capsys, *line)}
    assert every["given_name"]["allowed"]
    assert not every["birthdate"]["allowed"]
    assert "birthdate" in text(town, capsys, *line)
    one = told(town, capsys, *line, "--claim", "profil", status=1)
    assert [rule["id"] for rule in one["rules"]] == ["release.undeclared"]
    assert one["would_pass"] == "passerait si le service déclarait cette donnée"
    assert told(town, capsys, *line, "--claim", "given_name")["facts"]["declared"]["value"] == "yes"
    assert "no service piscine" in text(town, capsys, *line[:-1], "piscine", status=1)


def test_facts_alone_are_decided_over_what_is_usual(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(town, capsys, "explain", "access", "--facts", "")["allowed"]
    refused = told(town, capsys, "explain", "access", "--facts", "term=ahead,class_served=yes", status=1)
    assert [rule["id"] for rule in refused["rules"]] == ["access.term_ahead"]
    assert refused["facts"]["term"] == {"value": "ahead", "grounds": ""}
    assert refused["would_pass"].startswith("passerait si")
    children = "claim=children,about_child=yes"
    assert "Code civil" in text(town, capsys, "explain", "release", "--facts", children)
    pupil = told(town, capsys, "explain", "release", "--facts", f"{children},role=pupil", status=1)
    assert "release.pupil_children" in [rule["id"] for rule in pupil["rules"]]


@pytest.mark.parametrize(
    "line",
    [
        "access --facts king=yes", "access --facts role=king", "access --facts profil_served=maybe",
        "access --person prs_x", "access", "access --person prs_x --facts role=pupil",
        "access --person prs_x --service s --at 2031-09-01T00:00", "release --facts claim=ine",
    ],
)  # fmt: skip
def test_wrong_usage_is_told_as_such(town: Path, capsys: pytest.CaptureFixture[str], line: str) -> None:
    with pytest.raises(SystemExit) as left:
        main(["explain", *line.split(), "--config", str(town / "preau.toml")])
    assert left.value.code == 2
    assert "usage: preau explain" in capsys.readouterr().err
