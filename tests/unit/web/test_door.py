"""The door itself: what it reads, what it sends on, what it answers when something is refused or breaks."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest

from broker.accounts.session_copy import copy_key
from broker.domain.errors import EphemeralUnavailable, LoginExpired, StorageUnavailable
from broker.domain.handles import Handle, digest, is_handle, new_handle
from broker.domain.identity import AuthnContext
from broker.domain.sessions import Device, Session
from broker.federation import LoginRequest
from broker.protocol.endpoint import Call, Endpoint, NeedsLogin, Route
from broker.storage.memory_store import MemoryStore
from broker.web import door as door_module
from broker.web.door import DOOR_ERROR, MOST_BODY_BYTES, Door, read_request
from broker.web.edge import TRACE
from broker.wire.http import PlainResponse
from tests.clock import FakeClock

HANDLE = new_handle(Handle.SESSION)


@dataclass
class FakeLogins:
    """The federation, as far as the door sees it."""

    begun: list[tuple[LoginRequest, str]] = field(default_factory=list)
    copies: list[bytes | None] = field(default_factory=list)

    def session_beside(self, handle: str, copy: bytes | None) -> Session | None:
        self.copies.append(copy)
        if handle != HANDLE:
            return None
        now = datetime(2026, 9, 1, tzinfo=UTC)
        authn = AuthnContext("low", (), now, "ent1")
        later = now + timedelta(days=9)
        return Session("sid_1", digest(handle), "prs_1", "acc_1", authn, Device.SHARED, now, later, later)

    def begin(self, request: LoginRequest, *, browser: str, now: datetime) -> str:
        self.begun.append((request, browser))
        return "pin_x"


@dataclass
class Seen:
    """What the endpoint was called with, and what the caller got."""

    calls: list[Call] = field(default_factory=list)
    status: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class DownStore(MemoryStore):
    def admit(self, *_: object, **__: object) -> Any:
        raise EphemeralUnavailable


def pages(environ: Any, start_response: Any) -> Iterable[bytes]:
    fault = environ.get(DOOR_ERROR)
    start_response(f"{fault.status if fault else 200} -", [])
    return [fault.code.encode() if fault else b"a page"]


def knock(
    answer: Endpoint | Exception,
    environ: dict[str, Any] | None = None,
    *,
    logins: FakeLogins | None = None,
    store: MemoryStore | None = None,
    **route: Any,
) -> Seen:
    seen, clock = Seen(), FakeClock()

    def endpoint(call: Call) -> PlainResponse | NeedsLogin:
        seen.calls.append(call)
        if isinstance(answer, Exception):
            raise answer
        return answer(call)

    def start(status: str, headers: list[tuple[str, str]], *_: object) -> Any:
        seen.status, seen.headers = status, {name.lower(): value for name, value in headers}

    routes = [Route("GET", "/x", endpoint, **route), Route("POST", "/x", endpoint, **route)]
    door = Door(routes, fallback=pages, logins=logins or FakeLogins(), store=store or MemoryStore(clock), clock=clock)
    base = {"REQUEST_METHOD": "GET", "PATH_INFO": "/x", "REMOTE_ADDR": "192.0.2.9", "wsgi.input": BytesIO()}
    seen.body = b"".join(door({**base, **(environ or {})}, start))
    return seen


def fine(_: Call) -> PlainResponse:
    return PlainResponse(200, (("Content-Type", "text/plain"),), b"fine")


def posted(body: bytes, length: str | None = None, **more: str) -> dict[str, Any]:
    stated = str(len(body)) if length is None else length
    return {"REQUEST_METHOD": "POST", "wsgi.input": BytesIO(body), "CONTENT_LENGTH": stated, **more}


def test_an_endpoint_gets_a_plain_request_and_its_answer_goes_out() -> None:
    seen = knock(fine, {"QUERY_STRING": "a=1", "HTTP_X_THING": "t", "CONTENT_TYPE": "text/x", "HTTP_COOKIE": "k=v"})
    request = seen.calls[0].request
    assert (request.method, request.path, request.query, request.remote) == ("GET", "/x", "a=1", "192.0.2.9")
    assert (request.headers["x-thing"], request.headers["content-type"]) == ("t", "text/x")
    assert request.cookies == {"k": "v"}
    assert (seen.status, seen.body, seen.headers["content-length"]) == ("200 OK", b"fine", "4")
    assert seen.headers["referrer-policy"] == "no-referrer"


def test_another_path_is_the_pages() -> None:
    seen = knock(fine, {"PATH_INFO": "/x/"})
    assert (seen.calls, seen.body) == ([], b"a page")


def test_head_is_get_without_its_body() -> None:
    seen = knock(fine, {"REQUEST_METHOD": "HEAD"})
    assert (seen.status, seen.body, seen.headers["content-length"]) == ("200 OK", b"", "4")


def test_a_method_that_is_not_there_is_refused() -> None:
    seen = knock(fine, {"REQUEST_METHOD": "PUT"})
    assert (seen.status, seen.headers["allow"], seen.calls) == ("405 Method Not Allowed", "GET, POST", [])


def test_a_body_is_read_up_to_its_length() -> None:
    assert knock(fine, posted(b"abcdef", "3")).calls[0].request.body == b"abc"
    assert knock(fine, posted(b"x" * MOST_BODY_BYTES)).status == "200 OK"


@pytest.mark.parametrize(
    "environ",
    [
        posted(b"x" * (MOST_BODY_BYTES + 1)), posted(b"x", "-1"), posted(b"x", "1e3"), posted(b"x", "٣"),
        posted(b"x", HTTP_TRANSFER_ENCODING="chunked"), posted(b"", "99999999999999"),
    ],
)  # fmt: skip
def test_a_body_too_large_or_of_unknown_length_is_not_read(environ: dict[str, Any]) -> None:
    seen = knock(fine, environ)
    assert (seen.status, json.loads(seen.body)["error"]) == ("400 Bad Request", "invalid_request")
    assert seen.calls == []


def test_the_session_is_read_only_for_routes_that_ask() -> None:
    cookie = {"HTTP_COOKIE": f"__Host-preau-session={HANDLE}"}
    found = knock(fine, cookie, reads_session=True).calls[0].session
    assert found is not None
    assert found.person_id == "prs_1"
    assert knock(fine, cookie).calls[0].session is None
    assert knock(fine, {}, reads_session=True).calls[0].session is None


def test_a_session_cookie_that_comes_twice_is_none() -> None:
    cookie = {"HTTP_COOKIE": f"__Host-preau-session={HANDLE}; __Host-preau-session=pse_other"}
    assert knock(fine, cookie, reads_session=True).calls[0].session is None


def test_the_copy_of_the_session_is_fetched_with_the_count_of_the_request() -> None:
    store, logins = MemoryStore(FakeClock()), FakeLogins()
    store.put(copy_key(digest(HANDLE)), b"copied", ttl=30)
    knock(fine, {"HTTP_COOKIE": f"__Host-preau-session={HANDLE}"}, store=store, logins=logins, reads_session=True)
    assert logins.copies == [b"copied"]


def test_a_login_is_begun_in_this_browser() -> None:
    logins = FakeLogins()
    wanted = LoginRequest("cantine", resume="/authorize/resume?i=prq_x")
    seen = knock(lambda _: NeedsLogin(wanted), logins=logins, pages=True)
    assert (seen.status[:3], seen.headers["location"]) == ("303", "/connexion?i=pin_x")
    drawn = logins.begun[0][1]
    assert is_handle(Handle.BROWSER, drawn)
    assert seen.headers["set-cookie"].startswith(f"__Host-preau-browser={drawn};")
    again = knock(lambda _: NeedsLogin(wanted), {"HTTP_COOKIE": f"__Host-preau-browser={drawn}"}, logins=logins)
    assert logins.begun[1] == (wanted, drawn)
    assert "set-cookie" not in again.headers


def test_a_refusal_is_a_page_where_people_read_and_json_where_machines_do() -> None:
    assert knock(LoginExpired("why"), pages=True).body == b"PRE-2001"
    seen = knock(StorageUnavailable("host db-1"), {TRACE: "123"})
    assert seen.status == "503 Service Unavailable"
    assert json.loads(seen.body) == {"error": "temporarily_unavailable", "error_description": "PRE-5001 123"}


def test_a_fault_of_ours_is_for_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    seen = knock(KeyError("a secret detail"), {TRACE: "t-1"})
    assert (seen.status, json.loads(seen.body)["error"]) == ("500 Internal Server Error", "server_error")
    assert b"secret" not in seen.body
    assert "a secret detail" in caplog.text
    assert knock(KeyError("x"), pages=True).body == b"PRE-5999"


def test_volume_is_limited_by_address_and_unlimited_while_the_store_is_away() -> None:
    store = MemoryStore(FakeClock())
    statuses = [knock(fine, store=store, per_minute=2).status[:3] for _ in range(3)]
    assert statuses == ["200", "200", "429"]
    assert knock(fine, {"REMOTE_ADDR": "192.0.2.10"}, store=store, per_minute=2).status == "200 OK"
    assert knock(fine, store=DownStore(FakeClock()), per_minute=0).status == "200 OK"


def test_a_network_of_ipv6_is_one_address() -> None:
    """Whoever has one address of it has 2^64."""
    store = MemoryStore(FakeClock())
    asked = [knock(fine, {"REMOTE_ADDR": f"2001:db8::{host}"}, store=store, per_minute=2).status[:3] for host in "123"]
    assert asked == ["200", "200", "429"]
    assert knock(fine, {"REMOTE_ADDR": "2001:db8:0:1::1"}, store=store, per_minute=2).status == "200 OK"


def test_who_asks_too_often_is_told_how_long_to_wait() -> None:
    clock = FakeClock()
    store = MemoryStore(clock)
    knock(fine, store=store, per_minute=1)
    clock.advance(timedelta(seconds=50))
    refused = knock(fine, store=store, per_minute=1)
    assert (refused.status[:3], refused.headers["retry-after"]) == ("429", "10")


@pytest.mark.parametrize(("method", "path"), [("POST", "/connexion"), ("GET", "/retour/ent1")])
def test_steps_of_a_login_are_limited_by_address_and_looking_at_a_page_is_not(
    method: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "LOGIN_STEPS_PER_MINUTE", 2)
    store, step = MemoryStore(FakeClock()), {"REQUEST_METHOD": method, "PATH_INFO": path}
    assert [knock(fine, step, store=store).status[:3] for _ in range(3)] == ["200", "200", "429"]
    assert knock(fine, {**step, "REMOTE_ADDR": "192.0.2.10"}, store=store).status[:3] == "200"
    assert knock(fine, {"PATH_INFO": "/connexion"}, store=store).status[:3] == "200"
    assert knock(fine, step, store=DownStore(FakeClock())).status[:3] == "200"


def test_each_request_is_one_line_that_names_the_path_and_never_the_query(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "broker.access")
    knock(fine, {"QUERY_STRING": "code=pco_secret", TRACE: "t-9"})
    knock(fine, {"PATH_INFO": "/portail"})
    lines = [record for record in caplog.records if record.name == "broker.access"]
    told = [(vars(line)["path"], vars(line)["status"]) for line in lines]
    assert told == [("/x", "200"), ("/portail", "200")]
    assert vars(lines[0])["trace"] == "t-9"
    assert "pco_secret" not in str([vars(line) for line in lines])


def test_headers_that_a_proxy_would_set_are_not_believed() -> None:
    forged = {"HTTP_X_FORWARDED_FOR": "10.0.0.1", "HTTP_X_FORWARDED_HOST": "evil.example"}
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/x", "wsgi.input": BytesIO(), **forged}
    assert read_request(environ, remote="192.0.2.1").remote == "192.0.2.1"
    assert knock(fine, forged).calls[0].request.remote == "192.0.2.9"


def twice(**route: Any) -> FakeLogins:
    """One browser knocks twice at the same door."""
    clock, logins = FakeClock(), FakeLogins()
    routes = [Route("GET", "/x", fine, reads_session=True, **route)]
    door = Door(routes, fallback=pages, logins=logins, store=MemoryStore(clock), clock=clock)
    cookie = {"HTTP_COOKIE": f"__Host-preau-session={HANDLE}"}
    asked = {"REQUEST_METHOD": "GET", "PATH_INFO": "/x", "REMOTE_ADDR": "192.0.2.9", "wsgi.input": BytesIO(), **cookie}
    for _ in range(2):
        door(dict(asked), lambda *_: None)
    return logins


def test_a_session_seen_a_moment_ago_does_only_for_acts_that_ask_again() -> None:
    assert len(twice().copies) == 2
    assert len(twice(asks_again=True).copies) == 1
