"""`preau contain` on the town: counts first, then the act; who is not meant is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from broker.__main__ import main
from broker.demo.people import uai
from tests.servers import free_port

SCHOOL, SMALL = uai(9990002), uai(9990004)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("town")
    assert main(["demo", "--data", str(folder), "--port", str(free_port()), "--prepare-only"]) == 0
    return folder


def told(town: Path, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    config = str(town / "preau.toml")
    assert main(["contain", *words, "--reason", "vol de comptes", "--json", "--config", config]) == 0
    return json.loads(capsys.readouterr().out)


def refused(town: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(["contain", *words, "--config", str(town / "preau.toml")]) == 1
    return capsys.readouterr().err


def test_it_counts_first_and_acts_only_when_confirmed(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counted = told(town, capsys, "--school", SCHOOL, "--measure", "close")
    assert counted["persons"] > 0
    assert not counted["done"]
    done = told(town, capsys, "--school", SCHOOL, "--measure", "close", "--confirm")
    assert done["done"]
    assert done["persons"] == counted["persons"]


def test_letters_for_a_schools_families_are_ready_with_it(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = town / "lettres.pdf"
    told(town, capsys, "--school", SMALL, "--measure", "reproof", "--letters", str(target), "--confirm")
    assert target.read_bytes().startswith(b"%PDF")
    assert target.stat().st_mode & 0o077 == 0
    assert "cannot be written" in refused(
        town, capsys, "--school", SMALL, "--letters", str(target), "--confirm", "--reason", "vol"
    )
    assert "goes with --school" in refused(
        town, capsys, "--source", "educonnect", "--letters", str(town / "x.pdf"), "--reason", "vol"
    )


def test_nobody_can_be_meant_by_saying_nothing(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "say who" in refused(town, capsys, "--reason", "vol")
    assert "no source" in refused(town, capsys, "--source", "nulle-part", "--reason", "vol")
    assert "--reason" in refused(town, capsys, "--school", SCHOOL, "--reason", " ")
