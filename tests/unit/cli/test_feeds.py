"""`preau import`: waiting for another import to end."""

from __future__ import annotations

import pytest

from broker.cli.feeds import Patience
from broker.domain.errors import ImportBusy


def test_who_waits_is_told_once_for_which_import(capsys: pytest.CaptureFixture[str]) -> None:
    pauses: list[float] = []
    patience = Patience(pause=pauses.append)
    for cause in ("run imp_1 of feed a is at work", "run imp_1 of feed a is at work", "run imp_2 of feed b is at work"):
        patience(ImportBusy(cause))
    assert pauses == [5.0] * 3
    told = capsys.readouterr().err
    assert told.splitlines() == [
        "preau: waiting: run imp_1 of feed a is at work",
        "preau: waiting: run imp_2 of feed b is at work",
    ]
