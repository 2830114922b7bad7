"""The port `Links` on every database: accounts by exact key, and an undo after which everything is as before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update

from broker.domain.acts import ReopenLink
from broker.domain.audit import Action, AuditEvent, Topic, copies_named
from broker.domain.errors import UndoTooLate
from broker.domain.identity import AccountState, EvidenceKind, UpstreamProtocol
from broker.domain.people import Space
from broker.storage.schema import accounts, audit_events, sessions, subjects
from broker.storage.sql_grants import SqlGrants
from broker.storage.sql_links import SqlLinks
from broker.storage.sql_outbox import SqlOutbox
from broker.storage.sql_people import SqlPeople
from broker.storage.sql_sessions import SqlSessions
from tests import builders as b
from tests.contract.acts import UNDO_FOR, export, key, opening, proof, undoing
from tests.contract.statements import statements

NOW = b.NOW


@pytest.fixture
def port(sql_engine: Engine) -> SqlLinks:
    return SqlLinks(sql_engine, undo_for=UNDO_FOR)


@pytest.fixture
def sign_in(sql_engine: Engine) -> SqlSessions:
    return SqlSessions(sql_engine, b.HINTS)


def two_persons(engine: Engine) -> tuple[str, str]:
    """Two mothers with everything a person can own, and a service that knows both."""
    persons = []
    with engine.begin() as conn:
        for number, feed in enumerate((b.FEED_2D, b.FEED_1D)):
            person, record = b.add_guardian(conn, str(number), feed=feed)
            account = b.add_account(conn, person, records=(record,))
            sid = b.add_session(conn, person, account)
            b.add_subject(conn, person, sector="cantine")
            b.add_subject(conn, person, sector=f"only-{number}")
            b.add_subject(conn, person, sector="cantine", retired_at=b.BEFORE)
            b.add_grant(conn, person, sid)
            persons.append(person)
    return persons[0], persons[1]


# ---- used ----------------------------------------------------------------------------------------------------------


def test_a_reopened_account_counts_as_used_and_an_undone_one_stays_closed(sql_engine: Engine, port: SqlLinks) -> None:
    person = b.add_person(sql_engine)
    states = (AccountState.LINKED, AccountState.UNDONE)
    open_, undone = (b.add_account(sql_engine, person, state=state) for state in states)
    later = NOW + timedelta(days=800)
    event = AuditEvent("99", later, Action.LINK_REOPENED, actor="cli:test")
    assert [port.reopen(ReopenLink(each, later, event)) for each in (open_, undone)] == [True, False]
    assert {each.account_id: each.last_used for each in port.accounts_of(person)} == {open_: later, undone: None}


# ---- reading -----------------------------------------------------------------------------------------------------


def test_an_account_is_found_by_every_part_of_its_key_and_by_no_other(
    port: SqlLinks, sign_in: SqlSessions, sql_engine: Engine
) -> None:
    person = b.add_person(sql_engine)
    sign_in.open(opening(person, link=proof(person)))
    found = port.account(key())
    assert found is not None
    assert (found.person_id, found.key, found.source_id) == (person, key(), "educonnect")
    assert (found.evidence.kind, found.evidence.at) == (EvidenceKind.REFERENCE, NOW)
    assert (found.linked_at, found.last_used, found.undo_until) == (NOW, NOW, NOW + UNDO_FOR)
    for near in (
        replace(key(), subject="Camille"),
        replace(key(), subject="camille "),
        replace(key(), issuer="https://educonnect.example/"),
        replace(key(), subject_format="pairwise"),
        replace(key(), protocol=UpstreamProtocol.SAML),
    ):
        assert port.account(near) is None


def test_a_person_s_accounts_come_newest_first_whatever_their_state(port: SqlLinks, sql_engine: Engine) -> None:
    person, other = b.add_person(sql_engine), b.add_person(sql_engine)
    old = b.add_account(sql_engine, person, linked_at=NOW - timedelta(days=9), state=AccountState.UNDONE)
    new = b.add_account(sql_engine, person, linked_at=NOW)
    b.add_account(sql_engine, other)
    found = port.accounts_of(person)
    assert [(account.account_id, account.undo_until) for account in found] == [(new, NOW + UNDO_FOR), (old, None)]


def test_the_last_sign_ins_come_newest_first(port: SqlLinks, sql_engine: Engine) -> None:
    person = b.add_person(sql_engine)
    account = b.add_account(sql_engine, person)
    for days in (3, 1, 2):
        b.add_session(sql_engine, person, account, opened_at=NOW - timedelta(days=days))
    assert [sign_in.at for sign_in in port.sign_ins(person, limit=2)] == [
        NOW - timedelta(days=1),
        NOW - timedelta(days=2),
    ]


def test_each_question_costs_one_autocommit_statement(port: SqlLinks, sql_engine: Engine) -> None:
    with statements(sql_engine) as seen:
        port.account(key())
        port.accounts_of("prs_x")
        port.sign_ins("prs_x", limit=5)
    assert [alone for _, alone in seen] == [True] * 3


# ---- undo --------------------------------------------------------------------------------------------------------


def test_undoing_a_link_that_joined_two_persons_restores_every_row(
    port: SqlLinks, sign_in: SqlSessions, sql_engine: Engine
) -> None:
    survivor, absorbed = two_persons(sql_engine)
    before = export(sql_engine)
    act = opening(survivor, link=proof(survivor, absorbed))
    sign_in.open(act)
    during = export(sql_engine, without=(act.session.account_id, act.session.sid))
    assert during != before
    assert [t for t in during if during[t] != before[t]] == [
        "persons", "attachments", "accounts", "subjects", "sessions", "grants",
    ]  # fmt: skip
    port.undo(undoing(act.session.account_id, survivor))
    assert export(sql_engine, without=(act.session.account_id, act.session.sid)) == before


def test_while_joined_a_service_keeps_the_survivor_s_subject_and_gains_the_other_s(
    port: SqlLinks, sign_in: SqlSessions, sql_engine: Engine
) -> None:
    survivor, absorbed = two_persons(sql_engine)
    grants = SqlGrants(sql_engine)

    def held(person: str, sector: str) -> str:
        return grants.subject(person, sector=sector, space=Space.FAMILY, now=NOW)

    own, other, only = held(survivor, "cantine"), held(absorbed, "cantine"), held(absorbed, "only-1")
    act = opening(survivor, link=proof(survivor, absorbed))
    sign_in.open(act)
    assert (held(survivor, "cantine"), held(survivor, "only-1"), held(absorbed, "cantine")) == (own, only, own)
    drawn = held(survivor, "drawn-while-one")
    port.undo(undoing(act.session.account_id, survivor))
    assert (held(survivor, "cantine"), held(absorbed, "cantine"), held(absorbed, "only-1")) == (own, other, only)
    assert held(survivor, "drawn-while-one") == drawn
    assert held(absorbed, "drawn-while-one") != drawn


def test_the_undone_account_signs_in_no_more_and_its_sessions_and_grants_end(
    port: SqlLinks, sign_in: SqlSessions, sql_engine: Engine
) -> None:
    survivor, absorbed = two_persons(sql_engine)
    act = opening(survivor, link=proof(survivor, absorbed))
    sign_in.open(act)
    grant = b.add_grant(sql_engine, survivor, act.session.sid)
    assert grant
    port.undo(undoing(act.session.account_id, survivor))
    found = port.account(key())
    assert found is not None
    assert (found.state, found.undo_until) == (AccountState.UNDONE, None)
    assert sign_in.find(act.session.handle_digest, now=NOW) is None
    named = {
        d
        for entry in SqlOutbox(sql_engine).due(now=NOW, limit=99, topics=tuple(Topic))
        for d in copies_named(entry.row)
    }
    with sql_engine.connect() as conn:
        assert named == set(conn.execute(select(sessions.c.handle_digest)).scalars())
        told = conn.execute(select(audit_events.c.action, audit_events.c.subject).order_by(audit_events.c.id))
        assert [tuple(row) for row in told] == [
            ("sign_in", survivor), ("link_undone", survivor), ("persons_unmerged", absorbed),
        ]  # fmt: skip


def test_the_trail_tells_who_is_apart_again_and_whom_another_login_s_proof_still_joins(
    port: SqlLinks, sign_in: SqlSessions, sql_engine: Engine
) -> None:
    """The undone login joined all three; another one proved since, by itself, that the last two are one."""
    (one, _), (two, second), (three, third) = (
        b.add_guardian(sql_engine, number, feed=feed)
        for number, feed in (("1", b.FEED_2D), ("2", b.FEED_1D), ("3", b.FEED_2D))
    )
    act = opening(one, link=proof(one, two, three))
    sign_in.open(act)
    own = proof(one, subject="other", records=(second, third), at=NOW + timedelta(hours=1))
    sign_in.open(opening(one, link=own, at=NOW + timedelta(hours=1)))
    port.undo(undoing(act.session.account_id, one, at=NOW + timedelta(hours=2)))
    home, joined = sorted((two, three))
    with sql_engine.connect() as conn:
        told = conn.execute(
            select(audit_events.c.action, audit_events.c.subject, audit_events.c.detail)
            .where(audit_events.c.action.like("persons%"))
            .order_by(audit_events.c.id)
        )
        account = {"account": act.session.account_id}
        assert [tuple(row) for row in told] == [
            ("persons_unmerged", home, {**account, "from": one}),
            ("persons_unmerged", joined, {**account, "from": one}),
            ("persons_merged", joined, {**account, "into": home}),
        ]


def test_a_session_opened_while_joined_by_a_login_that_goes_back_ends(
    port: SqlLinks, sign_in: SqlSessions, sql_engine: Engine
) -> None:
    survivor, absorbed = two_persons(sql_engine)
    (own,) = port.accounts_of(absorbed)
    act = opening(survivor, link=proof(survivor, absorbed))
    sign_in.open(act)
    later = opening(survivor, own.account_id)
    sign_in.open(later)
    port.undo(undoing(act.session.account_id, survivor))
    assert sign_in.find(later.session.handle_digest, now=NOW) is None
    with sql_engine.connect() as conn:
        live = conn.execute(select(sessions.c.person_id).where(sessions.c.revoked_at.is_(None))).scalars().all()
    assert sorted(live) == sorted((survivor, absorbed))


def test_a_link_can_be_undone_within_its_time_only(port: SqlLinks, sign_in: SqlSessions, sql_engine: Engine) -> None:
    person = b.add_person(sql_engine)
    act = opening(person, link=proof(person))
    sign_in.open(act)
    late = undoing(act.session.account_id, person, at=NOW + UNDO_FOR + timedelta(seconds=1))
    with pytest.raises(UndoTooLate):
        port.undo(late)
    port.undo(undoing(act.session.account_id, person, at=NOW + UNDO_FOR))


def test_a_login_that_joined_more_records_later_can_be_undone_from_that_day_on(
    port: SqlLinks, sign_in: SqlSessions, sql_engine: Engine
) -> None:
    person, other = b.add_person(sql_engine), b.add_person(sql_engine)
    first = opening(person, link=proof(person))
    sign_in.open(first)
    much_later = NOW + timedelta(days=100)
    sign_in.open(opening(person, first.session.account_id, link=proof(person, other, at=much_later), at=much_later))
    account = port.account(key())
    assert account is not None
    assert (account.linked_at, account.undo_until) == (NOW, much_later + UNDO_FOR)
    port.undo(undoing(first.session.account_id, person, at=much_later + timedelta(days=1)))
    assert SqlPeople(sql_engine).owner(other) == other


def test_only_its_person_undoes_a_link_and_only_once(port: SqlLinks, sign_in: SqlSessions, sql_engine: Engine) -> None:
    person, stranger = b.add_person(sql_engine), b.add_person(sql_engine)
    act = opening(person, link=proof(person))
    sign_in.open(act)
    for refused in (undoing(act.session.account_id, stranger), undoing("acc_none", person)):
        with pytest.raises(UndoTooLate):
            port.undo(refused)
    port.undo(undoing(act.session.account_id, person))
    with pytest.raises(UndoTooLate):
        port.undo(undoing(act.session.account_id, person))


def test_an_undo_asked_in_the_name_of_the_absorbed_person_is_the_survivor_s(
    port: SqlLinks, sign_in: SqlSessions, sql_engine: Engine
) -> None:
    survivor, absorbed = two_persons(sql_engine)
    act = opening(survivor, link=proof(survivor, absorbed))
    sign_in.open(act)
    port.undo(undoing(act.session.account_id, absorbed))
    assert SqlPeople(sql_engine).owner(absorbed) == absorbed


def test_many_undos_at_once_are_one(port: SqlLinks, sign_in: SqlSessions, sql_engine: Engine) -> None:
    survivor, absorbed = two_persons(sql_engine)
    before = export(sql_engine)
    act = opening(survivor, link=proof(survivor, absorbed))
    sign_in.open(act)

    def attempt(_: int) -> bool:
        try:
            port.undo(undoing(act.session.account_id, survivor))
        except UndoTooLate:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(attempt, range(12))).count(True) == 1
    assert export(sql_engine, without=(act.session.account_id, act.session.sid)) == before


def test_a_row_moved_on_by_another_act_is_left_where_it_was_put(
    port: SqlLinks, sign_in: SqlSessions, sql_engine: Engine
) -> None:
    survivor, absorbed = two_persons(sql_engine)
    third = b.add_person(sql_engine)
    (own,) = port.accounts_of(absorbed)
    act = opening(survivor, link=proof(survivor, absorbed))
    sign_in.open(act)
    with sql_engine.begin() as conn:
        conn.execute(update(accounts).where(accounts.c.id == own.account_id).values(person_id=third))
    port.undo(undoing(act.session.account_id, survivor))
    assert [account.account_id for account in port.accounts_of(third)] == [own.account_id]


def test_subjects_are_never_shared_nor_lost(port: SqlLinks, sign_in: SqlSessions, sql_engine: Engine) -> None:
    survivor, absorbed = two_persons(sql_engine)
    with sql_engine.connect() as conn:
        before = set(conn.execute(select(subjects.c.value)).scalars())
    act = opening(survivor, link=proof(survivor, absorbed))
    sign_in.open(act)
    port.undo(undoing(act.session.account_id, survivor))
    with sql_engine.connect() as conn:
        assert set(conn.execute(select(subjects.c.value)).scalars()) == before
