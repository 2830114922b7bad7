"""Entries of a folder of policies: read, left alone, or refused; no pipe is opened, no symbolic link overlooked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from broker.domain.errors import PolicyError
from policies import load_book
from policies.folders import followed

RULE = '@id("v.closed") @reason("Fermé.") forbid (principal, action == Action::"access", resource);\n'


def problems(folder: Path) -> tuple[str, ...]:
    try:
        load_book(None, folder, ["ville"])
    except PolicyError as fault:
        return fault.problems
    return ()


@pytest.fixture
def ville(tmp_path: Path) -> Path:
    place = tmp_path / "ville"
    place.mkdir()
    return place


@pytest.mark.parametrize("name", ["access.CEDAR", "access.cedar.txt", "sessions.TOML", "README"])
def test_a_file_that_nobody_would_read_is_refused(tmp_path: Path, ville: Path, name: str) -> None:
    for place in (tmp_path, ville):
        (place / name).write_text(RULE, encoding="utf-8")
        assert problems(tmp_path) == (f"{place / name}: unknown policy file",)
        (place / name).unlink()
    assert problems(tmp_path) == ()


def test_a_folder_within_a_tenants_is_refused_but_its_examples(tmp_path: Path, ville: Path) -> None:
    (ville / "examples").mkdir()
    (ville / "sub").mkdir()
    assert problems(tmp_path) == (f"{ville / 'sub'}: a tenant's folder holds no folder but examples",)
    (ville / "sub").rmdir()
    assert problems(tmp_path) == ()


@pytest.mark.parametrize("name", [".access.cedar.swp", ".git", "access.cedar~", "#access.cedar#", "x.swo", "_notes.md"])
def test_hidden_files_and_what_editors_leave_are_left_alone(tmp_path: Path, ville: Path, name: str) -> None:
    (ville / name).write_text("permit (", encoding="utf-8")
    assert problems(tmp_path) == ()
    assert ville / name not in followed(tmp_path)


def test_a_pipe_is_refused_and_not_opened(tmp_path: Path, ville: Path) -> None:
    """Opening one to read waits until somebody writes."""
    os.mkfifo(ville / "access.cedar")
    (ville / "linking.toml").mkdir()
    (ville / "sessions.toml").symlink_to("/dev/zero")
    assert problems(tmp_path) == tuple(
        f"override of ville/{name}:1: is no regular file" for name in ("access.cedar", "linking.toml", "sessions.toml")
    )


def test_a_tenants_folder_may_be_a_symbolic_link_and_is_followed(tmp_path: Path) -> None:
    real, overrides = tmp_path / "real", tmp_path / "overrides"
    real.mkdir()
    overrides.mkdir()
    (overrides / "ville").symlink_to(real)
    (real / "access.cedar").write_text(RULE, encoding="utf-8")
    assert followed(overrides) == (overrides / "ville", overrides / "ville" / "access.cedar")
    assert "v.closed" in {rule.id for rule in load_book(None, overrides, ["ville"]).of("ville").rules()}


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path, ville: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (ville / "access.cedar").write_text(RULE, encoding="utf-8")
    opened = Path.open

    def refused(path: Path, mode: str = "r") -> object:
        if path.name == "access.cedar" and path.parent == ville:
            raise PermissionError
        return opened(path, mode)

    monkeypatch.setattr(Path, "open", refused)
    assert problems(tmp_path) == ("override of ville/access.cedar:1: cannot be read",)


def test_a_folder_that_cannot_be_listed_is_told(tmp_path: Path, ville: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != ville and allowed(path, mode))
    assert problems(tmp_path) == (f"{ville}: cannot be read",)
    assert followed(tmp_path / "none") == ()
