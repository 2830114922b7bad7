"""Calls to a source are bounded in time, size and number, and tried again only where that is harmless."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, repeat
from time import monotonic

import pytest

from broker.domain.errors import SourceCrowded, UpstreamUnavailable
from connectors.deadline import Resolver, over_within
from connectors.outbound import Outbound, OutboundLimits, open_outbound
from tests.upstreams import Asked, Reply, Site


class Script:
    """A site that answers from a list, the last entry for ever."""

    def __init__(self) -> None:
        self.replies = [Reply(body=b"ok")]

    def __call__(self, asked: Asked) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def site(script: Script) -> Iterator[Site]:
    with Site(script) as started:
        yield started


@pytest.fixture
def paused() -> list[float]:
    return []


@pytest.fixture
def outbound(paused: list[float]) -> Iterator[Outbound]:
    made = replace(open_outbound(limits=OutboundLimits(read=1.0, retries=2, pause=0.5)), sleep=paused.append)
    yield made
    made.close()


@pytest.mark.parametrize("status", [502, 503, 504])
def test_reading_is_tried_again_after_a_passing_fault(
    script: Script, site: Site, outbound: Outbound, paused: list[float], status: int
) -> None:
    script.replies = [Reply(status), Reply(status), Reply(body=b"ok")]
    assert outbound.get(site.url).body == b"ok"
    assert paused == [0.5, 1.0]


def test_reading_is_tried_again_after_an_answer_that_never_ended(
    script: Script, site: Site, outbound: Outbound
) -> None:
    script.replies = [Reply(body=b"x" * 300_000), Reply(body=b"ok")]
    assert outbound.get(site.url).body == b"ok"


def test_tries_are_counted(script: Script, site: Site, outbound: Outbound) -> None:
    script.replies = [Reply(503)]
    assert outbound.get(site.url).status == 503
    assert len(site.seen) == 3


@pytest.mark.parametrize("status", [200, 404, 500])
def test_any_other_answer_is_an_answer(script: Script, site: Site, outbound: Outbound, status: int) -> None:
    script.replies = [Reply(status)]
    assert outbound.get(site.url).status == status
    assert len(site.seen) == 1


def test_what_spends_something_is_sent_once(script: Script, site: Site, outbound: Outbound) -> None:
    script.replies = [Reply(503), Reply(body=b"ok")]
    assert outbound.get_once(site.url).status == 503
    script.replies = [Reply(503), Reply(body=b"ok")]
    assert outbound.post_form(site.url, body="a=b", headers={}).status == 503
    assert site.seen[-1].form == {"a": "b"}


def test_a_source_that_is_not_there_is_unavailable_after_the_last_try(outbound: Outbound, paused: list[float]) -> None:
    with pytest.raises(UpstreamUnavailable):
        outbound.get("http://127.0.0.1:9/")
    assert len(paused) == 2


@pytest.mark.parametrize("url", ["http://[", "gopher://x/", "nonsense"])
def test_an_address_that_is_none_is_unavailable(outbound: Outbound, url: str) -> None:
    with pytest.raises(UpstreamUnavailable):
        outbound.get_once(url)


def test_calls_at_once_are_bounded(site: Site, outbound: Outbound) -> None:
    for _ in range(32):
        outbound.room.acquire()
    for call in (outbound.get_once, outbound.get):
        with pytest.raises(SourceCrowded, match="at once"):
            call(site.url)
    outbound.room.release()
    assert outbound.get_once(site.url).body == b"ok"


@pytest.mark.parametrize("reply", [Reply(drip=True), Reply(drip_headers=True)], ids=["body", "headers"])
def test_an_answer_that_takes_too_long_as_a_whole_is_cut(script: Script, site: Site, reply: Reply) -> None:
    """Each byte comes well within the bound of a read."""
    script.replies = [reply]
    outbound, began = open_outbound(limits=OutboundLimits(read=1.0, whole=0.3)), monotonic()
    with pytest.raises(UpstreamUnavailable, match=r"slow|Timeout"):
        outbound.get_once(site.url)
    assert monotonic() - began < 1.0
    outbound.close()


def test_a_name_that_takes_too_long_is_left_behind() -> None:
    """What is left behind keeps its place until the system's resolver gave it up."""
    found = threading.Event()

    def slow(host: str, port: int) -> tuple[str, ...]:
        found.wait(5)
        return ("127.0.0.1",)

    resolve = Resolver(threading.BoundedSemaphore(1), slow)
    with over_within(0.1, monotonic), pytest.raises(UpstreamUnavailable, match="slow"):
        resolve("lent.example", 443)
    with over_within(0.1, monotonic), pytest.raises(SourceCrowded):
        resolve("lent.example", 443)
    found.set()
    assert resolve.room.acquire(timeout=5)
    resolve.room.release()
    with over_within(1.0, monotonic):
        assert resolve("lent.example", 443) == ("127.0.0.1",)


def test_time_that_is_over_starts_nothing(site: Site, outbound: Outbound) -> None:
    times = chain([0.0], repeat(100.0))
    with pytest.raises(UpstreamUnavailable, match="slow"):
        replace(outbound, monotonic=lambda: next(times)).get_once(site.url)
    assert site.seen == []


def test_each_address_of_a_name_is_tried(site: Site, outbound: Outbound) -> None:
    port = site.url.rpartition(":")[2]
    assert outbound.get_once(f"http://localhost:{port}").body == b"ok"
    with pytest.raises(UpstreamUnavailable, match="ConnectError"):
        outbound.get_once("http://no-such-host.invalid/")


def test_the_environment_names_neither_proxy_nor_trust(
    site: Site, monkeypatch: pytest.MonkeyPatch, outbound: Outbound
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    made = open_outbound()
    assert made.get_once(site.url).body == b"ok"
    made.close()


def test_a_file_without_authority_opens_nothing(tmp_path: object) -> None:
    from pathlib import Path

    with pytest.raises(OSError, match=r".*"):
        open_outbound(ca_file=Path(str(tmp_path)) / "missing.pem")
