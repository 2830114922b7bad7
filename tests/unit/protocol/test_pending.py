"""What the ephemeral store holds for the provider: read back only as what it was written as."""

from __future__ import annotations

from datetime import timedelta

import pytest

from broker.domain.errors import LoginExpired
from broker.domain.handles import Handle, new_handle
from broker.protocol.oidc.pending import PendingRequests
from broker.protocol.oidc.userinfo import token_handle
from broker.storage.memory_store import MemoryStore
from broker.wire.http import PlainRequest
from tests.clock import FakeClock

BROWSER = new_handle(Handle.BROWSER)


def bearer(text: str) -> PlainRequest:
    return PlainRequest("GET", "/userinfo", headers={"authorization": text})


@pytest.mark.spec("RFC 6750 §2.1")
def test_a_bearer_token_of_ours_is_told_by_its_shape() -> None:
    handle = new_handle(Handle.ACCESS_TOKEN)
    for text in (f"Bearer {handle}", f"bearer {handle}", f"BEARER  {handle} "):
        assert token_handle(bearer(text)) == handle
    for text in ("", "Bearer", "Bearer x", f"Basic {handle}", handle, f"Bearer {BROWSER}", f"Bearer {handle} {handle}"):
        assert token_handle(bearer(text)) == ""


def test_a_waiting_request_comes_back_once_in_its_browser_and_in_time(clock: FakeClock) -> None:
    pending = PendingRequests(MemoryStore(clock), login=lambda: timedelta(minutes=15))
    values = {"client_id": "cantine", "state": "é"}
    handle = pending.keep_for_login(values, browser=BROWSER, started=clock()).partition("=")[2]
    with pytest.raises(LoginExpired):
        pending.take(handle, browser=new_handle(Handle.BROWSER))
    waiting = pending.take(handle, browser=BROWSER)
    assert (waiting.form.values, waiting.started) == (values, clock())
    with pytest.raises(LoginExpired):
        pending.take(handle, browser=BROWSER)
    late = pending.keep_for_login(values, browser=BROWSER, started=clock()).partition("=")[2]
    clock.advance(timedelta(minutes=16))
    with pytest.raises(LoginExpired):
        pending.take(late, browser=BROWSER)


def test_a_posted_request_comes_back_in_any_browser_within_a_minute(clock: FakeClock) -> None:
    pending = PendingRequests(MemoryStore(clock), login=lambda: timedelta(minutes=15))
    handle = pending.keep_posted({"a": "1"}).partition("=")[2]
    assert pending.take(handle, browser=BROWSER).started is None


def test_of_two_that_take_at_once_one_gets_it(clock: FakeClock) -> None:
    class Raced(MemoryStore):
        def take(self, key: str) -> bytes | None:
            super().take(key)
            return None

    pending = PendingRequests(Raced(clock), login=lambda: timedelta(minutes=15))
    handle = pending.keep_posted({"a": "1"}).partition("=")[2]
    with pytest.raises(LoginExpired):
        pending.take(handle, browser=BROWSER)


HANDLES = {"none": "", "word": "x", "another kind": BROWSER, "prefix": "prq_", "short": "prq_" + "x" * 42}


@pytest.mark.parametrize("handle", HANDLES.values(), ids=HANDLES)
def test_what_is_no_handle_of_a_request_is_not_looked_up(clock: FakeClock, handle: str) -> None:
    with pytest.raises(LoginExpired):
        PendingRequests(MemoryStore(clock), login=lambda: timedelta(minutes=15)).take(handle, browser=BROWSER)
