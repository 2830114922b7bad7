"""The findings of a school, from the delivery that brings each to the one that mends it; and who is not reached."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, insert, select, update

from broker.directory.reach import reach_of
from broker.domain.people import AttachmentState, RecordKind
from broker.domain.quality import (
    Finding,
    FindingKind,
    NextAction,
    Origin,
    QualityCheck,
    TrackedFinding,
)
from broker.quality import bring_up_to_date
from broker.storage import schema
from broker.storage.engine import open_engine, reading, writing
from broker.storage.sql_quality import SqlQuality
from broker.storage.sql_reach import SqlReach
from tests import builders as b
from tests.contract.statements import statements
from tests.contract.test_exposure import asked

HERE, ELSEWHERE = "0990001A", "0990002B"
DAY = timedelta(days=1)
FEEDS = {b.FEED_2D: Origin.AAF_2D}
INE = "990000002EA"


def deliver(engine: Engine, name: str, *, feed: str = b.FEED_2D, days: int = 0, state: str = "done") -> None:
    """A run of a feed that was applied."""
    at = b.NOW + days * DAY
    row = {"id": name, "feed": feed, "tenant": "t", "academie": "99", "complete": True, "checksum": name}
    with writing(engine) as conn:
        conn.execute(insert(schema.imports).values(state=state, started_at=at, applied_at=at, **row))


def look_over(engine: Engine, uai: str = HERE, *, days: int = 0) -> bool:
    return bring_up_to_date(SqlQuality(engine), uai, feeds=FEEDS, now=b.NOW + days * DAY)


def told(engine: Engine, uai: str = HERE) -> tuple[TrackedFinding, ...]:
    return SqlQuality(engine).findings(uai)


def still(engine: Engine, uai: str = HERE) -> set[tuple[FindingKind, str]]:
    return {(one.finding.kind, one.finding.record_id) for one in told(engine, uai) if one.closed_at is None}


def add_child(
    engine: Engine, key: str, *, uai: str = HERE, ine: str = "", born: date | None = date(2014, 3, 14)
) -> str:
    record = b.add_record(engine, key, RecordKind.PUPIL, given=f"Enfant {key}", ine=ine, birth_date=born)
    b.enrol(engine, record, uai)
    return record


def add_adult(engine: Engine, key: str, *children: str, given: str = "Dominique", **told: str) -> str:
    content = {"mobile": "+33639980001", **told}
    record = b.add_record(engine, key, RecordKind.GUARDIAN, given=given, told=content)
    for child in children:
        b.add_guardianship(engine, record, child)
    return record


@pytest.fixture
def engine(sql_engine: Engine) -> Engine:
    """Two schools, a sound family in each, one delivery."""
    for place, uai in enumerate((HERE, ELSEWHERE)):
        b.add_school(sql_engine, uai)
        add_adult(sql_engine, f"G{place}", add_child(sql_engine, f"E{place}", uai=uai))
    deliver(sql_engine, "imp_1")
    return sql_engine


def amend(engine: Engine, record: str, **values: object) -> None:
    with writing(engine) as conn:
        conn.execute(update(schema.records).where(schema.records.c.id == record).values(**values))


# ---- tracking --------------------------------------------------------------------------------------------------------


def test_a_finding_is_dated_by_the_delivery_that_brought_it_and_closed_by_the_one_that_mended_it(
    engine: Engine,
) -> None:
    assert look_over(engine)
    assert told(engine) == ()
    amend(engine, "99-2d:E0", birth_date=None)
    deliver(engine, "imp_2", days=1)
    assert look_over(engine, days=1)
    (found,) = told(engine)
    assert (found.finding, found.first_seen, found.closed_at) == (
        Finding(FindingKind.BIRTH_DATE_MISSING, b.FEED_2D, "99-2d:E0"),
        b.NOW + DAY,
        None,
    )
    deliver(engine, "imp_3", days=2)
    assert look_over(engine, days=2)
    (found,) = told(engine)
    assert (found.first_seen, found.last_seen) == (b.NOW + DAY, b.NOW + 2 * DAY)
    amend(engine, "99-2d:E0", birth_date=date(2014, 3, 14))
    deliver(engine, "imp_4", days=3)
    assert look_over(engine, days=3)
    (found,) = told(engine)
    assert (found.closed_at, found.closed_in) == (b.NOW + 3 * DAY, "imp_4")
    assert (found.first_seen, found.last_seen) == (b.NOW + DAY, b.NOW + 2 * DAY)


def test_what_comes_back_is_a_new_finding_and_looking_twice_changes_nothing(engine: Engine) -> None:
    for days, born in ((1, None), (2, date(2014, 3, 14)), (3, None)):
        amend(engine, "99-2d:E0", birth_date=born)
        deliver(engine, f"imp_{days + 1}", days=days)
        assert look_over(engine, days=days)
        before = told(engine)
        assert look_over(engine, days=days)
        assert told(engine) == before
    assert [(one.first_seen, one.closed_in) for one in told(engine)] == [
        (b.NOW + 3 * DAY, ""),
        (b.NOW + DAY, "imp_3"),
    ]


def test_while_a_delivery_is_being_applied_nothing_is_tracked(engine: Engine) -> None:
    amend(engine, "99-2d:E0", birth_date=None)
    deliver(engine, "imp_2", days=1, state="applying")
    assert not look_over(engine, days=1)
    assert told(engine) == ()


def test_what_was_read_before_a_delivery_came_is_not_tracked(engine: Engine) -> None:
    port = SqlQuality(engine)
    check = QualityCheck(HERE, frozenset(), port.deliveries([b.FEED_2D]))
    deliver(engine, "imp_2", days=1)
    assert not port.track(check)
    assert port.track(replace(check, deliveries=port.deliveries([b.FEED_2D])))


def test_findings_of_a_feed_that_made_no_delivery_are_neither_opened_nor_closed(engine: Engine) -> None:
    port = SqlQuality(engine)
    one = Finding(FindingKind.CLASS_MISSING, b.FEED_1D, "99-1d:E9")
    deliveries = port.deliveries([b.FEED_2D, b.FEED_1D])
    assert set(deliveries.last) == {b.FEED_2D}
    assert port.track(QualityCheck(HERE, frozenset({one}), deliveries))
    assert still(engine) == set()
    b.add_record(engine, "E9", RecordKind.PUPIL, feed=b.FEED_1D)
    deliver(engine, "imp_1d", feed=b.FEED_1D)
    assert port.track(QualityCheck(HERE, frozenset({one}), port.deliveries([b.FEED_2D, b.FEED_1D])))
    assert still(engine) == {(one.kind, one.record_id)}
    assert port.track(QualityCheck(HERE, frozenset(), deliveries))
    assert still(engine) == {(one.kind, one.record_id)}


def test_a_pupil_who_left_takes_the_findings_along(engine: Engine) -> None:
    amend(engine, "99-2d:E0", birth_date=None)
    assert look_over(engine)
    amend(engine, "99-2d:E0", retired_at=b.NOW)
    deliver(engine, "imp_2", days=1)
    assert look_over(engine, days=1)
    assert {one.finding.kind for one in told(engine) if one.closed_in == "imp_2"} >= {FindingKind.BIRTH_DATE_MISSING}
    assert all(record != "99-2d:E0" for _, record in still(engine))


# ---- the picture -----------------------------------------------------------------------------------------------------


def test_the_picture_holds_what_is_needed_of_this_school_and_nothing_of_another(engine: Engine) -> None:
    picture = SqlQuality(engine).picture(HERE, feeds=[b.FEED_2D], own=[])
    assert [pupil.record_id for pupil in picture.pupils] == ["99-2d:E0"]
    assert [adult.record_id for adult in picture.adults] == ["99-2d:G0"]
    assert {(one.adult_record, one.child_record, one.legal) for one in picture.beside} == {
        ("99-2d:G0", "99-2d:E0", True)
    }
    assert SqlQuality(engine).picture(HERE, feeds=["other"], own=[]).pupils == ()
    assert SqlQuality(engine).knows(HERE)
    assert not SqlQuality(engine).knows("0990009Z")


def test_what_is_over_is_not_in_the_picture(engine: Engine) -> None:
    """A pupil who went to another class or school, an adult who is gone, a relation that fell."""
    moved = add_child(engine, "E7", uai=ELSEWHERE)
    b.enrol(engine, moved, HERE, until=b.NOW)
    fallen = b.add_record(engine, "G7", RecordKind.GUARDIAN)
    b.add_guardianship(engine, fallen, "99-2d:E0", until=b.NOW)
    amend(engine, add_adult(engine, "G8", "99-2d:E0"), retired_at=b.NOW)
    picture = SqlQuality(engine).picture(HERE, feeds=[b.FEED_2D], own=[])
    assert [pupil.record_id for pupil in picture.pupils] == ["99-2d:E0"]
    assert [adult.record_id for adult in picture.adults] == ["99-2d:G0"]


def test_an_adult_is_legal_also_by_a_child_of_another_school(engine: Engine) -> None:
    with writing(engine) as conn:
        conn.execute(update(schema.guardianships).values(quality="contact"))
    (adult,) = SqlQuality(engine).picture(HERE, feeds=[b.FEED_2D], own=[]).adults
    assert not adult.legal
    b.add_guardianship(engine, "99-2d:G0", "99-2d:E1")
    (adult,) = SqlQuality(engine).picture(HERE, feeds=[b.FEED_2D], own=[]).adults
    assert adult.legal


def test_adults_beside_no_child_belong_to_the_school_whose_own_feed_it_is(engine: Engine) -> None:
    own = f"onde.{HERE.lower()}"
    b.add_record(engine, "r1", RecordKind.GUARDIAN, feed=own)
    assert len(SqlQuality(engine).picture(HERE, feeds=[b.FEED_2D, own], own=[]).adults) == 1
    found = SqlQuality(engine).picture(HERE, feeds=[b.FEED_2D, own], own=[own]).adults
    assert [adult.record_id for adult in found] == ["99-2d:G0", f"{own}:r1"]


def test_the_same_ine_at_another_school_is_found_and_neither_school_reads_of_the_other(engine: Engine) -> None:
    mine = add_child(engine, "E5", ine=INE)
    theirs = add_child(engine, "E6", uai=ELSEWHERE, ine=INE, born=date(2013, 1, 1))
    for uai, record in ((HERE, mine), (ELSEWHERE, theirs)):
        assert look_over(engine, uai)
        assert (FindingKind.INE_TWICE, record) in still(engine, uai)
        (found,) = [one for one in told(engine, uai) if one.finding.kind is FindingKind.INE_TWICE]
        assert found.ine_end == "2EA"
        other = theirs if record == mine else mine
        assert other.partition(":")[2] not in repr(told(engine, uai))
        assert INE not in repr(told(engine, uai))
    amend(engine, theirs, retired_at=b.NOW)
    assert look_over(engine)
    assert (FindingKind.INE_TWICE, mine) not in still(engine)


def test_a_finding_bears_the_name_the_class_and_the_adult_too_many(engine: Engine) -> None:
    add_adult(engine, "G2", "99-2d:E0")
    assert look_over(engine)
    (found,) = told(engine)
    assert found.finding == Finding(FindingKind.ADULT_TWICE, b.FEED_2D, "99-2d:E0", "99-2d:G2")
    assert (found.name.given, found.class_label) == ("Enfant E0", "6A")
    assert found.other_name is not None
    assert (found.other_name.given, found.other_name.family) == ("Dominique", "Martin")


# ---- how it is asked -------------------------------------------------------------------------------------------------


def test_no_table_is_ever_read_through(sqlite_url: str) -> None:
    """A school's report takes as long in an académie of 8,000 as alone: every statement begins at the school."""
    engine = open_engine(sqlite_url)
    add_adult(engine, "G0", add_child(engine, "E0", uai=b.add_school(engine, HERE), born=None))
    deliver(engine, "imp_1")
    with asked(engine) as seen:
        assert look_over(engine)
        SqlQuality(engine).findings(HERE)
        SqlReach(engine).families(HERE, now=b.NOW)
    assert len(seen) > 10
    with reading(engine) as conn:
        for statement, parameters in list(seen):
            if statement.startswith(("SELECT", "WITH", "UPDATE")):
                bound = parameters[0] if isinstance(parameters, list) else parameters
                plan = [row[3] for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", bound)]
                through = {step.split()[1] for step in plan if step.startswith("SCAN")}
                # keys handed over are read whole, and so is what `may_see` found with them
                assert [name for name in through if not name.startswith("anon_") and name != "may_see"] == [], statement
                assert [step for step in plan if "records" in step and step.endswith("(feed=?)")] == [], statement
    engine.dispose()


def test_a_school_is_read_in_as_many_statements_as_it_has_kinds_of_things(postgres_engine: Engine) -> None:
    counts = []
    b.add_school(postgres_engine, HERE)
    for place in range(8):
        add_adult(postgres_engine, f"G{place}", add_child(postgres_engine, f"E{place}", ine=INE))
        with statements(postgres_engine) as seen:
            SqlQuality(postgres_engine).picture(HERE, feeds=[b.FEED_2D], own=[])
            SqlReach(postgres_engine).families(HERE, now=b.NOW)
        counts.append(len(seen))
    assert len(set(counts)) == 1


# ---- who is not reached ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Household:
    """A child at a school with one guardian; both have persons, nobody has signed in."""

    engine: Engine
    adult: str
    child: str
    adult_record: str = f"99-2d:G{HERE}"
    child_record: str = f"99-2d:E{HERE}0"

    def unreached(self, uai: str = HERE) -> list[tuple[str, NextAction]]:
        families = SqlReach(self.engine).families(uai, now=b.NOW)
        assert families is not None
        return [(one.child.child_id, one.action) for one in reach_of(families).unreached]


@pytest.fixture
def household(sql_engine: Engine) -> Household:
    adult, (child,) = b.add_family(sql_engine, uai=HERE)
    b.add_family(sql_engine, uai=ELSEWHERE)
    return Household(sql_engine, adult, child)


def test_a_child_is_reached_once_a_guardian_has_signed_in(household: Household) -> None:
    assert household.unreached() == [(household.child, NextAction.HAND)]
    account = b.add_account(household.engine, household.adult)
    assert household.unreached() == []
    assert len(household.unreached(ELSEWHERE)) == 1
    with writing(household.engine) as conn:
        gone = update(schema.accounts).where(schema.accounts.c.id == account)
        conn.execute(gone.values(state="undone"))
    assert household.unreached() == [(household.child, NextAction.HAND)]


def test_the_means_are_those_of_the_adult_who_may_see_the_child(household: Household) -> None:
    amend(household.engine, household.adult_record, content='{"n": ["M", "D", ""], "mail": "d@example.org"}')
    assert household.unreached() == [(household.child, NextAction.MAIL)]
    with writing(household.engine) as conn:
        conn.execute(update(schema.guardianships).values(may_see=False))
    assert household.unreached() == [(household.child, NextAction.MEND)]


def test_a_guardian_proposed_to_somebody_who_signs_in_needs_only_to_confirm(household: Household) -> None:
    elsewhere, _ = b.add_guardian(household.engine, "G9")
    b.attach(household.engine, household.adult_record, elsewhere, state=AttachmentState.PROPOSED)
    assert household.unreached() == [(household.child, NextAction.HAND)]
    b.add_account(household.engine, elsewhere)
    assert household.unreached() == [(household.child, NextAction.CONFIRM)]


def test_a_restricted_adult_reaches_nobody_and_bars_nobody_else(household: Household) -> None:
    """The mother signs in but is barred; the father is not, and has a way to be told."""
    b.add_account(household.engine, household.adult)
    b.add_restriction(household.engine, household.adult_record, household.child_record)
    assert household.unreached() == [(household.child, NextAction.MEND)]
    father, record = b.add_guardian(household.engine, "F1", given="Bruno", family="Durand")
    b.add_guardianship(household.engine, record, household.child_record)
    assert household.unreached() == [(household.child, NextAction.HAND)]
    b.add_account(household.engine, father)
    assert household.unreached() == []


def test_schools_without_pupils_are_not_listed(household: Household) -> None:
    b.add_school(household.engine, "0990003C")
    assert list(SqlReach(household.engine).schools()) == [HERE, ELSEWHERE]
    with writing(household.engine) as conn:
        gone = update(schema.enrolments).where(schema.enrolments.c.uai == ELSEWHERE)
        conn.execute(gone.values(until=b.NOW))
    assert list(SqlReach(household.engine).schools()) == [HERE]
    assert SqlReach(household.engine).families("0990009Z", now=b.NOW) is None


def test_a_child_told_by_two_feeds_is_one_child(household: Household) -> None:
    record = b.add_record(household.engine, "E0", RecordKind.PUPIL, feed=b.FEED_1D)
    b.attach(household.engine, record, household.child)
    b.enrol(household.engine, record, HERE)
    families = SqlReach(household.engine).families(HERE, now=b.NOW)
    assert families is not None
    assert (len(families.children), reach_of(families).children) == (2, 1)
    with reading(household.engine) as conn:
        assert conn.execute(select(schema.enrolments.c.record_id).where(schema.enrolments.c.uai == HERE)).all()
