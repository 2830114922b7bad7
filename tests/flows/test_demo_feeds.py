"""The town's files through the real AAF reader: nothing to complain of, and the twelve families as meant."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from broker.demo.prepared import Feed, Town
from broker.demo.town import prepare
from broker.domain.feed import FeedFault, FeedRow, PersonRecord, Removal, SchoolRecord
from broker.domain.guardianship import Quality
from broker.domain.people import RecordKind
from broker.domain.school import Level
from broker.services.register import load_services
from broker.settings import load_settings
from connectors.aaf import AafFeed
from tests.towns import YEAR


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return prepare(tmp_path_factory.mktemp("town"), year=YEAR)


def read(feed: Feed) -> list[FeedRow | FeedFault]:
    return list(AafFeed().read(feed.files))


def people(feed: Feed) -> dict[str, PersonRecord]:
    rows = [row.record for row in read(feed) if isinstance(row, FeedRow)]
    return {record.key: record for record in rows if isinstance(record, PersonRecord)}


def quality(record: PersonRecord, adult: str) -> Quality:
    return next(relation.quality for relation in record.relations if relation.adult_key == adult)


def test_each_delivery_says_what_it_is(town: Town) -> None:
    headers = [AafFeed().open(feed.files) for feed in (*town.feeds, town.delta)]
    assert [(h.academie, h.degree, h.complete) for h in headers] == [
        ("99", "2D", True),
        ("99", "1D", True),
        ("99", "2D", False),
    ]


def test_no_record_is_refused_or_warned_of(town: Town) -> None:
    assert [row for feed in (*town.feeds, town.delta) for row in read(feed) if isinstance(row, FeedFault)] == []


def test_the_five_schools_have_their_levels(town: Town) -> None:
    rows = [row.record for feed in town.feeds for row in read(feed) if isinstance(row, FeedRow)]
    levels = Counter(record.level for record in rows if isinstance(record, SchoolRecord))
    assert levels == {Level.ECOLE: 2, Level.COLLEGE: 2, Level.LYCEE: 1}


def test_all_kinds_of_people_are_in_both_feeds(town: Town) -> None:
    for feed in town.feeds:
        assert {record.kind for record in people(feed).values()} == set(RecordKind)


def test_the_restricted_father_sees_by_the_stale_feed_alone(town: Town) -> None:
    second, first = (people(feed) for feed in town.feeds)
    assert quality(second["200391"], "500152") is Quality.CONTACT
    assert quality(first["100391"], "610792") is Quality.LEGAL_GUARDIAN
    assert second["200391"].ine == first["100391"].ine


def test_qualities_are_read_as_the_families_mean_them(town: Town) -> None:
    second, first = (people(feed) for feed in town.feeds)
    assert quality(second["200345"], "500103") is Quality.CONTACT
    assert quality(second["200401"], "500161") is Quality.IN_CHARGE
    assert quality(second["200461"], "500221") is Quality.LEGAL_GUARDIAN
    assert quality(first["100461"], "610831") is Quality.LEGAL_GUARDIAN
    assert quality(second["200381"], "500142") is Quality.CONTACT


def test_the_delta_withdraws_a_relation_and_removes_a_pupil(town: Town) -> None:
    rows = [row.record for row in read(town.delta) if isinstance(row, FeedRow)]
    changed = {record.key: record for record in rows if isinstance(record, PersonRecord)}
    assert [relation.adult_key for relation in changed["200371"].relations] == ["500131"]
    assert changed["500102"].mail == "goulven.nouveau@example.org"
    assert [record.key for record in rows if isinstance(record, Removal)] == ["200451"]


def test_the_broker_accepts_the_towns_settings_and_descriptors(tmp_path: Path) -> None:
    town = prepare(tmp_path, issuer="http://127.0.0.1:8123", sites_port=8124, year=YEAR)
    settings = load_settings(town.settings, {})
    assert (settings.issuer, settings.port) == ("http://127.0.0.1:8123", 8123)
    register = load_services(settings.services_dir)
    assert [service.service_id for service in register.all()] == ["bourses", "cantine", "vie-scolaire"]
    assert {feed.feed_id for feed in town.feeds} == {feed.id for feed in settings.feeds}
