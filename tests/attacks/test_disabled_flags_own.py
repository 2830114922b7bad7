"""The matrix of `test_disabled_flags` at the pages of one's own: whoever was closed has no session, and none of them.

Each is asked for by somebody signed in: closed, it leads to the sign-in page; while all is open, it does not.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from broker.domain.desk import DeskProfile, SaidPost
from broker.domain.standings import StandingKind
from tests.attacks.test_disabled_flags import (
    BESIDE,
    DESK_PAGES,
    FLAGS,
    SIGNED_IN_PAGES,
    Town,
    open_town,
)
from tests.clock import FakeClock
from tests.desks import HERE
from tests.web_stand import Answer, Client, open_web

AGENTS = "agents"
CLOSING = ("source", "link", "person")
"""The flags that end sessions; a service, a school or a right that is closed leaves one's own pages one's own."""


@pytest.fixture
def town(sqlite_url: str, clock: FakeClock) -> Iterator[Town]:
    with open_town(sqlite_url, clock) as opened:
        yield opened


def ask(client: Client, endpoint: str, token: str) -> Answer:
    method, path = endpoint.split(" ")
    for name in ("<person_id>", "<number>", "<code>", "<ref>"):
        path = path.replace(name, "x")
    return client.get(path) if method == "GET" else client.post(path, {"csrf": token, "source": "ent1"})


def leads_to_sign_in(answer: Answer) -> bool:
    return answer.status == 303 and answer.location.partition("?")[0] == "/connexion"


@pytest.mark.parametrize("endpoint", sorted(SIGNED_IN_PAGES))
def test_whoever_was_closed_has_none_of_their_own_pages(town: Town, endpoint: str) -> None:
    for flag in CLOSING:
        closed = town.signed_in()
        token = closed.get("/acces").token
        FLAGS[flag](town, True)
        assert leads_to_sign_in(ask(closed, endpoint, token)), flag
        FLAGS[flag](town, False)
    opened = town.signed_in()
    assert not leads_to_sign_in(ask(opened, endpoint, opened.get("/acces").token))


def test_an_agent_who_was_closed_has_no_desk(sqlite_url: str, clock: FakeClock) -> None:
    with open_web(sqlite_url, clock, agents=AGENTS) as stand:
        stand.world.upstreams[AGENTS].posts["l.martin"] = (SaidPost(DeskProfile.ACCUEIL, HERE),)
        agent = stand.client()
        agent.sign_in(AGENTS, user="l.martin")
        session = stand.world.federation.session(next(v for k, v in agent.cookies.items() if "session" in k))
        assert session is not None
        town = Town(stand, session.person_id, "")
        token = agent.get("/acces").token
        assert not any(leads_to_sign_in(ask(agent, endpoint, token)) for endpoint in DESK_PAGES)
        town.standing(StandingKind.PERSON, session.person_id, closes=True)
        assert all(leads_to_sign_in(ask(agent, endpoint, token)) for endpoint in DESK_PAGES)


def test_these_are_the_addresses_that_the_first_matrix_leaves_to_others() -> None:
    assert not (SIGNED_IN_PAGES | DESK_PAGES) & BESIDE
