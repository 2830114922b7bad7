"""A large set is read in several processes: the same rows in the same order, and no process left behind."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from broker.directory.readers import batches_of
from broker.directory.reading_process import Task, read_portions
from broker.directory.staging import Stager
from broker.domain.errors import FeedRefused
from broker.domain.feed import FeedFault, FeedHeader, FeedPortion, FeedRow
from broker.domain.imports import Batch
from broker.storage.engine import open_engine
from connectors.aaf import AafFeed
from tests import aaf
from tests.clock import FakeClock
from tests.imports import MOTHER, Desk, export


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A set of several parts, with a malformed record, a warning, a foreign category and an unreadable table."""
    return aaf.write_set(
        tmp_path / "set",
        EtabEducNat=[aaf.school(uai="9990002A")],
        MefEducNat=[aaf.mef(), "<cut"],
        Eleve=[[aaf.pupil(str(n), MOTHER, born="x" if n == 7 else "14/03/2012") for n in p] for p in (range(9), [20])],
        PersRelEleve=[[aaf.guardian(str(500000 + n)) for n in range(12)], [aaf.guardian("500101")]],
        PersExt=["<x/>"],
    )


def stager() -> Stager:
    return Stager(in_charge_sees=False, size=4)


def read(folder: Path, *, processes: int, into: Stager) -> tuple[list[object], list[FeedFault], int]:
    batches = list(batches_of(AafFeed(), [folder], into, processes=processes, large=0))
    rows = [row for batch in batches for row in batch.rows]
    return rows, [fault for batch in batches for fault in batch.faults], batches[-1].staged


def test_several_readers_give_what_one_gives(folder: Path) -> None:
    alone, together = stager(), stager()
    assert read(folder, processes=1, into=alone) == read(folder, processes=3, into=together)
    assert (alone.counts, alone.broken) == (together.counts, together.broken)
    assert alone.counts == {"faults": 2, "warnings": 2}


def test_the_portions_of_a_set_add_up_to_the_set(folder: Path) -> None:
    reader = AafFeed()
    portions = reader.portions([folder])
    apart = [item for portion in portions for item in reader.read([folder], portion=portion.name)]
    assert apart == list(reader.read([folder]))
    assert [portion.name.split("_")[3] for portion in portions][:3] == ["MefEducNat", "EtabEducNat", "Eleve"]
    assert all(portion.size > 0 for portion in portions)


def test_an_import_by_several_readers_ends_in_the_same_directory(
    folder: Path, sqlite_url: str, postgres_url: str
) -> None:
    found = []
    for url, readers in ((sqlite_url, 1), (postgres_url, 3)):
        engine = open_engine(url)
        desk = Desk(engine, FakeClock())
        desk.run(folder, rules=replace(desk.rules, readers=readers, large=0))
        found.append(export(engine))
        engine.dispose()
    assert len(found[0]["records"]) == 22
    assert found[0] == found[1]


def reading_processes() -> list[str]:
    """Readers that this process started and that still run."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [child for child in children if b"reading_process" in Path(f"/proc/{child}/cmdline").read_bytes()]


@dataclass(frozen=True, slots=True)
class Dying:
    """A feed whose readers refuse their second portion, or die at it."""

    dies: bool

    def open(self, paths: object) -> FeedHeader:
        raise NotImplementedError

    def checksum(self, paths: object) -> str:
        raise NotImplementedError

    def portions(self, paths: object) -> tuple[FeedPortion, ...]:
        return (FeedPortion("one", 1), FeedPortion("two", 1), FeedPortion("three", 1))

    def read(self, paths: object, *, portion: str = "") -> Iterator[FeedRow | FeedFault]:
        for line in range(100):
            yield FeedFault(portion, line, "x" * 5_000)
        if portion == "two" and self.dies:
            os.kill(os.getpid(), 9)
        if portion == "two":
            raise FeedRefused("cut short")


@pytest.mark.parametrize(("dies", "told"), [(False, "cut short"), (True, "ended before")])
def test_a_reader_that_refuses_or_dies_refuses_the_set_and_leaves_no_process(dies: bool, told: str) -> None:
    batches: list[Batch] = []
    with pytest.raises(FeedRefused, match=told):
        batches.extend(batches_of(Dying(dies), [], stager(), processes=2, large=0))
    assert reading_processes() == []


def test_an_import_that_stops_early_leaves_no_process() -> None:
    batches = batches_of(Dying(dies=False), [], stager(), processes=2, large=0)
    assert isinstance(next(batches), Batch)
    assert len(reading_processes()) == 2
    batches.close()  # type: ignore[attr-defined]
    assert reading_processes() == []


def test_a_reader_writes_the_batches_of_each_portion_and_then_what_it_counted(folder: Path) -> None:
    portions = [portion.name for portion in AafFeed().portions([folder])[2:4]]
    out = io.BytesIO()
    read_portions(Task(AafFeed(), [folder], stager(), portions), out)
    out.seek(0)
    written = []
    while out.tell() < len(out.getvalue()):
        written.append(pickle.load(out))  # noqa: S301 - written three lines above
    assert [type(one) for one in written] == [Batch, Batch, Batch, Stager, Batch, Stager]
    assert [one.staged for one in written if isinstance(one, Batch)] == [4, 8, 9, 1]
    assert [one.counts for one in written if isinstance(one, Stager)] == [{"faults": 1}, {}]
