"""Passing for somebody who has just proved who they are, by an old session that the source still keeps.

A source that tells no time of login lets the browser in again without a question. Whoever sits at a browser left open
must not meet, by such a return, what wants a new proof: a sensitive act here, `prompt=login` or `max_age` of a service.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from broker.domain.services import ClaimName
from tests.clock import FakeClock
from tests.oidc_stand import authorize_url
from tests.oidc_stand import service as oidc_service
from tests.web_stand import Client, WebStand, open_web

BROWSER = "__Host-preau-browser"


@pytest.fixture
def web(sqlite_url: str, clock: FakeClock) -> Iterator[WebStand]:
    with open_web(sqlite_url, clock, services=(oidc_service(claims=tuple(ClaimName)),)) as stand:
        stand.add_mother("Lea")
        yield stand


def come_in_unasked(web: WebStand, browser: Client) -> None:
    """An ordinary login: the source is not asked for a new proof, and recognises its own old session."""
    token = browser.get("/connexion?but=acces").token
    departure = browser.post("/connexion", {"csrf": token, "source": "ent2", "device": "shared"})
    assert not web.world.upstreams["ent2"].forced
    browser.come_back(departure.location, source="ent2")


@pytest.mark.parametrize("tells_time", [True, False])
def test_an_unasked_return_from_the_source_does_not_open_a_sensitive_act(web: WebStand, tells_time: bool) -> None:
    source = web.world.upstreams["ent2"]
    browser = web.client()
    browser.sign_in("ent2")
    source.tells_time, source.auth_time = tells_time, web.world.clock() if tells_time else None
    web.world.clock.advance(timedelta(minutes=10))
    come_in_unasked(web, browser)
    (account,) = web.world.rows("accounts")
    undo = f"/acces/{account['id']}/annuler"
    browser.post(undo, {"csrf": browser.get(undo).token})
    assert [row["state"] for row in web.world.rows("accounts")] == ["linked"]
    source.auth_time = None  # the person is asked, and answers
    token = browser.get("/connexion?but=acces").token
    departure = browser.post("/connexion", {"csrf": token, "source": "ent2", "device": "shared", "but": "acces"})
    assert source.forced
    browser.come_back(departure.location, source="ent2")
    browser.post(undo, {"csrf": browser.get(undo).token})
    assert [row["state"] for row in web.world.rows("accounts")] == ["undone"]


@pytest.mark.spec("OIDC Core §3.1.2.1")
@pytest.mark.parametrize("wish", [{"prompt": "login"}, {"max_age": "0"}, {"prompt": "login", "max_age": "60"}])
def test_an_unasked_return_in_another_tab_does_not_answer_a_wish_for_a_new_login(
    web: WebStand, wish: dict[str, str]
) -> None:
    browser = web.client()
    browser.sign_in("ent2")
    web.world.upstreams["ent2"].tells_time = False
    web.world.clock.advance(timedelta(minutes=15))
    login = parse_qs(urlsplit(browser.get(authorize_url(**wish)).location).query)["i"][0]
    resume = web.world.federation.interaction(login, browser=browser.cookies[BROWSER]).request.resume
    come_in_unasked(web, browser)
    for target in (f"/connexion?i={login}", resume):
        assert "code=" not in browser.get(target).location
