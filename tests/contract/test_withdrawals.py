"""A right that one feed took back wins over what another feed gave before; what is given after it stands.

One child of the same INE and parents stands in the files of the first and of the second degree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update

from broker.domain.audit import Action, AuditEvent
from broker.domain.identity import EvidenceKind
from broker.domain.people import AttachmentState, RecordKind
from broker.storage import schema
from broker.storage.engine import open_engine
from broker.storage.sql_guardianships import SqlGuardianships
from broker.storage.sql_people import SqlPeople
from broker.storage.sql_purge import SqlPurge
from tests import aaf
from tests import builders as b
from tests.clock import FakeClock
from tests.contract.statements import without_fsync
from tests.imports import FATHER, FEED_1D, MOTHER, Desk
from tests.retention import shipped_spans

INE = "990000003DK"
MOTHER_1D, FATHER_1D = "610101$10", "610102$20"
CONTACT = "500102$20$0$3$1$0"


@pytest.fixture
def family(sqlite_url: str, clock: FakeClock, tmp_path: Path) -> Iterator[Family]:
    """On one database: what decides on the other is compared by property (`test_may_see_property`)."""
    engine = without_fsync(open_engine(sqlite_url))
    yield Family(Desk(engine, clock), tmp_path)
    engine.dispose()


class Family:
    """One family in two feeds, each asked to say who stands beside the child on which day of September."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        self.desk = desk
        self.folder = folder

    def second(
        self, day: int, *relations: str, child: bool = True, father: str = "500102", name: str = "QUEMENEUR"
    ) -> None:
        """The file of the second degree."""
        adults = [aaf.guardian("500101"), aaf.guardian(father, family=name, given="Goulven", title="M.")]
        pupils = [aaf.pupil("1", *relations, given="Titouan", born="02/05/2018", ine=INE)] if child else []
        others = [aaf.pupil("2", MOTHER, given="Nolwenn", ine="990000004DJ")]
        self._deliver(day, "2D", [aaf.school()], pupils + others, adults)

    def first(self, day: int, *relations: str, father: str = "Goulven") -> None:
        """The file of the first degree."""
        adults = [
            aaf.guardian("610101", degree="1D"), aaf.guardian("610102", given=father, title="M.", degree="1D"),
        ]  # fmt: skip
        pupils = [aaf.pupil_1d("41", *relations, ine=INE)]
        self._deliver(day, "1D", [aaf.school("9001", aaf.SCHOOL_1D, "ECOLE X")], pupils, adults)

    def _deliver(self, day: int, degree: str, schools: list[str], pupils: list[str], adults: list[str]) -> None:
        folder = self.folder / f"{degree}-{day}"
        stamp = f"202609{day:02}"
        aaf.write_set(folder, degree=degree, day=stamp, EtabEducNat=schools, Eleve=pupils, PersRelEleve=adults)
        self.desk.clock.advance(timedelta(days=30))
        if degree == "1D":
            self.desk.run(folder, feed=FEED_1D)
        else:
            self.desk.run(folder)

    def home(self, record: str) -> str:
        """The person of a record."""
        (found,) = (
            person
            for one, person, state in self.desk.rows(schema.attachments, "record_id", "person_id", "state")
            if (one, state) == (record, "attached")
        )
        return str(found)

    def sees(self, adult: str) -> bool:
        """Tell whether the person of this adult's record sees the child."""
        people, now = SqlPeople(self.desk.engine), self.desk.clock()
        cards = people.children_of(self.home(adult), now=now)
        return self.home("99-2d:1") in {card.child_id for card in cards}


def test_an_older_grant_of_another_feed_opens_nothing_once_a_right_is_taken_back(family: Family) -> None:
    family.second(1, MOTHER, FATHER)
    family.first(2, MOTHER_1D, FATHER_1D)
    assert family.home("99-1d:610102") == family.home("99-2d:500102")
    family.second(5, MOTHER)
    assert not family.sees("99-1d:610102")
    assert family.sees("99-1d:610101")
    family.second(6, MOTHER, CONTACT)
    assert not family.sees("99-1d:610102")
    family.first(9, MOTHER_1D, FATHER_1D)
    assert not family.sees("99-1d:610102")


@pytest.mark.parametrize("relation", [CONTACT, "500102$20$0$2$1$0"])
def test_a_right_is_taken_back_by_another_legal_level_too(family: Family, relation: str) -> None:
    family.first(1, MOTHER_1D, FATHER_1D)
    family.second(2, MOTHER, FATHER)
    family.second(5, MOTHER, relation)
    assert not family.sees("99-1d:610102")


def test_a_grant_given_after_it_opens_again(family: Family) -> None:
    family.first(1, MOTHER_1D)
    family.second(2, MOTHER, FATHER)
    family.second(5, MOTHER)
    family.first(6, MOTHER_1D, FATHER_1D)
    assert family.sees("99-1d:610102")


def test_a_late_file_is_as_old_as_it_says(family: Family) -> None:
    family.second(2, MOTHER, FATHER)
    family.second(5, MOTHER)
    family.first(4, MOTHER_1D, FATHER_1D)
    assert not family.sees("99-1d:610102")


def test_of_two_files_of_one_day_the_one_that_closes_counts(family: Family) -> None:
    family.second(2, MOTHER, FATHER)
    family.second(5, MOTHER)
    family.first(5, MOTHER_1D, FATHER_1D)
    assert not family.sees("99-1d:610102")


def test_what_is_only_told_in_other_words_is_given_since_it_was(family: Family) -> None:
    family.second(1, MOTHER, FATHER)
    family.first(2, MOTHER_1D, FATHER_1D)
    family.first(5, MOTHER_1D)
    family.second(6, MOTHER, "500102$20$1$1$1$1")
    assert not family.sees("99-2d:500102")


def test_the_feed_that_took_it_back_gives_it_again(family: Family) -> None:
    family.first(1, MOTHER_1D, FATHER_1D)
    family.second(2, MOTHER, FATHER)
    family.second(5, MOTHER, CONTACT)
    family.second(6, MOTHER, FATHER)
    family.second(7, MOTHER, child=False)
    assert family.sees("99-1d:610102")


def test_a_child_who_leaves_takes_nothing_back(family: Family) -> None:
    family.first(1, MOTHER_1D, FATHER_1D)
    family.second(2, MOTHER, FATHER)
    family.second(5, child=False)
    assert family.sees("99-1d:610102")


def test_what_a_child_who_comes_back_no_longer_brings_was_taken_back(family: Family) -> None:
    family.first(1, MOTHER_1D, FATHER_1D)
    family.second(2, MOTHER, FATHER)
    family.second(5, child=False)
    family.second(6, MOTHER)
    assert not family.sees("99-1d:610102")


def test_a_child_who_was_away_for_a_day_brings_no_newer_grant(family: Family) -> None:
    family.second(1, MOTHER, FATHER)
    family.first(2, MOTHER_1D, FATHER_1D)
    family.first(5, MOTHER_1D)
    family.second(6, child=False)
    family.second(7, MOTHER, FATHER)
    assert not family.sees("99-2d:500102")


def test_a_key_that_changes_brings_no_newer_grant(family: Family) -> None:
    family.second(1, MOTHER, FATHER)
    family.first(2, MOTHER_1D, FATHER_1D)
    family.first(3, MOTHER_1D)
    family.second(4, MOTHER, FATHER.replace("500102", "500199"), father="500199")
    assert not family.sees("99-2d:500199")


def test_a_key_or_a_name_that_changes_takes_nothing_back(family: Family) -> None:
    family.second(1, MOTHER, FATHER)
    family.first(2, MOTHER_1D, FATHER_1D)
    family.second(4, MOTHER, FATHER.replace("500102", "500199"), father="500199", name="LE GOFF")
    assert family.home("99-1d:610102") != family.home("99-2d:500199")
    assert family.sees("99-1d:610102")


def test_a_key_that_changed_and_left_closes_as_any_other(family: Family) -> None:
    family.second(1, MOTHER, FATHER)
    family.first(2, MOTHER_1D, FATHER_1D)
    family.second(4, MOTHER, FATHER.replace("500102", "500199"), father="500199")
    with family.desk.engine.begin() as conn:
        gone = schema.records.c.id == "99-2d:500199"
        conn.execute(update(schema.records).where(gone).values(retired_at=family.desk.clock()))
    assert not family.sees("99-1d:610102")


def test_it_binds_a_record_of_the_same_name_that_nobody_joined(family: Family) -> None:
    family.first(1, MOTHER_1D, "610102$50")
    family.second(2, MOTHER, FATHER)
    assert family.home("99-1d:610102") != family.home("99-2d:500102")
    family.second(5, MOTHER)
    assert not family.sees("99-1d:610102")


def test_it_binds_nobody_else(family: Family) -> None:
    family.first(1, MOTHER_1D, "610102$50", father="Ronan")
    family.second(2, MOTHER, FATHER)
    family.second(5, MOTHER)
    assert family.sees("99-1d:610102")


def test_it_does_not_hold_before_it_was_said(sql_engine: Engine) -> None:
    father, record = b.add_guardian(sql_engine, "5")
    lea, child = b.add_pupil(sql_engine, "1")
    b.enrol(sql_engine, child, b.add_school(sql_engine))
    other = b.add_record(sql_engine, "6", RecordKind.GUARDIAN, feed=b.FEED_1D)
    b.attach(sql_engine, other, father, kind=EvidenceKind.SHARED_CHILD, state=AttachmentState.FROZEN)
    b.add_guardianship(sql_engine, record, child)
    b.add_guardianship(sql_engine, other, child, until=b.NOW, withdrawn=b.NOW)
    people = SqlPeople(sql_engine)
    assert [one.child_id for one in people.children_of(father, now=b.NOW - timedelta(seconds=1))] == [lea]
    assert people.children_of(father, now=b.NOW) == ()


@pytest.mark.parametrize("leaves", [False, True])
def test_what_closes_is_not_forgotten_while_another_feed_goes_on_giving(family: Family, leaves: bool) -> None:
    family.first(1, MOTHER_1D, FATHER_1D)
    family.second(2, MOTHER, FATHER)
    family.second(5, MOTHER)
    if leaves:
        family.second(6, child=False)
    purge = SqlPurge(family.desk.engine, kept=shipped_spans)
    for years in (4, 5):
        purge.purge(now=family.desk.clock() + timedelta(days=365 * years), limit=1000)
        assert not family.sees("99-1d:610102")
    with family.desk.engine.begin() as conn:
        conn.execute(update(schema.guardianships).where(schema.guardianships.c.feed == "99-1d").values(may_see=False))
    purge.purge(now=family.desk.clock() + timedelta(days=365 * 7), limit=1000)
    assert not [row for row in family.desk.rows(schema.guardianships, "withdrawn") if row[0]]


def affirmed(family: Family) -> int:
    now = family.desk.clock.advance(timedelta(minutes=1))
    adult, child = family.home("99-1d:610102"), family.home("99-2d:1")
    audit = AuditEvent("ac-test", now, Action.GUARDIANSHIP_AFFIRMED, "agent-7", adult, detail={"child": child})
    return SqlGuardianships(family.desk.engine).affirm(adult_id=adult, child_id=child, at=now, audit=audit)


def test_an_administrator_affirms_which_feed_is_right(family: Family) -> None:
    family.first(1, MOTHER_1D, FATHER_1D)
    family.second(2, MOTHER, FATHER)
    family.second(5, MOTHER)
    assert affirmed(family) == 1
    assert family.sees("99-1d:610102")
    family.second(6, MOTHER)
    assert family.sees("99-1d:610102")
    with family.desk.engine.connect() as conn:
        acts = conn.execute(select(schema.audit_events.c.actor).where(schema.audit_events.c.action.like("%affirmed")))
        assert list(acts.scalars()) == ["agent-7"]


def test_affirming_gives_no_right_that_no_feed_gives_and_lifts_no_restriction(family: Family) -> None:
    family.first(1, MOTHER_1D)
    family.second(2, MOTHER, FATHER)
    family.second(5, MOTHER)
    family.first(6, MOTHER_1D, FATHER_1D)
    now, port = family.desk.clock(), SqlGuardianships(family.desk.engine)
    father, child = family.home("99-1d:610102"), family.home("99-2d:1")
    event = AuditEvent("ac-test", now, Action.RESTRICTION_SET, "agent-7", father)
    port.restrict(adult_id=father, child_id=child, since=now, audit=event)
    assert affirmed(family) == 1
    assert not family.sees("99-1d:610102")
    stranger = replace(event, action=Action.GUARDIANSHIP_AFFIRMED)
    assert (
        port.affirm(adult_id=family.home("99-2d:500102"), child_id=family.home("99-2d:2"), at=now, audit=stranger) == 0
    )
