"""Telling services that a visit ended, on every database: rows of the very transaction that ends it, in order, once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError

from broker.domain.acts import SetStanding
from broker.domain.audit import Action, AuditEvent, OutboxEntry, OutboxRow, Topic, copies_gone
from broker.domain.errors import AlreadyUsed
from broker.domain.logouts import Logout, Notice, NoticeState, Untold, logout_named, logout_row
from broker.domain.standings import StandingKind, StandingState
from broker.storage.engine import writing
from broker.storage.schema import outbox
from broker.storage.sql_links import SqlLinks
from broker.storage.sql_logouts import SqlNotices
from broker.storage.sql_outbox import SqlOutbox
from broker.storage.sql_sessions import SqlSessions
from broker.storage.sql_standings import SqlStandings
from broker.storage.trail import insert_outbox
from tests import builders as b
from tests.clock import FakeClock
from tests.contract.acts import UNDO_FOR, again, opening, proof, undoing

NOW = b.NOW
LOGOUTS = (Topic.LOGOUT,)


@pytest.fixture
def port(sql_engine: Engine) -> SqlSessions:
    return SqlSessions(sql_engine, b.HINTS)


def ended() -> AuditEvent:
    return AuditEvent(tenant="99", at=NOW, action=Action.SIGN_OUT, actor="prs_x")


def told(engine: Engine) -> list[Logout]:
    return [logout_named(entry.row) for entry in SqlOutbox(engine).due(now=NOW, limit=99, topics=LOGOUTS)]


def rows(engine: Engine) -> int:
    with engine.connect() as conn:
        of_logouts = select(func.count()).select_from(outbox).where(outbox.c.topic == Topic.LOGOUT.value)
        return int(conn.execute(of_logouts).scalar_one())


# ---- who is told ---------------------------------------------------------------------------------------------------


def test_a_session_that_ends_has_each_client_told_once_by_its_own_subject(
    sql_engine: Engine, port: SqlSessions
) -> None:
    person = b.add_person(sql_engine)
    account = b.add_account(sql_engine, person)
    sid, other = (b.add_session(sql_engine, person, account) for _ in range(2))
    for client in ("cantine", "cantine", "pronote"):
        b.add_grant(sql_engine, person, sid, client_id=client, subject=f"sub-{client}")
    b.add_grant(sql_engine, person, other, client_id="autre", subject="sub-autre")
    port.end(sid, now=NOW, audit=ended())
    assert told(sql_engine) == [Logout(sid, "cantine", "sub-cantine"), Logout(sid, "pronote", "sub-pronote")]
    port.end(sid, now=NOW, audit=ended())
    assert rows(sql_engine) == 2, "an ended session ends once"


def test_an_act_that_fails_tells_nobody(sql_engine: Engine, port: SqlSessions) -> None:
    """Another person signs in where somebody was; the act breaks after the logout was written."""
    person, other = b.add_person(sql_engine), b.add_person(sql_engine)
    here = opening(person, b.add_account(sql_engine, person))
    port.open(here)
    b.add_grant(sql_engine, person, here.session.sid)
    act = opening(other, b.add_account(sql_engine, other), replaces=here.session.sid, consume="answer")
    broken = AuditEvent(tenant=None, at=NOW, action=Action.SIGN_IN, actor=other)  # type: ignore[arg-type]
    with pytest.raises(IntegrityError):
        port.open(replace(act, audit=(broken,)))
    assert rows(sql_engine) == 0
    port.open(act)
    assert rows(sql_engine) == 1
    with pytest.raises(AlreadyUsed):
        port.open(again(act))
    assert rows(sql_engine) == 1


def test_an_undone_link_tells_the_services_of_the_sessions_it_ends(sql_engine: Engine, port: SqlSessions) -> None:
    person = b.add_person(sql_engine)
    act = opening(person, b.add_account(sql_engine, person))
    port.open(act)
    b.add_grant(sql_engine, person, act.session.sid, client_id="cantine", subject="s")
    SqlLinks(sql_engine, undo_for=UNDO_FOR).undo(undoing(act.session.account_id, person))
    assert told(sql_engine) == [Logout(act.session.sid, "cantine", "s")]


def test_a_suspension_tells_the_services_of_every_session_it_ends(sql_engine: Engine) -> None:
    person = b.add_person(sql_engine)
    account = b.add_account(sql_engine, person)
    sids = sorted(b.add_session(sql_engine, person, account) for _ in range(2))
    for sid in sids:
        b.add_grant(sql_engine, person, sid, client_id="cantine", subject="s")
    act = SetStanding(StandingKind.PERSON, person, StandingState.SUSPENDED, "99", "vol", NOW, ended())
    assert SqlStandings(sql_engine).set(act) == 2
    assert told(sql_engine) == [Logout(sid, "cantine", "s") for sid in sids]


# ---- visits --------------------------------------------------------------------------------------------------------


def test_who_proves_more_goes_on_with_the_visit_and_services_are_told_at_its_end(
    sql_engine: Engine, port: SqlSessions
) -> None:
    person = b.add_person(sql_engine)
    account = b.add_account(sql_engine, person)
    first = opening(person, account)
    port.open(first)
    b.add_grant(sql_engine, person, first.session.sid, client_id="cantine", subject="s")
    second = opening(person, account, replaces=first.session.sid)
    port.open(second)
    third = opening(person, account, replaces=second.session.sid)
    port.open(third)
    assert rows(sql_engine) == 0, "who signs in again has not left"
    found = port.find(third.session.handle_digest, now=NOW)
    assert found is not None
    assert (found.sid, found.visit) == (third.session.sid, first.session.sid)
    b.add_grant(sql_engine, person, third.session.sid, client_id="pronote", subject="t")
    port.end(third.session.sid, now=NOW, audit=ended())
    assert told(sql_engine) == [Logout(first.session.sid, "cantine", "s"), Logout(first.session.sid, "pronote", "t")]


def test_a_second_login_that_makes_two_persons_one_goes_on_with_the_visit(
    sql_engine: Engine, port: SqlSessions
) -> None:
    """Who was signed in as the person that is absorbed is the person who signs in now."""
    survivor, first = b.add_guardian(sql_engine, "1")
    absorbed, second = b.add_guardian(sql_engine, "2", feed=b.FEED_1D)
    here = opening(absorbed, b.add_account(sql_engine, absorbed))
    port.open(here)
    b.add_grant(sql_engine, absorbed, here.session.sid)
    link = proof(survivor, absorbed, records=(first, second))
    act = opening(survivor, link=link, replaces=here.session.sid)
    assert port.open(act) == survivor
    assert rows(sql_engine) == 0
    found = port.find(act.session.handle_digest, now=NOW)
    assert found is not None
    assert found.visit == here.session.sid


def test_another_person_at_the_same_browser_ends_the_visit(sql_engine: Engine, port: SqlSessions) -> None:
    person, other = b.add_person(sql_engine), b.add_person(sql_engine)
    first = opening(person, b.add_account(sql_engine, person))
    port.open(first)
    b.add_grant(sql_engine, person, first.session.sid, client_id="cantine", subject="s")
    second = opening(other, b.add_account(sql_engine, other), replaces=first.session.sid)
    port.open(second)
    assert told(sql_engine) == [Logout(first.session.sid, "cantine", "s")]
    found = port.find(second.session.handle_digest, now=NOW)
    assert found is not None
    assert found.visit == second.session.sid


def test_a_session_that_had_ended_is_not_gone_on_with(sql_engine: Engine, port: SqlSessions) -> None:
    person = b.add_person(sql_engine)
    account = b.add_account(sql_engine, person)
    first = opening(person, account)
    port.open(first)
    port.end(first.session.sid, now=NOW, audit=ended())
    second = opening(person, account, replaces=first.session.sid)
    port.open(second)
    found = port.find(second.session.handle_digest, now=NOW)
    assert found is not None
    assert found.visit == second.session.sid


# ---- lanes ---------------------------------------------------------------------------------------------------------


def fill(engine: Engine, clock: FakeClock, *clients: str) -> None:
    made: list[OutboxRow] = [
        logout_row(Logout(f"sid_{n}", client, "s"), at=clock()) for n, client in enumerate(clients)
    ]
    with writing(engine) as conn:
        insert_outbox(conn, [*made, copies_gone(key="grt_1", digests=(), at=clock())])


def due(engine: Engine, clock: FakeClock, *, limit: int = 9) -> dict[str, OutboxEntry]:
    return {entry.row.key: entry for entry in SqlOutbox(engine).due(now=clock(), limit=limit, topics=LOGOUTS)}


def test_a_row_of_a_lane_comes_out_as_it_went_in_and_its_topic_alone(sql_engine: Engine, clock: FakeClock) -> None:
    fill(sql_engine, clock, "cantine")
    (entry,) = due(sql_engine, clock).values()
    assert entry.row == logout_row(Logout("sid_0", "cantine", "s"), at=clock())


def test_while_the_first_of_a_lane_waits_those_behind_it_wait_and_others_go_on(
    sql_engine: Engine, clock: FakeClock
) -> None:
    box = SqlOutbox(sql_engine)
    fill(sql_engine, clock, "cantine", "pronote", "cantine")
    first = due(sql_engine, clock, limit=1)["sid_0"]
    assert due(sql_engine, clock).keys() == {"sid_1"}, "the first is in a worker's hands"
    box.retry(first.entry_id, due_at=clock() + timedelta(seconds=30), cause="silent")
    clock.advance(29)
    assert not due(sql_engine, clock)
    clock.advance(1)
    assert list(due(sql_engine, clock)) == ["sid_0", "sid_2"]
    box.done(first.entry_id, now=clock())


# ---- receipts ------------------------------------------------------------------------------------------------------


def test_a_receipt_tells_what_became_of_each_client_of_its_visit(sql_engine: Engine, clock: FakeClock) -> None:
    box, notices = SqlOutbox(sql_engine), SqlNotices(sql_engine)
    with writing(sql_engine) as conn:
        rows = [logout_row(Logout("sid_a", client, "s"), at=clock()) for client in ("c1", "c2", "c3")]
        insert_outbox(conn, [*rows, logout_row(Logout("sid_b", "c4", "s"), at=clock())])
    assert {notice.state for notice in notices.of_visit("sid_a")} == {NoticeState.WAITING}
    assert notices.of_visit("sid_b") == (Notice("c4", NoticeState.WAITING, "s"),)
    assert notices.of_visit("sid_c") == ()
    box.done(1, now=clock())
    box.retry(2, due_at=clock(), cause="silent")
    box.done(3, now=clock(), cause=Untold.GIVEN_UP)
    assert notices.of_visit("sid_a") == (
        Notice("c1", NoticeState.CONFIRMED, "s"), Notice("c2", NoticeState.WAITING, "s"),
        Notice("c3", NoticeState.UNTOLD, "s"),
    )  # fmt: skip
    box.done(2, now=clock())
    assert notices.of_visit("sid_a")[1] == Notice("c2", NoticeState.CONFIRMED, "s"), "the wait before is forgotten"
