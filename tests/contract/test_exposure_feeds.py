"""What a feed's slip showed: a number typed twice joins two children, a shared child joins two adults."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, update

from broker.domain.audit import Action
from broker.domain.exposure import Exposure, Span
from broker.domain.people import AttachmentState
from broker.domain.released import Release
from broker.storage import schema
from broker.storage.engine import open_engine, reading, writing
from broker.storage.sql_exposure import SqlExposure
from broker.storage.sql_ledger import SqlLedger
from tests import builders as b
from tests.clock import FakeClock
from tests.contract.test_exposure import asked
from tests.flows.test_import_corrected import (
    CHILD_1D,
    CHILD_2D,
    MOTHER_1D,
    MOTHER_2D,
    corrected,
    joined,
    judge,
    person_of,
)
from tests.imports import Desk

HOUR = timedelta(hours=1)
ECOLE, COLLEGE = "9990001X", "9990002Y"


@dataclass
class Slip:
    """Two families whose children a feed joined, and the sign-ins of both mothers."""

    desk: Desk
    folder: Path

    def visit(self, record: str, *, account: str = "") -> str:
        person = person_of(self.desk, record)
        account = account or b.add_account(self.desk.engine, person)
        now = self.desk.clock()
        b.add_session(self.desk.engine, person, account, opened_at=now, ends_at=now + HOUR)
        return account

    def split(self, *records_of: str) -> None:
        self.desk.clock.advance(2 * HOUR)
        self.desk.run(corrected(self.folder, "Delta"))
        for record in records_of:
            judge(self.desk, Action.RECORD_SPLIT, record)

    def of(self, person: str) -> Exposure:
        now = self.desk.clock() + timedelta(days=9)
        return SqlExposure(self.desk.engine).of_person(person, now=now, since=None)


def cards(exposure: Exposure, account: str) -> set[tuple[str, str]]:
    """Given name and school of what a login could see."""
    return {
        (sight.child.given, place[-9:-1])
        for sight in exposure.sights()
        if sight.visit.account_id == account
        for place in sight.child.places
    }


@pytest.fixture
def slip(sql_engine: Engine, clock: FakeClock, tmp_path: Path) -> Slip:
    return Slip(Desk(sql_engine, clock), tmp_path)


BOTH = {("Titouan", ECOLE), ("Titouan", COLLEGE)}


@pytest.mark.parametrize("corrected_by", ["nobody", "feed", "desk"])
def test_a_child_joined_by_a_mistyped_number_is_told_to_both_mothers(slip: Slip, corrected_by: str) -> None:
    joined(slip.desk, slip.folder)
    logins = {record: slip.visit(record) for record in (MOTHER_1D, MOTHER_2D)}
    if corrected_by != "nobody":
        slip.split(*([CHILD_2D] if corrected_by == "desk" else []))
    first, second = (slip.of(person_of(slip.desk, record)) for record in logins)
    assert cards(first, logins[MOTHER_1D]) == BOTH
    assert cards(second, logins[MOTHER_2D]) == BOTH | {("Enora", COLLEGE)}


def test_after_the_split_the_other_mother_s_child_is_seen_no_more(slip: Slip) -> None:
    joined(slip.desk, slip.folder)
    slip.visit(MOTHER_1D)
    slip.split(CHILD_2D)
    parted = slip.desk.clock()
    slip.desk.clock.advance(HOUR)
    late = slip.visit(MOTHER_1D)
    exposure = slip.of(person_of(slip.desk, MOTHER_1D))
    assert cards(exposure, late) == {("Titouan", ECOLE)}
    ends = {child.child_id: child.span.end for child in exposure.children}
    assert ends[person_of(slip.desk, CHILD_2D)] == parted
    assert ends[person_of(slip.desk, CHILD_1D)] > parted


def test_two_mothers_joined_by_that_child_are_both_told_before_and_after_they_are_split(slip: Slip) -> None:
    """Signing in as the one meant seeing the other's children, by either login, until the split and no longer."""
    joined(slip.desk, slip.folder, given="Aline")
    one = person_of(slip.desk, MOTHER_1D)
    assert one == person_of(slip.desk, MOTHER_2D)
    evidence = {"records": MOTHER_2D}
    logins = [slip.visit(MOTHER_1D), slip.visit(MOTHER_2D)]
    with writing(slip.desk.engine) as conn:
        mine = schema.accounts.c.id == logins[1]
        conn.execute(update(schema.accounts).where(mine).values(evidence=evidence))
    assert set(slip.of(one).sides) == {one, MOTHER_2D}
    everything = BOTH | {("Enora", COLLEGE)}
    assert [cards(slip.of(one), login) for login in logins] == [everything] * 2
    slip.split(CHILD_2D, MOTHER_2D)
    other = person_of(slip.desk, MOTHER_2D)
    parted = slip.desk.clock()
    slip.desk.clock.advance(HOUR)
    late = {one: slip.visit(MOTHER_1D), other: slip.visit(MOTHER_2D)}
    assert one != other
    for person, strange in ((one, other), (other, one)):
        exposure = slip.of(person)
        assert set(exposure.sides) >= {one, other}
        for login in logins:
            assert cards(exposure, login) == everything
        assert {visit.account_id for visit in exposure.visits} >= set(logins)
        assert late[strange] not in {visit.account_id for visit in exposure.visits}
        assert exposure.span.begin < parted
    assert cards(slip.of(one), late[one]) == {("Titouan", ECOLE)}
    assert cards(slip.of(other), late[other]) == {("Titouan", COLLEGE), ("Enora", COLLEGE)}


def test_what_services_were_told_of_the_other_one_ends_with_the_split(slip: Slip) -> None:
    joined(slip.desk, slip.folder, given="Aline")
    one = person_of(slip.desk, MOTHER_1D)
    before = slip.desk.clock()
    slip.split(CHILD_2D, MOTHER_2D)
    other = person_of(slip.desk, MOTHER_2D)
    ledger = SqlLedger(slip.desk.engine)
    for service, at in (("avant", before), ("ensuite", before + timedelta(days=3))):
        ledger.note(Release(one, service, ("sub",), at))
    assert [told.service_id for told in slip.of(other).told] == ["avant"]
    assert [told.service_id for told in slip.of(one).told] == ["avant", "ensuite"]


def test_a_restriction_closed_every_record_of_the_child_while_they_were_one(slip: Slip) -> None:
    joined(slip.desk, slip.folder)
    login = slip.visit(MOTHER_1D)
    b.add_restriction(slip.desk.engine, MOTHER_1D, CHILD_2D, since=slip.desk.clock() - HOUR)
    assert cards(slip.of(person_of(slip.desk, MOTHER_1D)), login) == set()
    slip.split(CHILD_2D)
    late = slip.visit(MOTHER_1D)
    exposure = slip.of(person_of(slip.desk, MOTHER_1D))
    assert (cards(exposure, login), cards(exposure, late)) == (set(), {("Titouan", ECOLE)})


def test_a_proposal_showed_nothing(sql_engine: Engine) -> None:
    mother, (lea,) = b.add_family(sql_engine, children=("Léa",))
    account = b.add_account(sql_engine, mother)
    b.add_session(sql_engine, mother, account, opened_at=b.NOW, ends_at=b.NOW + HOUR)
    _, other = b.add_pupil(sql_engine, "77", given="Sacha")
    b.enrol(sql_engine, other)
    b.attach(sql_engine, other, lea, state=AttachmentState.PROPOSED)
    exposure = SqlExposure(sql_engine).of_person(mother, now=b.NOW + HOUR, since=None)
    assert {child.given for child in exposure.children} == {"Léa"}
    assert {sight.span for sight in exposure.sights()} == {Span(b.NOW, b.NOW + HOUR)}


def test_no_table_is_ever_read_through_for_persons_who_were_split(
    sqlite_url: str, clock: FakeClock, tmp_path: Path
) -> None:
    engine = open_engine(sqlite_url)
    slip = Slip(Desk(engine, clock), tmp_path)
    joined(slip.desk, tmp_path, given="Aline")
    slip.visit(MOTHER_1D)
    slip.split(CHILD_2D, MOTHER_2D)
    with reading(engine) as conn:
        assert conn.execute(select(func.count()).select_from(schema.persons)).scalar_one() > 3
    with asked(engine) as statements:
        for record in (MOTHER_1D, MOTHER_2D):
            slip.of(person_of(slip.desk, record))
    with reading(engine) as conn:
        for statement, parameters in list(statements):
            plan = [row[3] for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            scanned = [step for step in plan if step.startswith("SCAN") and "line" not in step and "CONST" not in step]
            assert [step for step in scanned if "subquery" not in step] == [], statement
    engine.dispose()
