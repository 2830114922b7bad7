"""How a long count is kept: it goes on after an interruption, begins again for other code, and says what it proved."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests import proof_age
from tests.proof import evidence
from tests.proof.evidence import Proof, prove, prove_each

PROOF = Proof("sample", "a sample", count=3, seed=7, covers=("covered.py",))


class Interrupted(Exception):
    """Stands for a power cut."""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(evidence, "ROOT", tmp_path)
    monkeypatch.setattr(evidence, "EVIDENCE", tmp_path / "docs")
    monkeypatch.setattr(evidence, "PROGRESS", tmp_path / "var")
    monkeypatch.setattr(evidence, "commit", lambda: "c0ffee")
    (tmp_path / "covered.py").write_text("first")
    return tmp_path


def drawing(drawn: list[float], *, last: int = 99) -> Callable[[Random], int]:
    def batch(random: Random) -> int:
        if len(drawn) == last:
            raise Interrupted
        drawn.append(random.random())
        return 1

    return batch


def interrupted_after_two() -> list[float]:
    drawn: list[float] = []
    with pytest.raises(Interrupted):
        prove(PROOF, drawing(drawn, last=2))
    return drawn


def test_the_evidence_says_what_was_proven_how_often_and_of_which_code(root: Path) -> None:
    prove(PROOF, drawing([]))
    told = json.loads((root / "docs" / "sample.json").read_text(encoding="utf-8"))
    assert (told["name"], told["count"], told["seed"], told["commit"]) == ("sample", 3, 7, "c0ffee")
    assert (told["result"], told["covers"]) == ("holds", ["covered.py"])
    assert str(root) not in json.dumps(told)
    assert list((root / "var").iterdir()) == []


def test_an_interrupted_proof_goes_on_with_the_seeds_it_has_not_used(root: Path) -> None:
    whole: list[float] = []
    prove(PROOF, drawing(whole))
    drawn = interrupted_after_two()
    prove(PROOF, drawing(drawn))
    assert drawn == whole


def test_a_proof_of_code_that_changed_begins_again(root: Path) -> None:
    interrupted_after_two()
    (root / "covered.py").write_text("second")
    drawn: list[float] = []
    prove(PROOF, drawing(drawn))
    assert len(drawn) == 3


def test_what_fails_leaves_no_evidence(root: Path) -> None:
    interrupted_after_two()
    assert not (root / "docs").exists()


def test_a_proof_is_current_until_its_code_changes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof_age, "changed_since", lambda _commit, covers: covers)
    prove(PROOF, drawing([]))
    told = json.loads((root / "docs" / "sample.json").read_text(encoding="utf-8"))
    assert proof_age.state_of(told) == "current"
    (root / "covered.py").write_text("second")
    assert proof_age.state_of(told) == "older than its code (covered.py)"


def test_a_list_is_tried_whole_and_each_part_once(root: Path) -> None:
    tried: list[str] = []

    def part(name: str) -> Callable[[Random], int]:
        def batch(_random: Random) -> int:
            if len(tried) == 2 and "cut" not in tried:
                tried.append("cut")
                raise Interrupted
            tried.append(name)
            return 2

        return batch

    parts = [part("a"), part("b"), part("c")]
    with pytest.raises(Interrupted):
        prove_each(PROOF, parts)
    prove_each(PROOF, parts)
    assert tried == ["a", "b", "cut", "c"]
    assert json.loads((root / "docs" / "sample.json").read_text(encoding="utf-8"))["count"] == 6


def test_a_list_that_is_too_short_is_no_proof(root: Path) -> None:
    with pytest.raises(AssertionError, match="2 situations of 3"):
        prove_each(PROOF, [lambda _random: 2])
    assert not (root / "docs").exists()
