"""The port `Containments` on every database: who is concerned, what ends, and what a proof by letter gives back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from broker.domain.containment import Concerned, Contain, Extent, Measure
from broker.domain.errors import LinkSuspended, PersonSuspended, PreauError
from broker.helpdesk.containment import BATCH, Order, carry_out
from broker.storage import schema
from broker.storage.entrant import Entrant, check_standings
from broker.storage.sql_containment import SqlContainments
from broker.storage.sql_credentials import SqlCredentials
from tests import builders as b
from tests.builders import NOW
from tests.contract.test_credentials import Stand, give_code, setting

SCHOOL, OTHER = "0990001A", "0990002B"
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Town:
    """A mother and her pupil at one school, a teacher there, a father and his pupil at another."""

    engine: Engine
    port: SqlContainments
    mother: str
    pupil: str
    teacher: str
    father: str
    logins: dict[str, str]


@pytest.fixture
def town(sql_engine: Engine) -> Town:
    b.add_school(sql_engine, SCHOOL)
    b.add_school(sql_engine, OTHER)
    mother, adult = b.add_guardian(sql_engine, "1")
    pupil, child = b.add_pupil(sql_engine, "2")
    b.add_guardianship(sql_engine, adult, child)
    b.enrol(sql_engine, child, SCHOOL)
    teacher, staff = b.add_staff(sql_engine, "3")
    b.add_post(sql_engine, staff, SCHOOL)
    father, parent = b.add_guardian(sql_engine, "4")
    _, elsewhere = b.add_pupil(sql_engine, "5")
    b.add_guardianship(sql_engine, parent, elsewhere)
    b.enrol(sql_engine, elsewhere, OTHER)
    logins = {}
    for person in (mother, pupil, teacher, father):
        logins[person] = b.add_account(sql_engine, person)
        b.add_session(sql_engine, person, logins[person], ends_at=NOW + HOUR)
    return Town(sql_engine, SqlContainments(sql_engine), mother, pupil, teacher, father, logins)


def everybody(town: Town, which: Concerned) -> set[str]:
    return set(town.port.persons(which, after="", limit=50, now=NOW))


def contain(town: Town, *persons: str, measure: Measure = Measure.SESSIONS, source: str = "") -> Extent:
    return town.port.contain(Contain(persons, measure, source, "ville", "vol", "cli:test", "bat_1", NOW))


def fault_of(town: Town, person: str) -> type[PreauError] | None:
    """What keeps the person from coming in by their login."""
    try:
        with town.engine.begin() as conn:
            source = conn.execute(select(schema.accounts.c.source_id)).scalars().first()
            check_standings(conn, Entrant(person, town.logins[person], str(source)))
    except PreauError as fault:
        return type(fault)
    return None


def test_a_school_is_its_pupils_their_guardians_and_its_staff(town: Town) -> None:
    assert everybody(town, Concerned(school=SCHOOL)) == {town.mother, town.pupil, town.teacher}


def test_exceptions_are_left_out(town: Town) -> None:
    spared = Concerned(school=SCHOOL, except_persons=(town.teacher,))
    assert everybody(town, spared) == {town.mother, town.pupil}
    assert everybody(town, Concerned(since=NOW - timedelta(days=900), except_schools=(SCHOOL,))) == {town.father}


def test_a_source_is_whoever_has_a_login_there_and_a_time_whoever_came_in_then(town: Town) -> None:
    with town.engine.connect() as conn:
        row = conn.execute(select(schema.sessions)).first()
    assert row is not None
    assert everybody(town, Concerned(source=row.source_id)) == set(town.logins)
    assert everybody(town, Concerned(source="ailleurs")) == set()
    assert everybody(town, Concerned(since=row.opened_at)) == set(town.logins)
    assert everybody(town, Concerned(since=row.opened_at - HOUR, until=row.opened_at)) == set()


def test_what_would_be_concerned_is_counted_and_nothing_is_changed(town: Town) -> None:
    which = Concerned(school=SCHOOL)
    assert town.port.extent(which, now=NOW) == Extent(persons=3, sessions=3, logins=3, secrets=0)
    assert town.port.extent(which, now=NOW) == Extent(persons=3, sessions=3, logins=3, secrets=0)


def test_sessions_end_and_nothing_else(town: Town) -> None:
    assert contain(town, town.mother, town.pupil) == Extent(2, 2, 0, 0)
    assert fault_of(town, town.mother) is None
    with town.engine.connect() as conn:
        live = conn.execute(select(schema.sessions.c.person_id).where(schema.sessions.c.revoked_at.is_(None)))
        assert set(live.scalars()) == {town.teacher, town.father}
        told = conn.execute(select(schema.notices.c.person_id)).scalars()
        assert set(told) == {town.mother, town.pupil}


def test_whoever_has_to_prove_anew_comes_in_by_no_login(town: Town) -> None:
    assert contain(town, town.mother, measure=Measure.REPROOF) == Extent(1, 1, 1, 0)
    assert fault_of(town, town.mother) is LinkSuspended
    assert fault_of(town, town.father) is None


def test_whoever_is_closed_comes_in_not_at_all(town: Town) -> None:
    contain(town, town.mother, measure=Measure.CLOSE)
    assert fault_of(town, town.mother) is PersonSuspended


def test_done_twice_it_changes_nothing_more(town: Town) -> None:
    contain(town, town.mother, measure=Measure.REPROOF)
    contain(town, town.mother, measure=Measure.REPROOF)
    with town.engine.connect() as conn:
        assert len(conn.execute(select(schema.standings)).all()) == 1


@pytest.mark.parametrize(("source", "left"), [("", None), ("ent", LinkSuspended)])
def test_a_proof_by_letter_gives_logins_back_but_not_those_of_a_source_in_doubt(
    town: Town, source: str, left: type[PreauError] | None
) -> None:
    with town.engine.begin() as conn:
        conn.execute(schema.accounts.update().values(source_id="ent"))
    contain(town, town.mother, measure=Measure.REPROOF, source=source)
    stand = Stand(town.engine, SqlCredentials(town.engine), town.mother, give_code(town.engine, town.mother))
    stand.port.set_secret(setting(stand))
    assert fault_of(town, town.mother) is left


def test_a_proof_by_a_telephone_gives_no_login_back(town: Town) -> None:
    """A containment asks for a letter of the school: a number may have been taken over with the rest."""
    contain(town, town.mother, measure=Measure.REPROOF)
    code = give_code(town.engine, town.mother)
    with town.engine.begin() as conn:
        conn.execute(schema.codes.update().values(kind="sms"))
    stand = Stand(town.engine, SqlCredentials(town.engine), town.mother, code)
    stand.port.set_secret(setting(stand))
    assert fault_of(town, town.mother) is LinkSuspended


def test_own_secrets_end_and_the_own_account_lives_on(town: Town) -> None:
    stand = Stand(town.engine, SqlCredentials(town.engine), town.mother, give_code(town.engine, town.mother))
    stand.port.set_secret(setting(stand))
    assert contain(town, town.mother, measure=Measure.REPROOF).secrets == 1
    assert stand.port.by_identifier("camille.martin") is None
    again = replace(stand, code=give_code(town.engine, town.mother, "CD34"))
    assert again.port.set_secret(setting(again)).identifier == "camille.martin"


def test_a_letter_that_was_under_way_is_worth_nothing(town: Town) -> None:
    stand = Stand(town.engine, SqlCredentials(town.engine), town.mother, give_code(town.engine, town.mother))
    contain(town, town.mother, measure=Measure.REPROOF)
    with pytest.raises(PreauError):
        stand.port.set_secret(setting(stand))


def test_a_whole_school_is_contained_in_batches(town: Town) -> None:
    """More people than one transaction takes."""
    for place in range(BATCH + 5):
        _, record = b.add_pupil(town.engine, f"p{place}")
        b.enrol(town.engine, record, SCHOOL)
    order = Order(Concerned(school=SCHOOL), Measure.SESSIONS, "ville", "vol", "cli:test")
    done = list(carry_out(town.port, order, clock=lambda: NOW))
    assert [each.persons for each in done] == [BATCH, BATCH + 8]


def test_nobody_says_everybody() -> None:
    assert Concerned(except_schools=(SCHOOL,)).is_everybody
