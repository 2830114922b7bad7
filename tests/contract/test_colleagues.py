"""The port `Colleagues` on every database: the staff of a school, who signed in as an agent, who helps at the desk."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, update

from broker.domain.access_notices import AccessNotice, NoticeKind
from broker.domain.audit import Action, AuditEvent
from broker.domain.desk import Colleague, DeskProfile, EndPost, GrantPost, PostOrigin, SaidPost
from broker.domain.people import Profil
from broker.storage.schema import accounts, records
from broker.storage.sql_access_notices import SqlAccessNotices
from broker.storage.sql_colleagues import SqlColleagues
from broker.storage.sql_desk_posts import SqlDeskPosts
from broker.storage.sql_sessions import SqlSessions
from tests import builders as b
from tests.contract.acts import opening
from tests.desks import HERE, THERE

NOW, DAY = b.NOW, timedelta(days=1)


@pytest.fixture
def port(sql_engine: Engine) -> SqlColleagues:
    for uai in (HERE, THERE):
        b.add_school(sql_engine, uai)
    return SqlColleagues(sql_engine)


def test_the_staff_of_a_school_are_who_works_there_now(sql_engine: Engine, port: SqlColleagues) -> None:
    gone = ""
    for key, uai, given in (("1", HERE, "Ana"), ("2", THERE, "Ben"), ("3", HERE, "Cid")):
        _, gone = b.add_staff(sql_engine, key, given=given)
        b.add_post(sql_engine, gone, uai, profil=Profil.DIRECTION)
    b.add_staff(sql_engine, "4", given="Dan")
    with sql_engine.begin() as conn:
        conn.execute(update(records).where(records.c.id == gone).values(retired_at=NOW))
    assert [each.given for each in port.staff(HERE, now=NOW)] == ["Ana"]


def test_what_a_source_of_agents_says_at_a_login_is_what_an_agent_is_called(
    sql_engine: Engine, port: SqlColleagues
) -> None:
    person = b.add_person(sql_engine)
    account = b.add_account(sql_engine, person, subject="a.gent")
    b.add_account(sql_engine, person, subject="unnamed")
    assert port.name_of(account) == ""
    act = opening(person, account)
    SqlSessions(sql_engine, b.HINTS).open(replace(act, posts=(), said_name="Ana Gent"))
    assert (port.name_of(account), port.name_of("acc_x")) == ("Ana Gent", "")
    with sql_engine.connect() as conn:
        source = conn.execute(accounts.select().where(accounts.c.id == account)).one().source_id
    assert port.signed_in({source}) == (Colleague(account, person, "Ana Gent", "a.gent"),)
    assert port.signed_in({"another"}) == () == port.signed_in(())


def test_a_login_elsewhere_keeps_no_name(sql_engine: Engine, port: SqlColleagues) -> None:
    person = b.add_person(sql_engine)
    account = b.add_account(sql_engine, person)
    SqlSessions(sql_engine, b.HINTS).open(replace(opening(person, account), said_name="Mère Inconnue"))
    assert port.name_of(account) == ""


def test_delegations_are_the_front_desk_of_one_school_while_they_stand(sql_engine: Engine, port: SqlColleagues) -> None:
    person = b.add_person(sql_engine)
    account, posts = b.add_account(sql_engine, person), SqlDeskPosts(sql_engine)
    event = AuditEvent("ac-test", NOW, Action.POST_GIVEN, "prs_head", person)
    given = SaidPost(DeskProfile.ACCUEIL, HERE, until=NOW + DAY)
    others = (SaidPost(DeskProfile.ACCUEIL, THERE), SaidPost(DeskProfile.CHEF, HERE), replace(given, until=NOW - DAY))
    for number, post in enumerate((given, *others)):
        told = (AccessNotice(person, NoticeKind.POST_GIVEN, NOW),) if post is given else ()
        posts.grant(GrantPost(f"dkp_{number}", account, post, NOW, event, PostOrigin.HEAD, told))
    (found,) = port.delegations(HERE, now=NOW)
    assert (found.held.post_id, found.held.post, found.held.origin) == ("dkp_0", given, PostOrigin.HEAD)
    assert (found.colleague.account_id, found.colleague.person_id) == (account, person)
    ended = AccessNotice(person, NoticeKind.POST_ENDED, NOW + DAY / 2)
    assert posts.end(EndPost("dkp_0", NOW, event, (ended,)))
    assert not posts.end(EndPost("dkp_0", NOW, event, (ended,)))
    assert port.delegations(HERE, now=NOW) == ()
    kinds = [each.kind for each in SqlAccessNotices(sql_engine).of_person(person, limit=9)]
    assert sorted(kinds) == [NoticeKind.POST_ENDED, NoticeKind.POST_GIVEN]
