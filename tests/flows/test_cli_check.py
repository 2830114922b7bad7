"""`preau check` and `service` on a real folder of settings; a broken one is told whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.__main__ import main
from broker.demo.town import prepare
from broker.storage.sealing import load_master_secret


@pytest.fixture
def migrated(config: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The same, with its database: who asks for the register is told how it stands."""
    assert main(["db", "upgrade", "--config", config]) == 0
    capsys.readouterr()
    return config


@pytest.fixture
def config(tmp_path: Path) -> str:
    """The town's settings and services, as an administrator wrote them."""
    town = prepare(tmp_path, year=2026)
    load_master_secret(tmp_path / "secrets" / "master")
    return str(town.settings)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_sound_setup_is_said_to_be(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", config]) == 0
    assert capsys.readouterr().out == "settings, policies and services can be used\n"


def test_a_broken_setup_is_told_whole(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Path(config)
    edit(settings, "issuer = ", 'policies_dir = "policies"\nissuer = "http://sso.example.fr"\nissuer_ = ')
    edit(settings, 'academie = "99"', 'academie = "9"')
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "sessions.toml").write_text('\ncode = "soon"\n', encoding="utf-8")
    (tmp_path / "policies" / "access.cedar").write_text("permit (principal\n", encoding="utf-8")
    edit(tmp_path / "services" / "cantine.toml", "purpose", "porpoise")
    edit(tmp_path / "services" / "bourses.toml", "redirect_uris", "redirect_uri")
    assert main(["check", "--config", config]) == 1
    told = capsys.readouterr().err
    for problem in (
        "issuer_: unknown key (is issuer meant?)",
        "override of sessions.toml:2: code: a duration is wanted",
        "override of access.cedar:1: ",
        "cantine.toml:4: unknown key 'porpoise' (is 'purpose' meant?)",
        "parties[0]: unknown key 'redirect_uri' (is 'redirect_uris' meant?)",
    ):
        assert problem in told
    assert "Traceback" not in told


def test_faults_between_values_are_told_once_each_value_is_sound(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(Path(config), 'academie = "99"', 'academie = "9"')
    edit(Path(config), "[secrets]", "nothing = 1\n[secrets]")
    assert main(["check", "--config", config, "--json"]) == 1
    assert "unknown key" in json.loads(capsys.readouterr().out)["problems"][0]
    edit(Path(config), "nothing = 1\n", "")
    assert main(["check", "--config", config, "--json"]) == 1
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert problem.endswith("feeds.99-2d.academie: two digits are wanted")


def test_what_only_its_connector_sees_in_a_directory_is_told(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secrets" / "annuaire").write_text("lecture", encoding="utf-8")
    with Path(config).open("a", encoding="utf-8") as settings:
        settings.write(
            '[[sources]]\nid = "annuaire"\nkind = "ldap"\ntenant = "academie-fictive"\nlabel = { fr = "Lycée" }\n'
            'url = "ldaps://annuaire.example"\nreader_dn = "lecteur"\nreader_password_file = "secrets/annuaire"\n'
            'people_dn = "ou=personnes,dc=example"\nlogin_attributes = ["*"]\n'
        )
    assert main(["check", "--config", config]) == 1
    told = capsys.readouterr().err
    assert "sources.annuaire.reader_dn: no name of an entry" in told
    assert "sources.annuaire.login_attributes: * is no name of an attribute" in told


def test_a_service_of_no_tenant_is_told(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(tmp_path / "services" / "cantine.toml", 'tenant = "academie-fictive"', 'tenant = "commune"')
    assert main(["check", "--config", config]) == 1
    assert capsys.readouterr().err == "preau: cantine.toml:2: tenant commune is not among the tenants\n"


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda path: path.chmod(0o644), "is open to others than this user; give it mode 0600 and a new secret"),
        (lambda path: path.write_bytes(b"x" * 31), "must hold 32 to 4096 random bytes"),
        (lambda path: path.write_bytes(b"x" * 4097), "must hold 32 to 4096 random bytes"),
        (lambda path: path.unlink(), "is not a file; make it with: (umask 077; openssl rand -out FILE 32)"),
    ],
)
def test_check_and_upgrade_refuse_the_same_master_files_and_make_none(
    config: str, tmp_path: Path, spoil: Callable[[Path], None], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    master = tmp_path / "secrets" / "master"
    kept = master.read_bytes()
    spoil(master)
    there = master.exists()
    for command in (["check"], ["db", "upgrade"], ["serve"]):
        assert main([*command, "--config", config]) == 1, command
        (told,) = capsys.readouterr().err.splitlines()
        assert told.endswith(f"{master}: {fault}" if there else f"{master} {fault}"), command
        assert master.exists() == there
    master.unlink(missing_ok=True)
    master.write_bytes(kept)
    master.chmod(0o600)
    for command in (["check"], ["db", "upgrade"]):
        assert main([*command, "--config", config]) == 0, command


def test_a_bad_master_file_is_told_beside_other_faults(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secrets" / "master").chmod(0o640)
    edit(Path(config), 'academie = "99"', 'academie = "9"')
    assert main(["check", "--config", config]) == 1
    told = capsys.readouterr().err
    assert "academie: two digits are wanted" in told
    assert "secrets.master_file: " in told


def test_settings_that_are_not_there_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", str(tmp_path / "none.toml")]) == 1
    assert "no such file" in capsys.readouterr().err


def test_settings_that_are_no_toml_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "preau.toml").write_text("= 1", encoding="utf-8")
    assert main(["check", "--config", str(tmp_path / "preau.toml")]) == 1
    assert "preau.toml: " in capsys.readouterr().err


def test_services_are_listed_and_shown_without_their_secrets(migrated: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = migrated
    assert main(["service", "list", "--config", config]) == 0
    listed = capsys.readouterr().out
    assert [line.split()[0] for line in listed.splitlines()] == ["SERVICE", "bourses", "cantine", "vie-scolaire"]
    assert main(["service", "list", "--config", config, "--json"]) == 0
    whole = capsys.readouterr().out
    assert [service["service"] for service in json.loads(whole)] == ["bourses", "cantine", "vie-scolaire"]
    assert "digest" not in whole
    assert "secret_" not in whole.replace("client_secret_basic", "")
    assert main(["service", "show", "cantine", "--config", config]) == 0
    shown = capsys.readouterr().out
    assert "given_name  children" in shown
    assert {"profils", "levels", "schools", "claims", "parties"} <= {line.split()[0] for line in shown.splitlines()}
    assert main(["service", "show", "cantine", "--config", config, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["claims"] == ["given_name", "children"]


def test_a_client_without_pkce_is_shown_with_its_reason(
    migrated: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def client() -> dict[str, object]:
        assert main(["service", "show", "cantine", "--config", migrated, "--json"]) == 0
        shown: dict[str, object] = json.loads(capsys.readouterr().out)["parties"][0]
        return shown

    assert not {"pkce", "pkce_reason"} & client().keys()
    edit(
        tmp_path / "services" / "cantine.toml", "redirect_uris", 'pkce = false\npkce_reason = "Ancien."\nredirect_uris'
    )
    assert (client()["pkce"], client()["pkce_reason"]) == (False, "Ancien.")


def test_a_service_that_is_not_there_is_told(migrated: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["service", "show", "canteen", "--config", migrated]) == 1
    assert capsys.readouterr().err == "preau: no service canteen; there are: bourses, cantine, vie-scolaire\n"
