"""The port `Details` on every database: what some services are told beyond the view of a person."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, update

from broker.directory.content import encode_person
from broker.domain.details import ChildPlace, OwnLogin, OwnPlace
from broker.domain.feed import PersonRecord
from broker.domain.identity import AccountState, UpstreamProtocol
from broker.domain.people import AttachmentState, PersonName, RecordKind
from broker.storage.schema import enrolments, persons, records, schools
from broker.storage.sql_details import SqlDetails
from tests import builders as b
from tests.contract.statements import statements

NOW = b.NOW
INE = "990000002EA"


@pytest.fixture
def details(sql_engine: Engine) -> SqlDetails:
    return SqlDetails(sql_engine)


def say(engine: Engine, record_id: str, *, ine: str = "", **content: Any) -> None:
    """Let a record say this, and carry everything that must never leave."""
    never = {"ine": ine, "mobile": "+33639980001", "relations": [["500102", "10", "legal_guardian", 1, 1]]}
    with engine.begin() as conn:
        conn.execute(
            update(records)
            .where(records.c.id == record_id)
            .values(content=json.dumps({**never, **content}), ine=ine, birth_date=date(2015, 3, 14))
        )


def family(engine: Engine) -> tuple[str, str, str, str]:
    """A mother and her child at a collège; (mother, her record, child, child's record)."""
    b.add_school(engine, "0990001A")
    with engine.begin() as conn:
        conn.execute(update(schools).values(kind="COLLEGE"))
    mother, mothers = b.add_guardian(engine, "500101")
    child, childs = b.add_pupil(engine, "200345")
    b.add_guardianship(engine, mothers, childs)
    b.enrol(engine, childs, "0990001A")
    say(engine, childs, ine=INE, siecle_id="771204", teachings=["030201"], postal_code="99100", mail="m@example.org")
    return mother, mothers, child, childs


def test_a_pupils_record_says_what_is_theirs(sql_engine: Engine, details: SqlDetails) -> None:
    _, _, child, childs = family(sql_engine)
    with sql_engine.begin() as conn:
        conn.execute(update(enrolments).where(enrolments.c.record_id == childs).values(mef="10110019110"))
    (own,) = details.records_of(child, now=NOW)
    assert (own.kind, own.feed, own.key) == (RecordKind.PUPIL, b.FEED_2D, "200345")
    assert (own.birth_date, own.mail, own.postal_code) == (date(2015, 3, 14), "m@example.org", "99100")
    assert (own.number, own.teachings) == ("771204", ("030201",))
    assert own.places == (OwnPlace("0990001A", "COLLEGE", "6A", "10110019110"),)


def test_telephone_and_address_are_read_of_a_guardians_record_alone(sql_engine: Engine, details: SqlDetails) -> None:
    """On a pupil's they may be a parent's, and a teacher's are private."""
    mother, mothers, child, childs = family(sql_engine)
    teacher, teachers = b.add_staff(sql_engine, "300001")
    for record in (mothers, childs, teachers):
        say(sql_engine, record, address="1 rue du Port 99100 VILLE")
    told = {who: details.records_of(who, now=NOW)[0] for who in (mother, child, teacher)}
    assert (told[mother].mobile, told[mother].address) == ("+33639980001", "1 rue du Port 99100 VILLE")
    assert all((told[who].mobile, told[who].address) == ("", "") for who in (child, teacher))


def test_a_post_is_a_place_without_a_class(sql_engine: Engine, details: SqlDetails) -> None:
    b.add_school(sql_engine, "0990001A")
    teacher, record = b.add_staff(sql_engine, "1")
    b.add_post(sql_engine, record, function="ENS")
    b.add_post(sql_engine, record, function="DOC", until=NOW)
    (own,) = details.records_of(teacher, now=NOW)
    assert own.places == (OwnPlace("0990001A"),)


def test_a_record_without_place_is_still_told(sql_engine: Engine, details: SqlDetails) -> None:
    mother, _, _, _ = family(sql_engine)
    assert [(own.key, own.places) for own in details.records_of(mother, now=NOW)] == [("500101", ())]


def test_the_oldest_record_comes_first(sql_engine: Engine, details: SqlDetails) -> None:
    person, _ = b.add_guardian(sql_engine, "5")
    older = b.add_record(sql_engine, "9", RecordKind.GUARDIAN)
    b.attach(sql_engine, older, person)
    with sql_engine.begin() as conn:
        conn.execute(update(records).where(records.c.id == older).values(first_seen_at=b.BEFORE - timedelta(days=9)))
    assert [own.key for own in details.records_of(person, now=NOW)] == ["9", "5"]


def test_what_is_proposed_retired_or_merged_away_is_not_told(sql_engine: Engine, details: SqlDetails) -> None:
    person, _ = b.add_guardian(sql_engine, "1")
    _, proposed = b.add_guardian(sql_engine, "2")
    b.attach(sql_engine, proposed, person, state=AttachmentState.PROPOSED)
    b.attach(sql_engine, b.add_record(sql_engine, "3", RecordKind.GUARDIAN, retired_at=NOW), person)
    assert [own.key for own in details.records_of(person, now=NOW)] == ["1"]
    other = b.add_person(sql_engine)
    with sql_engine.begin() as conn:
        conn.execute(update(persons).where(persons.c.id == person).values(merged_into=other))
    assert details.records_of(person, now=NOW) == ()


@pytest.mark.parametrize("change", ["over", "ahead", "ended"])
def test_a_place_that_is_over_or_ahead_is_none(sql_engine: Engine, details: SqlDetails, change: str) -> None:
    mother, _, child, childs = family(sql_engine)
    day = NOW.date()
    values: dict[str, dict[str, Any]] = {
        "over": {"until": NOW},
        "ahead": {"starts_on": day + timedelta(days=1)},
        "ended": {"ends_on": day - timedelta(days=1)},
    }
    with sql_engine.begin() as conn:
        conn.execute(update(enrolments).where(enrolments.c.record_id == childs).values(**values[change]))
    assert details.records_of(child, now=NOW)[0].places == ()
    assert details.child_places(mother, now=NOW) == ()


def test_an_ine_under_another_name_is_left_out(sql_engine: Engine, details: SqlDetails) -> None:
    mother, _, child, childs = family(sql_engine)
    say(sql_engine, childs, ine=INE, siecle_id=INE.lower())
    assert details.records_of(child, now=NOW)[0].number == ""
    assert details.child_places(mother, now=NOW)[0].number == ""
    keyed, record = b.add_pupil(sql_engine, "990000003DK")
    say(sql_engine, record, ine="990000003DK")
    assert details.records_of(keyed, now=NOW)[0].key == ""
    say(sql_engine, record, ine="990000004DJ")
    assert details.records_of(keyed, now=NOW)[0].key == ""
    wrong, record = b.add_pupil(sql_engine, "990000003XX")
    say(sql_engine, record, ine="990000004DJ")
    assert details.records_of(wrong, now=NOW)[0].key == "990000003XX"
    say(sql_engine, record, ine="990000003XX")
    assert details.records_of(wrong, now=NOW)[0].key == ""


def test_child_places_are_those_of_children_the_adult_may_see(sql_engine: Engine, details: SqlDetails) -> None:
    mother, mothers, child, childs = family(sql_engine)
    stranger, _ = b.add_guardian(sql_engine, "9")
    assert details.child_places(mother, now=NOW) == (ChildPlace(child, "0990001A", "COLLEGE", "771204"),)
    assert details.child_places(stranger, now=NOW) == ()
    b.add_restriction(sql_engine, mothers, childs)
    assert details.child_places(mother, now=NOW) == ()


def test_logins_are_those_of_sources_that_know_people_by_name(sql_engine: Engine, details: SqlDetails) -> None:
    mother, _, _, _ = family(sql_engine)
    b.add_account(sql_engine, mother, subject="aline.q", linked_at=b.BEFORE + timedelta(hours=1))
    b.add_account(sql_engine, mother, subject="aline", source_id="old")
    b.add_account(sql_engine, mother, subject="opaque", protocol=UpstreamProtocol.OIDC)
    b.add_account(sql_engine, mother, subject="gone", state=AccountState.UNDONE)
    assert details.logins_of(mother) == (OwnLogin("old", "aline"), OwnLogin("ent1", "aline.q"))


def test_a_login_that_holds_an_ine_is_left_out(sql_engine: Engine, details: SqlDetails) -> None:
    mother, _, child, childs = family(sql_engine)
    say(sql_engine, childs, ine="990000003XX")
    for subject in (INE, INE.lower(), f"{INE}@ent", f"ine-{INE}", f" {INE}", "990000003xx", "maelys"):
        b.add_account(sql_engine, child, subject=subject)
    assert details.logins_of(child) == (OwnLogin("ent1", "maelys"),)
    b.add_account(sql_engine, mother, subject=f"p.{INE.lower()}")
    assert details.logins_of(mother) == ()


def test_a_login_is_told_once_however_many_records_the_person_has(sql_engine: Engine, details: SqlDetails) -> None:
    mother, _, _, _ = family(sql_engine)
    b.attach(sql_engine, b.add_record(sql_engine, "2", RecordKind.GUARDIAN), mother)
    b.add_account(sql_engine, mother, subject="aline")
    assert details.logins_of(mother) == (OwnLogin("ent1", "aline"),)


def test_every_question_costs_one_autocommit_statement(sql_engine: Engine, details: SqlDetails) -> None:
    mother, _, _, _ = family(sql_engine)
    with statements(sql_engine) as seen:
        details.records_of(mother, now=NOW)
        details.child_places(mother, now=NOW)
        details.logins_of(mother)
    assert [alone for _, alone in seen] == [True, True, True]


def test_what_the_directory_stores_is_what_is_read(sql_engine: Engine, details: SqlDetails) -> None:
    _, _, child, childs = family(sql_engine)
    delivered = PersonRecord(
        RecordKind.PUPIL, "200345", PersonName("Q", "M"), ine=INE, mobile="+33639980001", mail="m@example.org",
        postal_code="99100", siecle_id="771204", teachings=("030201", "020300"),
    )  # fmt: skip
    with sql_engine.begin() as conn:
        conn.execute(update(records).where(records.c.id == childs).values(content=encode_person(delivered)))
    (own,) = details.records_of(child, now=NOW)
    assert (own.mail, own.postal_code, own.number) == ("m@example.org", "99100", "771204")
    assert own.teachings == ("030201", "020300")
