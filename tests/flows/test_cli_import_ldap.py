"""`preau import ldap`: the directory of an ENT, as preau.toml describes it, by the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.storage import schema
from tests.certificates import ThrowAwayCa
from tests.command_line import CommandLine, install
from tests.conftest import needs
from tests.directories import PEOPLE, READER, STRUCTURES, Ent, ent

pytestmark = pytest.mark.services

LINE = ("import", "ldap", "--feed", "ent")


@pytest.fixture(scope="module")
def server(throw_away_ca: ThrowAwayCa) -> Iterator[Ent]:
    needs("slapd")
    with ent(throw_away_ca) as running:
        yield running


@pytest.fixture
def desk(server: Ent, sqlite_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    folder = install(tmp_path / "here", database_url=sqlite_url)
    secret = folder / "secrets" / "reader"
    secret.write_text(server.secret, encoding="utf-8")
    secret.chmod(0o600)
    desk = CommandLine(folder, capsys)
    desk.add(
        f"""[[feeds]]
id = "ent"
tenant = "ac-test"
kind = "ldap"
url = "{server.url}"
reader_dn = "{READER}"
reader_password_file = "secrets/reader"
ca_file = "{server.ca}"
people_dn = "{PEOPLE}"
structures_dn = "{STRUCTURES}"
academies = {{ AC-TEST = "99" }}
"""
    )
    return desk


def change(desk: CommandLine, old: str, new: str) -> None:
    text = desk.config.read_text(encoding="utf-8")
    assert old in text
    desk.config.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_directory_is_rehearsed_imported_and_known_again(desk: CommandLine) -> None:
    assert desk.text("check")[0] == "settings, policies and services can be used\n"
    assert desk.json(*LINE, "--dry-run")["difference"]["kinds"]["pupil"]["added"] == 2
    assert desk.rows(schema.records, "id") == []
    done = desk.json(*LINE)
    assert (done["feed"], done["state"], done["counts"]["pupil_added"]) == ("ent", "done", 2)
    assert desk.json(*LINE)["state"] == "nothing_to_do"
    assert {academie for (academie,) in desk.rows(schema.records, "academie")} == {""}


def test_a_certificate_of_somebody_else_is_refused_before_anything_is_asked(
    desk: CommandLine, server: Ent, tmp_path: Path
) -> None:
    (tmp_path / "stranger").mkdir()
    stranger = ThrowAwayCa(tmp_path / "stranger")
    change(desk, f'ca_file = "{server.ca}"', f'ca_file = "{stranger.certificate}"')
    assert desk.refused(*LINE).startswith("PRE-5002: the directory's certificate was refused")
    assert desk.rows(schema.imports, "id") == []
    change(desk, f'ca_file = "{stranger.certificate}"', f'ca_file = "{server.ca}"')
    assert desk.json(*LINE)["state"] == "done"


@pytest.mark.parametrize("name", ["reader_dn", "people_dn", "structures_dn"])
def test_a_name_that_is_none_is_told_by_a_check_and_by_the_import(desk: CommandLine, name: str) -> None:
    sound = desk.config.read_text(encoding="utf-8")
    before = next(line for line in sound.splitlines() if line.startswith(name))
    change(desk, before, f'{name} = "personnes"')
    assert f"feeds.ent.{name}: no name of an entry" in desk.refused("check")
    assert f"feeds.ent.{name}: no name of an entry" in desk.refused(*LINE)
    desk.config.write_text(sound, encoding="utf-8")
    assert desk.json(*LINE)["state"] == "done"


def test_a_directory_is_not_handed_over_as_files(desk: CommandLine, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as usage:
        desk.json(*LINE, tmp_path)
    assert usage.value.code == 2
