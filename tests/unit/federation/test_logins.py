"""Logins in progress keep to their kind, their browser and their time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.domain.assurance import Assurance
from broker.domain.errors import BadPageRequest, LoginExpired
from broker.domain.handles import Handle, digest, new_handle
from broker.federation.interactions import Interactions
from broker.federation.logins import (
    Interaction,
    LoginRequest,
    Outing,
    Record,
    SettledReturn,
    decode,
    encode,
    local_path,
)
from broker.storage.memory_store import MemoryStore
from tests.clock import FakeClock

NOW = datetime(2026, 9, 14, 8, tzinfo=UTC)
REQUEST = LoginRequest(
    "cantine", "/authorize/resume?i=1", frozenset({"login"}), 0, ("eidas1",), "ar", Assurance.STANDARD
)
RECORDS: tuple[Record, ...] = (
    Interaction(REQUEST, digest("b"), NOW),
    Interaction(LoginRequest(), digest("b"), NOW),
    Outing("pin_x", "ent", digest("b"), {"state": "s", "nonce": "n"}, proof_wanted=True, left_at=NOW),
    SettledReturn(digest("b"), digest("s"), "/"),
)


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_reads_back_as_itself_and_as_nothing_else(record: Record) -> None:
    for kind in (Interaction, Outing, SettledReturn):
        found: object = decode(kind, encode(record))
        assert found == (record if type(record) is kind else None)


@pytest.mark.parametrize("damaged", [None, b"", b"x", b"[]", b"{}", b'"a"', b'{"kind": "Outing"}', b"\xff"])
def test_damaged_bytes_are_no_login(damaged: bytes | None) -> None:
    assert decode(Outing, damaged) is None


def test_a_naive_instant_is_no_login() -> None:
    assert decode(Interaction, encode(RECORDS[0]).replace(b"+00:00", b"")) is None


def test_only_plain_values_are_written() -> None:
    with pytest.raises(TypeError):
        encode(SettledReturn("b", object(), "/"))  # type: ignore[arg-type]


@pytest.mark.parametrize("resume", ["/", "/acces", "/authorize/resume?i=preq_x", "/a?b=c&d=%2F%2Fevil"])
def test_a_local_path_is_a_way_back(resume: str) -> None:
    assert local_path(resume) == resume


@given(st.text(max_size=30))
def test_whatever_passes_stays_on_our_origin(text: str) -> None:
    from urllib.parse import urljoin, urlsplit

    for resume in (text, "/" + text, "//" + text):
        try:
            local_path(resume)
        except BadPageRequest:
            continue
        assert urlsplit(urljoin("https://preau.example/retour/ent", resume)).netloc == "preau.example"


@pytest.fixture
def interactions(clock: FakeClock) -> Interactions:
    return Interactions(MemoryStore(clock), lifetime=timedelta(minutes=15))


def test_a_login_needs_a_browser(interactions: Interactions) -> None:
    for browser in ("", "x", new_handle(Handle.SESSION)):
        with pytest.raises(LoginExpired):
            interactions.begin(LoginRequest(), browser=browser, now=NOW)


def test_a_login_belongs_to_its_browser_and_ends(interactions: Interactions, clock: FakeClock) -> None:
    mine, other = new_handle(Handle.BROWSER), new_handle(Handle.BROWSER)
    handle = interactions.begin(REQUEST, browser=mine, now=NOW)
    assert interactions.find(handle, browser=mine).request == REQUEST
    for browser in (other, "", digest(mine)):
        with pytest.raises(LoginExpired):
            interactions.find(handle, browser=browser)
    clock.advance(timedelta(minutes=15))
    with pytest.raises(LoginExpired):
        interactions.find(handle, browser=mine)


def test_a_state_comes_back_once_and_to_its_own_browser(interactions: Interactions) -> None:
    mine, other = new_handle(Handle.BROWSER), new_handle(Handle.BROWSER)
    state = new_handle(Handle.STATE)
    outing = Outing("pin", "ent", digest(mine), {}, proof_wanted=False, left_at=NOW)
    interactions.leave(outing, state=state)
    with pytest.raises(LoginExpired):
        interactions.come_back(state, browser=other)
    assert interactions.come_back(state, browser=mine) == outing
    with pytest.raises(LoginExpired):
        interactions.come_back(state, browser=mine)


def test_two_returns_at_once_are_one(clock: FakeClock) -> None:
    class Racing(MemoryStore):
        """Between our look and our taking, the other request took."""

        def take(self, key: str) -> bytes | None:
            return None

    store = Racing(clock)
    interactions = Interactions(store, lifetime=timedelta(minutes=15))
    mine, state = new_handle(Handle.BROWSER), new_handle(Handle.STATE)
    interactions.leave(Outing("pin", "ent", digest(mine), {}, proof_wanted=False, left_at=NOW), state=state)
    with pytest.raises(LoginExpired):
        interactions.come_back(state, browser=mine)


@pytest.mark.parametrize("held", list(Handle))
@pytest.mark.parametrize("used_as", list(Handle))
def test_no_kind_of_handle_passes_for_another(interactions: Interactions, held: Handle, used_as: Handle) -> None:
    """A `state` replayed as a session, an interaction as a state …: the class of LemonLDAP::NG's CVE-2026-19349."""
    browser = new_handle(Handle.BROWSER)
    handle = new_handle(held)
    interactions.leave(Outing("pin", "ent", digest(browser), {}, proof_wanted=False, left_at=NOW), state=handle)
    interactions.settle(SettledReturn(digest(browser), digest("s"), "/"), state=handle)
    if used_as is Handle.INTERACTION:
        with pytest.raises(LoginExpired):
            interactions.find(handle, browser=browser)
    if used_as is Handle.STATE and held is not Handle.STATE:
        assert interactions.settled(handle, browser=browser) is None
        with pytest.raises(LoginExpired):
            interactions.come_back(handle, browser=browser)
