"""The machine endpoints under odd requests: methods, bodies, two proofs, floods; what answers never carry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from broker.domain.errors import StorageUnavailable
from tests.oidc_stand import SECRET, Stand, authorize_url, basic, get_code, get_tokens, open_stand, redemption


@pytest.fixture
def stand(sqlite_url: str) -> Iterator[Stand]:
    with open_stand(sqlite_url) as opened:
        yield opened


@pytest.mark.spec("RFC 6749 §2.3")
@pytest.mark.parametrize(
    ("headers", "extra", "status", "error"),
    [
        (basic(), {"client_secret": SECRET}, 400, "invalid_request"),
        (basic(), {"client_id": "bourses"}, 401, "invalid_client"),
        (basic("bourses"), {}, 401, "invalid_client"),
        ({}, {"client_id": "cantine", "client_secret": SECRET}, 401, "invalid_client"),
        ({}, {"client_id": "cantine"}, 401, "invalid_client"),
        ({}, {}, 401, "invalid_client"),
        (basic(secret=""), {}, 401, "invalid_client"),
        (basic(secret=SECRET + "x"), {}, 401, "invalid_client"),
    ],
)
def test_mixed_or_missing_client_authentication_is_refused(
    stand: Stand, headers: dict[str, str], extra: dict[str, str], status: int, error: str
) -> None:
    code = get_code(stand, stand.sign_in())
    answer = stand.call("POST", "/token", headers=headers, form={**redemption(code), **extra})
    assert (answer.status, answer.json["error"]) == (status, error)
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert stand.call("POST", "/token", headers=basic(), form=redemption(code)).status == 200


@pytest.mark.parametrize("name", ["code", "grant_type", "redirect_uri", "code_verifier", "anything"])
def test_a_repeated_parameter_at_the_token_endpoint_is_refused(stand: Stand, name: str) -> None:
    form = redemption(get_code(stand, stand.sign_in()))
    doubled = (
        urlencode(form) + "&" + urlencode({name: form.get(name, "1")}) + (f"&{name}=2" if name not in form else "")
    )
    answer = stand.call("POST", "/token", headers=basic(), form=doubled)
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")
    assert stand.call("POST", "/token", headers=basic(), form=form).status == 200


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data; boundary=x"])
def test_a_body_that_is_no_form_is_refused(stand: Stand, content_type: str) -> None:
    form = urlencode(redemption(get_code(stand, stand.sign_in())))
    answer = stand.call("POST", "/token", headers={**basic(), "Content-Type": content_type}, form=form)
    assert answer.json["error"] == "invalid_request"


def test_parameters_in_the_address_of_the_token_endpoint_are_not_read(stand: Stand) -> None:
    query = urlencode(redemption(get_code(stand, stand.sign_in())))
    answer = stand.call("POST", "/token?" + query, headers=basic(), form={})
    assert answer.json["error"] == "unsupported_grant_type"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/token"), ("PUT", "/token"), ("OPTIONS", "/authorize"), ("HEAD", "/authorize"), ("DELETE", "/userinfo"),
     ("POST", "/jwks"), ("TRACE", "/authorize"), ("HEAD", "/token"), ("POST", "/authorize/resume")],
)  # fmt: skip
def test_another_method_is_refused_with_those_there_are(stand: Stand, method: str, path: str) -> None:
    answer = stand.call(method, path)
    assert answer.status == 405
    assert answer.headers["allow"]


def test_method_override_headers_change_nothing(stand: Stand) -> None:
    assert stand.call("GET", "/token", headers={"X-HTTP-Method-Override": "POST"}).status == 405


@pytest.mark.spec("RFC 9700 §4.12")
def test_no_answer_is_kept_by_a_cache_or_read_by_another_site(stand: Stand) -> None:
    browser = stand.sign_in()
    tokens = get_tokens(stand, browser)
    bearer = {"Authorization": f"Bearer {tokens['access_token']}", "Origin": "https://evil.example"}
    answers = [
        stand.call("GET", "/userinfo", headers=bearer),
        stand.call("GET", "/userinfo", headers={"Authorization": "Bearer x"}),
        stand.call("POST", "/token", headers={**basic(), "Origin": "https://evil.example"}, form={}),
        stand.call("GET", authorize_url(), browser=browser, headers={"Origin": "https://evil.example"}),
    ]
    for answer in answers:
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["x-frame-options"] == "DENY"
    for answer in answers[:3]:
        assert answer.headers["cache-control"] == "no-store"
    assert all(answer.status != 307 for answer in answers)


def test_a_flood_from_one_address_is_told_to_wait(stand: Stand) -> None:
    narrow = replace(stand, routes=tuple(replace(route, per_minute=2) for route in stand.routes))
    answers = [narrow.call("POST", "/token", headers=basic(), form={}) for _ in range(3)]
    assert [answer.status for answer in answers] == [400, 400, 429]
    assert answers[2].headers["retry-after"] == "60"
    stand.clock.advance(61)
    assert narrow.call("POST", "/token", headers=basic(), form={}).status == 400


class Down:
    """A port whose database does not answer, or answers with a bug."""

    def __init__(self, fault: Exception) -> None:
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        def fail(*_: object, **__: object) -> Any:
            raise self._fault

        return fail


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [(StorageUnavailable("host db-1 refused"), 503, "PRE-5001"), (KeyError("table secret_name"), 500, "PRE-5999")],
)
def test_a_fault_of_ours_is_told_without_its_cause(stand: Stand, fault: Exception, status: int, code: str) -> None:
    browser = stand.sign_in()
    good = get_code(stand, browser)
    broken = stand.rebuilt(lambda end: replace(end, grants=Down(fault)) if hasattr(end, "grants") else end)
    machine = broken.call("POST", "/token", headers=basic(), form=redemption(good))
    assert machine.status == status
    assert code in machine.json["error_description"]
    page = broken.call("GET", authorize_url(), browser=browser)
    assert (page.status, page.body) == (status, code.encode())
    for answer in (machine, page):
        assert b"db-1" not in answer.body
        assert b"secret_name" not in answer.body
