"""The port `Sessions` on every database: one transaction opens a session, links, joins, and ends what it replaces."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select, update

from broker.domain.acts import OpenSession
from broker.domain.audit import Action, AuditEvent, Topic, copies_named
from broker.domain.errors import AlreadyUsed, LinkAmbiguous, LinkUndone
from broker.domain.handles import digest
from broker.domain.identity import AccountState
from broker.domain.people import AttachmentState, RecordKind
from broker.storage.schema import accounts, audit_events, consumptions, grants, merges, outbox, sessions
from broker.storage.sql_outbox import SqlOutbox
from broker.storage.sql_people import SqlPeople
from broker.storage.sql_sessions import SqlSessions
from tests import builders as b
from tests.contract.acts import again, opening, proof
from tests.contract.statements import statements

NOW = b.NOW


@pytest.fixture
def port(sql_engine: Engine) -> SqlSessions:
    return SqlSessions(sql_engine, b.HINTS)


def count(engine: Engine, table: str) -> int:
    tables = {t.name: t for t in (accounts, audit_events, consumptions, merges, outbox, sessions)}
    with engine.connect() as conn:
        return int(conn.execute(select(func.count()).select_from(tables[table])).scalar_one())


def ended(at: datetime = NOW) -> AuditEvent:
    return AuditEvent(tenant="99", at=at, action=Action.SIGN_OUT, actor="prs_x")


# ---- opening -----------------------------------------------------------------------------------------------------


def test_a_known_account_opens_a_session_of_its_person(sql_engine: Engine, port: SqlSessions) -> None:
    person = b.add_person(sql_engine)
    account = b.add_account(sql_engine, person)
    act = opening(person, account)
    assert port.open(act) == person
    assert port.find(act.session.handle_digest, now=NOW) == act.session
    with sql_engine.connect() as conn:
        assert conn.execute(select(accounts.c.last_used)).scalar() == NOW
    assert count(sql_engine, "audit_events") == 1


def test_an_upstream_answer_opens_one_session_only(sql_engine: Engine, port: SqlSessions) -> None:
    person = b.add_person(sql_engine)
    act = opening(person, b.add_account(sql_engine, person), consume="ticket")
    port.open(act)
    with pytest.raises(AlreadyUsed):
        port.open(again(act))
    assert (count(sql_engine, "sessions"), count(sql_engine, "audit_events")) == (1, 1)


def test_a_refused_opening_leaves_nothing_not_even_the_claim(sql_engine: Engine, port: SqlSessions) -> None:
    person = b.add_person(sql_engine)
    account = b.add_account(sql_engine, person, state=AccountState.UNDONE)
    act = opening(person, account)
    with pytest.raises(LinkUndone):
        port.open(act)
    assert [count(sql_engine, t) for t in ("consumptions", "sessions", "audit_events")] == [0, 0, 0]
    with sql_engine.begin() as conn:
        conn.execute(update(accounts).values(state=AccountState.LINKED.value))
    assert port.open(act) == person


def test_an_account_that_belongs_to_another_person_by_now_opens_nothing(sql_engine: Engine, port: SqlSessions) -> None:
    person, other = b.add_person(sql_engine), b.add_person(sql_engine)
    account = b.add_account(sql_engine, other)
    with pytest.raises(LinkAmbiguous):
        port.open(opening(person, account))
    assert port.open(opening(other, account)) == other


def test_a_first_login_links_its_account_with_the_evidence(sql_engine: Engine, port: SqlSessions) -> None:
    person, record = b.add_guardian(sql_engine, "1")
    act = opening(person, link=proof(person, records=(record,)))
    assert port.open(act) == person
    with sql_engine.connect() as conn:
        row = conn.execute(select(accounts)).one()
    assert (row.id, row.person_id, row.state, row.source_id) == (act.session.account_id, person, "linked", "educonnect")
    assert row.evidence["kind"] == "authoritative_reference"
    assert row.evidence["detail"]["records"] == record
    assert (row.linked_at, row.last_used) == (NOW, NOW)


def test_a_login_that_names_records_of_two_persons_makes_them_one(sql_engine: Engine, port: SqlSessions) -> None:
    survivor, first = b.add_guardian(sql_engine, "1")
    absorbed, second = b.add_guardian(sql_engine, "2", feed=b.FEED_1D)
    act = opening(survivor, link=proof(survivor, absorbed, records=(first, second)))
    assert port.open(act) == survivor
    assert SqlPeople(sql_engine).owner(absorbed) == survivor
    with sql_engine.connect() as conn:
        row = conn.execute(select(merges)).one()
    assert (row.survivor, row.absorbed, row.account_id) == (survivor, absorbed, act.session.account_id)
    assert row.evidence["detail"]["records"] == f"{first},{second}"


def test_a_login_linked_meanwhile_by_another_browser_keeps_one_account(sql_engine: Engine, port: SqlSessions) -> None:
    person = b.add_person(sql_engine)
    first, second = (opening(person, link=proof(person)) for _ in range(2))
    port.open(first)
    port.open(second)
    found = port.find(second.session.handle_digest, now=NOW)
    assert found is not None
    assert found.account_id == first.session.account_id


def test_an_account_linked_elsewhere_is_not_moved_by_a_proof(sql_engine: Engine, port: SqlSessions) -> None:
    person, other = b.add_person(sql_engine), b.add_person(sql_engine)
    port.open(opening(other, link=proof(other)))
    with pytest.raises(LinkAmbiguous):
        port.open(opening(person, link=proof(person)))
    assert port.open(opening(other, link=proof(other, person))) == other


def test_an_undone_account_is_not_linked_again_by_itself(sql_engine: Engine, port: SqlSessions) -> None:
    person = b.add_person(sql_engine)
    port.open(opening(person, link=proof(person)))
    with sql_engine.begin() as conn:
        conn.execute(update(accounts).values(state=AccountState.UNDONE.value))
    with pytest.raises(LinkUndone):
        port.open(opening(person, link=proof(person)))


def test_a_proof_never_makes_one_person_of_a_pupil_and_an_adult(sql_engine: Engine, port: SqlSessions) -> None:
    mother, (child,) = b.add_family(sql_engine)
    with pytest.raises(LinkAmbiguous):
        port.open(opening(mother, link=proof(mother, child)))
    assert [count(sql_engine, t) for t in ("accounts", "merges", "sessions")] == [0, 0, 0]
    teacher, _ = b.add_staff(sql_engine, "7")
    assert port.open(opening(mother, link=proof(mother, teacher))) == mother


def test_a_proof_about_persons_merged_meanwhile_joins_the_living_ones(sql_engine: Engine, port: SqlSessions) -> None:
    living = b.add_person(sql_engine)
    merged = b.add_person(sql_engine, merged_into=living)
    other = b.add_person(sql_engine)
    assert port.open(opening(merged, link=proof(merged, other, living))) == living
    assert SqlPeople(sql_engine).owner(other) == living
    assert count(sql_engine, "merges") == 1


def test_fifty_first_logins_at_once_link_one_account(sql_engine: Engine, port: SqlSessions) -> None:
    survivor, _ = b.add_guardian(sql_engine, "1")
    absorbed, _ = b.add_guardian(sql_engine, "2", feed=b.FEED_1D)
    acts = [opening(survivor, link=proof(survivor, absorbed)) for _ in range(50)]
    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(port.open, acts)) == {survivor}
    assert [count(sql_engine, t) for t in ("accounts", "merges", "sessions")] == [1, 1, 50]
    with sql_engine.connect() as conn:
        assert len(set(conn.execute(select(sessions.c.account_id)).scalars())) == 1


def test_logins_that_claim_one_account_for_different_persons_at_once_link_one(
    sql_engine: Engine, port: SqlSessions
) -> None:
    people = [b.add_person(sql_engine) for _ in range(20)]

    def attempt(person: str) -> str:
        try:
            return port.open(opening(person, link=proof(person)))
        except LinkAmbiguous:
            return ""

    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(attempt, people))
    assert (count(sql_engine, "accounts"), results.count("")) == (1, 19)


def test_merges_that_cross_at_once_end_in_one_person(sql_engine: Engine, port: SqlSessions) -> None:
    people = [b.add_guardian(sql_engine, str(n))[0] for n in range(6)]
    acts = [
        opening(people[n], link=proof(people[n], people[(n + 1) % 6], people[(n + 2) % 6], subject=str(n)))
        for n in range(6)
    ]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(port.open, acts))
    owners = {SqlPeople(sql_engine).owner(person) for person in people}
    assert len(owners) == 1
    with sql_engine.connect() as conn:
        assert set(conn.execute(select(accounts.c.person_id)).scalars()) == owners
        assert set(conn.execute(select(sessions.c.person_id)).scalars()) == owners


def test_one_answer_presented_by_many_browsers_at_once_opens_one_session(sql_engine: Engine, port: SqlSessions) -> None:
    person = b.add_person(sql_engine)
    act = opening(person, b.add_account(sql_engine, person), consume="assertion")

    def attempt(same: OpenSession) -> bool:
        try:
            return bool(port.open(same))
        except AlreadyUsed:
            return False

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(attempt, [again(act) for _ in range(16)])).count(True) == 1
    assert count(sql_engine, "sessions") == 1


# ---- replacing, ending -------------------------------------------------------------------------------------------


def test_the_session_that_is_replaced_ends_with_its_grants(sql_engine: Engine, port: SqlSessions) -> None:
    person = b.add_person(sql_engine)
    account = b.add_account(sql_engine, person)
    old, kept = b.add_session(sql_engine, person, account), b.add_session(sql_engine, person, account)
    b.add_grant(sql_engine, person, old)
    b.add_grant(sql_engine, person, kept)
    port.open(opening(person, account, replaces=old))
    assert port.find(digest(old), now=NOW) is None
    assert port.find(digest(kept), now=NOW) is not None
    with sql_engine.connect() as conn:
        rows = conn.execute(select(grants.c.sid, grants.c.revoked_why)).fetchall()
    assert {row.sid: row.revoked_why for row in rows} == {old: "session_replaced", kept: None}


def test_an_ended_session_opens_nothing_and_its_copies_are_called_back(sql_engine: Engine, port: SqlSessions) -> None:
    person = b.add_person(sql_engine)
    sid = b.add_session(sql_engine, person, b.add_account(sql_engine, person))
    b.add_grant(sql_engine, person, sid)
    port.end(sid, now=NOW, audit=ended())
    assert port.find(digest(sid), now=NOW) is None
    (entry,) = SqlOutbox(sql_engine).due(now=NOW, limit=9, topics=(Topic.SESSIONS_CHANGED,))
    assert (entry.row.topic, entry.row.key) == (Topic.SESSIONS_CHANGED, person)
    assert copies_named(entry.row) == (digest(sid),)
    with sql_engine.connect() as conn:
        assert conn.execute(select(grants.c.revoked_why)).scalar() == "session_ended"


def test_ending_twice_keeps_the_first_instant(sql_engine: Engine, port: SqlSessions) -> None:
    person = b.add_person(sql_engine)
    sid = b.add_session(sql_engine, person, b.add_account(sql_engine, person))
    port.end(sid, now=NOW, audit=ended())
    port.end(sid, now=NOW + timedelta(hours=1), audit=ended())
    with sql_engine.connect() as conn:
        assert conn.execute(select(sessions.c.revoked_at)).scalar() == NOW


# ---- finding, touching -------------------------------------------------------------------------------------------


def test_a_session_ends_by_idleness_and_by_age(sql_engine: Engine, port: SqlSessions) -> None:
    person = b.add_person(sql_engine)
    act = opening(person, b.add_account(sql_engine, person))
    port.open(act)
    handle = act.session.handle_digest
    idle = act.session.idle_until
    assert port.find(handle, now=idle - timedelta(microseconds=1)) is not None
    assert port.find(handle, now=idle) is None
    port.touch(handle, idle_until=act.session.ends_at + timedelta(hours=9))
    assert port.find(handle, now=idle) is not None
    assert port.find(handle, now=act.session.ends_at) is None


@pytest.mark.parametrize("proven", [True, False])
def test_a_session_keeps_whether_its_login_is_known_to_be_fresh(
    sql_engine: Engine, port: SqlSessions, proven: bool
) -> None:
    person = b.add_person(sql_engine)
    act = opening(person, b.add_account(sql_engine, person))
    authn = replace(act.session.authn, proven=proven)
    port.open(replace(act, session=replace(act.session, authn=authn)))
    found = port.find(act.session.handle_digest, now=NOW)
    assert found is not None
    assert found.authn == authn


def test_touching_never_moves_the_limit_back_nor_wakes_an_ended_session(sql_engine: Engine, port: SqlSessions) -> None:
    person = b.add_person(sql_engine)
    act = opening(person, b.add_account(sql_engine, person))
    port.open(act)
    handle = act.session.handle_digest
    port.touch(handle, idle_until=NOW + timedelta(minutes=1))
    found = port.find(handle, now=NOW)
    assert found is not None
    assert found.idle_until == act.session.idle_until
    port.end(act.session.sid, now=NOW, audit=ended())
    port.touch(handle, idle_until=NOW + timedelta(hours=1))
    assert port.find(handle, now=NOW) is None


def test_an_unknown_handle_finds_nobody(port: SqlSessions) -> None:
    assert port.find(digest("nobody"), now=NOW) is None


def test_a_session_follows_its_person_through_a_merge(sql_engine: Engine, port: SqlSessions) -> None:
    survivor = b.add_person(sql_engine)
    absorbed = b.add_person(sql_engine)
    sid = b.add_session(sql_engine, absorbed, b.add_account(sql_engine, absorbed))
    port.open(opening(survivor, link=proof(survivor, absorbed)))
    found = port.find(digest(sid), now=NOW)
    assert found is not None
    assert found.person_id == survivor
    named = {
        d for entry in SqlOutbox(sql_engine).due(now=NOW, limit=9, topics=tuple(Topic)) for d in copies_named(entry.row)
    }
    assert digest(sid) in named


def test_a_session_is_found_in_one_autocommit_statement(sql_engine: Engine, port: SqlSessions) -> None:
    with statements(sql_engine) as seen:
        port.find(digest("nobody"), now=NOW)
    assert [alone for _, alone in seen] == [True]


def test_a_frozen_record_still_tells_that_a_person_is_a_pupil(sql_engine: Engine, port: SqlSessions) -> None:
    mother, _ = b.add_guardian(sql_engine, "1")
    child = b.add_person(sql_engine)
    record = b.add_record(sql_engine, "2", RecordKind.PUPIL)
    b.attach(sql_engine, record, child, state=AttachmentState.FROZEN)
    with pytest.raises(LinkAmbiguous):
        port.open(opening(mother, link=proof(mother, child)))
