"""A sample of `tests/proof/test_policy_deletions.py`: no slip in a policy file passes unseen, none is a traceback."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

import policies
from broker.domain.errors import PolicyError
from tests.policy_slips import FILES, Judge, Outcome, Slip, copy_with, deletion, deletions, draw, text_of

SAMPLE = 150
SEED = 20261122


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


def sample() -> list[Slip]:
    random = Random(SEED)
    places = random.sample(list(deletions()), SAMPLE)
    return [*(deletion(file, position) for file, position in places), *(draw(random) for _ in range(SAMPLE))]


def test_no_slip_passes_unseen(judge: Judge) -> None:
    assert {judge.judge(slip) for slip in sample()} == set(Outcome)


def test_the_judge_refuses_what_loading_refuses(judge: Judge, tmp_path: Path) -> None:
    """It reads one file anew and the others once; a slip is told in the same words either way."""
    for slip in sample()[::10]:
        told = loaded(copy_with(slip, tmp_path))
        assert tuple(each for each in told if each in judge.problems(slip)) == judge.problems(slip), slip.what
        assert bool(told) == bool(judge.problems(slip)), slip.what


def loaded(folder: Path) -> tuple[str, ...]:
    try:
        policies.load(folder)
    except PolicyError as fault:
        return fault.problems
    return ()


@pytest.mark.parametrize(
    ("file", "was", "slip", "outcome"),
    [
        ("access.cedar", "&& context.assured }", "& context.assured }", Outcome.REFUSED),
        ("access.cedar", 'context.role == Role::"none"', 'context.role != Role::"none"', Outcome.SHOWN),
        ("access.cedar", "@reason(", "@rason(", Outcome.REFUSED),
        ("access.cedar", "// Guard rails", "// uard rails", Outcome.SAME),
        ("sessions.toml", '= "20 min"', '= "2 min"', Outcome.SHOWN),
        ("sessions.toml", '= "20 min"', '= "20 mi"', Outcome.REFUSED),
        ("sessions.toml", '= "20 min"', '= "20min"', Outcome.SAME),
        ("zones.toml", "[territories.reunion]", "[territories.runion]", Outcome.SHOWN),
        ("disconnect.toml", '"20:00"', '"19:00"', Outcome.SHOWN),
        ("retention.toml", 'why = "', 'why = "O', Outcome.SAME),
        ("schema.cedarschema", "// May this person", "// ay this person", Outcome.SAME),
        ("schema.cedarschema", '"low"', '"lw"', Outcome.REFUSED),
    ],
)
def test_each_outcome_is_told_apart(judge: Judge, file: str, was: str, slip: str, outcome: Outcome) -> None:
    assert was in text_of(file)
    assert judge.judge(Slip(file, slip, text_of(file).replace(was, slip, 1))) is outcome


def test_a_change_that_no_example_shows_is_condemned(judge: Judge) -> None:
    """The judge can: a territory that holds no school is in no example, and is not what was shipped."""
    here = "[territories.guyane]"
    more = '[territories.ici]\ndepartements = ["999"]\nacademies = []\ntime_zone = "Europe/Paris"\n'
    unseen = text_of("zones.toml").replace(here, f'{more}public_holidays = "Métropole"\n{here}')
    assert judge.judge(Slip("zones.toml", "a new territory", unseen)) is Outcome.SHOWN
    silent = unseen.replace('departements = ["999"]', "departements = []")
    with pytest.raises(AssertionError, match="no example shows it"):
        judge.judge(Slip("zones.toml", "a territory of nobody", silent))


def test_every_position_of_every_file_is_a_deletion() -> None:
    assert len(list(deletions())) == sum(len(text_of(file)) for file in FILES) > 10_000
