"""The command line as a whole: every sub-command is there, and wrong usage is told as such."""

from __future__ import annotations

import pytest

from broker import __version__
from broker.__main__ import MODULES, build_parser, main
from broker.domain.errors import ImportBusy, SettingsError

COMMANDS = (
    "serve", "work", "demo", "check", "settings example", "import aaf", "person find", "person show", "person restrict",
    "person unrestrict", "service list", "service show", "keys list", "explain access", "explain release",
    "policy test", "audit verify", "db upgrade",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_sub_command_tells_what_it_does(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([*command.split(), "--help"])
    assert left.value.code == 0
    assert f"preau {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "line", ["", "sevre", "import", "import aaf", "import aaf x", "person find", "check --jsn", "audit verify --ten x",
             "import aaf x --feed f --dry-run --confirm", "explain access --role king"]
)  # fmt: skip
def test_wrong_usage_leaves_with_2(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(line.split())
    assert left.value.code == 2
    assert "usage: preau" in capsys.readouterr().err


def test_each_module_adds_the_commands_that_are_told_of_it() -> None:
    choices = [list(build_parser(name)._subparsers._group_actions[0].choices) for name in MODULES]  # type: ignore[union-attr]
    assert list(build_parser()._subparsers._group_actions[0].choices) == list(MODULES)  # type: ignore[union-attr]
    assert all(name in added for name, added in zip(MODULES, choices, strict=True))


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"preau {__version__}\n"


def run_raising(fault: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    def fail(_args: object) -> int:
        raise fault

    parser = build_parser()
    parser.set_defaults(run=fail)
    monkeypatch.setattr("broker.__main__.build_parser", lambda _command: parser)
    monkeypatch.setattr("broker.cli.check.check", fail)
    for action in parser._subparsers._group_actions[0].choices.values():  # type: ignore[union-attr]
        action.set_defaults(run=fail)
    return main(["check"])


def test_every_problem_of_the_setup_is_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_raising(SettingsError(("a: b", "c: d")), monkeypatch) == 1
    assert capsys.readouterr().err == "preau: a: b\npreau: c: d\n"


def test_an_expected_error_is_a_sentence_with_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_raising(ImportBusy("feed 99-2d"), monkeypatch) == 1
    assert capsys.readouterr().err == "preau: PRE-4003: feed 99-2d\n"


def test_an_error_without_cause_says_what_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_raising(ImportBusy(), monkeypatch) == 1
    assert capsys.readouterr().err == "preau: PRE-4003: Another import is running, of this feed or of another one.\n"


def test_ctrl_c_is_told_as_shells_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_raising(KeyboardInterrupt(), monkeypatch) == 130
    assert capsys.readouterr().err == ""
