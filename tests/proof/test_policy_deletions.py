"""Every character of every policy file deleted, one at a time, and slips of two besides: none passes unseen."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from policies.loader import SHIPPED
from tests.policy_slips import FILES, Judge, deletion, deletions, draw
from tests.proof.evidence import ROOT, Batch, Proof, prove_each

pytestmark = [pytest.mark.proof, pytest.mark.timeout(0)]

AT_ONCE = 500
DRAWN = 5_000
READING = (
    "calendar", "calendar_tables", "engine", "example_dates", "example_shapes", "example_text", "examples", "facts",
    "language", "layers", "loader", "numbers", "reach", "retention", "schema_facts", "text",
)  # fmt: skip
"""The modules between a file and a decision; those that put decisions into words are not among them."""

PROOF = Proof(
    name="policy_deletions",
    what=(
        "A shipped policy file (Cedar, schema, TOML) with one character deleted, at every position of every file, and "
        "5,000 times with two neighbours deleted or one or two characters replaced, is refused with file and line, or "
        "fails a shipped example, or changes only text (comments, reasons, legal bases: decisions and numbers equal); "
        "never a traceback"
    ),
    count=10_000,
    seed=20261122,
    covers=(
        *(f"policies/{file}" for file in FILES),
        *(f"policies/{module}.py" for module in READING),
        *(str(path.relative_to(ROOT)) for path in sorted((SHIPPED / "examples").glob("*.toml"))),
        "broker/domain/toml_text.py",
        "tests/policy_slips.py",
    ),
)


def batches(judge: Judge) -> list[Batch]:
    """Every deletion in portions, then the drawn slips."""
    places = list(deletions())
    portions = [places[start : start + AT_ONCE] for start in range(0, len(places), AT_ONCE)]
    return [*(deleting(judge, portion) for portion in portions), *(drawing(judge) for _ in range(DRAWN // AT_ONCE))]


def deleting(judge: Judge, places: Sequence[tuple[str, int]]) -> Batch:
    def batch(_random: Random) -> int:
        for file, position in places:
            judge.judge(deletion(file, position))
        return len(places)

    return batch


def drawing(judge: Judge) -> Batch:
    def batch(random: Random) -> int:
        for _ in range(AT_ONCE):
            judge.judge(draw(random))
        return AT_ONCE

    return batch


def test_no_slip_in_a_policy_file_passes_unseen() -> None:
    prove_each(PROOF, batches(Judge()))
