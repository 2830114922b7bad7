"""One invented family told by five feeds at once: the académie's two files, ONDE, SIECLE and the ENT's directory.

Whatever the order in which they come, there is one person for each human, one set of guardianships, and each fact says
which feed tells it since when. The directory is a real one (slapd).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.domain.feed import Feed
from broker.domain.identity import EvidenceKind
from broker.domain.people import AttachmentState
from broker.storage import schema
from broker.storage.engine import open_engine
from broker.storage.sql_people import SqlPeople
from connectors.onde.feed import OndeFeed
from connectors.siecle.feed import SiecleFeed
from tests import aaf, onde, siecle
from tests.certificates import ThrowAwayCa
from tests.clock import FakeClock
from tests.conftest import SERVICES, needs
from tests.contract.statements import without_fsync
from tests.directories import Ent, ent
from tests.imports import FEED_1D, FEED_2D, Desk

pytestmark = SERVICES

INE, BORN, GIVEN = "990000002EA", date(2012, 3, 14), "Maëlys"
ENT = Feed("ent", "ac-test", "")
SIECLE = Feed(f"siecle.{siecle.UAI.lower()}", "ac-test", "", "2D", school=siecle.UAI)
ONDE = onde.feed_of_school(aaf.SCHOOL_1D)

MOTHER = {"99-1d:610777", "99-2d:500101", f"{SIECLE.id}:880101", "ent:T99000a1", "ent:T99000a2"}
FATHER = {"99-1d:610102", "99-2d:500102", f"{SIECLE.id}:880102", "ent:T99000a3"}
CHILD = {"99-1d:400345", "99-2d:200345", f"{SIECLE.id}:771204", "ent:T99000e2"}
"""Beside these the child has a record of ONDE, whose keys are digests."""


@pytest.fixture(scope="module")
def server(throw_away_ca: ThrowAwayCa) -> Iterator[Ent]:
    needs("slapd")
    with ent(throw_away_ca) as running:
        yield running


@dataclass
class Town:
    """The five deliveries, each as its feed would bring it."""

    desk: Desk
    folder: Path
    directory: Ent

    def second(self, day: int = 5, *, father: bool = True) -> None:
        relations = ["500101$10$1$1$0$1", *(["500102$20$0$1$1$0"] if father else [])]
        place = aaf.write_set(
            self.folder / f"2d-{day}",
            day=f"202609{day:02}",
            EtabEducNat=[aaf.school()],
            Eleve=[aaf.pupil("200345", *relations, given=GIVEN, ine=INE)],
            PersRelEleve=[
                aaf.guardian("500101"), aaf.guardian("500102", family="LEROY", given="Ruben", title="M."),
            ],
        )  # fmt: skip
        self.desk.run(place, feed=FEED_2D)

    def first(self) -> None:
        place = aaf.write_set(
            self.folder / "1d",
            degree="1D",
            day="20260904",
            EtabEducNat=[aaf.school("9001", aaf.SCHOOL_1D, "ECOLE DU LAC", "ECOLE ELEMENTAIRE")],
            Eleve=[aaf.pupil_1d("400345", "610777$10", "610102$20", given=GIVEN, born="14/03/2012", ine=INE)],
            PersRelEleve=[
                aaf.guardian("610777", degree="1D"),
                aaf.guardian("610102", family="LEROY", given="Ruben", title="M.", degree="1D"),
            ],
        )
        self.desk.run(place, feed=FEED_1D)

    def siecle(self, day: int = 6) -> None:
        said = siecle.parameters(day=f"{day:02}/09/2026")
        adults = [siecle.adult("880101"), siecle.adult("880102", family="LEROY", given="Ruben", title="M.")]
        beside = [siecle.relation("771204", "880101"), siecle.relation("771204", "880102", link="20")]
        pupils = siecle.pupils_file(
            [siecle.pupil("771204", given=GIVEN, ine=INE, more=siecle.elements(ELENOET=str(day)))],
            [siecle.classes("771204", f"3{day}")], said=said,
        )  # fmt: skip
        place = siecle.write_set(self.folder / f"siecle-{day}", pupils, siecle.adults_file(adults, beside, said=said))
        self.desk.run(place, feed=SIECLE, reader=SiecleFeed())

    def onde(self) -> None:
        child = onde.Child("QUEMENEUR", GIVEN, BORN, INE)
        mother = onde.Adult("QUEMENEUR", "Aline", mail="aline.quemeneur@example.org", children=(child,))
        place = onde.write_set(self.folder / "onde", [child], [mother])
        self.desk.run(place, feed=ONDE, reader=OndeFeed(aaf.SCHOOL_1D, date(2026, 9, 3)))

    def ldap(self) -> None:
        reader = self.directory.feed()
        self.desk.run((), feed=ENT, reader=reader)
        reader.close()

    def home(self, record: str) -> str:
        rows = self.desk.rows(schema.attachments, "record_id", "person_id", "state")
        (found,) = {person for one, person, state in rows if one == record and state in {"attached", "frozen"}}
        return str(found)

    def seers(self) -> set[str]:
        """The persons who see the child."""
        people, child = SqlPeople(self.desk.engine), self.home("99-2d:200345")
        persons = [person for (person,) in self.desk.rows(schema.persons, "id")]
        now = self.desk.clock()
        return {one for one in persons if child in {card.child_id for card in people.children_of(one, now=now)}}


@pytest.fixture
def town(sqlite_url: str, clock: FakeClock, tmp_path: Path, server: Ent) -> Iterator[Town]:
    engine = without_fsync(open_engine(sqlite_url))
    yield Town(Desk(engine, clock), tmp_path, server)
    engine.dispose()


@pytest.fixture
def postgres_town(postgres_engine: Engine, clock: FakeClock, tmp_path: Path, server: Ent) -> Town:
    return Town(Desk(postgres_engine, clock), tmp_path, server)


Deliver = Callable[[Town], None]
ORDERS: dict[str, tuple[Deliver, ...]] = {
    "académie first": (Town.second, Town.first, Town.siecle, Town.onde, Town.ldap),
    "directory first": (Town.ldap, Town.onde, Town.siecle, Town.first, Town.second),
    "schools first": (Town.onde, Town.siecle, Town.ldap, Town.second, Town.first),
    "directory between": (Town.first, Town.ldap, Town.second, Town.onde, Town.siecle),
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_one_family_told_by_five_feeds_is_one_family(town: Town, order: tuple[Deliver, ...]) -> None:
    check_one_family(town, order)


def test_it_is_one_family_on_the_other_database(postgres_town: Town) -> None:
    check_one_family(postgres_town, ORDERS["directory first"])


def check_one_family(town: Town, order: tuple[Deliver, ...]) -> None:
    for deliver in order:
        deliver(town)
    persons = [set(records) for records in town.desk.persons()]
    assert MOTHER in persons
    assert FATHER in persons
    (child,) = [records for records in persons if records >= CHILD]
    assert {record.partition(":")[0] for record in child} == {"99-1d", "99-2d", SIECLE.id, ONDE.id, "ent"}
    assert len(child) == len(CHILD) + 1
    mother, father = town.home("99-2d:500101"), town.home("99-2d:500102")
    assert town.seers() == {mother, father}
    now = town.desk.clock()
    for adult, records in ((mother, MOTHER - {"ent:T99000a2"}), (father, FATHER)):
        reasons = SqlPeople(town.desk.engine).why(adult, now=now)
        told = {
            f"{one.adult_feed}:{one.adult_reference.key}" for one in reasons if one.child_id == town.home(min(CHILD))
        }
        assert told == records


def test_what_onde_cannot_prove_is_proposed_and_opens_nothing(town: Town) -> None:
    for deliver in ORDERS["académie first"]:
        deliver(town)
    rows = town.desk.rows(schema.attachments, "record_id", "person_id", "state", "evidence_kind")
    (adult,) = {record for record, *_ in rows if record.startswith(ONDE.id)} - set(*[
        records for records in map(set, town.desk.persons()) if records >= CHILD
    ])  # fmt: skip
    assert town.home(adult) not in town.seers()
    staff = [row for row in rows if row[0] == "ent:T99000a3.agent" and row[2] == AttachmentState.PROPOSED.value]
    assert [(person, kind) for _, person, _, kind in staff] == [
        (town.home("99-2d:500102"), EvidenceKind.DIRECTORY_TIE.value)
    ]


def test_what_one_feed_takes_back_no_other_gives_until_a_feed_gives_it_anew(town: Town) -> None:
    for deliver in ORDERS["schools first"]:
        deliver(town)
    mother, father = town.home("99-2d:500101"), town.home(f"{SIECLE.id}:880102")
    town.second(10, father=False)
    assert town.seers() == {mother}
    town.siecle(11)
    town.desk.clock.advance(timedelta(days=1))
    assert town.seers() == {mother}
    town.second(12)
    assert town.seers() == {mother, father}
