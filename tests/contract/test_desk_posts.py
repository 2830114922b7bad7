"""The port `DeskPosts` on every database: what a source said at the last login, what an administrator gave and took."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select

from broker.domain.audit import Action, AuditEvent
from broker.domain.desk import DeskProfile, DeskSchool, EndPost, GrantPost, PostOrigin, SaidPost
from broker.domain.errors import NoSuchSubject
from broker.domain.handles import Id, new_id
from broker.domain.identity import AccountKey, Evidence, EvidenceKind, LinkProof, UpstreamProtocol
from broker.storage.schema import audit_events, persons
from broker.storage.sql_desk_posts import SqlDeskPosts
from broker.storage.sql_sessions import SqlSessions
from tests import builders as b
from tests.contract.acts import opening
from tests.desks import HERE, THERE

NOW = b.NOW
HEAD = SaidPost(DeskProfile.CHEF, HERE)
DELEGATE = SaidPost(DeskProfile.ACCUEIL, THERE, until=NOW + timedelta(days=3))
KEY = AccountKey(UpstreamProtocol.SAML, "https://ac.example", "mail", "l.martin@ac.example")


@pytest.fixture
def port(sql_engine: Engine) -> SqlDeskPosts:
    for uai in (HERE, THERE):
        b.add_school(sql_engine, uai, name=f"Collège {uai}")
    return SqlDeskPosts(sql_engine)


def sign_in(engine: Engine, account_id: str, person: str, *said: SaidPost) -> None:
    act = opening(person, account_id)
    SqlSessions(engine, b.HINTS).open(replace(act, posts=said))


@pytest.fixture
def agent(sql_engine: Engine) -> tuple[str, str]:
    person = b.add_person(sql_engine)
    return b.add_account(sql_engine, person), person


def posts(port: SqlDeskPosts, account_id: str) -> set[SaidPost]:
    return {each.post for each in port.of_account(account_id, now=NOW)}


def acted(engine: Engine, action: Action) -> int:
    with engine.connect() as conn:
        which = select(func.count()).select_from(audit_events).where(audit_events.c.action == action.value)
        return int(conn.execute(which).scalar_one())


def grant(account_id: str, post: SaidPost) -> GrantPost:
    event = AuditEvent("ac-test", NOW, Action.POST_GIVEN, actor="cli:test")
    return GrantPost(new_id(Id.DESK_POST), account_id, post, NOW, event)


def test_each_login_says_the_whole_of_what_the_source_says(
    sql_engine: Engine, port: SqlDeskPosts, agent: tuple[str, str]
) -> None:
    sign_in(sql_engine, *agent, HEAD, DELEGATE)
    assert posts(port, agent[0]) == {HEAD, DELEGATE}
    sign_in(sql_engine, *agent, HEAD)
    assert posts(port, agent[0]) == {HEAD}
    assert (acted(sql_engine, Action.POST_GIVEN), acted(sql_engine, Action.POST_ENDED)) == (2, 1)
    sign_in(sql_engine, *agent)
    assert posts(port, agent[0]) == set()


def test_what_an_administrator_gave_outlives_what_the_source_says(
    sql_engine: Engine, port: SqlDeskPosts, agent: tuple[str, str]
) -> None:
    academie = SaidPost(DeskProfile.ACADEMIE, academie="99")
    given = grant(agent[0], academie)
    port.grant(given)
    sign_in(sql_engine, *agent)
    assert posts(port, agent[0]) == {academie}
    (held,) = port.standing(now=NOW)
    assert (held.post_id, held.origin) == (given.post_id, PostOrigin.ADMINISTRATOR)
    assert port.end(EndPost(given.post_id, NOW, given.audit))
    assert not port.end(EndPost(given.post_id, NOW, given.audit))
    assert posts(port, agent[0]) == set()


def test_a_delegation_is_over_after_its_last_day(
    sql_engine: Engine, port: SqlDeskPosts, agent: tuple[str, str]
) -> None:
    sign_in(sql_engine, *agent, DELEGATE)
    late = NOW + timedelta(days=4)
    assert port.of_account(agent[0], now=late) == () == port.standing(now=late)


def test_a_post_covers_its_school_or_all_of_its_academie_and_nothing_without_either(
    sql_engine: Engine, port: SqlDeskPosts, agent: tuple[str, str]
) -> None:
    sign_in(sql_engine, *agent, HEAD)
    assert port.places(port.of_account(agent[0], now=NOW)) == (DeskSchool(HERE, f"Collège {HERE}"),)
    port.grant(grant(agent[0], SaidPost(DeskProfile.ACADEMIE, academie="99")))
    assert {place.uai for place in port.places(port.of_account(agent[0], now=NOW))} == {HERE, THERE}
    (nowhere,) = (replace(each, post=SaidPost(DeskProfile.ACADEMIE)) for each in port.standing(now=NOW)[:1])
    assert port.places([nowhere]) == ()


def test_a_post_is_given_to_nobody_and_nowhere_that_is_not_there(port: SqlDeskPosts, agent: tuple[str, str]) -> None:
    for act in (grant("acc_none", HEAD), grant(agent[0], SaidPost(DeskProfile.CHEF, "0999999Z"))):
        with pytest.raises(NoSuchSubject):
            port.grant(act)
    assert port.standing(now=NOW) == ()


def test_an_agent_without_a_record_founds_one_person_for_good(sql_engine: Engine, port: SqlDeskPosts) -> None:
    sessions = SqlSessions(sql_engine, b.HINTS)
    evidence = Evidence(EvidenceKind.AGENT, "source:agents", NOW, {"source": "agents"})
    proof = LinkProof(KEY, new_id(Id.PERSON), (), evidence)
    act = replace(opening(proof.person_id, new_id(Id.ACCOUNT)), link=proof, posts=(HEAD,))
    assert sessions.open(act) == proof.person_id
    with sql_engine.connect() as conn:
        assert conn.execute(select(persons.c.id)).scalars().all() == [proof.person_id]
    assert posts(port, act.session.account_id) == {HEAD}
