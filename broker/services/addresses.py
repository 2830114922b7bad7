"""Addresses that a service may register: what could be captured, shortened or read by a neighbour is refused."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit


def address_fault(url: str) -> str:
    """Tell in a few words why `url` cannot be registered; empty when it can (RFC 9700 §2.1, §2.6)."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return "must be plain ASCII without blanks (an IDN in its punycode form)"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is not an address"
    return next((why for fault, why in _faults(url, parts) if fault), "" if port != 0 else "has no usable port")


def is_loopback(host: str) -> bool:
    """Tell whether a host is this very machine: `localhost`, 127.0.0.0/8 or ::1."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _faults(url: str, parts: SplitResult) -> tuple[tuple[bool, str], ...]:
    host = parts.hostname or ""
    return (
        (parts.scheme not in {"https", "http"} or not host, "must be an absolute https address"),
        (parts.scheme == "http" and not is_loopback(host), "must be https (http only on the loopback)"),
        ("#" in url, "must not have a fragment"),
        ("*" in url, "must not have a wildcard"),
        ("@" in parts.netloc, "must not hold a user name"),
        ("\\" in url, "must not have a backslash"),
        (parts.netloc != parts.netloc.lower() or parts.scheme != url[: len(parts.scheme)], "must be in lower case"),
        (any(segment in {".", ".."} for segment in parts.path.split("/")), "must not climb with dots"),
    )
