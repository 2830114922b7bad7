"""A head gives the front desk of their school to a colleague until a last day, and takes it back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from sqlalchemy import select, update

from broker.domain.audit import Action
from broker.domain.desk import DeskProfile, SaidPost
from broker.domain.people import Profil
from broker.helpdesk.delegating import last_of_year
from broker.storage.schema import accounts, audit_events, desk_posts, notices, records, sessions
from tests import builders as b
from tests.clock import FakeClock
from tests.desks import HERE, THERE, family, open_desk_web
from tests.flows.test_desk import AGENTS, DESK, HEAD, agent, counted
from tests.web_stand import Answer, Client, WebStand

PATH = "/guichet/delegations"
LAST = last_of_year(b.NOW.date()).isoformat()
NAME, USER = "Lucie Martin", "l.martin"


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_desk_web(sqlite_url, clock) as stand:
        works(stand, "600", HERE, NAME)
        yield stand


def works(stand: WebStand, key: str, uai: str, name: str) -> None:
    """A member of the school's staff, as its feed tells."""
    given, _, last = name.partition(" ")
    with stand.world.engine.begin() as conn:
        _, record = b.add_staff(conn, key, given=given, family=last.upper())
        b.add_post(conn, record, uai, profil=Profil.VIE_SCOLAIRE)


def came(stand: WebStand, user: str = USER, name: str = NAME) -> str:
    """Somebody signs in at the agents' source, as whom nobody let help; returns the account."""
    stand.world.upstreams[AGENTS].names[user] = name
    agent(stand, user=user)
    with stand.world.engine.connect() as conn:
        return str(conn.execute(select(accounts.c.id).where(accounts.c.subject == user)).scalar_one())


def give(client: Client, account: str, *, uai: str = HERE, day: str = LAST) -> Answer:
    token = client.get("/deconnexion").token
    return client.post(PATH, {"csrf": token, "acte": "donner", "ecole": uai, "compte": account, "jour": day})


def take_back(client: Client, post: str, *, uai: str = HERE) -> Answer:
    token = client.get("/deconnexion").token
    return client.post(PATH, {"csrf": token, "acte": "retirer", "ecole": uai, "poste": post})


def posts(stand: WebStand, origin: str = "head") -> list[str]:
    """The posts of this origin that stand."""
    with stand.world.engine.connect() as conn:
        which = (desk_posts.c.origin == origin, desk_posts.c.ended_at.is_(None))
        return list(conn.execute(select(desk_posts.c.id).where(*which)).scalars())


def test_a_head_finds_a_colleague_by_name_gives_the_front_desk_and_takes_it_back(
    stand: WebStand, clock: FakeClock
) -> None:
    account = came(stand)
    head = agent(stand, HEAD, user="chef")
    assert PATH in head.get("/guichet").body
    found = head.get(f"{PATH}?nom=mart")
    for shown in (NAME, USER, "Dernier jour"):
        assert shown in found.text, shown
    done = give(head, account)
    assert (done.status, done.location) == (303, f"{PATH}?ecole={HERE}&fait=donner")
    helper = agent(stand, user=USER)
    assert "accueil" in helper.get("/guichet").text
    assert "donné par la direction" in head.get(PATH).text
    (post,) = posts(stand)
    assert take_back(head, post).status == 303
    assert helper.get("/guichet").status == 404
    with stand.world.engine.connect() as conn:
        told = conn.execute(select(notices.c.kind).order_by(notices.c.id)).scalars().all()
        row = conn.execute(select(desk_posts).where(desk_posts.c.id == post)).one()
        given = conn.execute(select(audit_events).where(audit_events.c.action == "post_given")).fetchall()[-1]
    assert told == ["post_given", "post_ended"]
    assert (row.profile, row.uai, row.until.date() - timedelta(days=1)) == ("accueil", HERE, date.fromisoformat(LAST))
    assert given.subject != given.actor
    assert given.detail["uai"] == HERE
    assert counted(stand, Action.POST_ENDED) == 1


def test_who_left_the_school_helps_no_more_and_the_head_sees_it(stand: WebStand) -> None:
    account = came(stand)
    head = agent(stand, HEAD, user="chef")
    give(head, account)
    helper = agent(stand, user=USER)
    assert helper.get("/guichet").status == 200
    assert "Ne vaut plus" not in head.get(PATH).text
    with stand.world.engine.begin() as conn:
        conn.execute(update(records).where(records.c.family_name == "MARTIN").values(retired_at=b.NOW))
    assert helper.get("/guichet").status == 404
    assert "Ne vaut plus" in head.get(PATH).text
    assert take_back(head, *posts(stand)).status == 303


def test_a_delegation_is_over_after_its_last_day(stand: WebStand, clock: FakeClock) -> None:
    account = came(stand)
    give(agent(stand, HEAD, user="chef"), account, day=b.NOW.date().isoformat())
    assert agent(stand, user=USER).get("/guichet").status == 200
    clock.advance(timedelta(days=1))
    assert agent(stand, user=USER).get("/guichet").status == 404
    assert "Personne n'aide" in agent(stand, HEAD, user="chef").get(PATH).text


@pytest.mark.parametrize("day", ["", "demain", "2026-02-31", "2020-01-01", "past", "late"])
def test_a_last_day_is_wanted_within_the_school_year(stand: WebStand, day: str) -> None:
    late = date.fromisoformat(LAST) + timedelta(days=1)
    day = {"past": str(b.NOW.date() - timedelta(days=1)), "late": str(late)}.get(day, day)
    account = came(stand)
    refused = give(agent(stand, HEAD, user="chef"), account, day=day)
    assert (refused.status, "dernier jour" in refused.text) == (403, True)
    assert posts(stand) == []


def test_a_school_year_ends_in_august() -> None:
    days = ((date(2026, 9, 14), 2027), (date(2027, 7, 31), 2027), (date(2027, 8, 1), 2028), (date(2026, 1, 5), 2026))
    assert [last_of_year(day) for day, _ in days] == [date(year, 8, 31) for _, year in days]


def test_only_staff_of_the_school_who_came_once_are_found_and_given(stand: WebStand) -> None:
    works(stand, "601", THERE, "Ugo Ailleurs")
    works(stand, "602", HERE, "Eve Jamais")
    family(stand.world.engine, "1", name="Zora PARENT", child="Max")
    strangers = [came(stand, "u.ailleurs", "Ugo Ailleurs"), came(stand, "z.parent", "Zora Parent")]
    head = agent(stand, HEAD, user="chef")
    for name in ("ugo", "eve", "zora", "inconnu", "", "%"):
        assert "Dernier jour" not in head.get(f"{PATH}?nom={name}").text, name
    with stand.world.engine.connect() as conn:
        other = conn.execute(select(accounts.c.id).where(accounts.c.source_id != AGENTS)).scalars().all()
    for account in (*strangers, *other, "acc_x", ""):
        refused = give(head, account)
        assert (refused.status, "n'est pas de l'école" in refused.text) == (403, True), account
    assert posts(stand) == []


def test_a_head_gives_nothing_to_themselves_or_their_family(stand: WebStand) -> None:
    engine = stand.world.engine
    works(stand, "603", HERE, "Rosa Chef")
    stand.world.upstreams[AGENTS].names["chef"] = "Rosa Chef"
    head = agent(stand, HEAD, user="chef")
    with engine.connect() as conn:
        own = conn.execute(select(accounts.c.id).where(accounts.c.subject == "chef")).scalar_one()
    assert "votre famille" in give(head, own).text
    account = came(stand)
    mother = family(engine, "3", name="Ugo PICARD", child="Lou")
    with engine.begin() as conn:
        other, record = b.add_guardian(conn, "4", given="Eve", family="SIMON")
        b.add_guardianship(conn, record, "99-2d:93")
    for user, person in (("chef", mother), (USER, other)):
        with engine.begin() as conn:
            was = conn.execute(select(accounts.c.person_id).where(accounts.c.subject == user)).scalar_one()
            conn.execute(update(accounts).where(accounts.c.subject == user).values(person_id=person))
            conn.execute(update(sessions).where(sessions.c.person_id == was).values(person_id=person))
    assert "votre famille" in give(agent(stand, HEAD, user="chef"), account).text
    assert posts(stand) == []


@pytest.mark.parametrize("profile", [DeskProfile.ACCUEIL, DeskProfile.AUDITEUR])
def test_nobody_but_a_head_and_the_academie_delegates(stand: WebStand, profile: DeskProfile) -> None:
    account = came(stand)
    client = agent(stand, SaidPost(profile, HERE), user="o.autre")
    assert client.get(PATH).status == 403
    assert NAME not in client.get(f"{PATH}?ecole={HERE}&nom=martin").text
    assert give(client, account).status == 403
    give(agent(stand, HEAD, user="chef"), account)
    (post,) = posts(stand)
    assert take_back(client, post).status == 403
    assert posts(stand) == [post]


def test_a_head_gives_and_takes_nothing_back_at_another_school_or_beyond_their_post_there(stand: WebStand) -> None:
    works(stand, "604", THERE, NAME)
    account = came(stand)
    there = agent(stand, SaidPost(DeskProfile.CHEF, THERE), user="autre.chef")
    assert give(there, account, uai=THERE).status == 303
    (post,) = posts(stand)
    for held in ((HEAD,), (HEAD, SaidPost(DeskProfile.ACCUEIL, THERE))):
        head = agent(stand, *held, user="chef")
        assert give(head, account, uai=THERE).status == 403
        assert take_back(head, post, uai=THERE).status == 403
        assert take_back(head, post, uai=HERE).status == 403
        assert USER not in head.get(f"{PATH}?ecole={THERE}&nom=martin").text.partition("<ul")[0]
    assert posts(stand) == [post]


def test_what_the_academie_says_is_shown_and_not_taken_back_here(stand: WebStand) -> None:
    stand.world.upstreams[AGENTS].names[USER] = NAME
    agent(stand, DESK)
    head = agent(stand, HEAD, user="chef")
    page = head.get(PATH)
    assert "dit par l'académie" in page.text
    assert 'value="retirer"' not in page.body
    (post,) = [each for each in posts(stand, "source") if each in _of(stand, USER)]
    assert "ne se retire pas ici" in take_back(head, post).text
    (own,) = _of(stand, "chef")
    assert "ne se retire pas ici" in take_back(head, own).text
    assert set(posts(stand, "source")) == {post, own}


def test_who_helps_already_is_not_given_it_twice(stand: WebStand) -> None:
    account = came(stand)
    head = agent(stand, HEAD, user="chef")
    assert give(head, account).status == 303
    assert "aide déjà" in give(head, account).text
    assert len(posts(stand)) == 1


def test_an_agents_source_of_another_tenant_is_not_looked_at(stand: WebStand) -> None:
    account = came(stand)
    with stand.world.engine.begin() as conn:
        conn.execute(update(accounts).where(accounts.c.id == account).values(source_id="ent1"))
    assert give(agent(stand, HEAD, user="chef"), account).status == 403


def _of(stand: WebStand, user: str) -> list[str]:
    with stand.world.engine.connect() as conn:
        joined = desk_posts.join(accounts, accounts.c.id == desk_posts.c.account_id)
        return list(
            conn.execute(select(desk_posts.c.id).select_from(joined).where(accounts.c.subject == user)).scalars()
        )
