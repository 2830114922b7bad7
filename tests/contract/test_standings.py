"""The port `Standings` on every database: what it closes ends at once, and stays closed until everybody reopens it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, delete, func, select

from broker.domain.acts import LiftStanding, SetStanding
from broker.domain.audit import Action, AuditEvent, Topic, copies_named
from broker.domain.errors import LinkSuspended, NoSuchSubject, PersonSuspended, SignInError, SourceSuspended
from broker.domain.handles import digest
from broker.domain.standings import StandingKind, StandingState
from broker.storage.schema import audit_events, grants, sessions, standings
from broker.storage.sql_outbox import SqlOutbox
from broker.storage.sql_sessions import SqlSessions
from broker.storage.sql_standings import SqlStandings
from tests import builders as b
from tests.contract.acts import opening, proof

NOW = b.NOW
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def port(sql_engine: Engine) -> SqlStandings:
    return SqlStandings(sql_engine)


def event(tenant: str, action: Action, at: datetime) -> AuditEvent:
    return AuditEvent(tenant, at, action, actor="cli:test")


def suspending(
    kind: StandingKind,
    subject: str,
    *,
    tenant: str = "ville",
    state: StandingState = StandingState.SUSPENDED,
    now: datetime = NOW,
) -> SetStanding:
    said = event(tenant, Action.STANDING_SET, now)
    return SetStanding(kind, subject, state, tenant=tenant, reason="essai", now=now, audit=said)


def resuming(act: SetStanding, *, now: datetime = LATER) -> LiftStanding:
    said = event(act.tenant, Action.STANDING_LIFTED, now)
    return LiftStanding(act.kind, act.subject, act.state, tenant=act.tenant, reason="fini", now=now, audit=said)


def count(engine: Engine, table: str) -> int:
    with engine.connect() as conn:
        counted = {"audit": audit_events, "standings": standings, "sessions": sessions}[table]
        return int(conn.execute(select(func.count()).select_from(counted)).scalar_one())


def live(engine: Engine) -> set[str]:
    with engine.connect() as conn:
        return set(conn.execute(select(sessions.c.sid).where(sessions.c.revoked_at.is_(None))).scalars())


# ---- services, sources, schools -----------------------------------------------------------------------------------


def test_what_stands_is_told_of_services_sources_and_schools_alone(sql_engine: Engine, port: SqlStandings) -> None:
    b.add_school(sql_engine, "0990001A")
    person = b.add_person(sql_engine)
    for kind, subject in (
        (StandingKind.SERVICE, "cantine"),
        (StandingKind.SOURCE, "ent1"),
        (StandingKind.SCHOOL, "0990001A"),
        (StandingKind.PERSON, person),
    ):
        port.set(suspending(kind, subject))
    port.set(suspending(StandingKind.SERVICE, "bourses", state=StandingState.VERIFIED))
    found = port.in_force()
    assert found.suspended == {
        (StandingKind.SERVICE, "cantine"),
        (StandingKind.SOURCE, "ent1"),
        (StandingKind.SCHOOL, "0990001A"),
    }
    assert found.verified == {(StandingKind.SERVICE, "bourses")}
    assert found.schools == {"0990001A"}
    assert found.closed_since("ent1") == NOW


def test_of_a_verified_and_suspended_service_suspended_counts(port: SqlStandings) -> None:
    port.set(suspending(StandingKind.SERVICE, "cantine", state=StandingState.VERIFIED))
    closing = suspending(StandingKind.SERVICE, "cantine")
    port.set(closing)
    assert port.in_force().state_of(StandingKind.SERVICE, "cantine") is StandingState.SUSPENDED
    port.lift(resuming(closing))
    assert port.in_force().state_of(StandingKind.SERVICE, "cantine") is StandingState.VERIFIED


def test_what_two_tenants_closed_is_open_when_both_have_reopened_it(port: SqlStandings) -> None:
    first, second = (suspending(StandingKind.SERVICE, "cantine", tenant=tenant) for tenant in ("ville", "academie"))
    port.set(first)
    port.set(second)
    assert port.lift(resuming(first)) == 1
    assert port.in_force().closes(StandingKind.SERVICE, "cantine")
    assert port.lift(resuming(second)) == 1
    assert not port.in_force().closes(StandingKind.SERVICE, "cantine")


def test_since_when_a_source_is_closed_is_told_from_the_first_who_closed_it(port: SqlStandings) -> None:
    first = suspending(StandingKind.SOURCE, "ent1", tenant="ville")
    second = replace(suspending(StandingKind.SOURCE, "ent1", tenant="academie"), now=LATER)
    port.set(first)
    port.set(second)
    port.set(suspending(StandingKind.SERVICE, "cantine"))
    assert port.in_force().closed_since("ent1") == first.now
    assert port.in_force().closed_since("cantine") is None
    port.lift(resuming(first))
    assert port.in_force().closed_since("ent1") == LATER


def test_saying_it_twice_is_one_standing_and_two_audit_events(sql_engine: Engine, port: SqlStandings) -> None:
    act = suspending(StandingKind.SERVICE, "cantine")
    port.set(act)
    port.set(replace(act, now=LATER))
    assert (count(sql_engine, "standings"), count(sql_engine, "audit")) == (1, 2)
    assert port.lift(resuming(act)) == 1
    assert port.lift(resuming(act)) == 0
    assert count(sql_engine, "audit") == 3


def test_said_by_many_at_once_it_is_one_standing(sql_engine: Engine, port: SqlStandings) -> None:
    acts = [suspending(StandingKind.SERVICE, "cantine") for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(port.set, acts))
    assert count(sql_engine, "standings") == 1


def test_the_history_tells_who_said_what_and_took_it_back(port: SqlStandings) -> None:
    act = suspending(StandingKind.SERVICE, "cantine")
    port.set(act)
    port.lift(resuming(act))
    port.set(suspending(StandingKind.SERVICE, "cantine", now=LATER))
    first, second = port.history(StandingKind.SERVICE, "cantine")
    assert (first.since, first.until, first.reason, first.actor) == (NOW, LATER, "essai", "cli:test")
    assert (first.until_reason, first.until_actor) == ("fini", "cli:test")
    assert (second.since, second.until) == (LATER, None)
    assert port.history(StandingKind.SERVICE, "autre") == ()


@pytest.mark.parametrize("kind", [StandingKind.PERSON, StandingKind.LINK, StandingKind.SCHOOL])
def test_nobody_of_that_name_closes_nothing(sql_engine: Engine, port: SqlStandings, kind: StandingKind) -> None:
    with pytest.raises(NoSuchSubject):
        port.set(suspending(kind, "absent"))
    assert (count(sql_engine, "standings"), count(sql_engine, "audit")) == (0, 0)


# ---- sessions end, and none opens ---------------------------------------------------------------------------------


def closing_of(kind: StandingKind, *, person: str, account: str) -> SetStanding:
    subjects = {StandingKind.PERSON: person, StandingKind.LINK: account, StandingKind.SOURCE: "ent1"}
    return suspending(kind, subjects[kind])


CASES = (
    (StandingKind.PERSON, PersonSuspended),
    (StandingKind.LINK, LinkSuspended),
    (StandingKind.SOURCE, SourceSuspended),
)


@pytest.mark.parametrize(("kind", "error"), CASES)
def test_suspended_it_ends_its_sessions_grants_and_copies_at_once(
    sql_engine: Engine, port: SqlStandings, kind: StandingKind, error: type[SignInError]
) -> None:
    person, other = b.add_person(sql_engine), b.add_person(sql_engine)
    account = b.add_account(sql_engine, person)
    stranger = b.add_account(sql_engine, other, source_id="ent2")
    sid = b.add_session(sql_engine, person, account)
    kept = opening(other, stranger)
    SqlSessions(sql_engine, b.HINTS).open(kept)
    b.add_grant(sql_engine, person, sid)
    assert port.set(closing_of(kind, person=person, account=account)) == 1, error
    assert live(sql_engine) == {kept.session.sid}
    with sql_engine.connect() as conn:
        assert conn.execute(select(grants.c.revoked_why)).scalar() == "suspended"
    copies = (Topic.SESSIONS_CHANGED,)
    told = [entry.row for entry in SqlOutbox(sql_engine).due(now=NOW, limit=9, topics=copies)]
    assert [(row.topic, row.key) for row in told] == [(Topic.SESSIONS_CHANGED, person)]
    assert copies_named(told[0]) == (digest(sid),)


@pytest.mark.parametrize(("kind", "error"), CASES)
def test_suspended_it_opens_no_session_and_resumed_it_does(
    sql_engine: Engine, port: SqlStandings, kind: StandingKind, error: type[SignInError]
) -> None:
    person = b.add_person(sql_engine)
    account = b.add_account(sql_engine, person)
    act = replace(opening(person, account), source_id="ent1")
    closing = closing_of(kind, person=person, account=account)
    port.set(closing)
    with pytest.raises(error):
        SqlSessions(sql_engine, b.HINTS).open(act)
    assert count(sql_engine, "sessions") == 0
    port.lift(resuming(closing))
    assert SqlSessions(sql_engine, b.HINTS).open(act) == person


def test_a_suspended_person_is_told_so_and_not_to_try_another_login(sql_engine: Engine, port: SqlStandings) -> None:
    person = b.add_person(sql_engine)
    account = b.add_account(sql_engine, person)
    for kind, _ in CASES:
        port.set(closing_of(kind, person=person, account=account))
    act = replace(opening(person, account), source_id="ent1")
    for kind, error in CASES:
        with pytest.raises(error):
            SqlSessions(sql_engine, b.HINTS).open(act)
        port.lift(resuming(closing_of(kind, person=person, account=account)))
    assert SqlSessions(sql_engine, b.HINTS).open(act) == person


def test_a_suspended_person_does_not_come_in_by_joining_another(sql_engine: Engine, port: SqlStandings) -> None:
    survivor, first = b.add_guardian(sql_engine, "1")
    absorbed, second = b.add_guardian(sql_engine, "2", feed=b.FEED_1D)
    closing = suspending(StandingKind.PERSON, absorbed)
    port.set(closing)
    act = opening(survivor, link=proof(survivor, absorbed, records=(first, second)))
    with pytest.raises(PersonSuspended):
        SqlSessions(sql_engine, b.HINTS).open(act)
    port.lift(resuming(closing))
    assert SqlSessions(sql_engine, b.HINTS).open(act) == survivor
    assert [row.subject for row in port.history(StandingKind.PERSON, survivor)] == [absorbed]


def test_a_person_is_closed_under_every_id_that_became_one(sql_engine: Engine, port: SqlStandings) -> None:
    living = b.add_person(sql_engine)
    merged = b.add_person(sql_engine, merged_into=living)
    account = b.add_account(sql_engine, living)
    sid = b.add_session(sql_engine, living, account)
    assert port.set(suspending(StandingKind.PERSON, merged)) == 1
    assert sid not in live(sql_engine)
    with pytest.raises(PersonSuspended):
        SqlSessions(sql_engine, b.HINTS).open(opening(living, account))


def test_another_login_of_the_person_still_opens_when_a_link_is_closed(sql_engine: Engine, port: SqlStandings) -> None:
    person = b.add_person(sql_engine)
    closed, other = b.add_account(sql_engine, person), b.add_account(sql_engine, person)
    port.set(suspending(StandingKind.LINK, closed))
    assert SqlSessions(sql_engine, b.HINTS).open(opening(person, other)) == person


@pytest.mark.parametrize(("kind", "error"), CASES)
def test_logins_that_come_while_it_is_closed_leave_no_session(
    sql_engine: Engine, port: SqlStandings, kind: StandingKind, error: type[SignInError]
) -> None:
    person = b.add_person(sql_engine)
    account = b.add_account(sql_engine, person)
    opened = SqlSessions(sql_engine, b.HINTS)

    def attempt(number: int) -> None:
        if number == 3:
            port.set(closing_of(kind, person=person, account=account))
            return
        try:
            opened.open(replace(opening(person, account), source_id="ent1"))
        except error:
            return

    for _ in range(3):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(attempt, range(8)))
        assert live(sql_engine) == set()
        with sql_engine.begin() as conn:
            conn.execute(delete(standings))


def test_a_refused_act_leaves_neither_standing_nor_ended_session(sql_engine: Engine, port: SqlStandings) -> None:
    person = b.add_person(sql_engine)
    sid = b.add_session(sql_engine, person, b.add_account(sql_engine, person))
    act = suspending(StandingKind.PERSON, person)
    broken = replace(act, audit=replace(act.audit, at=NOW.replace(tzinfo=None)))
    with pytest.raises(Exception, match="naive"):
        port.set(broken)
    assert (live(sql_engine), count(sql_engine, "standings")) == ({sid}, 0)
    port.set(act)
    assert live(sql_engine) == set()
