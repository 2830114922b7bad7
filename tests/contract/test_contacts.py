"""The ports `Contacts` and `FamilyFacts` on every database: what counts after its hold, what only a family knows."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import Engine, insert, update

from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.audit import Action, AuditEvent
from broker.domain.credential_acts import AskContact
from broker.domain.credentials import Contact, ContactKind
from broker.domain.people import RecordKind
from broker.storage.schema import contacts, merges, persons
from broker.storage.sql_contacts import SqlContacts
from broker.storage.sql_family_facts import SqlFamilyFacts
from tests import builders as b
from tests.builders import NOW
from tests.own_accounts import BORN, family

HOLD = timedelta(hours=72)
OLD, NEW = "+33639980001", "+33639980002"
MOBILE = ContactKind.MOBILE


@pytest.fixture
def port(sql_engine: Engine) -> SqlContacts:
    return SqlContacts(sql_engine)


def ask(port: SqlContacts, person: str, value: str, *, at: datetime = NOW) -> None:
    contact = Contact(f"cnt_{person[-8:]}{value}{at:%d%H}", MOBILE, value, at, at + HOLD)
    event = AuditEvent("ville", at, Action.CONTACT_ASKED, person)
    port.ask(AskContact(person, contact, event, AccessNotice(person, NoticeKind.CONTACT_ASKED, at)))


def test_a_new_number_counts_after_its_hold_and_the_old_one_until_then(port: SqlContacts, sql_engine: Engine) -> None:
    person = b.add_person(sql_engine)
    ask(port, person, OLD, at=NOW - 2 * HOLD)
    ask(port, person, NEW)
    seen = [
        [port.holders(MOBILE, number, now=now) for number in (OLD, NEW)]
        for now in (NOW, NOW + HOLD - timedelta(seconds=1), NOW + HOLD)
    ]
    assert seen == [[(person,), ()], [(person,), ()], [(), (person,)]]


def test_asking_again_ends_what_was_held_and_nothing_in_force(port: SqlContacts, sql_engine: Engine) -> None:
    person = b.add_person(sql_engine)
    ask(port, person, OLD, at=NOW - 2 * HOLD)
    ask(port, person, "+33639980003", at=NOW - timedelta(hours=1))
    ask(port, person, NEW)
    assert [each.value for each in port.of_person(person)] == [NEW, OLD]


def test_a_change_that_was_called_back_while_it_was_held_is_none(port: SqlContacts, sql_engine: Engine) -> None:
    """It never counted. A thief who asks for one would otherwise keep every desk from helping for three days."""
    person = b.add_person(sql_engine)
    assert not port.changed_since(person, NOW - HOLD)
    ask(port, person, NEW)
    assert port.changed_since(person, NOW - HOLD)
    assert not port.changed_since(person, NOW)
    with sql_engine.begin() as conn:
        conn.execute(update(contacts).values(until=NOW + HOLD))
    assert port.changed_since(person, NOW - HOLD)
    with sql_engine.begin() as conn:
        conn.execute(update(contacts).values(until=NOW))
    assert not port.changed_since(person, NOW - HOLD)
    assert port.of_person(person) == ()
    assert port.holders(MOBILE, NEW, now=NOW + HOLD) == ()


def test_contacts_follow_whoever_their_person_was_merged_into(port: SqlContacts, sql_engine: Engine) -> None:
    kept, gone = b.add_person(sql_engine), b.add_person(sql_engine)
    ask(port, gone, NEW)
    with sql_engine.begin() as conn:
        conn.execute(update(persons).where(persons.c.id == gone).values(merged_into=kept))
    assert [each.value for each in port.of_person(kept)] == [NEW]
    assert port.changed_since(kept, NOW - HOLD)


def test_what_either_gave_counts_for_the_survivor_and_goes_back_with_an_undo(
    port: SqlContacts, sql_engine: Engine
) -> None:
    kept, gone = b.add_person(sql_engine), b.add_person(sql_engine)
    ask(port, kept, OLD, at=NOW - 3 * HOLD)
    ask(port, gone, NEW, at=NOW - 2 * HOLD)
    merge(sql_engine, gone, kept, at=NOW)
    assert [port.holders(MOBILE, each, now=NOW) for each in (OLD, NEW)] == [(kept,), (kept,)]
    merge(sql_engine, gone, None, at=NOW)
    assert [port.holders(MOBILE, each, now=NOW) for each in (OLD, NEW)] == [(kept,), (gone,)]


def test_one_number_that_both_gave_is_one_persons(port: SqlContacts, sql_engine: Engine) -> None:
    """Of two holders nobody could be told apart by their child: the same one would be refused."""
    kept, gone = b.add_person(sql_engine), b.add_person(sql_engine)
    for person in (kept, gone):
        ask(port, person, NEW, at=NOW - 2 * HOLD - timedelta(hours=person == gone))
    merge(sql_engine, gone, kept, at=NOW)
    assert port.holders(MOBILE, NEW, now=NOW) == (kept,)


def test_a_hold_is_the_survivors_too(port: SqlContacts, sql_engine: Engine) -> None:
    kept, gone = b.add_person(sql_engine), b.add_person(sql_engine)
    ask(port, gone, NEW)
    merge(sql_engine, gone, kept, at=NOW)
    assert port.holders(MOBILE, NEW, now=NOW + HOLD - timedelta(seconds=1)) == ()
    assert port.holders(MOBILE, NEW, now=NOW + HOLD) == (kept,)
    assert port.changed_since(kept, NOW - HOLD)


def test_what_is_given_after_a_merge_replaces_what_either_gave(port: SqlContacts, sql_engine: Engine) -> None:
    kept, gone = b.add_person(sql_engine), b.add_person(sql_engine)
    ask(port, gone, OLD, at=NOW - 4 * HOLD)
    merge(sql_engine, gone, kept, at=NOW - 3 * HOLD)
    ask(port, kept, NEW, at=NOW - 2 * HOLD)
    assert [port.holders(MOBILE, each, now=NOW) for each in (OLD, NEW)] == [(), (kept,)]


def merge(engine: Engine, gone: str, kept: str | None, *, at: datetime) -> None:
    """The rows that a merge leaves, or its undo, so far as contacts look at them."""
    with engine.begin() as conn:
        conn.execute(update(persons).where(persons.c.id == gone).values(merged_into=kept))
        if kept:
            conn.execute(insert(merges).values(survivor=kept, absorbed=gone, at=at, evidence={}))
        else:
            conn.execute(update(merges).where(merges.c.absorbed == gone).values(undone_at=at))


def test_a_guardian_knows_the_birth_dates_of_the_children_they_may_see(sql_engine: Engine) -> None:
    facts, mother = SqlFamilyFacts(sql_engine), family(sql_engine)
    assert facts.birth_dates(mother, now=NOW) == {BORN}
    b.add_restriction(sql_engine, f"{b.FEED_2D}:G501", f"{b.FEED_2D}:E501")
    assert facts.birth_dates(mother, now=NOW) == frozenset()
    assert facts.birth_dates("", now=NOW) == facts.birth_dates("prs_nobody", now=NOW) == frozenset()


@pytest.mark.parametrize(
    ("kind", "known"), [(RecordKind.PUPIL, True), (RecordKind.STAFF, True), (RecordKind.GUARDIAN, False)]
)
def test_pupils_and_staff_know_their_own(sql_engine: Engine, kind: RecordKind, *, known: bool) -> None:
    person, day = b.add_person(sql_engine), date(2009, 5, 2)
    b.attach(sql_engine, b.add_record(sql_engine, "R1", kind, birth_date=day), person)
    assert SqlFamilyFacts(sql_engine).birth_dates(person, now=NOW) == (frozenset({day}) if known else frozenset())
