"""The port `ProviderLogins` on every database: one act a login, none in a session that is over, found by its name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine, func, select, update

from broker.domain.acts import EnterProvider
from broker.domain.audit import Action, AuditEvent
from broker.domain.sessions import Grant
from broker.storage.schema import audit_events, grants, sessions
from broker.storage.sql_logouts import SqlNotices
from broker.storage.sql_provider_logins import SqlProviderLogins
from broker.storage.sql_sessions import SqlSessions
from tests import builders as b
from tests.contract.statements import statements

NOW = b.NOW


@pytest.fixture
def port(sql_engine: Engine) -> SqlProviderLogins:
    return SqlProviderLogins(sql_engine)


@pytest.fixture
def grant(sql_engine: Engine) -> Grant:
    """What a person of a live session grants."""
    with sql_engine.begin() as conn:
        person = b.add_person(conn)
        sid = b.add_session(conn, person, b.add_account(conn, person))
    return Grant("grt_1", person, "saml:cantine", sid, ())


def enter(grant: Grant, name: str = "nom") -> EnterProvider:
    event = AuditEvent("99", NOW, Action.ASSERTION_ISSUED, grant.person_id, grant.person_id)
    return EnterProvider(grant, name, (event,))


def count(engine: Engine, table: object) -> int:
    with engine.connect() as conn:
        return int(conn.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]


def test_a_login_is_a_grant_and_its_event_in_one_act(sql_engine: Engine, port: SqlProviderLogins, grant: Grant) -> None:
    assert port.enter(enter(grant))
    assert (count(sql_engine, grants), count(sql_engine, audit_events)) == (1, 1)
    assert [session.sid for session in port.sessions_of("saml:cantine", "nom")] == [grant.sid]
    assert port.clients_of(grant.sid) == ("saml:cantine",)


@pytest.mark.parametrize("over", ["revoked_at", "idle_until", "ends_at"])
def test_nothing_is_stored_in_a_session_that_is_over(
    sql_engine: Engine, port: SqlProviderLogins, grant: Grant, over: str
) -> None:
    with sql_engine.begin() as conn:
        conn.execute(update(sessions).values({over: NOW}))
    assert not port.enter(enter(grant))
    assert (count(sql_engine, grants), count(sql_engine, audit_events)) == (0, 0)


def test_nothing_is_stored_for_somebody_elses_session(
    sql_engine: Engine, port: SqlProviderLogins, grant: Grant
) -> None:
    other = Grant("grt_2", "prs_autre", grant.client_id, grant.sid, ())
    assert not port.enter(enter(other))
    assert (count(sql_engine, grants), count(sql_engine, audit_events)) == (0, 0)


@pytest.mark.parametrize(
    ("client", "name"), [("saml:bourses", "nom"), ("saml:cantine", "autre"), ("saml:cantine", "%"), ("cantine", "nom")]
)
def test_a_session_is_found_by_its_own_client_and_name_alone(
    port: SqlProviderLogins, grant: Grant, client: str, name: str
) -> None:
    assert port.enter(enter(grant))
    assert port.sessions_of(client, name) == ()


def test_a_session_that_ended_is_not_found(sql_engine: Engine, port: SqlProviderLogins, grant: Grant) -> None:
    assert port.enter(enter(grant))
    with sql_engine.begin() as conn:
        conn.execute(update(sessions).values(revoked_at=NOW))
    assert port.sessions_of("saml:cantine", "nom") == ()


def test_on_postgresql_a_login_is_one_statement(sql_engine: Engine, port: SqlProviderLogins, grant: Grant) -> None:
    if sql_engine.dialect.name != "postgresql":
        return
    with statements(sql_engine) as seen:
        assert port.enter(enter(grant))
    assert len(seen) == 1


def test_whoever_ended_its_own_session_is_not_told_of_the_end(
    sql_engine: Engine, port: SqlProviderLogins, grant: Grant
) -> None:
    assert port.enter(enter(grant))
    port.leave("saml:cantine", grant.sid)
    event = AuditEvent("99", NOW, Action.SIGN_OUT, grant.person_id)
    SqlSessions(sql_engine, b.HINTS).end(grant.sid, now=NOW, audit=event)
    assert SqlNotices(sql_engine).of_visit(grant.sid) == ()


def test_a_login_for_another_school_ends_that_of_the_first_and_has_it_told(
    sql_engine: Engine, port: SqlProviderLogins, grant: Grant
) -> None:
    for number, school in enumerate(("0990001A", "0990002Y", "0990002Y")):
        assert port.enter(enter(replace(grant, grant_id=f"grt_{number}", school=school)))
    (told,) = SqlNotices(sql_engine).of_visit(grant.sid)
    assert (told.client_id, told.school) == ("saml:cantine", "0990001A")
    event = AuditEvent("99", NOW, Action.SIGN_OUT, grant.person_id)
    SqlSessions(sql_engine, b.HINTS).end(grant.sid, now=NOW, audit=event)
    assert [each.school for each in SqlNotices(sql_engine).of_visit(grant.sid)] == ["0990001A", "0990002Y"]
