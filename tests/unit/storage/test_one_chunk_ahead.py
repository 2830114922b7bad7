"""Preparing one chunk ahead: only a guess, used when it was made for the right place and nothing concerns it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from broker.domain.founding import FoundingPlan
from broker.domain.imports import ImportRun, ImportState
from broker.storage.sql_imports_ahead import Ahead
from broker.storage.sql_reconcile import PreparedFounding

RUN = ImportRun(
    import_id="imp_1",
    feed="f",
    tenant="t",
    academie="99",
    complete=True,
    checksum="c",
    made_on=None,
    state=ImportState.APPLYING,
    started_at=datetime(2026, 9, 8, tzinfo=UTC),
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A prepared chunk; `seen` is what had been written when it was prepared."""

    moved: ImportRun
    keys: frozenset[str]
    seen: tuple[int, ...]

    def concerns(self, later: Piece) -> bool:
        return not self.keys.isdisjoint(later.keys)


class Work:
    """Five chunks over a log of what was written; some share a key."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys
        self.written: list[Piece] = []
        self.threads: list[bool] = []
        self.ahead: Ahead[Piece] = Ahead()

    def prepare(self, run: ImportRun) -> Piece | None:
        self.threads.append(threading.current_thread() is threading.main_thread())
        if run.cursor == len(self.keys):
            return None
        seen = tuple(piece.moved.cursor for piece in self.written)
        return Piece(replace(run, cursor=run.cursor + 1), frozenset(self.keys[run.cursor]), seen)

    def step(self, run: ImportRun, *, full: int = 1) -> ImportRun | None:
        return self.ahead.step(run, prepare=self.prepare, write=self.written.append, full=full)

    def all(self, *, full: int = 1) -> list[int]:
        run: ImportRun | None = RUN
        while run is not None:
            run = self.step(run, full=full)
        return [piece.moved.cursor for piece in self.written]


def test_every_chunk_is_written_once_in_its_order() -> None:
    work = Work("a", "b", "c", "d")
    assert work.all() == [1, 2, 3, 4]
    assert work.threads == [True, False, False, False, False]


def test_a_chunk_that_the_one_before_concerns_is_prepared_after_it() -> None:
    work = Work("a", "ab", "b", "c")
    assert work.all() == [1, 2, 3, 4]
    assert work.written[1].seen == (1,)
    assert work.written[2].seen == (1, 2)


def test_behind_a_chunk_that_is_not_full_nothing_is_prepared() -> None:
    work = Work("a", "b", "c")
    assert work.all(full=5) == [1, 2, 3]
    assert work.threads == [True, True, True, True]


def test_what_was_prepared_for_another_place_is_not_used() -> None:
    work = Work("a", "b", "c")
    work.step(RUN)
    elsewhere = replace(RUN, import_id="imp_2", cursor=1)
    moved = work.step(elsewhere)
    assert moved == replace(elsewhere, cursor=2)


def test_a_failure_ahead_is_met_when_the_chunk_has_its_turn() -> None:
    work = Work("a", "b")
    calls = []

    def prepare(run: ImportRun) -> Piece | None:
        calls.append(run.cursor)
        if run.cursor == 1:
            raise ZeroDivisionError
        return work.prepare(run)

    moved = work.ahead.step(RUN, prepare=prepare, write=work.written.append, full=1)
    assert moved is not None
    with pytest.raises(ZeroDivisionError):
        work.ahead.step(moved, prepare=prepare, write=work.written.append, full=1)
    assert calls == [0, 1, 1]


def test_a_write_that_fails_leaves_no_thread_and_is_done_again() -> None:
    work = Work("a", "b")

    def fail(_piece: Piece) -> None:
        raise KeyboardInterrupt

    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        work.ahead.step(RUN, prepare=work.prepare, write=fail, full=1)
    assert threading.active_count() == threads
    assert work.all() == [1, 2]


def founding(cursor: int, *, phase: int = 11, **looked_at: str) -> PreparedFounding:
    sets = {name: frozenset(looked_at.get(name, "").split()) for name in ("keys", "numbers", "persons")}
    return PreparedFounding(moved=replace(RUN, phase=phase, cursor=cursor), plan=FoundingPlan(), **sets)


@pytest.mark.parametrize("what", ["keys", "numbers", "persons"])
def test_founding_waits_for_the_chunk_that_looked_at_the_same(what: str) -> None:
    first = founding(1, **{what: "a b"})
    assert first.concerns(founding(2, **{what: "b c"}))
    assert not first.concerns(founding(2, **{what: "c d"}))


def test_founding_guardians_waits_for_the_last_pupils() -> None:
    assert founding(1).concerns(founding(2, phase=12))
