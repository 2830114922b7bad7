"""The mass-change guard and what holds records together: a set that contradicts too much of it waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.directory import ImportRules, Intent
from broker.domain.errors import ImportHeld
from broker.domain.school import ine_is_plausible
from tests import aaf
from tests.clock import FakeClock
from tests.flows.test_import_corrected import states
from tests.imports import FEED_1D, Desk

RULES = ImportRules(chunk=7)
MANY = 12
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
NUMBERS = tuple(
    islice(
        (
            ine
            for number in range(990000003, 990001000)
            for one in _LETTERS
            for two in _LETTERS
            if ine_is_plausible(ine := f"{number}{one}{two}")
        ),
        2 * MANY,
    )
)


@pytest.fixture
def desk(sql_engine: Engine, clock: FakeClock) -> Desk:
    return Desk(sql_engine, clock, rules=RULES)


def primary(folder: Path, numbers: Sequence[str], *, day: str = "20260901") -> Path:
    pupils = [aaf.pupil_1d(str(1000 + i), f"{600000 + i}$10", ine=ine) for i, ine in enumerate(numbers)]
    parents = [aaf.guardian(str(600000 + i), degree="1D", given="Aline") for i in range(len(numbers))]
    school = aaf.school("9001", aaf.SCHOOL_1D, kind="ECOLE ELEMENTAIRE")
    return aaf.write_set(folder, degree="1D", day=day, EtabEducNat=[school], Eleve=pupils, PersRelEleve=parents)


def college(folder: Path, numbers: Sequence[str], *, day: str = "20260901") -> Path:
    pupils = [
        aaf.pupil(str(3000 + i), f"{500000 + i}$10$0$1$0$0", given="Titouan", born="02/05/2018", ine=ine)
        for i, ine in enumerate(numbers)
    ]
    parents = [aaf.guardian(str(500000 + i), given="Aline") for i in range(len(numbers))]
    return aaf.write_set(folder, day=day, EtabEducNat=[aaf.school()], Eleve=pupils, PersRelEleve=parents)


@pytest.fixture
def town(desk: Desk, tmp_path: Path) -> Desk:
    desk.run(primary(tmp_path / "1d", NUMBERS[:MANY]), feed=FEED_1D)
    desk.run(college(tmp_path / "2d", NUMBERS[:MANY]))
    return desk


def frozen(desk: Desk) -> list[str]:
    return sorted(record for record, state in states(desk).items() if state == "frozen")


def test_a_set_without_any_number_freezes_nobody(town: Desk, tmp_path: Path) -> None:
    report = town.run(college(tmp_path / "x", [""] * MANY, day="20260902"))
    assert report.counts is not None
    assert (frozen(town), report.counts["unproven_same_ine"]) == ([], MANY)


@pytest.mark.parametrize("by_way_of_silence", [False, True], ids=["at once", "left out first"])
def test_a_set_with_shifted_numbers_waits(town: Desk, tmp_path: Path, by_way_of_silence: bool) -> None:
    if by_way_of_silence:
        town.run(college(tmp_path / "x", [""] * MANY, day="20260902"))
    shifted = college(tmp_path / "y", NUMBERS[MANY:], day="20260903")
    with pytest.raises(ImportHeld, match=f"{MANY} of {2 * MANY} joined records would contradict"):
        town.run(shifted)
    assert frozen(town) == []
    report = town.run(shifted, intent=Intent.CONFIRM)
    assert report.counts is not None
    assert (report.counts["joined_corrected"], len(frozen(town))) == (MANY, 2 * MANY)


def test_a_few_corrections_pass_and_small_steps_count_together(town: Desk, tmp_path: Path) -> None:
    some = [*NUMBERS[MANY : MANY + 10], *NUMBERS[10:MANY]]
    assert town.run(college(tmp_path / "x", some, day="20260902")).state == "done"
    with pytest.raises(ImportHeld, match="10 of them by the last runs"):
        town.run(college(tmp_path / "y", NUMBERS[MANY:], day="20260903"))
    rules = replace(RULES, mass_change_few=12)
    assert town.run(college(tmp_path / "z", NUMBERS[MANY:], day="20260904"), rules=rules).state == "done"


def test_the_first_feed_s_shifted_numbers_freeze_its_own_records_alone(town: Desk, tmp_path: Path) -> None:
    shifted = primary(tmp_path / "x", NUMBERS[MANY:], day="20260902")
    with pytest.raises(ImportHeld):
        town.run(shifted, feed=FEED_1D)
    town.run(shifted, feed=FEED_1D, intent=Intent.CONFIRM)
    assert {record.partition(":")[0] for record in frozen(town)} == {"99-1d"}
    town.run(primary(tmp_path / "y", NUMBERS[:MANY], day="20260903"), feed=FEED_1D)
    assert frozen(town) == []
