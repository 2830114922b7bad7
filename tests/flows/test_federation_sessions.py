"""Sessions over the real database: how they end, how they are replaced, and the undo of a link."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from broker.domain.errors import (
    EphemeralUnavailable,
    LinkUndone,
    LoginExpired,
    StepUpNeeded,
    UndoTooLate,
)
from broker.domain.handles import Handle, digest, new_handle
from broker.domain.sessions import Device
from broker.federation import LoginRequest
from broker.storage import schema
from broker.storage.memory_store import MemoryStore
from tests.builders import FEED_1D, FEED_2D
from tests.clock import FakeClock
from tests.federations import World, open_world, ref


@pytest.fixture
def world(sqlite_url: str, clock: FakeClock) -> Iterator[World]:
    with open_world(sqlite_url, clock) as opened:
        yield opened


# ---- sessions ----------------------------------------------------------------------------------------------------


def test_signing_out_ends_the_session_everywhere_at_once(world: World) -> None:
    world.family("500101")
    world.upstreams["ent2"].releases["aline"] = ref("500101")
    browser = world.browser()
    arrival = browser.sign_in("ent2", "aline")
    world.federation.sign_out(arrival.session_handle, trace="t")
    assert browser.session() is None
    world.federation.sign_out(arrival.session_handle, trace="t")  # twice is once
    assert len(world.audit("sign_out")) == 1


@pytest.mark.parametrize(
    "cookie",
    ["", "x", "pse_short", new_handle(Handle.SESSION), new_handle(Handle.STATE)],
    ids=["none", "x", "short", "session", "state"],
)
def test_a_cookie_of_anything_else_is_no_session(world: World, cookie: str) -> None:
    assert world.federation.session(cookie) is None


def test_an_idle_session_ends_and_a_busy_one_is_written_once_a_minute(world: World) -> None:
    world.family("500101")
    world.upstreams["ent2"].releases["aline"] = ref("500101")
    browser = world.browser()
    browser.sign_in("ent2", "aline")
    limits = set()
    for _ in range(60):
        world.clock.advance(31)
        session = browser.session()
        assert session is not None
        limits.add(session.idle_until)
    assert len(limits) <= 31
    world.clock.advance(timedelta(minutes=21))
    assert browser.session() is None


def test_a_copy_never_outlives_its_session(world: World) -> None:
    world.family("500101")
    world.upstreams["ent2"].releases["aline"] = ref("500101")
    browser = world.browser()
    session = browser.sign_in("ent2", "aline").session
    while world.clock() < session.ends_at - timedelta(minutes=5):
        world.clock.advance(timedelta(minutes=5))
        assert browser.session() is not None
    world.clock.advance(timedelta(minutes=5) - timedelta(seconds=10))
    assert browser.session() is not None
    world.clock.advance(10)
    assert browser.session() is None


def test_a_session_revoked_by_another_process_is_seen_for_thirty_seconds_at_most(world: World) -> None:
    world.family("500101")
    world.upstreams["ent2"].releases["aline"] = ref("500101")
    browser = world.browser()
    browser.sign_in("ent2", "aline")
    with world.engine.begin() as conn:
        conn.execute(update(schema.sessions).values(revoked_at=world.clock()))
    world.clock.advance(30)
    assert browser.session() is None


def test_an_own_device_keeps_its_session_for_a_month(world: World) -> None:
    world.family("500101")
    world.upstreams["ent2"].releases["aline"] = ref("500101")
    browser = world.browser()
    browser.device = Device.OWN
    browser.sign_in("ent2", "aline")
    world.clock.advance(timedelta(days=29))
    assert browser.session() is not None
    world.clock.advance(timedelta(days=1))
    assert browser.session() is None


# ---- undo --------------------------------------------------------------------------------------------------------


def test_an_undo_wants_a_fresh_login_and_gives_everything_back(world: World) -> None:
    _, eldest, _ = world.family("500101", feed=FEED_2D)
    _, youngest, _ = world.family("610777", feed=FEED_1D, uai="0990002B")
    world.upstreams["ent2"].releases["aline"] = ref("500101")
    world.upstreams["educonnect"].releases["sub-1"] = ref("500101", "610777")
    mine, other = world.browser(), world.browser()
    mine.sign_in("ent2", "aline")
    wrong = other.sign_in("educonnect", "sub-1").session.account_id
    world.clock.advance(timedelta(minutes=6))
    assert mine.children() == {eldest, youngest}
    session = mine.session()
    assert session is not None
    with pytest.raises(StepUpNeeded):
        world.federation.undo(session, wrong, trace="t")
    fresh = mine.sign_in("ent2", "aline", LoginRequest(resume="/acces", prompt=frozenset({"login"}))).session
    world.federation.undo(fresh, wrong, trace="t")
    assert mine.children() <= {eldest}  # the session itself ends when it was opened as the joined person
    mine.sign_in("ent2", "aline")
    assert mine.children() == {eldest}
    with pytest.raises(LinkUndone):
        world.browser().sign_in("educonnect", "sub-1")
    (event,) = world.audit("link_undone")
    assert event["detail"]["account"] == wrong  # type: ignore[index]


def test_another_persons_link_cannot_be_undone(world: World) -> None:
    world.family("500101")
    world.family("500202", uai="0990002B")
    world.upstreams["ent2"].releases.update(aline=ref("500101"), bob=ref("500202"))
    mine = world.browser().sign_in("ent2", "aline").session
    theirs = world.browser().sign_in("ent2", "bob").session
    with pytest.raises(UndoTooLate):
        world.federation.undo(mine, theirs.account_id, trace="t")


def test_a_link_older_than_a_month_is_the_schools_to_undo(world: World) -> None:
    world.family("500101")
    world.upstreams["ent2"].releases["aline"] = ref("500101")
    world.browser().sign_in("ent2", "aline")
    world.clock.advance(timedelta(days=31))
    session = world.browser().sign_in("ent2", "aline").session
    with pytest.raises(UndoTooLate):
        world.federation.undo(session, session.account_id, trace="t")


# ---- what is kept ----------------------------------------------------------------------------------------------------


def test_the_digest_of_a_cookie_is_what_the_database_keeps(world: World) -> None:
    world.family("500101")
    world.upstreams["ent2"].releases["aline"] = ref("500101")
    handle = world.browser().sign_in("ent2", "aline").session_handle
    assert world.rows("sessions")[0]["handle_digest"] == digest(handle)
    assert handle not in repr(world.rows("sessions")) + repr(world.audit())


def test_a_session_that_ended_while_it_opened_is_not_handed_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from broker.federation.live_sessions import LiveSessions

    world.family("500101")
    world.upstreams["ent2"].releases["aline"] = ref("500101")
    monkeypatch.setattr(LiveSessions, "find", lambda self, handle, *, now: None)
    with pytest.raises(LoginExpired):
        world.browser().sign_in("ent2", "aline")


# ---- without the ephemeral store ---------------------------------------------------------------------------------


class BrokenStore(MemoryStore):
    """A store that has gone away."""

    def get(self, key: str) -> bytes | None:
        raise EphemeralUnavailable("gone")

    def put(self, key: str, value: bytes, *, ttl: int) -> None:
        raise EphemeralUnavailable("gone")

    def drop(self, keys: Sequence[str]) -> None:
        raise EphemeralUnavailable("gone")


def test_losing_the_store_signs_nobody_out_and_revives_nothing(world: World) -> None:
    world.family("500101")
    world.upstreams["ent2"].releases["aline"] = ref("500101")
    handle = world.browser().sign_in("ent2", "aline").session_handle
    bare = replace(world.federation, store=BrokenStore(world.clock))
    assert bare.session(handle) is not None
    bare.sign_out(handle, trace="t")
    assert bare.session(handle) is None


def test_losing_the_store_in_the_middle_of_a_login_opens_nothing(world: World) -> None:
    world.family("500101")
    source = world.upstreams["ent2"]
    source.releases["aline"] = ref("500101")
    browser = world.browser()
    answer = source.sign_in(browser.leave("ent2"), "aline")
    world.federation = replace(world.federation, store=BrokenStore(world.clock))
    with pytest.raises(EphemeralUnavailable):
        browser.arrive("ent2", answer)
    assert world.rows("sessions") == []
