"""The port `Guardianships` on every database: a court's restriction binds persons, whatever record or feed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from broker.domain.audit import Action, AuditEvent
from broker.domain.guardianship import Restriction
from broker.domain.identity import EvidenceKind
from broker.domain.people import RecordKind
from broker.storage.schema import attachments, audit_events, restrictions
from broker.storage.sql_guardianships import SqlGuardianships
from broker.storage.sql_people import SqlPeople
from broker.storage.sql_sessions import SqlSessions
from tests import aaf
from tests import builders as b
from tests.clock import FakeClock
from tests.contract.acts import opening, proof
from tests.imports import FEED_1D, Desk

NOW = b.NOW
LATER = NOW + timedelta(days=1)


@pytest.fixture
def port(sql_engine: Engine) -> SqlGuardianships:
    return SqlGuardianships(sql_engine)


@pytest.fixture
def people(sql_engine: Engine) -> SqlPeople:
    return SqlPeople(sql_engine)


def event(action: Action = Action.RESTRICTION_SET) -> AuditEvent:
    return AuditEvent(tenant="99", at=NOW, action=action, actor="agent-7", subject="prs_x")


def test_a_restriction_closes_one_child_to_one_adult_at_once(
    sql_engine: Engine, port: SqlGuardianships, people: SqlPeople
) -> None:
    father, (lea, tom) = b.add_family(sql_engine, children=("Léa", "Tom"))
    made = port.restrict(adult_id=father, child_id=lea, since=NOW, audit=event())
    assert made == Restriction(father, lea, NOW, None)
    assert [card.child_id for card in people.children_of(father, now=NOW)] == [tom]
    assert [card.child_id for card in people.children_of(father, now=NOW - timedelta(seconds=1))] == [lea, tom]
    with sql_engine.connect() as conn:
        assert conn.execute(select(audit_events.c.action, audit_events.c.actor)).one() == ("restriction_set", "agent-7")
        assert conn.execute(select(restrictions.c.actor)).scalar() == "agent-7"


def test_a_restriction_is_written_on_every_pair_of_records_and_holds_on_later_ones(
    sql_engine: Engine, port: SqlGuardianships, people: SqlPeople
) -> None:
    father, (lea,) = b.add_family(sql_engine)
    for key, kind, person in (("1", RecordKind.GUARDIAN, father), ("2", RecordKind.PUPIL, lea)):
        b.attach(sql_engine, b.add_record(sql_engine, key, kind, feed=b.FEED_1D, retired_at=NOW), person)
    port.restrict(adult_id=father, child_id=lea, since=NOW, audit=event())
    with sql_engine.connect() as conn:
        assert conn.execute(select(func.count()).select_from(restrictions)).scalar() == 4
    newcomer = b.add_record(sql_engine, "3", RecordKind.GUARDIAN, feed="98-2d")
    b.attach(sql_engine, newcomer, father, kind=EvidenceKind.SHARED_CHILD)
    b.add_guardianship(sql_engine, newcomer, "99-2d:E0990001A0")
    assert people.children_of(father, now=NOW) == ()


def test_a_restriction_follows_the_adult_through_a_merge(
    sql_engine: Engine, port: SqlGuardianships, people: SqlPeople
) -> None:
    father, (lea,) = b.add_family(sql_engine)
    other, _ = b.add_guardian(sql_engine, "1", feed=b.FEED_1D)
    port.restrict(adult_id=father, child_id=lea, since=NOW, audit=event())
    SqlSessions(sql_engine, b.HINTS).open(opening(other, link=proof(other, father)))
    assert people.children_of(other, now=LATER) == ()
    assert port.lift(adult_id=father, child_id=lea, until=LATER, audit=event(Action.RESTRICTION_LIFTED)) == 1
    assert [card.child_id for card in people.children_of(other, now=LATER)] == [lea]


def test_a_restriction_follows_the_child_from_primary_to_secondary_school(
    sql_engine: Engine, port: SqlGuardianships, people: SqlPeople, clock: FakeClock, tmp_path: Path
) -> None:
    desk, ine = Desk(sql_engine, clock), "990000003DK"
    ecole = [aaf.school("9001", aaf.SCHOOL_1D, "ECOLE X")]
    child = [aaf.pupil_1d("41", "610001$20", ine=ine)]
    father = [aaf.guardian("610001", title="M.", given="Paul", degree="1D")]
    desk.run(
        aaf.write_set(tmp_path / "1", degree="1D", day="20260901", EtabEducNat=ecole, Eleve=child, PersRelEleve=father),
        feed=FEED_1D,
    )
    persons = dict(desk.rows(attachments, "record_id", "person_id"))
    barred, pupil = persons["99-1d:610001"], persons["99-1d:41"]
    port.restrict(adult_id=barred, child_id=pupil, since=clock(), audit=event())
    left = aaf.write_set(tmp_path / "2", degree="1D", mode="Delta", day="20260902", Eleve=[aaf.delete("Eleve", "41")])
    desk.run(left, feed=FEED_1D)
    came = [aaf.pupil("20", "500102$20$0$1$0$0", "500103$20$0$1$0$0", given="TITOUAN", born="02/05/2018", ine=ine)]
    adults = [aaf.guardian("500102", title="M.", given="Paul"), aaf.guardian("500103", title="M.", given="Jean")]
    college = [aaf.school()]
    desk.run(aaf.write_set(tmp_path / "3", day="20260903", EtabEducNat=college, Eleve=came, PersRelEleve=adults))
    persons = dict(desk.rows(attachments, "record_id", "person_id"))
    assert persons["99-2d:20"] == pupil
    assert persons["99-2d:500102"] != barred
    assert people.children_of(persons["99-2d:500102"], now=clock()) == ()
    assert not people.sees_a_child((persons["99-2d:500102"],), now=clock())
    assert [card.child_id for card in people.children_of(persons["99-2d:500103"], now=clock())] == [pupil]


def test_a_lifted_restriction_no_longer_holds_and_is_lifted_once(
    sql_engine: Engine, port: SqlGuardianships, people: SqlPeople
) -> None:
    father, (lea, tom) = b.add_family(sql_engine, children=("Léa", "Tom"))
    port.restrict(adult_id=father, child_id=lea, since=NOW, audit=event())
    port.restrict(adult_id=father, child_id=tom, since=NOW, audit=event())
    assert port.lift(adult_id=father, child_id=lea, until=LATER, audit=event(Action.RESTRICTION_LIFTED)) == 1
    assert people.children_of(father, now=LATER - timedelta(seconds=1)) == ()
    assert [card.child_id for card in people.children_of(father, now=LATER)] == [lea]
    assert port.lift(adult_id=father, child_id=lea, until=LATER, audit=event(Action.RESTRICTION_LIFTED)) == 0


def test_a_restriction_that_nothing_could_carry_is_refused_aloud(sql_engine: Engine, port: SqlGuardianships) -> None:
    father, (lea,) = b.add_family(sql_engine)
    with pytest.raises(LookupError):
        port.restrict(adult_id=b.add_person(sql_engine), child_id=lea, since=NOW, audit=event())
    with pytest.raises(LookupError):
        port.restrict(adult_id=father, child_id="prs_nobody", since=NOW, audit=event())
    with sql_engine.connect() as conn:
        assert conn.execute(select(func.count()).select_from(audit_events)).scalar() == 0
