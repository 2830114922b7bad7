"""What text messages of a month cost, as an administrator asks for it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from broker.__main__ import main
from broker.storage.engine import open_engine
from broker.storage.sql_sms_counts import SqlSmsCounts
from tests.command_line import CommandLine, install


@pytest.fixture
def desk(sqlite_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    engine = open_engine(sqlite_url)
    counts = SqlSmsCounts(engine)
    for uai, day, segments in (
        ("0990001A", date(2026, 9, 1), 3),
        ("0990001A", date(2026, 9, 30), 2),
        ("", date(2026, 9, 12), 1),
        ("0990001A", date(2026, 10, 1), 7),
        ("0990001A", date(2026, 12, 31), 9),
    ):
        counts.add(uai, day, segments)
    engine.dispose()
    return CommandLine(install(tmp_path / "site", database_url=sqlite_url), capsys)


def test_a_month_is_counted_from_its_first_day_to_its_last(desk: CommandLine) -> None:
    assert desk.json("report", "sms", "--month", "2026-09") == {
        "month": "2026-09", "segments": {"": 1, "0990001A": 5},
    }  # fmt: skip
    assert desk.json("report", "sms", "--month", "2026-12")["segments"] == {"0990001A": 9}
    assert desk.json("report", "sms", "--month", "2026-11")["segments"] == {}


def test_a_table_says_it_too(desk: CommandLine) -> None:
    assert desk.text("report", "sms", "--month", "2026-09")[0].split() == ["uai", "segments", "-", "1", "0990001A", "5"]


@pytest.mark.parametrize("month", ["2026", "2026-13", "septembre"])
def test_what_is_no_month_is_a_usage(desk: CommandLine, month: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(["report", "sms", "--month", month, "--config", str(desk.config)])
    assert end.value.code == 2
