"""Plain HTTP values: what is decoded, what is refused before anybody looks at it."""

from __future__ import annotations

import pytest

from broker.domain.errors import InvalidRequest
from broker.wire.http import (
    PlainRequest,
    cookie_header,
    json_response,
    kept_cookie_header,
    parse_body,
    parse_cookies,
    parse_form,
    parse_once,
    redirect_response,
    with_parameters,
)

FORM = "application/x-www-form-urlencoded"


def test_parameters_are_decoded_once() -> None:
    assert parse_once("a=1&b=%C3%A9+x&c=%2525") == {"a": "1", "b": "é x", "c": "%25"}
    assert parse_once("") == {}


@pytest.mark.spec("RFC 6749 §3.1")
def test_an_empty_value_counts_as_absent() -> None:
    assert parse_once("a=&b&c=1") == {"c": "1"}


@pytest.mark.parametrize("encoded", ["a=1&a=2", "a=1&a=1", "a=&a=1", "a=1&b=2&%61=3", "a&a"])
def test_a_repeated_parameter_is_refused(encoded: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_once(encoded)
    form = parse_form(encoded)
    assert form.repeated == {"a"}
    assert "a" not in form.values


@pytest.mark.parametrize(
    "encoded",
    [
        "a=%FF",
        "a=%C3",
        "a=%00",
        "a=%0D%0Ax",
        "%00=a",
        "a=%ED%A0%80",
        "a=%E2%80%A8",
        "&".join(f"p{n}=1" for n in range(65)),
    ],
)
def test_what_cannot_be_text_is_refused(encoded: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_form(encoded)


def test_a_form_body_is_a_form() -> None:
    good = PlainRequest("POST", "/", headers={"content-type": f"{FORM}; charset=UTF-8"}, body=b"a=1")
    assert parse_body(good) == {"a": "1"}


@pytest.mark.parametrize("content_type", ["", "application/json", "multipart/form-data; boundary=x", "text/plain"])
def test_another_body_is_refused(content_type: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_body(PlainRequest("POST", "/", headers={"content-type": content_type}, body=b"a=1"))


def test_a_body_beyond_ascii_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        parse_body(PlainRequest("POST", "/", headers={"content-type": FORM}, body="a=é".encode()))


def test_a_cookie_that_comes_twice_is_dropped() -> None:
    assert parse_cookies("a=1; b=2; a=3; junk; c=x=y") == {"b": "2", "c": "x=y"}
    assert parse_cookies("") == {}


def test_our_cookies_carry_every_flag() -> None:
    for _, value in (cookie_header("__Host-x", "v"), kept_cookie_header("__Host-x", "v", seconds=0)):
        for flag in ("Path=/", "HttpOnly", "Secure", "SameSite=Lax"):
            assert flag in value
        assert "Domain" not in value
    assert "Max-Age=0" in kept_cookie_header("__Host-x", "", seconds=0)[1]


def test_parameters_are_added_to_an_address_without_touching_its_own() -> None:
    assert with_parameters("https://a.example/r", {"code": "x y"}) == "https://a.example/r?code=x+y"
    assert with_parameters("https://a.example/r?k=%2f", {"code": "é"}) == "https://a.example/r?k=%2f&code=%C3%A9"


def test_answers() -> None:
    answer = json_response(200, {"a": "é"})
    assert (answer.status, answer.body) == (200, '{"a":"é"}'.encode())
    assert redirect_response("/x").status == 303
