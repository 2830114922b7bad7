"""What a chunk shall write, decided from values alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from broker.directory.content import encode_person, encode_school
from broker.directory.planning import plan_chunk
from broker.directory.record_facts import Circumstances
from broker.domain.audit import Action
from broker.domain.feed import PERSON_FIELDS, PersonRecord, PostRow, Relation, SchoolRecord, Tie
from broker.domain.guardianship import Quality
from broker.domain.imports import (
    Chunk,
    ChunkPlan,
    EnrolmentRow,
    GuardianshipRow,
    KnownRecord,
    Op,
    PostFactRow,
    StagedRow,
)
from broker.domain.people import PersonName, Profil, RecordKind
from broker.domain.school import Level, SchoolClass

NOW = datetime(2026, 9, 8, tzinfo=UTC)
BEFORE = NOW - timedelta(days=7)
AROUND = Circumstances("imp_1", "f", "ac-test", "99", NOW, in_charge_sees=False)
MOTHER = Relation("5", "10", Quality.LEGAL_GUARDIAN)
PUPIL = PersonRecord(RecordKind.PUPIL, "1", PersonName("A", "B"), relations=(MOTHER,), stated=PERSON_FIELDS)
STAFF = PersonRecord(
    RecordKind.STAFF, "1", PersonName("A", "B"), posts=(PostRow("9", "ENS", Profil.ENSEIGNANT),), stated=PERSON_FIELDS
)


def staged(record: PersonRecord, op: Op = Op.ADD, seq: int = 1) -> StagedRow:
    payload = "" if op in {Op.DELETE, Op.KEEP} else encode_person(record)
    return StagedRow(1, seq, record.key, record.kind.value, op.value, "hash", len(record.relations), payload)


def known(record: PersonRecord, *, retired: bool = False) -> dict[str, KnownRecord]:
    one = KnownRecord(f"f:{record.key}", record.key, record.kind.value, encode_person(record), BEFORE, retired)
    return {one.record_id: one}


def guardianship(adult: str = "5", *, since: datetime = BEFORE) -> GuardianshipRow:
    return GuardianshipRow(
        adult_record=f"f:{adult}",
        child_record="f:1",
        since=since,
        until=None,
        feed="f",
        link_code="10",
        quality="legal_guardian",
        may_see=True,
        may_act=True,
        pays=False,
        contact_first=False,
    )


def plan(*rows: StagedRow, of: PersonRecord | None = None, **chunk: object) -> ChunkPlan:
    fields: dict[str, object] = {"known": known(of) if of else {}, **chunk}
    return plan_chunk(Chunk(rows=rows, **fields), AROUND)  # type: ignore[arg-type]


def test_a_new_pupil_brings_record_and_guardianship() -> None:
    decided = plan(staged(PUPIL))
    (record,) = decided.records_added.values()
    assert (record.id, record.kind, record.first_seen_at, record.retired_at) == ("f:1", "pupil", NOW, None)
    assert decided.guardianships_added == [guardianship(since=NOW)._replace(given=NOW)]
    assert decided.counts == {"guardianships_added": 1, "pupil_added": 1}
    assert (decided.audit, decided.touched) == ([], set())


@pytest.mark.parametrize(
    ("relations", "change", "counted"),
    [
        ((), "ended", "guardianships_ended"),
        ((MOTHER._replace(quality=Quality.CONTACT),), "altered", "guardianships_altered"),
        ((MOTHER, MOTHER._replace(adult_key="6")), "widened", "guardianships_widened"),
    ],
)
def test_a_changed_right_over_a_known_pupil_is_audited_and_told(
    relations: tuple[Relation, ...], change: str, counted: str
) -> None:
    after = PUPIL._replace(relations=relations)
    decided = plan(staged(after), of=PUPIL, guardianships=[guardianship()])
    (event,) = decided.audit
    assert (event.action, event.subject, event.outcome) == (Action.GUARDIANSHIP_CHANGED, "f:1", change)
    assert decided.counts == {counted: 1, "pupil_changed": 1}
    assert decided.touched == {event.detail["adult"]}


def test_a_known_pupil_unchanged_writes_no_fact() -> None:
    decided = plan(staged(PUPIL), of=PUPIL, guardianships=[guardianship()])
    assert (decided.guardianships_added, decided.guardianships_changed, decided.counts) == ([], [], {})


def test_a_removal_ends_everything_of_the_record() -> None:
    enrolment = EnrolmentRow("f:1", "9990002Y", "3A", BEFORE, None, "3A", "", "", None, None)
    post = PostFactRow("f:1", "9990002Y", "ENS", BEFORE, None, "ENS")
    decided = plan(
        staged(PUPIL, Op.DELETE),
        of=PUPIL,
        guardianships=[guardianship(), guardianship("6")._replace(until=BEFORE)],
        enrolments=[enrolment],
        posts=[post],
    )
    assert decided.records_retired == ["f:1"]
    assert decided.guardianships_changed == [guardianship()._replace(until=NOW)]
    assert decided.enrolments_changed == [enrolment._replace(until=NOW)]
    assert decided.posts_changed == [post._replace(until=NOW)]
    assert decided.touched == {"f:1", "f:5"}


def test_removing_who_is_unknown_or_gone_does_nothing() -> None:
    assert plan(staged(PUPIL, Op.DELETE)) == ChunkPlan()
    assert plan(staged(PUPIL, Op.DELETE), known=known(PUPIL, retired=True)) == ChunkPlan()
    assert plan(staged(PUPIL), staged(PUPIL, Op.DELETE, 2)) == ChunkPlan()


def test_a_record_gone_and_delivered_again_returns() -> None:
    decided = plan(staged(PUPIL), known=known(PUPIL, retired=True))
    assert decided.counts == {"guardianships_widened": 1, "pupil_returned": 1}
    assert "f:1" in decided.touched


def test_rows_of_one_key_are_folded_in_their_order() -> None:
    partial = PUPIL._replace(name=PersonName("", "Zoé"), relations=(), stated=frozenset({"given"}))
    decided = plan(staged(PUPIL), staged(partial, Op.MODIFY, 2), staged(PUPIL, Op.KEEP, 3))
    (record,) = decided.records_added.values()
    assert (record.family_name, record.given_name) == ("A", "Zoé")
    assert len(decided.guardianships_added) == 1
    moved = partial._replace(mef="10310019110", stated=frozenset({"mef"}))
    back = plan(staged(PUPIL, Op.DELETE), staged(moved, Op.MODIFY, 2), of=PUPIL)
    assert "10310019110" in back.records_changed["f:1"].content
    assert back.records_retired == []


def test_a_key_that_comes_back_for_somebody_else_retires_a_guardian_and_leaves_a_pupil_as_he_was() -> None:
    other = PUPIL._replace(name=PersonName("C", "D"), birth_date=NOW.date())
    pupil = plan(staged(other), of=PUPIL)
    assert (pupil.records_changed, pupil.records_retired, pupil.counts) == ({}, [], {"faults": 1})
    adult = PUPIL._replace(kind=RecordKind.GUARDIAN, relations=())
    guardian = plan(staged(adult._replace(name=PersonName("C", "D"))), of=adult)
    assert (guardian.records_changed, guardian.records_retired, guardian.touched) == ({}, ["f:1"], {"f:1"})
    assert guardian.counts == {"faults": 1, "guardian_replaced": 1, "guardian_retired": 1}


def test_a_partial_change_of_nobody_known_is_a_fault_and_a_full_one_an_addition() -> None:
    partial = PUPIL._replace(stated=frozenset({"given"}))
    decided = plan(staged(partial, Op.MODIFY))
    assert ["not known" in fault.reason for fault in decided.faults] == [True]
    assert decided.records_added == {}
    full = PUPIL._replace(stated=frozenset({"given", "family", "relations"}))
    assert list(plan(staged(full, Op.MODIFY)).records_added) == ["f:1"]


def test_a_key_never_changes_its_kind() -> None:
    guardian = PUPIL._replace(kind=RecordKind.GUARDIAN, relations=())
    against_known = plan(staged(guardian), of=PUPIL)
    in_one_set = plan(staged(PUPIL), staged(guardian, seq=2))
    assert (len(against_known.faults), against_known.records_changed) == (1, {})
    assert (len(in_one_set.faults), in_one_set.records_added["f:1"].kind) == (1, "pupil")


def test_a_guardian_has_no_facts_of_its_own() -> None:
    guardian = PersonRecord(RecordKind.GUARDIAN, "5", PersonName("A", "B"), relations=(MOTHER,), stated=PERSON_FIELDS)
    decided = plan(staged(guardian))
    assert (list(decided.records_added), decided.guardianships_added) == (["f:5"], [])


def test_posts_follow_the_schools_that_are_known() -> None:
    decided = plan(staged(STAFF), schools={"9": "9990002Y"})
    assert decided.posts_added == [PostFactRow("f:1", "9990002Y", "ENS", NOW, None, "ENS")]
    assert decided.records_added["f:1"].content_hash != ""


def test_an_unknown_school_is_told_once_and_its_people_are_looked_at_again() -> None:
    other = STAFF._replace(key="2")
    decided = plan(staged(STAFF), staged(other, seq=2))
    assert [fault.warning for fault in decided.faults] == [True]
    assert decided.counts["unknown_school:9"] == 2
    assert {record.content_hash for record in decided.records_added.values()} == {""}


def test_an_unknown_school_of_a_pupil_leaves_the_known_ones() -> None:
    pupil = PUPIL._replace(school_key="8")
    decided = plan(staged(pupil._replace(school_key="9")), schools={"9": "9990002Y"})
    assert [(row.uai, row.class_code) for row in decided.enrolments_added] == [("9990002Y", "")]
    assert plan(staged(pupil), schools={"9": "9990002Y"}).enrolments_added == []


SCHOOL = SchoolRecord("9", "9990002Y", "Collège", Level.COLLEGE, classes=(SchoolClass("3A", "3A"),))


def school_row(op: Op, seq: int) -> StagedRow:
    payload = encode_school(SCHOOL) if op is Op.ADD else ""
    return StagedRow(0, seq, "9", "school", op.value, "h", 0, payload)


@pytest.mark.parametrize(
    ("ops", "written", "retired"),
    [
        ((Op.ADD,), ["9"], []),
        ((Op.DELETE,), [], ["9"]),
        ((Op.ADD, Op.DELETE), [], ["9"]),
        ((Op.DELETE, Op.ADD), ["9"], []),
        ((Op.KEEP,), [], []),
    ],
)
def test_the_last_word_on_a_school_counts(ops: tuple[Op, ...], written: list[str], retired: list[str]) -> None:
    decided = plan(*(school_row(op, seq) for seq, op in enumerate(ops)))
    assert (list(decided.schools), decided.schools_retired) == (written, retired)


def test_what_a_record_states_of_one_human_is_written_over_and_emptied() -> None:
    tied = PUPIL._replace(ties=(Tie("rapproche", "2"), Tie("reference", "99$7")))
    assert plan(staged(tied)).ties == {"f:1": (("f:2", "rapproche"), ("99$7", "reference"))}
    assert plan(staged(PUPIL), of=tied, guardianships=[guardianship()]).ties == {"f:1": ()}
    assert plan(staged(PUPIL)).ties == {}
