"""The lines about requests: what the general formatter would write, a moment later and all at once."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable

import pytest

from broker import request_lines
from broker.domain.handles import Handle, new_handle
from broker.logs import configure_logging, masked_text
from broker.request_lines import RequestLines
from broker.stores import utc_now

Written = Callable[[], list[str]]


def lines_to(stream: io.StringIO) -> RequestLines:
    return RequestLines(stream, utc_now, masked=masked_text)


def test_the_line_of_a_request_is_what_the_general_formatter_would_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written apart, because there is one a request; a reader of the log must not be able to tell."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", root.handlers[:])
    monkeypatch.setattr(root, "level", root.level)
    handle = new_handle(Handle.CODE)
    told = {"trace": "1-2-3", "method": "GET", "path": f'/é\n"/{handle}?code=x', "status": "200", "ms": 0.12}
    general, apart = io.StringIO(), io.StringIO()
    configure_logging("info", stream=general)
    logging.getLogger("broker.access").info("request", extra=told)
    lines = lines_to(apart)
    lines.note(**told)  # type: ignore[arg-type]
    assert apart.getvalue() == ""
    lines.flush()
    assert handle not in apart.getvalue() + general.getvalue()
    (one, other) = (json.loads(text.getvalue()) for text in (apart, general))
    assert list(one) == list(other) == sorted(one)
    assert len(one.pop("at")) == len(other.pop("at"))
    assert one == other


def test_a_line_cannot_be_forged_by_a_method_or_a_path() -> None:
    stream = io.StringIO()
    lines = lines_to(stream)
    lines.note(trace='1"', method='GET"}\n{', path='/x"}\n{"event": "forged"}\u2028', status="200", ms=1.0)
    lines.flush()
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["event"] == "request"


def test_lines_keep_their_order_and_come_once() -> None:
    stream = io.StringIO()
    lines = lines_to(stream)
    for place in range(5):
        lines.note(trace="t", method="GET", path=f"/{place}", status="200", ms=1.0)
    lines.flush()
    lines.flush()
    assert [json.loads(line)["path"] for line in stream.getvalue().splitlines()] == [f"/{place}" for place in range(5)]


def test_a_burst_is_written_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_lines, "MOST", 3)
    stream = io.StringIO()
    lines = lines_to(stream)
    for _ in range(3):
        lines.note(trace="t", method="GET", path="/", status="200", ms=1.0)
    assert len(stream.getvalue().splitlines()) == 3
