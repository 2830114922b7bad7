"""Records as text: what is written is read back, and a partial change empties nothing it does not state."""

from __future__ import annotations

from dataclasses import fields
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.directory.content import (
    content_hash,
    decode_person,
    decode_school,
    encode_person,
    encode_school,
    merged,
    name_key_of,
)
from broker.domain.feed import PERSON_FIELDS, ClassMembership, PersonRecord, PostRow, Relation, SchoolRecord, Tie
from broker.domain.guardianship import Quality
from broker.domain.names import name_key
from broker.domain.people import PersonName, Profil, RecordKind
from broker.domain.school import Level, SchoolClass

TEXT = st.text(max_size=12)
DAYS = st.none() | st.dates()
PERSONS = st.builds(
    PersonRecord,
    kind=st.sampled_from(RecordKind),
    key=st.just("7"),
    name=st.builds(PersonName, TEXT, TEXT, TEXT),
    birth_name=TEXT,
    birth_date=DAYS,
    ine=TEXT,
    mef=TEXT,
    level_code=TEXT,
    school_key=TEXT,
    mobile=TEXT,
    mail=TEXT,
    address=TEXT,
    classes=st.lists(st.builds(ClassMembership, TEXT, TEXT, TEXT, DAYS, DAYS), max_size=2).map(tuple),
    relations=st.lists(
        st.builds(Relation, TEXT, TEXT, st.sampled_from(Quality), st.booleans(), st.booleans()), max_size=2
    ).map(tuple),
    posts=st.lists(st.builds(PostRow, TEXT, TEXT, st.sampled_from(Profil)), max_size=2).map(tuple),
    ties=st.lists(st.builds(Tie, TEXT, TEXT), max_size=2).map(tuple),
    stated=st.sets(st.sampled_from(sorted(PERSON_FIELDS))).map(frozenset) | st.just(PERSON_FIELDS),
)


def value_of(record: PersonRecord, field: str) -> object:
    return getattr(record.name if field in {"family", "given", "civility"} else record, field)


def test_every_field_of_a_person_can_be_stated() -> None:
    own = set(PersonRecord._fields) - {"kind", "key", "name", "stated"}
    assert own | {field.name for field in fields(PersonName)} == PERSON_FIELDS


@given(PERSONS)
def test_a_person_written_is_the_person_read(person: PersonRecord) -> None:
    assert decode_person(encode_person(person), kind=person.kind, key="7") == person


@given(PERSONS, PERSONS)
def test_a_change_speaks_of_its_stated_fields_and_of_no_other(before: PersonRecord, change: PersonRecord) -> None:
    after = merged(before, change)
    assert after.stated == PERSON_FIELDS
    for field in PERSON_FIELDS:
        source = change if field in change.stated else before
        assert value_of(after, field) == value_of(source, field)


@given(PERSONS)
def test_a_change_of_nobody_known_is_taken_as_it_is(change: PersonRecord) -> None:
    assert value_of(merged(None, change), "family") == change.name.family


def test_a_school_written_is_the_school_read() -> None:
    for level in (Level.COLLEGE, None):
        school = SchoolRecord(
            "9002", "9990002Y", "Collège", level, "COLLEGE", "", "Y", "PU", (SchoolClass("3A", "3A"),)
        )
        assert decode_school(encode_school(school), key="9002") == school


@pytest.mark.parametrize("other", ["payload ", "Payload"])
def test_the_hash_tells_contents_and_rules_apart(other: str) -> None:
    one = content_hash("payload", in_charge_sees=False)
    assert one == content_hash("payload", in_charge_sees=False)
    assert one != content_hash(other, in_charge_sees=False)
    assert one != content_hash("payload", in_charge_sees=True)


@given(TEXT, TEXT)
def test_the_remembered_name_key_is_the_one_of_the_domain(family: str, given_name: str) -> None:
    name = PersonName(family, given_name, "Mme")
    assert name_key_of(name) == name_key(family=family, given=given_name, civility="Mme")


def test_dates_of_a_class_are_kept_when_only_one_is_known() -> None:
    place = ClassMembership("9002", "3A", "3A", since=None, until=date(2027, 7, 1))
    person = PersonRecord(RecordKind.PUPIL, "7", PersonName("A", "B"), classes=(place,), stated=PERSON_FIELDS)
    assert decode_person(encode_person(person), kind=RecordKind.PUPIL, key="7").classes == (place,)
