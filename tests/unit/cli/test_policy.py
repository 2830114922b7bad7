"""`preau policy test` tries the examples of every set of policies, tells what does not come true, and fails on it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from broker.__main__ import main

OWN = """
[[number]]
number = "sessions.shared_idle"
says = "dix minutes au CDI"
after = "9 min 59 s"
holds = true

[[number]]
number = "sessions.shared_idle"
says = "après dix minutes, la session est close"
after = "10 min 1 s"
holds = false
"""


@pytest.fixture
def overrides(tmp_path: Path) -> Path:
    """A folder in which tenant 99 overrides a number."""
    (tmp_path / "99" / "examples").mkdir(parents=True)
    (tmp_path / "99" / "sessions.toml").write_text('shared_idle = "10 min"\n', encoding="utf-8")
    return tmp_path


def test_the_shipped_policies_pass_and_an_empty_folder_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "test", str(tmp_path)]) == 0
    told = capsys.readouterr()
    assert [line.split()[0] for line in told.out.splitlines()] == ["POLICIES", "shipped", "installation"]
    assert told.err == ""


def test_what_does_not_come_true_is_told_in_words_and_fails(
    overrides: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "test", str(overrides)]) == 1
    told = capsys.readouterr()
    first, *rest = told.err.splitlines()
    assert first.startswith("preau: 99: examples/sessions.toml:4: sessions.shared_idle: ")
    assert first.endswith("no longer holds: it is 0:10:00")
    assert rest[0].startswith(
        f"preau: 99: {overrides}/99/sessions.toml:1: sessions.shared_idle: no example just before"
    )
    assert rest[-1].startswith("preau: examples written beside an override")
    assert told.out.splitlines()[-1].split()[:1] == ["99"]

    own = overrides / "99" / "examples" / "cdi.toml"
    own.write_text(OWN[: OWN.rindex("[[number]]")], encoding="utf-8")
    assert main(["policy", "test", str(overrides)]) == 1
    assert "no example just past its edge, 0:10:00" in capsys.readouterr().err
    wrong = OWN.replace("10 min 1 s", "5 min")
    own.write_text(OWN + wrong, encoding="utf-8")
    assert main(["policy", "test", str(overrides)]) == 1
    assert "still holds: it is 0:10:00" in capsys.readouterr().err
    own.write_text(OWN, encoding="utf-8")
    assert main(["policy", "test", str(overrides)]) == 0
    assert capsys.readouterr().err == ""


def test_machines_are_told_the_same(overrides: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "test", "--json", str(overrides)]) == 1
    sets = json.loads(capsys.readouterr().out)["sets"]
    assert [(each["set"], len(each["failed"]), len(each["missing"])) for each in sets] == [
        ("shipped", 0, 0),
        ("installation", 0, 0),
        ("99", 1, 2),
    ]
    (failed,) = sets[-1]["failed"]
    assert (failed["file"], failed["line"], failed["of"]) == ("examples/sessions.toml", 4, "sessions.shared_idle")
    assert sets[0]["policies"] == sets[1]["policies"] != sets[2]["policies"]


def test_every_fault_of_policies_and_of_examples_is_told_at_once(
    overrides: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (overrides / "access.cedar").write_bytes(b"\xff")
    (overrides / "linking.toml").mkdir()
    (overrides / "99" / "sessions.toml").write_text('shared_idle = "soon"\n', encoding="utf-8")
    (overrides / "99" / "examples" / "cdi.toml").write_text("[[number]]\n", encoding="utf-8")
    assert main(["policy", "test", str(overrides)]) == 1
    told = capsys.readouterr().err.splitlines()
    assert len(told) == len(set(told)) == 4
    for part in (
        "access.cedar:1: cannot be read",
        "linking.toml:1: is no regular file",
        "99/sessions.toml:1: ",
        "cdi.toml:1: ",
    ):
        assert [line for line in told if part in line], part


def test_a_folder_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "test", str(tmp_path / "none")]) == 1
    assert capsys.readouterr().err == f"preau: {tmp_path / 'none'}: no such folder\n"


def test_without_a_folder_the_settings_say_which(
    overrides: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[object] = []

    def settings_of(args: object) -> SimpleNamespace:
        told.append(args)
        return SimpleNamespace(policies_dir=overrides)

    monkeypatch.setattr("broker.cli.policy.settings_of", settings_of)
    assert main(["policy", "test"]) == 1
    assert "preau: 99: " in capsys.readouterr().err
    assert len(told) == 1
    assert main(["policy", "test", str(overrides / "99")]) == 1
    assert len(told) == 1, "a folder under test needs no settings"
