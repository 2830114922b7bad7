"""The port `Places` on every database: where a person is signed in, closing it, and the freeze that lets nobody in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, insert, select

from broker.accounts.freeze import NotMe, freeze
from broker.domain.audit import Action, AuditEvent, Topic, copies_named
from broker.domain.errors import LinkSuspended, LoginExpired, NoSuchSubject, PersonSuspended
from broker.domain.handles import digest
from broker.domain.places import CloseSessions
from broker.storage import schema
from broker.storage.sql_credentials import SqlCredentials
from broker.storage.sql_outbox import SqlOutbox
from broker.storage.sql_places import SqlPlaces
from broker.storage.sql_sessions import SqlSessions
from tests import builders as b
from tests.contract.acts import opening
from tests.contract.statements import statements
from tests.contract.test_credentials import Stand, give_code, setting

NOW = b.NOW
YEAR = timedelta(days=365)


@pytest.fixture
def port(sql_engine: Engine) -> SqlPlaces:
    return SqlPlaces(sql_engine)


def live(engine: Engine) -> set[str]:
    with engine.connect() as conn:
        return set(conn.execute(select(schema.sessions.c.sid).where(schema.sessions.c.revoked_at.is_(None))).scalars())


def closing(person: str, sid: str = "", *, kept: str = "") -> CloseSessions:
    event = AuditEvent("99", NOW, Action.SESSIONS_CLOSED, actor=person, subject=person)
    return CloseSessions(person, sid, kept, NOW, event)


def not_me(person: str, account: str = "") -> NotMe:
    return NotMe(person, person, account, "99", "t-test", NOW)


def two_places(engine: Engine) -> tuple[str, str, str, str]:
    """A person, an account, and the sids of two open sessions."""
    person = b.add_person(engine)
    account = b.add_account(engine, person)
    old = b.add_session(engine, person, account, opened_at=NOW - timedelta(days=2))
    new = b.add_session(engine, person, account, opened_at=NOW - timedelta(hours=1))
    return person, account, old, new


# ---- reading ------------------------------------------------------------------------------------------------------


def test_open_places_are_those_that_still_run_newest_first(port: SqlPlaces, sql_engine: Engine) -> None:
    person, account, old, new = two_places(sql_engine)
    b.add_session(sql_engine, person, account, opened_at=NOW - timedelta(days=9), ends_at=NOW - timedelta(days=8))
    two_places(sql_engine)
    assert [each.sid for each in port.open_places(person, now=NOW)] == [new, old]
    port.close(closing(person, old))
    assert [each.sid for each in port.open_places(person, now=NOW)] == [new]


def test_the_history_is_a_year_page_by_page_and_says_which_are_open(port: SqlPlaces, sql_engine: Engine) -> None:
    person, account, old, new = two_places(sql_engine)
    over = b.add_session(
        sql_engine, person, account, opened_at=NOW - timedelta(days=9), ends_at=NOW - timedelta(days=8)
    )
    b.add_session(sql_engine, person, account, opened_at=NOW - timedelta(days=400))
    first = port.passages(person, since=NOW - YEAR, now=NOW, offset=0, limit=2)
    rest = port.passages(person, since=NOW - YEAR, now=NOW, offset=2, limit=2)
    assert [(each.sid, each.is_open) for each in (*first, *rest)] == [(new, True), (old, True), (over, False)]
    assert {each.account_id for each in first} == {account}


def test_a_session_keeps_what_its_browser_called_itself(port: SqlPlaces, sql_engine: Engine) -> None:
    person = b.add_person(sql_engine)
    act = replace(opening(person, b.add_account(sql_engine, person)), software="Firefox, Android")
    SqlSessions(sql_engine, b.HINTS).open(act)
    assert [each.software for each in port.open_places(person, now=NOW)] == ["Firefox, Android"]


def test_each_question_costs_one_autocommit_statement(port: SqlPlaces, sql_engine: Engine) -> None:
    with statements(sql_engine) as seen:
        port.open_places("prs_x", now=NOW)
        port.passages("prs_x", since=NOW - YEAR, now=NOW, offset=0, limit=5)
    assert [alone for _, alone in seen] == [True] * 2


# ---- closing ------------------------------------------------------------------------------------------------------


def test_closing_one_ends_it_and_no_other(port: SqlPlaces, sql_engine: Engine) -> None:
    person, _, old, new = two_places(sql_engine)
    assert port.close(closing(person, old, kept=new)) == 1
    assert live(sql_engine) == {new}


def test_closing_the_others_ends_all_of_this_person_but_the_one_kept(port: SqlPlaces, sql_engine: Engine) -> None:
    person, _, old, new = two_places(sql_engine)
    _, _, other_old, other_new = two_places(sql_engine)
    assert port.close(closing(person, kept=new)) == 1
    assert live(sql_engine) == {new, other_old, other_new}
    assert old not in live(sql_engine)


def test_nobody_closes_a_session_of_somebody_else(port: SqlPlaces, sql_engine: Engine) -> None:
    person, *_ = two_places(sql_engine)
    _, _, theirs, _ = two_places(sql_engine)
    assert port.close(closing(person, theirs)) == 0
    assert theirs in live(sql_engine)


def test_closing_revokes_grants_and_calls_copies_back(port: SqlPlaces, sql_engine: Engine) -> None:
    person, _, old, new = two_places(sql_engine)
    b.add_grant(sql_engine, person, old)
    port.close(closing(person, kept=new))
    with sql_engine.connect() as conn:
        assert conn.execute(select(schema.grants.c.revoked_why)).scalar() == "closed_by_person"
        assert conn.execute(select(schema.audit_events.c.action)).scalar() == Action.SESSIONS_CLOSED.value
    told = SqlOutbox(sql_engine).due(now=NOW, limit=9, topics=(Topic.SESSIONS_CHANGED,))
    assert digest(old) in copies_named(told[0].row)


# ---- the freeze ---------------------------------------------------------------------------------------------------


def test_a_freeze_of_a_login_ends_everything_and_lets_nobody_in_by_it(port: SqlPlaces, sql_engine: Engine) -> None:
    person, account, *_ = two_places(sql_engine)
    other = b.add_account(sql_engine, person, source_id="ent2")
    b.add_session(sql_engine, person, other)
    freeze(port, not_me(person, account))
    assert live(sql_engine) == set()
    sign_in = SqlSessions(sql_engine, b.HINTS)
    with pytest.raises(LinkSuspended):
        sign_in.open(opening(person, account))
    assert sign_in.open(opening(person, other)) == person


def test_a_freeze_of_everything_lets_nobody_in_by_any_login(port: SqlPlaces, sql_engine: Engine) -> None:
    person, account, *_ = two_places(sql_engine)
    freeze(port, not_me(person))
    assert live(sql_engine) == set()
    with pytest.raises(PersonSuspended):
        SqlSessions(sql_engine, b.HINTS).open(opening(person, account))


def test_a_freeze_closes_what_was_opened_as_a_person_who_was_joined(port: SqlPlaces, sql_engine: Engine) -> None:
    person, account, *_ = two_places(sql_engine)
    absorbed = b.add_person(sql_engine, merged_into=person)
    b.add_session(sql_engine, absorbed, account)
    freeze(port, not_me(absorbed))
    assert live(sql_engine) == set()
    with pytest.raises(PersonSuspended):
        SqlSessions(sql_engine, b.HINTS).open(opening(person, account))


def test_a_freeze_touches_nobody_else_and_no_login_of_anybody_else(port: SqlPlaces, sql_engine: Engine) -> None:
    person, *_ = two_places(sql_engine)
    _, theirs, their_old, their_new = two_places(sql_engine)
    with pytest.raises(NoSuchSubject):
        freeze(port, not_me(person, theirs))
    freeze(port, not_me(person))
    assert live(sql_engine) == {their_old, their_new}


def test_a_freeze_ends_codes_and_contacts_that_a_thief_may_have_asked_for(port: SqlPlaces, sql_engine: Engine) -> None:
    person, account, *_ = two_places(sql_engine)
    _plant(sql_engine, person)
    freeze(port, not_me(person, account))
    with sql_engine.connect() as conn:
        assert conn.execute(select(schema.codes.c.ended_at)).scalar() == NOW
        found = {row.value: row.until for row in conn.execute(select(schema.contacts))}
    assert found == {"held": NOW, "old": None}


def test_a_freeze_ends_a_secret_that_a_thief_may_have_chosen(port: SqlPlaces, sql_engine: Engine) -> None:
    """Or the desk, by reopening, would let in whoever set it."""
    person = b.add_person(sql_engine)
    stand = Stand(sql_engine, SqlCredentials(sql_engine), person, give_code(sql_engine, person))
    stand.port.set_secret(setting(stand))
    assert stand.port.by_identifier("camille.martin") is not None
    freeze(port, not_me(person))
    assert stand.port.by_identifier("camille.martin") is None


def test_a_freeze_leaves_a_trace_and_a_notice_and_tells_services(port: SqlPlaces, sql_engine: Engine) -> None:
    person, account, old, _ = two_places(sql_engine)
    b.add_grant(sql_engine, person, old)
    freeze(port, not_me(person, account))
    with sql_engine.connect() as conn:
        (event,) = conn.execute(select(schema.audit_events)).all()
        (notice,) = conn.execute(select(schema.notices)).all()
        topics = set(conn.execute(select(schema.outbox.c.topic)).scalars())
    assert (event.action, event.actor, event.detail["account"]) == ("access_closed", person, account)
    assert (notice.person_id, notice.kind) == (person, "access_closed")
    assert topics >= {Topic.NOTICE.value, Topic.LOGOUT.value, Topic.SESSIONS_CHANGED.value}


def _plant(engine: Engine, person: str) -> None:
    """A letter on its way, a contact that a thief asked for and one that has counted for long."""
    later, before = NOW + timedelta(days=1), NOW - timedelta(days=1)
    code = {
        "id": "cod_1", "kind": "letter", "locator": "ABCD", "secret": "x", "person_id": person, "actor": "agent",
        "issued_at": before, "expires_at": later, "most_tries": 5,
    }  # fmt: skip
    held = {"kind": "mail", "person_id": person, "actor": person, "asked_at": before}
    with engine.begin() as conn:
        conn.execute(insert(schema.codes), [code])
        conn.execute(insert(schema.contacts), [{**held, "id": "cnt_1", "value": "held", "holds_until": later}])
        conn.execute(insert(schema.contacts), [{**held, "id": "cnt_2", "value": "old", "holds_until": before}])


def test_a_session_that_goes_on_another_opens_only_while_that_one_runs(port: SqlPlaces, sql_engine: Engine) -> None:
    """Whoever is shown a second factor in a browser that was closed from afar a moment before stays out."""
    person, account, old, new = two_places(sql_engine)
    sign_in = SqlSessions(sql_engine, b.HINTS)
    port.close(closing(person, old))
    for sid in (old, new):
        act = opening(person, account, replaces=sid)
        going_on = replace(act, session=replace(act.session, continues=sid))
        if sid == old:
            with pytest.raises(LoginExpired):
                sign_in.open(going_on)
        else:
            assert sign_in.open(going_on) == person
