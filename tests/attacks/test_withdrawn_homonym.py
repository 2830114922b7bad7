"""A father whose right was taken back, and another man of his given name beside the child: the right stays closed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from broker.storage.engine import open_engine
from broker.storage.sql_purge import SqlPurge
from tests import aaf
from tests.clock import FakeClock
from tests.contract.statements import without_fsync
from tests.contract.test_withdrawals import FATHER_1D, INE, MOTHER_1D, Family
from tests.imports import FATHER, MOTHER, Desk
from tests.retention import shipped_spans

HOMONYM = "500103$20$0$1$1$0"
CONTACT, REWORDED = "500103$20$0$3$1$0", "500103$20$1$1$1$1"
FORMER = FATHER.replace("$1$0$0", "$3$0$0")


@pytest.fixture
def family(sqlite_url: str, clock: FakeClock, tmp_path: Path) -> Iterator[Family]:
    engine = without_fsync(open_engine(sqlite_url))
    yield Family(Desk(engine, clock), tmp_path)
    engine.dispose()


def second(family: Family, day: int, *relations: str, child: bool = True) -> None:
    """The file of the second degree, with two men of one given name and civility."""
    adults = [aaf.guardian("500101")] + [
        aaf.guardian(key, family=name, given="Goulven", title="M.")
        for key, name in (("500102", "QUEMENEUR"), ("500103", "LE GOFF"))
    ]
    pupils = [aaf.pupil("1", *relations, given="Titouan", born="02/05/2018", ine=INE)] if child else []
    others = [aaf.pupil("2", MOTHER, FATHER, HOMONYM, given="Nolwenn", ine="990000004DJ")]
    family._deliver(day, "2D", [aaf.school()], pupils + others, adults)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((HOMONYM,), (HOMONYM,)),
        ((HOMONYM,), (REWORDED,)),
        ((CONTACT,), (HOMONYM,)),
        ((HOMONYM,), (HOMONYM, FORMER)),
        ((), (HOMONYM, FORMER)),
    ],
    ids=["all along", "reworded", "a contact before", "father as contact", "father as contact, newcomer"],
)  # fmt: skip
def test_another_man_of_the_name_does_not_give_it_back(
    family: Family, before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    family.first(1, MOTHER_1D, FATHER_1D)
    second(family, 2, MOTHER, FATHER, *before)
    assert family.sees("99-1d:610102")
    second(family, 5, MOTHER, *after)
    assert not family.sees("99-1d:610102")


def test_that_he_stood_there_is_not_forgotten_while_it_closes(family: Family) -> None:
    family.first(1, MOTHER_1D, FATHER_1D)
    second(family, 2, MOTHER, FATHER, HOMONYM)
    second(family, 5, MOTHER, REWORDED)
    purge = SqlPurge(family.desk.engine, kept=shipped_spans)
    purge.purge(now=family.desk.clock() + timedelta(days=365 * 5), limit=1000)
    assert not family.sees("99-1d:610102")


def test_nor_does_one_who_comes_back_with_the_child(family: Family) -> None:
    family.first(1, MOTHER_1D, FATHER_1D)
    second(family, 2, MOTHER, FATHER, HOMONYM)
    second(family, 3, child=False)
    second(family, 5, MOTHER, HOMONYM)
    assert not family.sees("99-1d:610102")


def test_one_who_takes_the_place_does(family: Family) -> None:
    """The key and the family name changed: nothing tells this from a renaming."""
    family.first(1, MOTHER_1D, FATHER_1D)
    second(family, 2, MOTHER, FATHER)
    second(family, 5, MOTHER, HOMONYM)
    assert family.sees("99-1d:610102")
