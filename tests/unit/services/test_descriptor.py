"""What a descriptor must say of a service, and the line on which it does not."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from broker.domain.assurance import Assurance
from broker.domain.errors import SettingsError
from broker.domain.school import Level
from broker.domain.services import Accessibility, OpeningDates, Operator, Protocol, Service, ServiceState
from broker.domain.standings import InForce, StandingKind
from broker.services.register import load_services

GOOD = """\
service_id = "carnet"
tenant = "ville"
names = { fr = "Carnet" }
purpose = "Lire le carnet."
data = "Le prénom."
legal_basis = "Mission d'intérêt public."
retention = "Un an."
rights_url = "https://carnet.example/droits"
profils = ["TUT"]
schools = ["0990001A"]
classes = ["0990001A:6B"]
requires = "standard"
mandates = true
outage = true
protocols = ["oidc", "cas"]

[operator]
name = "Ville"
contact = "https://ville.example/"
processor = true

[accessibility]
rate = 62
statement = "https://carnet.example/accessibilite"

[[openings]]
uai = "0990001A"
class = "6B"
opens = 2026-09-01
closes = 2027-07-03
text = { fr = "Le carnet ouvre le 1er septembre." }

[[openings]]
level = "college"
opens = 2026-09-02
text = { fr = "Le carnet ouvre le 2 septembre." }

[[instances]]
url = "https://carnet.example/"
"""


def read(tmp_path: Path, text: str = GOOD) -> Service:
    (tmp_path / "carnet.toml").write_text(text, "utf-8")
    return load_services(tmp_path).all()[0]


def test_a_complete_descriptor_is_read_whole(tmp_path: Path) -> None:
    service = read(tmp_path)
    assert service.operator == Operator("Ville", "https://ville.example/", processor=True)
    assert service.accessibility == Accessibility(62, "https://carnet.example/accessibilite")
    assert (service.data, service.legal_basis, service.retention) == (
        "Le prénom.", "Mission d'intérêt public.", "Un an.",
    )  # fmt: skip
    assert service.rights_url == "https://carnet.example/droits"
    assert (service.requires, service.mandates, service.outage) == (Assurance.STANDARD, True, True)
    assert service.protocols == (Protocol.OIDC, Protocol.CAS)
    assert service.state is ServiceState.DECLARED
    first, second = service.openings
    assert first == OpeningDates(
        "0990001A", None, "6B", date(2026, 9, 1), date(2027, 7, 3), {"fr": "Le carnet ouvre le 1er septembre."}
    )
    assert (second.uai, second.level, second.opens, second.closes) == ("", Level.COLLEGE, date(2026, 9, 2), None)
    assert service.serves_class(uai="0990001A", class_code="6B")
    assert not service.serves_class(uai="0990001A", class_code="6A")


def test_an_accessibility_that_nobody_declared_is_said_in_so_many_words(tmp_path: Path) -> None:
    text = GOOD.replace('rights_url', 'accessibility = "non déclaré"\nrights_url').replace(
        '[accessibility]\nrate = 62\nstatement = "https://carnet.example/accessibilite"\n', ""
    )  # fmt: skip
    assert read(tmp_path, text).accessibility == Accessibility(None, "")


LINES = {key: number for number, line in enumerate(GOOD.splitlines(), 1) if (key := line.partition(" =")[0])}

FAULTS: tuple[tuple[str, str, int, str], ...] = (
    ('data = "Le prénom."\n', "", 1, "'data' is missing"),
    ('data = "Le prénom."', 'data = " "', LINES["data"], "'data' must be a text"),
    ("legal_basis =", "legal_bases =", LINES["legal_basis"], "(is 'legal_basis' meant?)"),
    ('retention = "Un an."', "retention = 1", LINES["retention"], "'retention' must be a text"),
    ("https://carnet.example/droits", "http://carnet.example/droits", LINES["rights_url"], "must be https"),
    ('requires = "standard"', 'requires = "eidas2"', LINES["requires"], "'requires' knows no 'eidas2'"),
    ('requires = "standard"', 'requires = "none"', LINES["requires"], "'requires' is at least 'low'"),
    ("mandates = true", 'mandates = "yes"', LINES["mandates"], "'mandates' must be true or false"),
    ('"cas"', '"radius"', LINES["protocols"], "'protocols' knows no 'radius'"),
    ('"0990001A:6B"', '"6B"', LINES["classes"], "not written UAI:code"),
    ('"0990001A:6B"', '"0990002B:6B"', LINES["classes"], "not among 'schools'"),
    ('name = "Ville"\n', "", LINES["[operator]"], "operator: 'name' is missing"),
    ("processor = true", "processor = 1", LINES["processor"], "operator: 'processor' must be true or false"),
    ("[operator]", "[operators]", LINES["[operator]"], "unknown key 'operators'"),
    ("rate = 62", "rate = 101", LINES["rate"], "from 0 to 100"),
    ("rate = 62", "rate = true", LINES["rate"], "from 0 to 100"),
    ("rate = 62\n", "", LINES["[accessibility]"], "from 0 to 100"),
    ("https://carnet.example/accessibilite", "x", LINES["statement"], "must be an absolute https"),
    ('class = "6B"', 'classe = "6B"', LINES["class"], "openings[0]: unknown key 'classe'"),
    ('uai = "0990001A"\n', "", LINES["class"] - 1, "'class' needs the 'uai'"),
    ('level = "college"', 'level = "maternelle"', LINES["level"], "openings[1]: 'level' knows no 'maternelle'"),
    ("opens = 2026-09-01", 'opens = "2026-09-01"', LINES["class"] + 1, "must be a date"),
    ("opens = 2026-09-01", "opens = 2026-09-01T08:00:00", LINES["class"] + 1, "must be a date"),
    ("closes = 2027-07-03", "closes = 2026-08-31", LINES["closes"], "'closes' is before 'opens'"),
    ("opens = 2026-09-02\n", "", LINES["level"] - 1, "one of 'opens' and 'closes' is needed"),
    ('text = { fr = "Le carnet ouvre le 2 septembre." }\n', "", LINES["level"] - 1, "'text' needs at least French"),
    ('[[instances]]\nurl = "https://carnet.example/"', "= 1", LINES["[[instances]]"], "is no TOML: Invalid"),
)  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "reason"), FAULTS, ids=[reason for *_, reason in FAULTS])
def test_a_fault_is_told_with_its_file_and_line(tmp_path: Path, old: str, new: str, line: int, reason: str) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(SettingsError) as refused:
        read(tmp_path, GOOD.replace(old, new))
    told = [problem for problem in refused.value.problems if reason in problem]
    assert told
    assert told[0].startswith(f"carnet.toml:{line}: ")
    assert read(tmp_path)


REQUIRED_KEYS = ("operator", "purpose", "data", "legal_basis", "retention", "accessibility", "rights_url")


def test_what_a_family_must_be_told_cannot_be_left_out(tmp_path: Path) -> None:
    bare = "\n".join(
        line for line in GOOD.splitlines() if line.startswith(("service_id", "tenant", "names", "profils"))
    )
    with pytest.raises(SettingsError) as refused:
        read(tmp_path, bare + '\n[[instances]]\nurl = "https://carnet.example/"\n')
    told = "\n".join(refused.value.problems)
    assert all(f"'{key}' is missing" in told or f"'[{key}]' is missing" in told for key in REQUIRED_KEYS)
    assert len(refused.value.problems) == len(REQUIRED_KEYS)


def test_clients_of_a_service_that_does_not_speak_their_protocol_are_a_fault(tmp_path: Path) -> None:
    clients = '\n[[parties]]\nclient_id = "c"\nkind = "native"\nredirect_uris = ["a.b:/c"]\nscopes = ["openid"]\n'
    with pytest.raises(SettingsError, match="'protocols' has no 'oidc'"):
        read(tmp_path, GOOD.replace('["oidc", "cas"]', '["cas"]') + clients.replace('"c"\n', '"carnet"\n', 1))


def test_what_stands_of_a_service_is_not_the_descriptors_to_say(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="unknown key 'state'"):
        read(tmp_path, 'state = "verified"\n' + GOOD)


def test_the_register_says_how_each_service_stands(tmp_path: Path) -> None:
    read(tmp_path)
    register = load_services(tmp_path)
    of_this, of_school = (StandingKind.SERVICE, "carnet"), (StandingKind.SCHOOL, "0990001A")
    verified = register.standing(InForce(verified=frozenset({of_this})))
    assert verified.all()[0].state is ServiceState.VERIFIED
    closed = verified.standing(InForce(suspended=frozenset({of_this, of_school}), verified=frozenset({of_this})))
    assert closed.all()[0].is_suspended
    assert closed.all()[0].closed_schools == {"0990001A"}
    assert closed.standing(InForce()).all()[0].state is ServiceState.DECLARED
    assert register.by_id("carnet") is register.all()[0]
    assert register.by_id("autre") is None
