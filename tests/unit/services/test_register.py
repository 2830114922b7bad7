"""Descriptors: what is read, what is refused, and that every fault of every file is told at once."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from broker.domain.errors import SettingsError
from broker.domain.handles import digest
from broker.domain.people import Profil, Space
from broker.domain.school import Level
from broker.domain.services import ClaimName, TokenAuthMethod
from broker.services.register import Register, load_services
from tests.descriptors import REQUIRED

EXAMPLES = Path(__file__).parents[3] / "services" / "examples"
SECRET = "k" * 43
DIGEST = digest(SECRET)

GOOD = f"""
service_id = "cantine"
tenant = "ville"
names = {{ fr = "La Cantine" }}
{REQUIRED}
purpose = "Payer les repas."
profils = ["TUT"]
levels = ["ecole"]
schools = ["0990001A"]
claims = ["given_name", "children"]

[[parties]]
client_id = "cantine"
client_secret_sha256 = "{DIGEST}"
redirect_uris = ["https://cantine.example/retour"]
scopes = ["openid", "children"]

[[instances]]
url = "https://cantine.example/"
"""


def load(tmp_path: Path, **files: str) -> Register:
    for name, text in files.items():
        (tmp_path / f"{name}.toml").write_text(text, "utf-8")
    return load_services(tmp_path)


def problems(tmp_path: Path, **files: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as refused:
        load(tmp_path, **files)
    return refused.value.problems


def test_a_good_descriptor_is_read_whole(tmp_path: Path) -> None:
    register = load(tmp_path, cantine=GOOD)
    service = register.all()[0]
    assert register.by_client("cantine") is service
    assert register.by_client("Cantine") is None
    assert (service.profils, service.levels, service.schools) == ({Profil.TUTEUR}, {Level.ECOLE}, {"0990001A"})
    assert (service.claims, service.space) == ((ClaimName.GIVEN_NAME, ClaimName.CHILDREN), Space.FAMILY)
    party = service.party("cantine")
    assert party is not None
    assert party.auth_method is TokenAuthMethod.BASIC
    assert (party.secret_digest, party.signing_alg) == (DIGEST, "ES256")
    assert service.url_for("0990001A") == "https://cantine.example/"


def test_no_descriptor_is_an_empty_register_and_no_folder_is_a_fault(tmp_path: Path) -> None:
    assert load_services(tmp_path).all() == ()
    with pytest.raises(SettingsError):
        load_services(tmp_path / "absent")


def test_the_examples_can_be_used_once_their_secrets_exist(tmp_path: Path) -> None:
    folder = tmp_path / "services"
    shutil.copytree(EXAMPLES, folder)
    with pytest.raises(SettingsError, match="client_secret_file"):
        load_services(folder)
    (tmp_path / "secrets").mkdir()
    for name in ("cantine", "vie-scolaire"):
        (tmp_path / "secrets" / name).write_text(SECRET + "\n", "ascii")
    services = load_services(folder).all()
    assert [service.service_id for service in services] == ["cantine", "vie-scolaire"]
    assert services[0].parties[0].secret_digest == DIGEST


FAULTS: tuple[tuple[str, str, str], ...] = (
    ('tenant = "ville"', 'tenant = "ville"\nprofil = ["TUT"]', "unknown key 'profil'"),
    ('tenant = "ville"', "", "'tenant' is missing"),
    ('tenant = "ville"', "tenant = 3", "'tenant' must be a text"),
    ('service_id = "cantine"', 'service_id = "la cantine"', "'service_id' must be 2 to 64"),
    ('names = { fr = "La Cantine" }', 'names = { en = "Meals" }', "'names' needs at least French"),
    ('names = { fr = "La Cantine" }', 'names = { fr = "La Cantine", francais = "x" }', "no language 'francais'"),
    ('names = { fr = "La Cantine" }', "names = 3", "'names' must be a table"),
    ('names = { fr = "La Cantine" }', 'names = { fr = "" }', "'names' must be a table"),
    ('profils = ["TUT"]', 'profils = ["PARENT"]', "'profils' knows no 'PARENT'"),
    ('profils = ["TUT"]', "profils = []", "'profils' must name at least 1"),
    ('profils = ["TUT"]', 'profils = ["TUT", "TUT"]', "'profils' names something twice"),
    ('profils = ["TUT"]', 'profils = "TUT"', "'profils' must be a list of texts"),
    ('levels = ["ecole"]', 'levels = ["maternelle"]', "'levels' knows no 'maternelle'"),
    ('schools = ["0990001A"]', 'schools = ["990001A"]', "'990001A' is not a UAI"),
    ('claims = ["given_name", "children"]', 'claims = ["ine"]', "'claims' knows no 'ine'"),
    ('claims = ["given_name", "children"]', 'space = "home"', "'space' knows no 'home'"),
    ('client_id = "cantine"', f'client_id = "{"0" * 32}"', "shape of a person's subject"),
    ('client_id = "cantine"', 'client_id = "can:tine"', "'client_id' must be 2 to 64"),
    (f'client_secret_sha256 = "{DIGEST}"', "", "one of 'client_secret_file' and 'client_secret_sha256'"),
    (f'client_secret_sha256 = "{DIGEST}"', 'client_secret_sha256 = "abc"', "must be the SHA-256"),
    (f'client_secret_sha256 = "{DIGEST}"', f'client_secret_sha256 = "{digest("")}"', "must be the SHA-256"),
    (f'client_secret_sha256 = "{DIGEST}"', 'client_secret_file = "absent"', "cannot be read (FileNotFoundError)"),
    (f'client_secret_sha256 = "{DIGEST}"', 'client_secret_file = "a\\u0000b"', "cannot be read (ValueError)"),
    (f'client_secret_sha256 = "{DIGEST}"', 'client_secret_file = "short"', "at least 43 characters"),
    (f'client_secret_sha256 = "{DIGEST}"', 'client_secret_file = "binary"', "cannot be read (UnicodeDecodeError)"),
    (f'client_secret_sha256 = "{DIGEST}"', 'client_secret = "clear"', "unknown key 'client_secret'"),
    ('["https://cantine.example/retour"]', "[]", "'redirect_uris' must name at least 1"),
    ("https://cantine.example/retour", "http://cantine.example/retour", "must be https"),
    ("https://cantine.example/retour", "https://cantine.example/*", "wildcard"),
    ("https://cantine.example/retour", "https://cantine.example/#x", "fragment"),
    ('scopes = ["openid", "children"]', 'scopes = ["children"]', "'scopes' needs 'openid'"),
    ('scopes = ["openid", "children"]', 'scopes = ["openid", "mobile"]', "'scopes' knows no 'mobile'"),
    ('scopes = ["openid", "children"]', 'scopes = ["openid"]\nsigning_alg = "HS256"', "'signing_alg' knows no 'HS256'"),
    (
        'scopes = ["openid", "children"]', 'scopes = ["openid"]\nauth_method = "none"',
        "'auth_method' is 'none' for a native or browser client",
    ),
    ('scopes = ["openid", "children"]', 'scopes = ["openid"]\npkce = false', "'pkce = false' needs 'pkce_reason'"),
    (
        'scopes = ["openid", "children"]', 'scopes = ["openid"]\npkce_reason = "Ancien."',
        "'pkce_reason' goes with 'pkce = false'",
    ),
    (
        'scopes = ["openid", "children"]', 'scopes = ["openid"]\npkce = false\npkce_reason = "A."\nkind = "native"',
        "'pkce = false' is never for a client without a secret",
    ),
    (
        'scopes = ["openid", "children"]', 'scopes = ["openid"]\npkce = false\npkce_reason = "A."\nprofile = "fapi2"',
        "'pkce = false' is never for a client of profile",
    ),
    ('[[instances]]\nurl = "https://cantine.example/"', "", "at least 1 [[instances]]"),
    ('url = "https://cantine.example/"', 'url = "cantine.example"', "must be an absolute https address"),
    ('url = "https://cantine.example/"', 'url = "https://c.example/"\nuai = "1"', "'1' is not a UAI"),
    ("[[instances]]", '[[instances]]\nurl = "https://a.example/"\n[[instances]]', "two addresses"),
    ('[[instances]]\nurl = "https://cantine.example/"', "instances = 3", "must be a list of tables"),
)  # fmt: skip


@pytest.mark.parametrize(("old", "new", "reason"), FAULTS, ids=[reason for _, _, reason in FAULTS])
def test_a_fault_is_told_with_its_file_and_the_good_descriptor_has_none(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    (tmp_path / "short").write_text("secret", "ascii")
    (tmp_path / "binary").write_bytes(b"\xff" * 50)
    assert GOOD.count(old) >= 1
    text = GOOD.replace(old, new) if "instances = 3" not in new else "instances = 3\n" + GOOD.replace(old, "")
    told = problems(tmp_path, cantine=text)
    assert [reason in problem for problem in told].count(True) >= 1, told
    assert all(re.match(r"cantine\.toml:\d+: ", problem) for problem in told)
    assert load(tmp_path, cantine=GOOD).all()


def test_every_fault_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    told = problems(
        tmp_path,
        un=GOOD.replace('tenant = "ville"', "").replace("TUT", "PARENT"),
        deux=GOOD.replace("https://cantine.example/retour", "http://cantine.example/retour"),
        trois="not toml",
    )
    assert {problem.partition(":")[0] for problem in told} == {"un.toml", "deux.toml", "trois.toml"}
    assert len([problem for problem in told if problem.startswith("un.toml")]) == 2


def test_a_secret_never_comes_out_of_a_fault(tmp_path: Path) -> None:
    told = problems(tmp_path, un=GOOD.replace("client_secret_sha256", "client_secret"))
    assert DIGEST not in " ".join(told)


def test_two_services_never_share_an_identifier_or_a_client(tmp_path: Path) -> None:
    told = problems(tmp_path, un=GOOD, deux=GOOD)
    assert any("service_id 'cantine' is declared twice" in problem for problem in told)
    assert any("client_id 'cantine' is declared twice" in problem for problem in told)
