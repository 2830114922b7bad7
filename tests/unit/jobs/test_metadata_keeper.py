"""Metadata from elsewhere: what is taken, what is not, and what an administrator hears of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from broker.domain.errors import UpstreamUnavailable
from broker.jobs import metadata_keeper
from broker.jobs.metadata_keeper import AGAIN, AHEAD, EVERY, HEAD_CHECKS, MetadataKeeper, refresh
from broker.services.metadata_alarms import Alarm, AlarmKind
from broker.services.metadata_origins import Origin, shelf_path
from broker.services.metadata_shelf import open_shelf
from broker.wire.saml.refusals import Refusal, SamlRefused
from tests.aggregates import PARTIES, SOON, aggregate, entities, lone, published, write_certificate
from tests.builders import NOW
from tests.saml_party import key_of

URL = "https://metadata.example/all.xml"


class Web:
    """What stands at the address; None: nobody answers."""

    def __init__(self, octets: bytes | None) -> None:
        self.octets = octets
        self.asked = 0

    def __call__(self, url: str) -> bytes:
        assert url == URL
        self.asked += 1
        if self.octets is None:
            raise UpstreamUnavailable("nobody answers")
        return self.octets


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin("federation-education", write_certificate(tmp_path), URL)


def until_kept(folder: Path, origin: Origin) -> datetime | None:
    shelf = open_shelf(shelf_path(folder, origin.key))
    return shelf.head.until if shelf else None


def keeper(folder: Path, origin: Origin, web: Web, *alarms: Alarm) -> MetadataKeeper:
    return MetadataKeeper(folder, lambda: (origin,), web, lambda _: alarms, lambda: NOW)


def test_what_is_new_is_kept_and_what_is_the_same_is_left_alone(tmp_path: Path, origin: Origin) -> None:
    web = Web(aggregate())
    assert refresh(origin, tmp_path, web, now=NOW)
    stood = shelf_path(tmp_path, origin.key).stat()
    assert not refresh(origin, tmp_path, web, now=NOW + EVERY)
    assert shelf_path(tmp_path, origin.key).stat().st_mtime_ns == stood.st_mtime_ns
    web.octets = aggregate(until=SOON + timedelta(days=1))
    assert refresh(origin, tmp_path, web, now=NOW + EVERY)
    assert until_kept(tmp_path, origin) == SOON + timedelta(days=1)


def test_a_file_that_somebody_else_fetches_is_read_as_an_address_is(tmp_path: Path, origin: Origin) -> None:
    (tmp_path / "all.xml").write_bytes(aggregate())
    assert refresh(replace(origin, url="", file=tmp_path / "all.xml"), tmp_path, Web(None), now=NOW)


HEADS: dict[str, Callable[[], bytes]] = {
    "check_not_over": lambda: aggregate(until=NOW),
    "check_not_too_long": lambda: aggregate(until=NOW + timedelta(days=91)),
    "check_made": lambda: aggregate([published(NOW + 2 * AHEAD), *entities()]),
    "check_not_older": lambda: aggregate(entities()[:1], until=SOON - timedelta(days=1)),
}


@pytest.mark.parametrize("check", HEAD_CHECKS, ids=lambda check: check.__name__)
def test_each_check_of_a_signed_head_stops_what_no_other_does(
    tmp_path: Path, origin: Origin, check: metadata_keeper.Taking, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = check.__name__  # type: ignore[attr-defined]
    if name == "check_not_older":
        refresh(origin, tmp_path, Web(aggregate()), now=NOW)
    before = until_kept(tmp_path, origin)
    with pytest.raises(SamlRefused) as refused:
        refresh(origin, tmp_path, Web(HEADS[name]()), now=NOW)
    assert refused.value.reason is Refusal.TIME
    assert until_kept(tmp_path, origin) == before
    monkeypatch.setattr(metadata_keeper, "HEAD_CHECKS", tuple(each for each in HEAD_CHECKS if each is not check))
    assert refresh(origin, tmp_path, Web(HEADS[name]()), now=NOW)


LATER, SOONER = SOON + timedelta(days=1), SOON - timedelta(days=1)
MADE = NOW - timedelta(hours=2)
SUCCESSORS: dict[str, tuple[datetime | None, datetime, bool]] = {
    "made later, and ends sooner": (MADE + timedelta(seconds=1), SOONER, True),
    "made earlier, and ends later": (MADE - timedelta(seconds=1), LATER, False),
    "made at the same time, and ends sooner": (MADE, SOONER, False),
    "made at the same time, and ends later": (MADE, LATER, True),
    "says nothing, and ends later": (None, LATER, False),
}


@pytest.mark.parametrize("alone", [False, True], ids=["aggregate", "lone"])
@pytest.mark.parametrize("name", SUCCESSORS)
def test_of_two_that_say_when_they_were_made_the_later_is_kept(
    tmp_path: Path, origin: Origin, name: str, alone: bool
) -> None:
    def document(made: datetime | None, until: datetime) -> bytes:
        return lone(until=until, made=made) if alone else aggregate([published(made), *entities()], until=until)

    made, until, is_taken = SUCCESSORS[name]
    refresh(origin, tmp_path, Web(document(MADE, SOON)), now=NOW)
    with nullcontext() if is_taken else pytest.raises(SamlRefused):
        refresh(origin, tmp_path, Web(document(made, until)), now=NOW + EVERY)
    assert until_kept(tmp_path, origin) == (until if is_taken else SOON)


def test_one_that_says_nothing_takes_the_place_of_one_that_has_ended(tmp_path: Path, origin: Origin) -> None:
    refresh(origin, tmp_path, Web(aggregate([published(MADE), *entities()])), now=NOW)
    assert refresh(origin, tmp_path, Web(aggregate(until=LATER)), now=SOON)


@pytest.mark.parametrize("said", ["hier", "2026-09-14T08:00:00", ""])
def test_a_time_that_is_none_says_nothing(tmp_path: Path, origin: Origin, said: str) -> None:
    untold = [published(None, said=said), *entities()]
    refresh(origin, tmp_path, Web(aggregate(untold)), now=NOW)
    with pytest.raises(SamlRefused):
        refresh(origin, tmp_path, Web(aggregate(untold, until=SOONER)), now=NOW)
    assert refresh(origin, tmp_path, Web(aggregate([published(MADE), *entities()], until=LATER)), now=NOW)


@pytest.mark.parametrize(
    "bad", [aggregate(key=key_of("evil")), aggregate().replace(b"cantine", b"evil"), b"", b"<x/>", None]
)
def test_what_cannot_be_had_or_does_not_hold_leaves_the_last_good_ones(
    tmp_path: Path, origin: Origin, bad: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    web = Web(aggregate())
    keeping = keeper(tmp_path, origin, web)
    keeping.tend(NOW)
    web.octets = bad
    keeping.tend(NOW + EVERY)
    assert until_kept(tmp_path, origin) == SOON
    assert "metadata not taken" in caplog.text


def test_a_certificate_that_is_none_takes_nothing_in(tmp_path: Path, origin: Origin) -> None:
    origin.certificate.write_text("rien", "ascii")
    keeper(tmp_path, origin, Web(aggregate())).tend(NOW)
    origin.certificate.unlink()
    keeper(tmp_path, origin, Web(aggregate())).tend(NOW)
    assert until_kept(tmp_path, origin) is None


def test_it_asks_once_an_hour_and_sooner_after_a_failure(tmp_path: Path, origin: Origin) -> None:
    web = Web(aggregate())
    keeping = keeper(tmp_path, origin, web)
    for at in (timedelta(), timedelta(minutes=1), EVERY - timedelta(minutes=1), EVERY):
        keeping.tend(NOW + at)
    assert web.asked == 2
    web.octets = None
    for at in (2 * EVERY, 2 * EVERY + timedelta(minutes=1), 2 * EVERY + AGAIN):
        keeping.tend(NOW + at)
    assert web.asked == 4


def test_each_thing_is_told_once_and_again_after_it_was_well(
    tmp_path: Path, origin: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    told = [Alarm("federation-education", AlarmKind.ENDING, SOON, 30)]
    keeping = MetadataKeeper(tmp_path, lambda: (origin,), Web(aggregate()), lambda _: told, lambda: NOW)
    keeping.tend(NOW)
    keeping.tend(NOW)
    assert caplog.text.count("within 30 days") == 1
    told[:] = [Alarm("federation-education", AlarmKind.OVER, SOON)]
    keeping.tend(NOW)
    assert [record.levelno for record in caplog.records if "ended on" in record.message] == [logging.ERROR]
    told.clear()
    keeping.tend(NOW)
    told[:] = [Alarm("federation-education", AlarmKind.ENDING, SOON, 30)]
    keeping.tend(NOW)
    assert caplog.text.count("within 30 days") == 2


def test_no_fault_ends_the_loop(tmp_path: Path, origin: Origin, caplog: pytest.LogCaptureFixture) -> None:
    stop = Event()

    def break_down(_: datetime) -> tuple[Alarm, ...]:
        stop.set()
        raise RuntimeError("unforeseen")

    MetadataKeeper(tmp_path, lambda: (origin,), Web(aggregate()), break_down, lambda: NOW).run(stop)
    assert "metadata cannot be looked after" in caplog.text
    assert len(PARTIES) == len(open_shelf(shelf_path(tmp_path, origin.key)).places)  # type: ignore[union-attr]
