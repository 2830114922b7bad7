"""Sources that check passwords, in the same journey as all others: offered, proven, linked, audited, refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from broker.accounts.known_devices import read_device
from broker.domain.errors import (
    CredentialsRefused,
    LoginExpired,
    PageNotFound,
    PreauError,
    SourceCrowded,
    UpstreamRefused,
    UpstreamUnavailable,
)
from broker.domain.sessions import Device
from broker.federation import (
    Arrival,
    Attempt,
    Guesser,
    GuessGate,
    LoginRequest,
    Passwords,
    PasswordSource,
    Source,
    SourceDescription,
    Sources,
    password_path,
)
from broker.storage.schema import guesses
from broker.storage.sql_guesses import SqlGuesses
from policies import Assurance
from tests.builders import FEED_2D
from tests.clock import FakeClock
from tests.federations import RIGHT, Browser, ScriptedDirectory, World, open_world

MINUTE = timedelta(minutes=1)


@dataclass
class Stand:
    """A world with a directory beside its sources, and the logins that it checks."""

    world: World
    directory: ScriptedDirectory
    passwords: Passwords

    def sign_in(self, browser: Browser, handle: str, *, password: str = RIGHT, source: str = "annuaire") -> Arrival:
        attempt = Attempt(
            interaction_handle=handle, source_id=source, login="aline", password=password,
            guesser=Guesser("192.0.2.1", read_device("")), browser=browser.cookie, device=Device.SHARED,
            current=browser.session_cookie or "", trace="t",
        )  # fmt: skip
        arrival, _ = self.passwords.sign_in(attempt)
        browser.session_cookie = arrival.session_handle
        return arrival

    def tries(self) -> list[int]:
        with self.world.engine.connect() as conn:
            return sorted(conn.execute(select(guesses.c.tries)).scalars())


@pytest.fixture
def stand(sqlite_url: str, clock: FakeClock) -> Iterator[Stand]:
    with open_world(sqlite_url, clock) as world:
        directory = ScriptedDirectory()
        description = SourceDescription("annuaire", "ac-test", frozenset({FEED_2D}), releases_references=True)
        others = [each for each in map(world.federation.sources.get, world.upstreams) if isinstance(each, Source)]
        sources = Sources([*others, PasswordSource(description, directory)])
        world.federation = replace(world.federation, sources=sources)
        world.family("500101")
        yield Stand(world, directory, Passwords(world.federation, GuessGate(SqlGuesses(world.engine), b"k" * 32)))


def test_it_is_offered_and_leads_to_our_own_page_and_then_home(stand: Stand) -> None:
    browser = stand.world.browser()
    handle = browser.begin()
    offered = stand.world.federation.choices(handle, browser=browser.cookie)
    assert "annuaire" in offered.source_ids
    left = stand.world.federation.depart(handle, "annuaire", browser=browser.cookie).url
    assert left == password_path("annuaire", handle) == f"/connexion/annuaire?i={handle}"
    arrival = stand.sign_in(browser, handle)
    assert len(browser.children()) == 1
    assert (arrival.session.authn.acr, arrival.session.authn.amr) == ("low", ("pwd",))
    assert [row["action"] for row in stand.world.audit()] == ["sign_in", "link_created"]


def test_a_password_is_a_fresh_proof_for_whoever_asked_for_one(stand: Stand) -> None:
    browser = stand.world.browser()
    stand.sign_in(browser, browser.begin())
    stand.world.clock.advance(MINUTE)
    handle = browser.begin(LoginRequest(resume="/acces", prompt=frozenset({"login"})))
    assert not stand.world.federation.choices(handle, browser=browser.cookie, session=browser.session()).done
    stand.world.clock.advance(MINUTE)
    arrival = stand.sign_in(browser, handle)
    assert (arrival.resume, arrival.session.authn.auth_time) == ("/acces", stand.world.clock())
    assert stand.world.federation.choices(handle, browser=browser.cookie, session=arrival.session).done


def test_it_is_not_asked_for_a_login_that_it_cannot_prove(stand: Stand) -> None:
    browser = stand.world.browser()
    handle = browser.begin(LoginRequest(requires=Assurance.STANDARD))
    for act in (
        lambda: stand.world.federation.depart(handle, "annuaire", browser=browser.cookie),
        lambda: stand.passwords.interaction(handle, "annuaire", browser=browser.cookie),
        lambda: stand.sign_in(browser, handle),
    ):
        with pytest.raises(PageNotFound):
            act()
    assert stand.tries() == []
    assert stand.sign_in(browser, browser.begin()).resume == "/"


def test_neither_another_browser_nor_another_kind_of_source_comes_to_it(stand: Stand) -> None:
    browser, other = stand.world.browser(), stand.world.browser()
    handle = browser.begin()
    with pytest.raises(LoginExpired):
        stand.sign_in(other, handle)
    with pytest.raises(PageNotFound):
        stand.sign_in(browser, handle, source="ent2")
    with pytest.raises(PageNotFound):
        browser.arrive("annuaire", stand.world.upstreams["ent2"].sign_in(browser.leave("ent2"), "aline"))
    assert stand.tries() == []


@pytest.mark.parametrize(
    ("fault", "network"),
    [(UpstreamUnavailable("silence"), 0), (SourceCrowded("crowd"), 0), (UpstreamRefused("no uid"), 1)],
)
def test_what_the_source_could_not_say_stays_counted_at_the_account(
    stand: Stand, fault: PreauError, network: int
) -> None:
    browser = stand.world.browser()
    handle = browser.begin()
    stand.directory.fails = fault
    with pytest.raises(type(fault)) as refused:
        stand.sign_in(browser, handle)
    assert refused.value.restart == f"/connexion?i={handle}"
    assert stand.tries() == sorted([network, 1, 1])
    assert [row["detail"] for row in stand.world.audit("sign_in_refused")] == [
        {"code": fault.code, "source": "annuaire"}
    ]
    stand.directory.fails = None
    stand.sign_in(browser, handle)
    assert stand.tries() == [network]


def test_a_directory_that_speaks_for_another_source_lets_nobody_in(stand: Stand) -> None:
    browser = stand.world.browser()
    stand.directory.authority = "educonnect"
    with pytest.raises(UpstreamRefused):
        stand.sign_in(browser, browser.begin())
    assert browser.session() is None


def test_a_wrong_password_says_that_the_source_is_up(stand: Stand) -> None:
    browser = stand.world.browser()
    stand.directory.fails = UpstreamUnavailable("silence")
    for number in range(5):
        with pytest.raises(UpstreamUnavailable):
            stand.sign_in(browser, browser.begin())
        stand.world.clock.advance(10 * number)
    assert stand.world.federation.ways(now=stand.world.clock()).down == {"annuaire"}
    stand.world.clock.advance(MINUTE)
    with pytest.raises(CredentialsRefused):
        stand.sign_in(browser, browser.begin(), password="faux")
    assert stand.world.federation.ways(now=stand.world.clock()).down == frozenset()
