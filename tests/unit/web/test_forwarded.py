"""Only our own proxies are believed when they say for whom they ask."""

from __future__ import annotations

import pytest

from broker.web.forwarded import forwarded_address

OURS = forwarded_address(["10.0.0.0/8", "fd00::/8"])


@pytest.mark.parametrize(
    ("peer", "header", "caller"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, nonsense", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
        ("10.0.0.1", "2001:DB8:0::7", "2001:db8::7"),
        ("not an address", "203.0.113.9", "not an address"),
        ("", "203.0.113.9", ""),
    ],
)
def test_a_hop_counts_only_when_one_of_ours_tells_it(peer: str, header: str, caller: str) -> None:
    assert OURS({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": header}) == caller


def test_without_proxies_of_ours_no_header_is_believed() -> None:
    assert forwarded_address([])({"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.9"}) == "10.0.0.1"
