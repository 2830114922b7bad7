"""What a head gave counts while the head may give it and the colleague works at the school, on every database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select, update

from broker.domain.acts import SetStanding
from broker.domain.audit import Action, AuditEvent
from broker.domain.desk import DeskProfile, EndPost, GrantPost, PostOrigin, SaidPost
from broker.domain.identity import AccountState
from broker.domain.people import Profil
from broker.domain.standings import StandingKind, StandingState
from broker.storage import schema
from broker.storage.sql_colleagues import SqlColleagues
from broker.storage.sql_desk_posts import SqlDeskPosts
from broker.storage.sql_standings import SqlStandings
from tests import builders as b
from tests.desks import HERE, THERE

NOW, LATER = b.NOW, b.NOW + timedelta(hours=1)
EVENT = AuditEvent("ac-test", NOW, Action.POST_GIVEN, "prs_head", "")


@dataclass
class Given:
    """A delegation, its two persons, their accounts and their records of staff."""

    engine: Engine
    posts: SqlDeskPosts
    head: str
    head_person: str
    head_record: str
    holder: str
    holder_record: str

    def works(self, *, now: datetime = NOW) -> bool:
        """Whether it counts; all who ask say the same."""
        every = {each.held.post_id: each for each in SqlColleagues(self.engine).delegations(HERE, now=now)}
        listed = every["dkp_given"]
        held = self.posts.of_account(self.holder, now=now)
        standing = {each.post_id for each in self.posts.standing(now=now)}
        assert listed.counts == bool(held) == ("dkp_given" in standing)
        return listed.counts


def agent_account(engine: Engine, name: str) -> tuple[str, str]:
    person = b.add_person(engine)
    account = b.add_account(engine, person, subject=name)
    called(engine, account, name)
    return person, account


def called(engine: Engine, account: str, name: str) -> None:
    with engine.begin() as conn:
        conn.execute(update(schema.accounts).where(schema.accounts.c.id == account).values(said_name=name))


@pytest.fixture
def given(sql_engine: Engine) -> Given:
    for uai in (HERE, THERE):
        b.add_school(sql_engine, uai)
    records = []
    for key, first, last, profil in (("1", "Ana", "CHEF", Profil.DIRECTION), ("2", "Ben", "AIDE", Profil.VIE_SCOLAIRE)):
        _, record = b.add_staff(sql_engine, key, given=first, family=last)
        b.add_post(sql_engine, record, HERE, profil=profil)
        records.append(record)
    person, head = agent_account(sql_engine, "Ana Chef")
    _, holder = agent_account(sql_engine, "Aide Bén")
    posts = SqlDeskPosts(sql_engine)
    posts.grant(
        GrantPost("dkp_head", head, SaidPost(DeskProfile.CHEF, HERE, until=NOW + timedelta(days=9)), NOW, EVENT)
    )
    post = SaidPost(DeskProfile.ACCUEIL, HERE, until=NOW + timedelta(days=99))
    posts.grant(GrantPost("dkp_given", holder, post, NOW, EVENT, PostOrigin.HEAD, giver=head))
    return Given(sql_engine, posts, head, person, records[0], holder, records[1])


def over(given: Given, record: str) -> None:
    """The feed says that somebody's post at the school is over."""
    with given.engine.begin() as conn:
        ended = update(schema.staff_posts).where(schema.staff_posts.c.record_id == record)
        conn.execute(ended.values(until=LATER))


def retired(given: Given, record: str) -> None:
    with given.engine.begin() as conn:
        conn.execute(update(schema.records).where(schema.records.c.id == record).values(retired_at=LATER))


def closed(given: Given, kind: StandingKind, subject: str) -> None:
    act = SetStanding(kind, subject, StandingState.SUSPENDED, "ac-test", "vol", NOW, EVENT)
    SqlStandings(given.engine).set(act)


def undone(given: Given, account: str) -> None:
    with given.engine.begin() as conn:
        one = update(schema.accounts).where(schema.accounts.c.id == account)
        conn.execute(one.values(state=AccountState.UNDONE.value))


def source_of(given: Given, account: str) -> str:
    with given.engine.connect() as conn:
        which = select(schema.accounts.c.source_id).where(schema.accounts.c.id == account)
        return str(conn.execute(which).scalar_one())


def head_is_now(given: Given, post: SaidPost) -> None:
    """The head's post ended, and they have this one."""
    assert given.posts.end(EndPost("dkp_head", NOW, EVENT))
    given.posts.grant(GrantPost("dkp_after", given.head, post, NOW, EVENT))


def nameless(given: Given) -> None:
    """No name is like another: else whoever the source calls nothing is whomever the feed calls nothing."""
    called(given.engine, given.holder, "")
    with given.engine.begin() as conn:
        one = update(schema.records).where(schema.records.c.id == given.holder_record)
        conn.execute(one.values(family_name="", given_name=""))


def given_by_their_own(given: Given) -> None:
    """Whoever was given a post gives it on."""
    with given.engine.begin() as conn:
        conn.execute(update(schema.desk_posts).where(schema.desk_posts.c.id == "dkp_given").values(giver=given.holder))


def head_merged(given: Given) -> None:
    """A head who was closed, and then became one with another person."""
    closed(given, StandingKind.PERSON, given.head_person)
    other = b.add_person(given.engine)
    with given.engine.begin() as conn:
        conn.execute(update(schema.accounts).where(schema.accounts.c.id == given.head).values(person_id=other))
        one = update(schema.persons).where(schema.persons.c.id == given.head_person)
        conn.execute(one.values(merged_into=other))


FACTS: dict[str, Callable[[Given], None]] = {
    "the colleague's post is over": lambda g: over(g, g.holder_record),
    "the colleague is delivered no more": lambda g: retired(g, g.holder_record),
    "the colleague is called another name": lambda g: called(g.engine, g.holder, "Ben Autre"),
    "neither the colleague nor some record has a name": nameless,
    "the head's post is over in the feed": lambda g: over(g, g.head_record),
    "the head is delivered no more": lambda g: retired(g, g.head_record),
    "the head's source says so no more": lambda g: head_is_now(g, SaidPost(DeskProfile.CHEF, THERE)),
    "the head helps at the front desk": lambda g: head_is_now(g, SaidPost(DeskProfile.ACCUEIL, HERE)),
    "the head works for another académie": lambda g: head_is_now(g, SaidPost(DeskProfile.ACADEMIE, academie="98")),
    "the head's link is undone": lambda g: undone(g, g.head),
    "the head's source is closed": lambda g: closed(g, StandingKind.SOURCE, source_of(g, g.head)),
    "the head's link is closed": lambda g: closed(g, StandingKind.LINK, g.head),
    "the head is closed": lambda g: closed(g, StandingKind.PERSON, g.head_person),
    "the head was closed, then merged": head_merged,
    "nobody is known to have given it": lambda g: _given_by(g, ""),
    "it was given on": given_by_their_own,
}


def _given_by(given: Given, account: str) -> None:
    with given.engine.begin() as conn:
        conn.execute(update(schema.desk_posts).where(schema.desk_posts.c.id == "dkp_given").values(giver=account))


@pytest.mark.parametrize("fact", FACTS)
def test_what_was_given_counts_no_more_once(given: Given, fact: str) -> None:
    assert given.works()
    FACTS[fact](given)
    assert not given.works(now=LATER)


def test_it_ends_with_the_last_day_of_the_head_s_own_post(given: Given) -> None:
    assert given.works(now=NOW + timedelta(days=8))
    assert not given.works(now=NOW + timedelta(days=9))


def test_a_head_of_the_academie_or_one_whom_no_feed_names_gives_as_well(given: Given) -> None:
    head_is_now(given, SaidPost(DeskProfile.ACADEMIE, academie="99"))
    assert given.works()
    called(given.engine, given.head, "Zoé Inconnue")
    assert given.works()


def test_a_head_whom_no_feed_names_is_not_taken_for_a_namesake_who_left_before(given: Given) -> None:
    called(given.engine, given.head, "Zoé Ancienne")
    _, former = b.add_staff(given.engine, "3", given="Zoé", family="ANCIENNE")
    b.add_post(given.engine, former, HERE, profil=Profil.ENSEIGNANT)
    with given.engine.begin() as conn:
        one = update(schema.staff_posts).where(schema.staff_posts.c.record_id == former)
        conn.execute(one.values(since=NOW - timedelta(days=9), until=NOW - timedelta(days=8)))
    assert given.works()
