"""Values that follow files: the last good one stays, problems are said once, and the watcher never dies."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest

from broker.domain.errors import PolicyError, StorageUnavailable
from broker.live import BACK_OFF, Fixed, Live, Part, Taken, Watcher, signature_of


@dataclass
class Source:
    """What a live value is read from: a text, its mark, and what goes wrong."""

    text: str = "one"
    mark: int = 0
    fails: Exception | None = None
    marks: list[int] = field(default_factory=list)
    reads: int = 0
    elapsed: float = 0.0

    def read(self) -> str:
        self.reads += 1
        if self.fails:
            raise self.fails
        return self.text

    def signature(self) -> Hashable:
        return self.marks.pop(0) if self.marks else self.mark

    def change(self, text: str) -> None:
        self.text, self.mark = text, self.mark + 1

    def live(self) -> Live[str]:
        return Live("texts", read=self.read, signature=self.signature, elapsed=lambda: self.elapsed)


def test_it_is_read_once_and_again_when_it_changed() -> None:
    source = Source()
    live = source.live()
    assert (live.current(), live.refresh(), source.reads) == ("one", False, 1)
    source.change("two")
    assert live.current() == "one"
    assert live.refresh()
    assert (live.current(), live.refresh()) == ("two", False)


def test_a_faulty_text_keeps_the_last_good_one_and_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    source = Source()
    live = source.live()
    source.change("two")
    source.fails = PolicyError(("a.cedar:3: no", "b.toml:1: neither"))
    with caplog.at_level(logging.ERROR, logger="broker.live"):
        assert [live.refresh() for _ in range(3)] == [False, False, False]
    assert [record.getMessage().partition("taken: ")[2] for record in caplog.records] == [
        "a.cedar:3: no",
        "b.toml:1: neither",
    ]
    assert (live.current(), source.reads) == ("one", 2)
    source.fails = None
    source.change("two")
    assert live.refresh()
    assert live.current() == "two"


def test_a_faulty_text_that_stays_as_it_is_is_read_again_after_a_minute() -> None:
    source = Source()
    live = source.live()
    source.change("two")
    source.fails = PolicyError(("a.toml:1: its secret cannot be read",))
    assert not live.refresh()
    source.fails = None
    source.elapsed = BACK_OFF - 1
    assert (live.refresh(), live.current()) == (False, "one")
    source.elapsed = BACK_OFF
    assert (live.refresh(), live.current()) == (True, "two")
    source.elapsed = 10 * BACK_OFF
    assert (live.refresh(), source.reads) == (False, 3)


def test_what_is_sound_may_be_taken_beside_what_is_not(caplog: pytest.LogCaptureFixture) -> None:
    source = Source()
    told: tuple[str, ...] = ("b.toml:1: no",)
    live = Live(
        "texts",
        read=source.read,
        signature=source.signature,
        again=lambda last: Taken(f"{last} {source.text}", told),
        elapsed=lambda: source.elapsed,
    )
    source.change("two")
    with caplog.at_level(logging.ERROR, logger="broker.live"):
        assert (live.refresh(), live.current()) == (True, "one two")
        assert (live.refresh(), live.current()) == (False, "one two")
        told = ("b.toml:1: no", "c.toml:1: neither")
        source.change("three")
        assert (live.refresh(), live.current()) == (True, "one two three")
    assert [record.getMessage().partition("taken: ")[2] for record in caplog.records] == list(told)
    source.elapsed = BACK_OFF
    assert live.refresh()


def test_a_repaired_thing_beside_the_files_is_found_without_their_change() -> None:
    source = Source()
    live = source.live()
    source.change("two")
    source.fails = StorageUnavailable("away")
    assert not live.refresh()
    source.fails = None
    assert live.refresh()


def test_what_is_still_being_written_is_not_taken() -> None:
    source = Source()
    live = source.live()
    source.text, source.marks = "half", [1, 2, 3, 4, 5, 6]
    assert not live.refresh()
    assert live.current() == "one"
    source.change("whole")
    assert live.refresh()
    assert live.current() == "whole"


def test_what_cannot_be_read_at_the_start_stops_the_start() -> None:
    with pytest.raises(PolicyError):
        Source(fails=PolicyError(("a.cedar:3: no",))).live()


def test_a_part_follows_its_whole() -> None:
    source = Source()
    live = source.live()
    length: Part[str, int] = Part(live, len)
    assert (length.current(), Fixed(4).current()) == (3, 4)
    source.change("three")
    live.refresh()
    assert length.current() == 5


def test_a_signature_tells_content_changes_and_replacements(tmp_path: Path) -> None:
    file, other = tmp_path / "a.toml", tmp_path / "b.toml"
    file.write_text("one")
    seen = [signature_of([file, other])]
    file.write_text("longer")
    seen.append(signature_of([file, other]))
    other.write_text("longer")
    seen.append(signature_of([file, other]))
    other.rename(file)
    seen.append(signature_of([file, other]))
    assert len(set(seen)) == len(seen)


@dataclass
class Counting:
    """A value that counts looks, and may break or tell that it was looked at."""

    looks: int = 0
    then: Callable[[], None] = lambda: None

    def refresh(self) -> bool:
        self.looks += 1
        self.then()
        return False


def fail() -> None:
    raise RuntimeError("unforeseen")


def test_one_broken_value_does_not_keep_the_others_from_being_looked_at(caplog: pytest.LogCaptureFixture) -> None:
    broken, sound = Counting(then=fail), Counting()
    Watcher((broken, sound)).look()
    assert (broken.looks, sound.looks) == (1, 1)
    assert "a live value could not be looked at" in caplog.text


def test_the_watcher_looks_until_it_is_stopped_and_never_dies_of_a_fault() -> None:
    twice = Event()
    value = Counting()

    def look() -> None:
        if value.looks == 2:
            twice.set()
        fail()

    value.then = look
    watcher = Watcher((value,), period=0.001)
    watcher.start()
    assert twice.wait(10)
    watcher.stop()
    seen = value.looks
    watcher.look()
    assert value.looks == seen + 1


def test_a_watcher_that_was_never_started_stops_all_the_same() -> None:
    value = Counting()
    Watcher((value,)).stop()
    assert value.looks == 0
