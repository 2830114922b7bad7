"""What a wrong link showed: exactly the children of the other side, to exactly the sign-ins that could see them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, update

from broker.domain.exposure import UNKNOWN, Exposure, Span
from broker.domain.released import Release
from broker.storage import schema
from broker.storage.engine import open_engine, reading, writing
from broker.storage.sql_exposure import SqlExposure
from broker.storage.sql_ledger import SqlLedger
from broker.storage.sql_links import SqlLinks
from broker.storage.sql_sessions import SqlSessions
from tests import builders as b
from tests.contract.acts import UNDO_FOR, opening, proof, undoing

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LATER = b.NOW + 10 * DAY


@dataclass(frozen=True)
class Families:
    """Two families that a wrong login joined, and one that has nothing to do with it."""

    engine: Engine
    anne: str
    anne_login: str
    lea: str
    bruno: str
    bruno_login: str
    tom: str
    zoe: str
    wrong: str
    """The login that joined Anne and Bruno at `NOW`."""

    def of_account(self, *, own: str = "", since: datetime | None = None, now: datetime = LATER) -> Exposure:
        return SqlExposure(self.engine).of_account(self.wrong, now=now, since=since, own=own)

    def of_merge(self, *, own: str = "") -> Exposure:
        with reading(self.engine) as conn:
            (merge,) = conn.execute(select(schema.merges.c.id)).scalars()
        return SqlExposure(self.engine).of_merge(merge, now=LATER, since=None, own=own)

    def visit(self, account: str, at: datetime, *, hours: int = 2) -> str:
        """A sign-in by one of the logins, as whoever that person is by then."""
        person = self.bruno if account == self.bruno_login else self.anne
        return b.add_session(self.engine, person, account, opened_at=at, ends_at=at + hours * HOUR)


@pytest.fixture
def families(sql_engine: Engine) -> Families:
    return found_families(sql_engine)


def found_families(engine: Engine) -> Families:
    with writing(engine) as conn:
        anne, (lea,) = b.add_family(conn, uai="0990001A", children=("Léa",))
        bruno, (tom,) = b.add_family(conn, uai="0990002B", children=("Tom",))
        stranger, (zoe,) = b.add_family(conn, uai="0990003C", children=("Zoé",))
        anne_login, bruno_login = b.add_account(conn, anne), b.add_account(conn, bruno)
        b.add_session(conn, stranger, b.add_account(conn, stranger), opened_at=b.NOW + HOUR)
    act = opening(anne, link=proof(anne, bruno))
    SqlSessions(engine, b.HINTS).open(act)
    return Families(engine, anne, anne_login, lea, bruno, bruno_login, tom, zoe, act.session.account_id)


def sights(exposure: Exposure) -> set[tuple[str, str]]:
    return {(sight.visit.account_id, sight.child.child_id) for sight in exposure.sights()}


def test_each_side_saw_the_other_sides_child_and_a_login_of_unknown_side_may_have_seen_both(families: Families) -> None:
    for login in (families.anne_login, families.bruno_login):
        families.visit(login, b.NOW + HOUR)
    crossed = {(families.anne_login, families.tom), (families.bruno_login, families.lea)}
    unknown = {(families.wrong, families.lea), (families.wrong, families.tom)}
    for exposure in (families.of_account(), families.of_merge()):
        assert sights(exposure) == crossed | unknown
        assert set(exposure.sides) == {families.anne, families.bruno}
        assert {visit.side for visit in exposure.visits} == {families.anne, families.bruno, UNKNOWN}


def test_once_it_is_known_whose_the_login_is_its_own_child_was_not_exposed_to_it(families: Families) -> None:
    assert sights(families.of_account(own=families.anne)) == {(families.wrong, families.tom)}
    assert sights(families.of_merge(own=families.bruno)) == {(families.wrong, families.lea)}
    with pytest.raises(LookupError, match="none of the persons joined"):
        families.of_account(own=families.zoe)


def test_a_sign_in_that_was_over_before_the_link_saw_nothing_and_one_across_it_saw_from_then_on(
    families: Families,
) -> None:
    families.visit(families.bruno_login, b.NOW - 3 * HOUR)
    across = families.visit(families.anne_login, b.NOW - HOUR)
    exposure = families.of_account(own=families.anne)
    assert {visit.sid for visit in exposure.visits if visit.account_id != families.wrong} == {across}
    (seen,) = [sight for sight in exposure.sights() if sight.visit.sid == across]
    assert (seen.child.child_id, seen.span) == (families.tom, Span(b.NOW, b.NOW + HOUR))


def test_what_was_undone_is_told_until_it_was_undone(families: Families) -> None:
    inside, after = (
        families.visit(families.anne_login, b.NOW + HOUR),
        families.visit(families.anne_login, b.NOW + 2 * DAY),
    )
    SqlLinks(families.engine, undo_for=UNDO_FOR).undo(undoing(families.wrong, families.anne, at=b.NOW + DAY))
    for exposure in (families.of_account(own=families.anne), families.of_merge(own=families.anne)):
        assert exposure.span == Span(b.NOW, b.NOW + DAY)
        found = {visit.sid for visit in exposure.visits}
        assert inside in found
        assert after not in found
        assert sights(exposure) == {(families.anne_login, families.tom), (families.wrong, families.tom)}


def test_a_child_that_was_closed_to_both_sides_or_whose_relation_was_over_was_not_seen(families: Families) -> None:
    with writing(families.engine) as conn:
        b.add_restriction(conn, "99-2d:G0990002B", "99-2d:E0990002B0", until=b.NOW + 2 * DAY)
        left = update(schema.guardianships).where(schema.guardianships.c.adult_record == "99-2d:G0990001A")
        conn.execute(left.values(until=b.NOW + DAY))
    early, late = (families.visit(families.anne_login, at) for at in (b.NOW + HOUR, b.NOW + 3 * DAY))
    exposure = families.of_merge()
    assert {
        (sight.visit.sid, sight.child.child_id) for sight in exposure.sights() if sight.visit.sid in {early, late}
    } == {(late, families.tom)}
    assert {child.child_id: child.span for child in exposure.children} == {
        families.lea: Span(b.NOW, b.NOW + DAY),
        families.tom: Span(b.NOW + 2 * DAY, LATER),
    }


def test_a_child_one_has_no_right_to_see_or_that_left_was_not_seen(families: Families) -> None:
    """A relation without the right, a child's record gone before the sign-in, an adult's gone before it too."""
    with writing(families.engine) as conn:
        _, sacha = b.add_pupil(conn, "77", given="Sacha")
        b.add_guardianship(conn, "99-2d:G0990002B", sacha, may_see=False)
        gone = update(schema.records).where(schema.records.c.id.in_(["99-2d:E0990002B0", "99-2d:G0990001A"]))
        conn.execute(gone.values(retired_at=b.NOW + DAY))
    families.visit(families.anne_login, b.NOW + 2 * DAY)
    families.visit(families.bruno_login, b.NOW + 2 * DAY)
    exposure = families.of_merge(own=families.anne)
    assert {child.child_id: child.span for child in exposure.children} == {
        families.lea: Span(b.NOW, b.NOW + DAY),
        families.tom: Span(b.NOW, b.NOW + DAY),
    }
    assert sights(exposure) == {(families.wrong, families.tom)}


def test_a_child_of_both_adults_was_exposed_to_neither(families: Families) -> None:
    b.add_guardianship(families.engine, "99-2d:G0990002B", "99-2d:E0990001A0")
    families.visit(families.bruno_login, b.NOW + HOUR)
    assert sights(families.of_account(own=families.anne)) == {(families.wrong, families.tom)}


def test_services_are_named_by_the_day_with_what_they_were_told(families: Families) -> None:
    sid = families.visit(families.anne_login, b.NOW - HOUR, hours=5)
    before, after = (b.add_grant(families.engine, families.anne, sid, client_id=name) for name in ("avant", "cantine"))
    with writing(families.engine) as conn:
        for grant, at in ((before, b.NOW - HOUR), (after, b.NOW + HOUR)):
            conn.execute(update(schema.grants).where(schema.grants.c.id == grant).values(created_at=at))
    ledger = SqlLedger(families.engine)
    at = b.NOW + HOUR
    for person, service, moment in (
        (families.anne, "cantine", at),
        (families.anne, "avant", at - 3 * DAY),
        (families.anne, "ensuite", at + 3 * DAY),
        (families.bruno, "seul", at - 2 * DAY),
        (families.zoe, "autre", at),
    ):
        ledger.note(Release(person, service, ("sub", "children"), moment))
    undo = undoing(families.wrong, families.anne, at=b.NOW + DAY)
    SqlLinks(families.engine, undo_for=UNDO_FOR).undo(undo)
    exposure = families.of_account()
    assert [(told.service_id, told.day, told.claims) for told in exposure.told] == [
        ("cantine", at.date(), ("sub", "children"))
    ]
    assert [(opened.sid, opened.client_id) for opened in exposure.openings] == [(sid, "cantine")]


def test_what_came_before_a_date_is_left_out(families: Families) -> None:
    families.visit(families.anne_login, b.NOW + HOUR)
    families.visit(families.bruno_login, b.NOW + 3 * DAY)
    assert sights(families.of_account(since=b.NOW + 2 * DAY)) == {(families.bruno_login, families.lea)}


def test_once_the_pre_image_is_erased_every_sign_in_may_have_seen_every_child(families: Families) -> None:
    families.visit(families.anne_login, b.NOW + HOUR)
    with writing(families.engine) as conn:
        conn.execute(update(schema.merges).values(pre_image=None))
    exposure = families.of_merge()
    both = {families.lea, families.tom}
    assert sights(exposure) == {(login, child) for login in (families.anne_login, families.wrong) for child in both}


def test_a_login_that_opened_the_wrong_person_alone_shows_that_persons_child(families: Families) -> None:
    account = b.add_account(families.engine, families.bruno, subject="stolen", linked_at=b.NOW)
    with writing(families.engine) as conn:
        conn.execute(update(schema.merges).values(undone_at=b.NOW))
    exposure = SqlExposure(families.engine)
    families_person = exposure.of_person(families.bruno, now=LATER, since=None)
    assert families_person.span.begin == b.BEFORE
    seen = b.add_session(families.engine, families.bruno, account, opened_at=b.NOW, ends_at=b.NOW + HOUR)
    told = exposure.of_account(account, now=LATER, since=None, own="")
    assert seen in {sight.visit.sid for sight in told.sights()}


def test_everything_that_signing_in_as_a_person_showed(families: Families) -> None:
    sid = families.visit(families.anne_login, b.NOW + HOUR)
    exposure = SqlExposure(families.engine).of_person(families.anne, now=LATER, since=None)
    assert {child.child_id for child in exposure.children} == {families.lea, families.tom}
    assert sid in {visit.sid for visit in exposure.visits}
    assert families.zoe not in {child.child_id for child in exposure.children}


def test_what_does_not_exist_is_not_found(families: Families) -> None:
    port = SqlExposure(families.engine)
    with pytest.raises(LookupError):
        port.of_account("acc_none", now=LATER, since=None, own="")
    with pytest.raises(LookupError):
        port.of_merge(999, now=LATER, since=None, own="")
    with pytest.raises(LookupError):
        port.of_person("prs_none", now=LATER, since=None)


@contextmanager
def asked(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    seen: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        seen.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_no_table_is_ever_read_through(sqlite_url: str) -> None:
    """A base of any size answers in seconds. SQLite tells how it would run each statement, whatever the table holds."""
    engine = open_engine(sqlite_url)
    families = found_families(engine)
    families.visit(families.anne_login, b.NOW + HOUR)
    port = SqlExposure(engine)
    with asked(engine) as statements:
        port.of_merge(1, now=LATER, since=None, own="")
        port.of_account(families.wrong, now=LATER, since=None, own="")
        port.of_person(families.anne, now=LATER, since=None)
    assert len(statements) > 30
    with reading(engine) as conn:
        for statement, parameters in list(statements):
            plan = [row[3] for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            through = [step for step in plan if step.startswith("SCAN") and "line" not in step]
            assert through == [], statement
    engine.dispose()


def test_a_span_loses_exactly_what_is_cut_out_of_it() -> None:
    def span(begin: int, end: int) -> Span:
        return Span(b.NOW + begin * HOUR, b.NOW + end * HOUR)

    assert span(0, 9).without([span(2, 3), span(5, 12)]) == (span(0, 2), span(3, 5))
    assert span(2, 3).without([span(0, 9)]) == ()
    assert span(0, 2).within(span(2, 4)) is None
    assert replace(span(0, 3)).within(span(1, 9)) == span(1, 3)
