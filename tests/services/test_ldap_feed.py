"""An ENT's directory as a feed: a real slapd read page by page, and imported as every feed is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from sqlalchemy import Engine

from broker.directory import ImportReport, ImportRules, import_feed
from broker.directory.lease import is_gone
from broker.domain.errors import FeedRefused
from broker.domain.feed import Feed, FeedFault, FeedRow, PersonRecord, Removal, SchoolRecord
from broker.domain.guardianship import Quality
from broker.domain.people import Profil, RecordKind
from broker.storage import schema
from broker.storage.sql_imports import SqlImports
from connectors.ldap import LdapFeed, LdapLimits
from connectors.ldap.ties import Nature, Tie
from tests.certificates import ThrowAwayCa
from tests.clock import FakeClock
from tests.conftest import needs
from tests.directories import BASE, ELSEWHERE, Ent, ent
from tests.imports import Desk

pytestmark = pytest.mark.services

FEED = Feed("99-ent", "ac-test", "99")
ECOLE, COLLEGE = "19999001200019", "19999002200011"


@pytest.fixture(scope="module")
def server(throw_away_ca: ThrowAwayCa) -> Iterator[Ent]:
    needs("slapd")
    with ent(throw_away_ca) as running:
        yield running


@pytest.fixture
def feed(server: Ent) -> Iterator[LdapFeed]:
    one = server.feed(directory=server.directory(limits=LdapLimits(page=2)))
    yield one
    one.close()


def rows(feed: LdapFeed) -> Mapping[str, object]:
    found = {row.record.key: row.record for row in feed.read(()) if isinstance(row, FeedRow)}
    assert [one for one in feed.read(()) if isinstance(one, FeedFault)] == []
    return found


def test_the_golden_directory_is_read_to_the_last_entry(feed: LdapFeed) -> None:
    assert feed.open(()).covers == {"school", "pupil", "guardian", "staff"}
    found = rows(feed)
    assert set(found) == {
        ECOLE, COLLEGE, "T99000a1", "T99000a2", "T99000a3", "T99000a3.agent", "T99000a4.agent", "T99000e1", "T99000e2",
    }  # fmt: skip
    assert found["T99000a4.agent"] == Removal(RecordKind.STAFF, "T99000a4.agent")
    college = found[COLLEGE]
    assert isinstance(college, SchoolRecord)
    assert (college.uai, [one.code for one in college.classes]) == ("9990002Y", ["3A", "6B"])


def test_a_family_is_told_through_the_names_in_the_pupils_entry(feed: LdapFeed) -> None:
    child = rows(feed)["T99000e2"]
    assert isinstance(child, PersonRecord)
    assert {(one.adult_key, one.link_code, one.quality) for one in child.relations} == {
        ("T99000a1", "10", Quality.LEGAL_GUARDIAN),
        ("T99000a3", "20", Quality.LEGAL_GUARDIAN),
    }
    assert [(one.school_key, one.class_code) for one in child.classes] == [(COLLEGE, "3A")]


def test_a_father_who_teaches_is_staff_too(feed: LdapFeed) -> None:
    agent = rows(feed)["T99000a3.agent"]
    assert isinstance(agent, PersonRecord)
    assert [(one.school_key, one.profil) for one in agent.posts] == [(ECOLE, Profil.ENSEIGNANT)]


def test_what_the_directory_itself_reconciled_is_evidence(feed: LdapFeed) -> None:
    assert set(feed.ties()) == {
        Tie(Nature.RAPPROCHE, "T99000a1", "T99000a2"),
        Tie(Nature.FUSIONNE, "T99000a3", "T99000a4.agent"),
        Tie(Nature.ONE_ENTRY, "T99000a3", "T99000a3.agent"),
    }
    known = {(one.key, len(one.references)) for one in feed.known_as()}
    assert ("T99000a1", 2) in known


def test_two_readings_of_one_directory_are_one_delivery(server: Ent, feed: LdapFeed) -> None:
    other = server.feed()
    assert feed.checksum(()) == other.checksum(())
    other.close()


def test_a_directory_that_stops_at_its_size_limit_is_not_whole(server: Ent) -> None:
    small = server.feed(directory=server.directory(reader_dn=f"cn=petit-lecteur,{BASE}"))
    assert not small.open(()).complete
    assert any(one.breaks for one in small.read(()) if isinstance(one, FeedFault))
    small.close()


def test_a_directory_that_refers_elsewhere_is_not_whole(server: Ent) -> None:
    partial = server.feed(people=ELSEWHERE)
    assert not partial.open(()).complete
    partial.close()


def test_a_directory_that_does_not_let_us_in_delivers_nothing(server: Ent) -> None:
    with pytest.raises(FeedRefused):
        server.feed(directory=server.directory(reader_password="another")).open(())


def imported(engine: Engine, clock: FakeClock, feed: LdapFeed) -> ImportReport:
    return import_feed(
        feed=FEED,
        paths=(),
        imports=SqlImports(engine, is_gone=is_gone),
        reader=feed,
        clock=clock,
        rules=ImportRules(chunk=3, mass_change_percent=100.0),
    )


def test_it_goes_the_way_of_every_feed(sql_engine: Engine, clock: FakeClock, feed: LdapFeed) -> None:
    desk = Desk(sql_engine, clock)
    report = imported(sql_engine, clock, feed)
    assert (report.state, report.complete, report.faults) == ("done", True, ())
    assert desk.open_guardianships() == {
        ("T99000a1", "T99000e2"), ("T99000a3", "T99000e2"), ("T99000a2", "T99000e1"),
    }  # fmt: skip
    assert {uai for (uai,) in desk.rows(schema.schools, "uai")} == {"9990001X", "9990002Y"}
    assert imported(sql_engine, clock, feed).state == "nothing_to_do"
