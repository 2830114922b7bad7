"""Addresses that a service may register (RFC 9700 §2.1, §2.6)."""

from __future__ import annotations

import pytest

from broker.services.addresses import address_fault, is_loopback


@pytest.mark.parametrize(
    "url",
    [
        "https://cantine.example/retour", "https://cantine.example", "https://cantine.example:8443/r?k=v&l=%2F",
        "http://127.0.0.21:8000/retour", "http://[::1]:9/r", "http://localhost/r", "https://xn--cole-9oa.example/r",
    ],
)  # fmt: skip
def test_a_plain_address_can_be_registered(url: str) -> None:
    assert address_fault(url) == ""


@pytest.mark.parametrize(
    "url",
    [
        "", "/retour", "cantine.example/retour", "//cantine.example/retour", "http://cantine.example/retour",
        "http://127.0.0.1.evil.example/r", "http://10.0.0.1/r", "https:///retour", "https://", "javascript:alert(1)",
        "data:text/html,x", "app://retour", "file:///etc/passwd", "ftp://cantine.example/", "HTTPS://cantine.example/r",
        "https://Cantine.example/r", "https://cantine.example/*", "https://*.example/r", "https://cantine.example/#f",
        "https://cantine.example/r#", "https://u:p@cantine.example/r", "https://cantine.example@evil.example/r",
        "https://cantine.example\\@evil.example/r", "https://cantine.example/../r", "https://cantine.example/./r",
        "https://école.example/r", "https://cantine.example/r s", "https://cantine.example/r\n",
        "https://cantine.example:99999/r", "https://cantine.example:0/r", "https://cantine.example:x/r",
        "https://[::1/r", "urn:ietf:wg:oauth:2.0:oob",
    ],
)  # fmt: skip
def test_an_address_that_could_be_captured_cannot_be_registered(url: str) -> None:
    assert address_fault(url)


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("localhost", True),
        ("127.0.0.9", True),
        ("::1", True),
        ("128.0.0.1", False),
        ("localhost.example", False),
        ("", False),
    ],
)
def test_loopback(host: str, ours: bool) -> None:
    assert is_loopback(host) is ours
