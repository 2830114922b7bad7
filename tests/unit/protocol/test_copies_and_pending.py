"""What the ephemeral store holds for the provider: read back only as what it was written as."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from broker.domain.errors import EphemeralUnavailable, LoginExpired
from broker.domain.handles import Handle, digest, new_handle
from broker.domain.sessions import AccessToken, Grant
from broker.protocol.oidc.copies import TokenCopies, copy_key, decode, encode
from broker.protocol.oidc.pending import PendingRequests
from broker.protocol.oidc.userinfo import token_copy_key, token_handle
from broker.storage.memory_store import MemoryStore
from broker.wire.http import PlainRequest
from tests.builders import NOW
from tests.clock import FakeClock

TOKEN = AccessToken(Grant("grt_1", "prs_1", "cantine", "sid_1", ("openid",)), "sub", ("uai",), NOW)
BROWSER = new_handle(Handle.BROWSER)


def bearer(text: str) -> PlainRequest:
    return PlainRequest("GET", "/userinfo", headers={"authorization": text})


def test_a_copy_is_read_back_whole_for_its_own_token_only() -> None:
    bound = replace(TOKEN, grant=replace(TOKEN.grant, jkt="k" * 43))
    assert decode(encode(bound, token_digest="d1"), token_digest="d1") == bound
    copy = encode(TOKEN, token_digest="d1")
    assert decode(copy, token_digest="d1") == TOKEN
    assert decode(copy, token_digest="d2") is None


@pytest.mark.parametrize("copy", [b"", b"{}", b"[]", b"null", b"\xff", b'{"kind": "session/2"}'])
def test_a_damaged_copy_counts_as_absent(copy: bytes) -> None:
    assert decode(copy, token_digest="d1") is None


@pytest.mark.parametrize("change", [{"grant": []}, {"expires": "hier"}, {"claims": 3}, {"kind": "x"}, {"grant": None}])
def test_a_copy_of_another_shape_counts_as_absent(change: dict[str, Any]) -> None:
    fields = {**json.loads(encode(TOKEN, token_digest="d1")), **change}
    assert decode(json.dumps(fields).encode(), token_digest="d1") is None


def test_a_copy_lives_as_long_as_policies_say_and_its_store_may_be_away(clock: FakeClock) -> None:
    store = MemoryStore(clock)
    TokenCopies(store, lifetime=lambda: timedelta(seconds=30)).keep("d1", TOKEN)
    assert store.get(copy_key("d1"))
    clock.advance(30)
    assert store.get(copy_key("d1")) is None

    class Away(MemoryStore):
        def put(self, *_: object, **__: object) -> None:
            raise EphemeralUnavailable

    TokenCopies(Away(clock), lifetime=lambda: timedelta(seconds=30)).keep("d1", TOKEN)


@pytest.mark.spec("RFC 6750 §2.1")
def test_a_bearer_token_of_ours_is_told_by_its_shape() -> None:
    handle = new_handle(Handle.ACCESS_TOKEN)
    for text in (f"Bearer {handle}", f"bearer {handle}", f"BEARER  {handle} "):
        assert token_handle(bearer(text)) == handle
    assert token_copy_key(bearer(f"Bearer {handle}")) == copy_key(digest(handle))
    for text in ("", "Bearer", "Bearer x", f"Basic {handle}", handle, f"Bearer {BROWSER}", f"Bearer {handle} {handle}"):
        assert token_handle(bearer(text)) == ""
        assert token_copy_key(bearer(text)) == ""


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
