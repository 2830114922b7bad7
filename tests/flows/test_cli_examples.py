"""The shipped examples, used as their comments say, pass `preau check`; the commands in them make what they promise."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from broker.__main__ import main
from broker.storage.sealing import load_master_secret

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "services" / "examples").glob("*.toml"))
COMMAND = re.compile(r"\(umask 077; openssl rand .+?\)")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An installation of the examples alone; no secret is made yet."""
    for name in ("services", "secrets"):
        (tmp_path / name).mkdir()
    shutil.copy(ROOT / "preau.example.toml", tmp_path / "preau.toml")
    for example in EXAMPLES:
        shutil.copy(example, tmp_path / "services")
    return tmp_path


def commands_in(text: str) -> list[str]:
    return COMMAND.findall(text)


def obey(folder: Path) -> None:
    """Make the secrets with the very commands that the comments give."""
    settings = (folder / "preau.toml").read_text(encoding="utf-8")
    (master,) = commands_in(settings)
    own = [line for path in EXAMPLES for line in commands_in(path.read_text(encoding="utf-8"))]
    for command in (master.replace("FILE", "secrets/master"), *own):
        subprocess.run(["/bin/sh", "-c", command], cwd=folder, check=True, timeout=20)
    (folder / "secrets" / "educonnect").write_text("the secret of the contract\n", encoding="utf-8")
    (folder / "secrets" / "annuaire").write_text("the password of the reader\n", encoding="utf-8")


def test_the_examples_used_as_they_say_have_no_fault(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    obey(folder)
    assert main(["check", "--config", str(folder / "preau.toml")]) == 0
    assert capsys.readouterr().out == "settings, policies and services can be used\n"
    assert main(["db", "upgrade", "--config", str(folder / "preau.toml")]) == 0
    capsys.readouterr()
    assert main(["service", "list", "--config", str(folder / "preau.toml")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(EXAMPLES) == 3


def test_the_master_file_made_as_the_example_says_is_one_that_serve_takes(folder: Path) -> None:
    obey(folder)
    master = folder / "secrets" / "master"
    assert (master.stat().st_size, master.stat().st_mode & 0o777) == (32, 0o600)
    load_master_secret(master)


def test_without_their_secrets_each_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", str(folder / "preau.toml")]) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line for line in told if "secrets.master_file: " in line]
    assert [line for line in told if "sources.educonnect.client_secret_file: " in line]
    assert [line for line in told if "sources.annuaire.reader_password_file: " in line]
    for example in EXAMPLES:
        assert [line for line in told if f"{example.name}:" in line and "client_secret_file" in line]
