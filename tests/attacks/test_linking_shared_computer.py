"""Two people, one browser: whoever comes second never meets anything of whoever came first."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from broker.domain.errors import PreauError
from broker.domain.handles import Handle, new_handle
from broker.domain.sessions import Session
from broker.federation import LoginRequest
from tests.clock import FakeClock
from tests.federations import Browser, World, open_world, ref

USERS = ("aline", "bruno")


@pytest.fixture
def children(world: World) -> dict[str, set[str]]:
    found = {}
    for place, user in enumerate(USERS):
        _, child, _ = world.family(f"50010{place}", uai=f"099000{place}A")
        world.upstreams["ent2"].releases[user] = ref(f"50010{place}")
        found[user] = {child}
    return found


@pytest.fixture
def world(sqlite_url: str, clock: FakeClock) -> Iterator[World]:
    with open_world(sqlite_url, clock) as opened:
        yield opened


def test_the_second_login_ends_the_first_session(world: World, children: dict[str, set[str]]) -> None:
    browser = world.browser()
    first = browser.sign_in("ent2", "aline")
    browser.sign_in("ent2", "bruno")
    assert browser.children() == children["bruno"]
    assert world.federation.session(first.session_handle) is None
    assert len(world.rows("accounts")) == 2


def test_the_same_person_gets_a_new_session_at_each_login(world: World, children: dict[str, set[str]]) -> None:
    browser = world.browser()
    first = browser.sign_in("ent2", "aline")
    second = browser.sign_in("ent2", "aline", LoginRequest(prompt=frozenset({"login"})))
    assert second.session_handle != first.session_handle
    assert second.session.sid != first.session.sid
    assert world.federation.session(first.session_handle) is None


@pytest.mark.parametrize(
    "planted",
    ["", "x", new_handle(Handle.SESSION), new_handle(Handle.BROWSER)],
    ids=["none", "x", "session", "browser"],
)
def test_a_planted_session_cookie_never_becomes_the_session(
    world: World, children: dict[str, set[str]], planted: str
) -> None:
    """Session fixation: what was in the cookie before the login opens nothing after it."""
    browser = world.browser()
    browser.session_cookie = planted
    opened = browser.sign_in("ent2", "aline")
    assert opened.session_handle != planted
    assert world.federation.session(planted) is None


def test_a_session_of_the_attacker_in_the_victims_browser_joins_nothing(
    world: World, children: dict[str, set[str]]
) -> None:
    """Pre-hijacking: being signed in is no proof of the second login, and no second login proves the first."""
    attacker, victim = world.browser(), world.browser()
    victim.session_cookie = attacker.sign_in("ent2", "bruno").session_handle
    victim.sign_in("ent2", "aline")
    assert victim.children() == children["aline"]
    assert attacker.session() is None
    attacker.session_cookie = None
    attacker.sign_in("ent2", "bruno")
    assert attacker.children() == children["bruno"]
    assert world.audit("persons_merged") == []


def test_a_refused_login_leaves_the_first_session_as_it_was(world: World, children: dict[str, set[str]]) -> None:
    browser = world.browser()
    browser.sign_in("ent2", "aline")
    with pytest.raises(PreauError):
        browser.sign_in("ent2", "nobody")
    assert browser.children() == children["aline"]


class Computer:
    """A shared computer on which several logins are begun, left, finished and reloaded in any order."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.draw = random.Random(seed)
        self.browser: Browser = world.browser()
        self.open: list[tuple[str, str]] = []
        self.done: list[tuple[str, object]] = []
        self.expected: str | None = None

    def step(self) -> None:
        self.draw.choice([self.leave, self.leave, self.finish, self.finish, self.reload, self.sign_out, self.wait])()

    def leave(self) -> None:
        self.open.append((self.draw.choice(USERS), self.browser.leave("ent2")))

    def finish(self) -> None:
        if not self.open:
            return
        user, url = self.open.pop(self.draw.randrange(len(self.open)))
        answer = self.world.upstreams["ent2"].sign_in(url, user)
        self.browser.arrive("ent2", answer)
        self.done.append((user, answer))
        self.expected = user

    def reload(self) -> None:
        if not self.done:
            return
        before = self.browser.session()
        try:
            self.browser.arrive("ent2", self.draw.choice(self.done)[1])  # type: ignore[arg-type]
        except PreauError:
            return
        assert _sid(before) == _sid(self.browser.session())

    def sign_out(self) -> None:
        if self.browser.session_cookie:
            self.world.federation.sign_out(self.browser.session_cookie, trace="t")
        self.expected = None

    def wait(self) -> None:
        self.world.clock.advance(self.draw.choice([1, 29, 31, 59]))


def _sid(session: Session | None) -> str:
    return session.sid if session else ""


@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_order_of_clicks_the_page_is_that_of_the_last_login(
    world: World, children: dict[str, set[str]], seed: int
) -> None:
    computer = Computer(world, seed)
    for _ in range(60):
        computer.step()
        assert computer.browser.children() == (children[computer.expected] if computer.expected else set())
    live = [row for row in world.rows("sessions") if row["revoked_at"] is None]
    assert len(live) <= 1
