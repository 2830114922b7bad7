"""Text messages posted to a real gateway on loopback, and counted for the school that they are paid by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from broker.domain.errors import UpstreamUnavailable
from broker.domain.notices import MessageUnsent, TextMessage
from broker.domain.ports.notify import Texter
from broker.settings.message_values import SmsSettings
from broker.settings.values import SecretSettings, Settings
from broker.storage.engine import open_engine
from broker.storage.sql_sms_counts import SqlSmsCounts
from broker.telling import open_texter
from tests.clock import FakeClock
from tests.sms_gateway import SmsGateway, sms_gateway

UAI = "0990001A"
MESSAGE = TextMessage("+33639980001", 'École "é", {to} & {text}', UAI)


@pytest.fixture
def gateway() -> Iterator[SmsGateway]:
    with sms_gateway() as listening:
        yield listening


@pytest.fixture
def counts(sqlite_url: str) -> Iterator[SqlSmsCounts]:
    engine = open_engine(sqlite_url)
    yield SqlSmsCounts(engine)
    engine.dispose()


@pytest.fixture
def texter(gateway: SmsGateway, counts: SqlSmsCounts, tmp_path: Path, clock: FakeClock) -> Iterator[Texter]:
    secret = tmp_path / "sms"
    secret.write_text("Bearer 0123\n", "utf-8")
    stated = SmsSettings(gateway.url, secret_file=secret)
    with opened(stated, counts, clock) as texter:
        yield texter


class opened:  # noqa: N801 - read as a block
    """The texter of these settings, until the end of the block."""

    def __init__(self, stated: SmsSettings, counts: SqlSmsCounts, clock: FakeClock) -> None:
        self._stack = ExitStack()
        settings = Settings("https://sso.example.fr", SecretSettings(Path("master")), sms=stated)
        self._texter = open_texter(settings, counts, self._stack, clock=clock)

    def __enter__(self) -> Texter:
        assert self._texter is not None
        return self._texter

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def test_a_message_is_posted_with_what_proves_us(texter: Texter, gateway: SmsGateway) -> None:
    texter.send(MESSAGE)
    ((headers, body),) = gateway.posted
    assert headers["authorization"] == "Bearer 0123"
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == {"to": MESSAGE.to, "text": MESSAGE.text}


def test_a_template_of_any_shape_is_filled_in(gateway: SmsGateway, counts: SqlSmsCounts, clock: FakeClock) -> None:
    body = '{"messages": [{"receivers": ["{to}"], "content": "{text}"}], "priority": 1}'
    with opened(SmsSettings(gateway.url, body=body), counts, clock) as texter:
        texter.send(MESSAGE)
    ((headers, posted),) = gateway.posted
    assert "authorization" not in headers
    assert json.loads(posted) == {
        "messages": [{"receivers": [MESSAGE.to], "content": MESSAGE.text}], "priority": 1,
    }  # fmt: skip


def test_a_form_is_sent_as_one(gateway: SmsGateway, counts: SqlSmsCounts, clock: FakeClock) -> None:
    with opened(SmsSettings(gateway.url, body='{"n": "{to}", "m": "{text}"}', form=True), counts, clock) as texter:
        texter.send(MESSAGE)
    ((headers, posted),) = gateway.posted
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(posted) == {"n": [MESSAGE.to], "m": [MESSAGE.text]}


def test_segments_are_counted_for_the_school_and_the_day(
    texter: Texter, counts: SqlSmsCounts, clock: FakeClock
) -> None:
    texter.send(MESSAGE)
    texter.send(replace(MESSAGE, text="ê" * 71))
    texter.send(replace(MESSAGE, uai=""))
    day = clock().date()
    assert counts.of_days(day, day) == {"": 1, UAI: 3}


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (400, MessageUnsent),
        (422, MessageUnsent),
        (401, UpstreamUnavailable),
        (402, UpstreamUnavailable),
        (403, UpstreamUnavailable),
        (404, UpstreamUnavailable),
        (408, UpstreamUnavailable),
        (425, UpstreamUnavailable),
        (429, UpstreamUnavailable),
        (302, UpstreamUnavailable),
        (500, UpstreamUnavailable),
        (503, UpstreamUnavailable),
    ],
)
def test_what_the_gateway_answers_is_later_or_never_and_costs_nothing(
    texter: Texter, gateway: SmsGateway, counts: SqlSmsCounts, clock: FakeClock, status: int, raised: type[Exception]
) -> None:
    gateway.status = status
    with pytest.raises(raised):
        texter.send(MESSAGE)
    day = clock().date()
    assert counts.of_days(day, day) == {}
    gateway.status = 200
    texter.send(MESSAGE)
    assert counts.of_days(day, day) == {UAI: 1}


def test_a_gateway_may_say_which_status_is_success(gateway: SmsGateway, counts: SqlSmsCounts, clock: FakeClock) -> None:
    with opened(SmsSettings(gateway.url, success=201), counts, clock) as texter:
        with pytest.raises(UpstreamUnavailable):
            texter.send(MESSAGE)
        gateway.status = 201
        texter.send(MESSAGE)


def test_a_gateway_that_is_not_there_may_be_later(counts: SqlSmsCounts, clock: FakeClock) -> None:
    with opened(SmsSettings("http://127.0.0.1:1/"), counts, clock) as texter, pytest.raises(UpstreamUnavailable):
        texter.send(MESSAGE)


@pytest.mark.parametrize("to", ["", "0639980001", "+33 639980001", "+33639980001,+33639980002", "+0639980001", "abc"])
def test_what_is_no_number_is_never_posted(texter: Texter, gateway: SmsGateway, to: str) -> None:
    with pytest.raises(MessageUnsent):
        texter.send(replace(MESSAGE, to=to))
    assert gateway.posted == []


def test_the_secret_shows_nowhere(texter: Texter) -> None:
    assert "0123" not in repr(texter)
