"""Log lines: JSON, one an event, with nothing in them that must not be there."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from broker.domain.handles import Handle, new_handle
from broker.logs import MASK, configure_logging

log = logging.getLogger("broker.somewhere")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Logging as `serve` configures it, into a text; the test run's own handlers come back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    configure_logging("info", stream=written)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_object_with_its_fields(stream: io.StringIO) -> None:
    log.warning("request refused", extra={"trace": "123-4567-890", "code": "PRE-2001"})
    (line,) = lines(stream)
    assert line["at"].endswith("Z")
    del line["at"]
    assert line == {
        "event": "request refused",
        "level": "warning",
        "logger": "broker.somewhere",
        "trace": "123-4567-890",
        "code": "PRE-2001",
    }


def test_a_line_cannot_be_forged(stream: io.StringIO) -> None:
    log.warning("cause %s", 'x"}\n{"event": "forged\x1b[2K\u2028"}')
    assert len(lines(stream)) == 1
    assert "\x1b" not in stream.getvalue()


def test_handles_are_masked_wherever_they_stand(stream: io.StringIO) -> None:
    handles = [new_handle(kind) for kind in Handle]
    log.warning(
        "seen %s", handles[0], extra={"cause": f"cookie {handles[1]};", "many": handles, "deep": {"x": handles[2]}}
    )
    written = stream.getvalue()
    assert [handle for handle in handles if handle in written or handle[6:] in written] == []


@pytest.mark.parametrize("name", ["password", "secret", "ticket", "Authorization", "cookie", "token"])
def test_a_field_named_like_a_secret_is_masked(stream: io.StringIO, name: str) -> None:
    log.warning("x", extra={name: "s3cret", "deep": {name: "s3cret"}})
    assert lines(stream)[0][name] == MASK
    assert "s3cret" not in stream.getvalue()


def test_a_ticket_in_an_address_is_masked(stream: io.StringIO) -> None:
    log.warning("GET https://ent.example.fr/cas/serviceValidate?service=x&ticket=ST-1-abc&y=1")
    assert "ST-1-abc" not in stream.getvalue()
    assert "service=x" in stream.getvalue()


def test_of_an_exception_the_kind_and_the_place_are_kept_and_the_text_is_not(stream: io.StringIO) -> None:
    def fail() -> None:
        try:
            {}["Le Goff"]
        except KeyError as fault:
            raise ValueError("INSERT … Le Goff") from fault

    try:
        fail()
    except ValueError:
        log.exception("unexpected fault")
    outer, inner = lines(stream)[0]["exception"]
    assert (outer["kind"], inner["kind"]) == ("builtins.ValueError", "builtins.KeyError")
    assert outer["at"][-1].endswith("fail")
    assert "Le Goff" not in stream.getvalue()


def test_an_exception_given_as_a_value_is_told_the_same_way(stream: io.StringIO) -> None:
    log.error("unexpected fault", exc_info=ValueError("Le Goff"))
    assert lines(stream)[0]["exception"] == [{"kind": "builtins.ValueError", "at": []}]


def test_a_value_that_is_not_plain_is_told_by_its_kind(stream: io.StringIO) -> None:
    log.warning("x", extra={"value": io.StringIO("Le Goff")})
    assert lines(stream)[0]["value"] == "<StringIO>"


def test_a_cause_is_cut_when_it_is_too_long(stream: io.StringIO) -> None:
    log.warning("x" * 5000)
    assert len(lines(stream)[0]["event"]) == 2001


def test_libraries_that_log_whole_addresses_are_kept_to_their_warnings(stream: io.StringIO) -> None:
    logging.getLogger("httpx").info("HTTP Request: GET https://ent.example.fr/?ticket=ST-1")
    logging.getLogger("alembic.runtime.migration").info("Running upgrade")
    log.debug("below the level")
    assert lines(stream) == []
