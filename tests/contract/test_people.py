"""The port `People` on every database."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import Engine, update

from broker.domain.identity import EvidenceKind
from broker.domain.people import AttachmentState, Profil, RecordKind, Reference
from broker.domain.school import Level
from broker.storage.schema import enrolments, persons, records
from broker.storage.sql_people import SqlPeople
from tests import builders as b
from tests.contract.statements import statements

NOW = b.NOW
TODAY = NOW.date()


@pytest.fixture
def people(sql_engine: Engine) -> SqlPeople:
    return SqlPeople(sql_engine)


def test_cards_are_ordered_by_level_then_given_name_without_accents(sql_engine: Engine, people: SqlPeople) -> None:
    with sql_engine.begin() as conn:
        b.add_school(conn, "0990003C", name="Lycée Curie", level=Level.LYCEE)
        b.add_school(conn, "0990002B", name="Collège Zola", level=Level.COLLEGE)
        b.add_school(conn, "0990001A", name="École Ferry", level=Level.ECOLE)
        b.add_school(conn, "0990004D", name="Inconnu", level=None)
        mother, record = b.add_guardian(conn, "1")
        places = {"Zoé": "0990001A", "Émile": "0990001A", "Ana": "0990003C", "Bob": "0990002B", "Abel": "0990004D"}
        for key, (given, uai) in enumerate(places.items(), start=10):
            _, child = b.add_pupil(conn, str(key), given=given)
            b.add_guardianship(conn, record, child)
            b.enrol(conn, child, uai)
    cards = people.children_of(mother, now=NOW)
    assert [(card.given, card.level) for card in cards] == [
        ("Émile", Level.ECOLE),
        ("Zoé", Level.ECOLE),
        ("Bob", Level.COLLEGE),
        ("Ana", Level.LYCEE),
        ("Abel", None),
    ]
    assert cards[0].school == "École Ferry"


def test_the_cards_cost_one_autocommit_statement(sql_engine: Engine, people: SqlPeople) -> None:
    mother, children = b.add_family(sql_engine, children=("Léa", "Tom", "Zoé"))
    with statements(sql_engine) as seen:
        cards = people.children_of(mother, now=NOW)
    assert [card.child_id for card in cards] == children
    assert [alone for _, alone in seen] == [True]


def test_every_question_costs_one_autocommit_statement(sql_engine: Engine, people: SqlPeople) -> None:
    mother, _ = b.add_family(sql_engine)
    with statements(sql_engine) as seen:
        people.person(mother, now=NOW)
        people.why(mother, now=NOW)
        people.sees_a_child((mother,), now=NOW)
        people.by_reference((Reference("99", "1"),), feeds=frozenset({b.FEED_2D}))
        people.owner(mother)
    assert [alone for _, alone in seen] == [True] * 5


def test_a_place_is_shown_until_it_is_closed(sql_engine: Engine, people: SqlPeople) -> None:
    with sql_engine.begin() as conn:
        b.add_school(conn)
        mother, record = b.add_guardian(conn, "1")
        _, child = b.add_pupil(conn, "2")
        b.add_guardianship(conn, record, child)
        b.enrol(conn, child, class_code="6A", until=NOW)
        b.enrol(conn, child, class_code="6B", until=NOW + timedelta(seconds=1))
    assert [card.class_label for card in people.children_of(mother, now=NOW)] == ["6B"]
    assert people.children_of(mother, now=NOW + timedelta(seconds=1)) == ()


def test_a_place_that_lies_ahead_says_when_it_starts(sql_engine: Engine, people: SqlPeople) -> None:
    with sql_engine.begin() as conn:
        b.add_school(conn)
        mother, record = b.add_guardian(conn, "1")
        _, child = b.add_pupil(conn, "2")
        b.add_guardianship(conn, record, child)
        b.enrol(conn, child, starts_on=TODAY + timedelta(days=3))
    (card,) = people.children_of(mother, now=NOW)
    assert card.starts == TODAY + timedelta(days=3)
    (card,) = people.children_of(mother, now=NOW + timedelta(days=3))
    assert card.starts is None


def test_a_child_delivered_twice_in_one_class_is_one_card(sql_engine: Engine, people: SqlPeople) -> None:
    mother, (child,) = b.add_family(sql_engine)
    twin = b.add_record(sql_engine, "9", RecordKind.PUPIL, feed=b.FEED_1D, given="Lea")
    b.attach(sql_engine, twin, child, kind=EvidenceKind.SAME_INE, beside="99-2d:E0990001A0")
    b.enrol(sql_engine, twin)
    assert len(people.children_of(mother, now=NOW)) == 1
    b.enrol(sql_engine, twin, class_code="6Z")
    assert [card.class_label for card in people.children_of(mother, now=NOW)] == ["6A", "6Z"]


@pytest.mark.parametrize("state", [AttachmentState.PROPOSED, AttachmentState.FROZEN, AttachmentState.UNDONE])
def test_what_is_not_attached_shows_nothing(sql_engine: Engine, people: SqlPeople, state: AttachmentState) -> None:
    with sql_engine.begin() as conn:
        b.add_school(conn)
        mother = b.add_person(conn)
        record = b.add_record(conn, "1", RecordKind.GUARDIAN)
        b.attach(conn, record, mother, state=state)
        child, child_record = b.add_pupil(conn, "2")
        b.add_guardianship(conn, record, child_record)
        b.enrol(conn, child_record)
    assert people.children_of(mother, now=NOW) == ()
    assert not people.sees_a_child((mother,), now=NOW)
    assert people.person(mother, now=NOW) is None
    b.attach(sql_engine, record, mother)
    assert [card.child_id for card in people.children_of(mother, now=NOW)] == [child]


def test_a_retired_record_opens_nothing_and_names_nobody(sql_engine: Engine, people: SqlPeople) -> None:
    mother, (child,) = b.add_family(sql_engine)
    with sql_engine.begin() as conn:
        conn.execute(update(records).where(records.c.kind == "guardian").values(retired_at=NOW))
    assert people.children_of(mother, now=NOW) == ()
    assert people.person(mother, now=NOW) is None
    assert people.person(child, now=NOW) is not None


def test_a_restriction_on_one_record_binds_the_person_behind_every_record(
    sql_engine: Engine, people: SqlPeople
) -> None:
    father, (child,) = b.add_family(sql_engine)
    old = b.add_record(sql_engine, "77", RecordKind.GUARDIAN, feed=b.FEED_1D, retired_at=NOW)
    attachment = b.attach(sql_engine, old, father, state=AttachmentState.FROZEN)
    assert attachment
    assert [card.child_id for card in people.children_of(father, now=NOW)] == [child]
    b.add_restriction(sql_engine, old, "99-2d:E0990001A0", until=NOW + timedelta(days=1))
    assert people.children_of(father, now=NOW) == ()
    assert people.why(father, now=NOW) == ()
    assert not people.sees_a_child((father,), now=NOW)
    assert people.children_of(father, now=NOW + timedelta(days=1)) != ()


def test_a_restriction_on_a_record_that_is_only_proposed_binds_nobody(sql_engine: Engine, people: SqlPeople) -> None:
    mother, (child,) = b.add_family(sql_engine)
    other, restricted = b.add_guardian(sql_engine, "5", feed=b.FEED_1D, given="Paul")
    b.attach(sql_engine, restricted, mother, state=AttachmentState.PROPOSED, kind=EvidenceKind.RESEMBLANCE)
    twin = b.add_pupil(sql_engine, "6", feed=b.FEED_1D)[1]
    b.attach(sql_engine, twin, child, state=AttachmentState.PROPOSED, kind=EvidenceKind.SAME_INE)
    b.add_restriction(sql_engine, restricted, "99-2d:E0990001A0")
    b.add_restriction(sql_engine, "99-2d:G0990001A", twin)
    assert [card.child_id for card in people.children_of(mother, now=NOW)] == [child]
    assert other != mother


def test_persons_taken_as_one_human_are_bound_by_a_restriction_on_either(sql_engine: Engine, people: SqlPeople) -> None:
    father, _ = b.add_family(sql_engine)
    other, record = b.add_guardian(sql_engine, "5", feed=b.FEED_1D, given="Paul")
    assert people.sees_a_child((other, father), now=NOW)
    assert not people.sees_a_child((other,), now=NOW)
    assert not people.sees_a_child((), now=NOW)
    b.add_restriction(sql_engine, record, "99-2d:E0990001A0")
    assert people.sees_a_child((father,), now=NOW)
    assert not people.sees_a_child((father, other), now=NOW)


def test_a_restriction_binds_another_person_s_record_of_the_same_name_and_civility_for_that_child_alone(
    sql_engine: Engine, people: SqlPeople
) -> None:
    with sql_engine.begin() as conn:
        b.add_school(conn)
        barred = b.add_record(conn, "1", RecordKind.GUARDIAN, feed=b.FEED_1D, given="Paul", civility="M.")
        b.attach(conn, barred, b.add_person(conn))
        children = [b.add_pupil(conn, f"2{n}") for n in range(2)]
        seen = {}
        for key, given, civility in (("3", "PAUL", "M."), ("4", "Paul", "Mme"), ("5", "Jean", "M.")):
            record = b.add_record(conn, key, RecordKind.GUARDIAN, given=given, civility=civility)
            seen[key] = b.add_person(conn)
            b.attach(conn, record, seen[key])
            for _, child_record in children:
                b.add_guardianship(conn, record, child_record)
        for _, child_record in children:
            b.enrol(conn, child_record)
        b.add_restriction(conn, barred, children[0][1], until=NOW + timedelta(days=1))
    both, (closed, other) = {child for child, _ in children}, (child for child, _ in children)

    def shown(key: str, *, days: int = 0) -> set[str]:
        return {card.child_id for card in people.children_of(seen[key], now=NOW + timedelta(days=days))}

    assert (shown("3"), shown("4"), shown("5")) == ({other}, both, both)
    assert shown("3", days=1) == {closed, other}


def test_why_names_the_record_and_the_fact_behind_each_card(sql_engine: Engine, people: SqlPeople) -> None:
    mother, (child,) = b.add_family(sql_engine)
    second = b.add_record(sql_engine, "8", RecordKind.GUARDIAN, feed=b.FEED_1D)
    b.attach(sql_engine, second, mother, kind=EvidenceKind.SHARED_CHILD)
    old = b.add_record(sql_engine, "9", RecordKind.PUPIL, feed=b.FEED_1D)
    b.attach(sql_engine, old, child, kind=EvidenceKind.SAME_INE)
    b.add_guardianship(sql_engine, second, old)
    (reason,) = people.why(mother, now=NOW)
    assert (reason.child_id, reason.uai, reason.adult_feed) == (child, "0990001A", b.FEED_2D)
    assert (reason.attached_by, reason.quality) == (EvidenceKind.OWN_RECORD, "legal_guardian")
    assert reason.attached_at == reason.since == b.BEFORE
    assert reason.adult_reference == Reference("99", "G0990001A")


def test_why_falls_back_on_the_relation_to_another_record_of_the_child(sql_engine: Engine, people: SqlPeople) -> None:
    mother, (child,) = b.add_family(sql_engine)
    moved = b.add_record(sql_engine, "9", RecordKind.PUPIL, feed=b.FEED_1D)
    b.attach(sql_engine, moved, child, kind=EvidenceKind.SAME_INE)
    b.add_school(sql_engine, "0990009X", level=Level.ECOLE)
    b.enrol(sql_engine, moved, "0990009X")
    assert [reason.uai for reason in people.why(mother, now=NOW)] == ["0990009X", "0990001A"]
    assert {card.uai for card in people.children_of(mother, now=NOW)} == {"0990009X", "0990001A"}


def test_a_person_has_the_roles_of_its_live_records(sql_engine: Engine, people: SqlPeople) -> None:
    with sql_engine.begin() as conn:
        b.add_school(conn, name="Collège Zola")
        teacher, record = b.add_staff(conn, "1", given="Ada")
        b.add_post(conn, record)
        b.add_post(conn, record, function="DIR", profil=Profil.DIRECTION, until=NOW)
        parent = b.add_record(conn, "2", RecordKind.GUARDIAN)
        b.attach(conn, parent, teacher)
    view = people.person(teacher, now=NOW)
    assert view is not None
    assert view.kinds == {RecordKind.STAFF, RecordKind.GUARDIAN}
    assert [(post.profil, post.school) for post in view.posts] == [(Profil.ENSEIGNANT, "Collège Zola")]
    assert view.pupil_at == ()


def test_a_pupil_is_read_with_its_own_places(sql_engine: Engine, people: SqlPeople) -> None:
    _, (child,) = b.add_family(sql_engine)
    view = people.person(child, now=NOW)
    assert view is not None
    assert [(card.child_id, card.class_label) for card in view.pupil_at] == [(child, "6A")]
    assert view.name.given == "Léa"


def test_an_unknown_or_merged_person_is_nobody(sql_engine: Engine, people: SqlPeople) -> None:
    mother, _ = b.add_family(sql_engine)
    assert people.person("prs_nobody", now=NOW) is None
    assert people.person(mother, now=NOW) is not None
    with sql_engine.begin() as conn:
        survivor = b.add_person(conn)
        conn.execute(update(persons).where(persons.c.id == mother).values(merged_into=survivor))
    assert people.person(mother, now=NOW) is None


def test_a_reference_finds_its_exact_record_in_the_allotted_feeds_only(sql_engine: Engine, people: SqlPeople) -> None:
    mother, record = b.add_guardian(sql_engine, "500101")
    reference = Reference("99", "500101")
    (view,) = people.by_reference((reference,), feeds=frozenset({b.FEED_2D}))
    assert (view.record_id, view.person_id, view.kind) == (record, mother, RecordKind.GUARDIAN)
    assert (view.person_since, view.subject_since) == (b.BEFORE, None)
    assert people.by_reference((reference,), feeds=frozenset({b.FEED_1D})) == ()
    assert people.by_reference((Reference("98", "500101"),), feeds=frozenset({b.FEED_2D})) == ()
    assert people.by_reference((Reference("99", "50010"),), feeds=frozenset({b.FEED_2D})) == ()
    assert people.by_reference((), feeds=frozenset()) == ()


def test_a_found_record_tells_since_when_services_know_its_person(sql_engine: Engine, people: SqlPeople) -> None:
    mother, _ = b.add_guardian(sql_engine, "1")
    b.add_subject(sql_engine, mother, sector="a", issued_at=NOW - timedelta(days=9), retired_at=NOW)
    b.add_subject(sql_engine, mother, sector="b", issued_at=NOW - timedelta(days=5))
    b.add_subject(sql_engine, mother, sector="c", issued_at=NOW - timedelta(days=2))
    (view,) = people.by_reference((Reference("99", "1"),), feeds=frozenset({b.FEED_2D}))
    assert view.subject_since == NOW - timedelta(days=5)


def test_the_owner_of_an_id_is_found_through_any_number_of_merges(sql_engine: Engine, people: SqlPeople) -> None:
    chain = [b.add_person(sql_engine, f"prs_{n}") for n in range(4)]
    with sql_engine.begin() as conn:
        for absorbed, survivor in pairwise(chain):
            conn.execute(update(persons).where(persons.c.id == absorbed).values(merged_into=survivor))
    assert [people.owner(person) for person in chain] == ["prs_3"] * 4
    assert people.owner("prs_nobody") == "prs_nobody"


def test_an_ended_class_is_over_the_day_after(sql_engine: Engine, people: SqlPeople) -> None:
    mother, _ = b.add_family(sql_engine)
    with sql_engine.begin() as conn:
        conn.execute(update(enrolments).values(ends_on=date(2026, 9, 14)))
    assert len(people.children_of(mother, now=NOW)) == 1
    assert people.children_of(mother, now=NOW + timedelta(days=1)) == ()
