"""Links under pressure: many logins at once make one link, and one place in the code makes proofs."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from broker.domain.errors import PreauError
from tests.builders import FEED_1D, FEED_2D
from tests.clock import FakeClock
from tests.federations import World, open_world, ref

ROOT = Path(__file__).parents[2]


@pytest.fixture
def world(sqlite_url: str, clock: FakeClock) -> Iterator[World]:
    with open_world(sqlite_url, clock) as opened:
        yield opened


def test_twenty_first_logins_at_once_make_one_account(world: World) -> None:
    mother, _, _ = world.family("500101")
    source = world.upstreams["ent2"]
    source.releases["aline"] = ref("500101")
    browsers = [world.browser() for _ in range(20)]
    answers = [source.sign_in(browser.leave("ent2"), "aline") for browser in browsers]
    with ThreadPoolExecutor(8) as pool:
        arrivals = list(pool.map(lambda pair: pair[0].arrive("ent2", pair[1]), zip(browsers, answers, strict=True)))
    (account,) = world.rows("accounts")
    assert {arrival.session.person_id for arrival in arrivals} == {mother} == {account["person_id"]}
    assert {arrival.session.account_id for arrival in arrivals} == {account["id"]}


def test_one_answer_presented_by_ten_requests_opens_one_session(world: World) -> None:
    world.family("500101")
    source = world.upstreams["ent2"]
    source.releases["aline"], source.burns = ref("500101"), False
    browser = world.browser()
    answer = source.sign_in(browser.leave("ent2"), "aline")

    def attempt(_: int) -> str:
        try:
            return world.federation.arrive(
                "ent2", answer, browser=browser.cookie, device=browser.device, current=None, trace="t"
            ).session.sid
        except PreauError as fault:
            return fault.code

    with ThreadPoolExecutor(8) as pool:
        outcomes = Counter(pool.map(attempt, range(10)))
    assert len([outcome for outcome in outcomes if outcome.startswith("sid_")]) == 1
    assert len(world.rows("sessions")) == 1


def test_three_logins_of_one_mother_at_once_end_as_one_person(world: World) -> None:
    _, eldest, _ = world.family("500101", feed=FEED_2D)
    _, youngest, _ = world.family("610777", feed=FEED_1D, uai="0990002B")
    logins = {"educonnect": ref("500101", "610777"), "ent1": ref("610777"), "ent2": ref("500101")}
    browsers = {}
    for name, references in logins.items():
        world.upstreams[name].releases["aline"] = references
        browsers[name] = world.browser()
    answers = {name: world.upstreams[name].sign_in(browser.leave(name), "aline") for name, browser in browsers.items()}
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda name: browsers[name].arrive(name, answers[name]), logins))
    world.clock.advance(31)
    for browser in browsers.values():
        assert browser.children() == {eldest, youngest}
    assert len({row["person_id"] for row in world.rows("accounts")}) == 1


def _makers() -> set[str]:
    """Modules that call `LinkProof(...)`."""
    found = set()
    for path in (ROOT / "broker").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "LinkProof":
                found.add(path.relative_to(ROOT).as_posix())
    return found


def test_only_one_module_makes_link_proofs() -> None:
    assert _makers() == {"broker/federation/linking.py"}
