"""Addresses that a service may register: what could be captured, shortened or read by a neighbour is refused."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

LOOPBACKS = frozenset({"127.0.0.1", "::1"})
"""Literals only: a name could be resolved to another machine (RFC 8252 §8.3)."""

_REVERSED_DOMAIN = re.compile(r"[a-z][a-z0-9-]*(\.[a-z0-9-]+)+")
_PRIVATE_PATH = re.compile(r"/(?!/)[A-Za-z0-9._~/-]*")
_USUAL_PORTS = {"https": 443, "http": 80}


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


def native_fault(url: str) -> str:
    """Tell why `url` cannot be a native client's; empty when it can (RFC 8252 §7).

    Three kinds: http on a loopback literal (any port when used), a private-use scheme that is a domain reversed, and
    a claimed https address.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "https":
        return address_fault(url)
    if scheme == "http":
        return address_fault(url) or _named_fault(urlsplit(url).hostname or "")
    if not _REVERSED_DOMAIN.fullmatch(scheme):
        return "must have a scheme that is a domain reversed, as com.example.app (RFC 8252 §7.1)"
    return "" if _PRIVATE_PATH.fullmatch(rest) else "must go on with one slash and a path (RFC 8252 §7.1)"


def _named_fault(host: str) -> str:
    return "" if host in LOOPBACKS else "must be on 127.0.0.1 or [::1], not by name"


def origin_fault(origin: str) -> str:
    """Tell why this cannot be an origin whose pages may read answers; empty when it can."""
    if why := address_fault(origin):
        return why
    parts = urlsplit(origin)
    if f"{parts.scheme}://{parts.netloc}" != origin:
        return "must be an origin: scheme, host and port, and nothing after"
    return "must not state the usual port" if parts.port == _USUAL_PORTS[parts.scheme] else ""


def origin_of(url: str) -> str:
    """Scheme, host and port of a registered address, as it writes them."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


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
