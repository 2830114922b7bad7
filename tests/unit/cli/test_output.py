"""What sub-commands print: aligned, in JSON where asked, and never steering the terminal."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest

from broker.cli.output import Progress, complain, plain_text, print_json, print_pairs, print_table
from broker.domain.people import RecordKind


@dataclass(frozen=True, slots=True)
class Thing:
    name: str
    kinds: frozenset[RecordKind]
    at: datetime
    day: date


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_columns_are_as_wide_as_they_need(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("ID", "NAME"), [("a", "Léa"), ("long-id", None)])
    assert capsys.readouterr().out.splitlines() == ["ID       NAME", "a        Léa", "long-id"]


def test_pairs_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    print_pairs({"a": 1, "name": "x"})
    assert capsys.readouterr().out.splitlines() == ["a     1", "name  x"]


def test_what_steers_a_terminal_does_not_reach_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert plain_text("Léa\x1b[2J\u202eX\n") == "Léa�[2J�X�"
    complain(["bad\x1b]0;title\x07"])
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "preau: bad�]0;title�\n")


def test_instants_are_told_in_seconds_and_utc() -> None:
    assert plain_text(datetime(2026, 9, 1, 8, 5, 7, 12, tzinfo=UTC)) == "2026-09-01 08:05:07 UTC"


def test_json_takes_the_values_of_the_domain(capsys: pytest.CaptureFixture[str]) -> None:
    moment = datetime(2026, 9, 1, 8, 5, tzinfo=UTC)
    print_json([Thing("Léa", frozenset({RecordKind.PUPIL}), moment, moment.date())])
    told = capsys.readouterr().out
    assert "Léa" in told
    assert json.loads(told) == [
        {"name": "Léa", "kinds": ["pupil"], "at": "2026-09-01T08:05:00+00:00", "day": "2026-09-01"}
    ]


def test_a_bar_is_drawn_on_a_terminal_and_taken_away() -> None:
    terminal = Terminal()
    bar = Progress(terminal)
    bar.show("stage", 1200, None)
    bar.show("apply", 50, 100)
    bar.show("apply", 50, 100)
    bar.close()
    written = terminal.getvalue()
    assert "stage      1,200" in written
    assert written.count("50%") == 1
    assert "[###############               ]" in written
    assert written.endswith("\r\x1b[K")


def test_no_bar_is_drawn_elsewhere() -> None:
    plain = io.StringIO()
    bar = Progress(plain)
    bar.show("apply", 1, 2)
    bar.close()
    assert plain.getvalue() == ""
