"""Who really calls, when our own proxies stand in between: what volume limits are counted by.

Anybody can write an `X-Forwarded-For` header. So only a hop that one of our own proxies added is believed: the list is
read from its end, as long as each teller is one of ours (RFC 7239 §8.1 on why the rest is hearsay).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment


def forwarded_address(networks: Iterable[str]) -> Callable[[WSGIEnvironment], str]:
    """A function from a request to its caller's address, trusting proxies of these networks (`10.0.0.0/8`) alone."""
    trusted = tuple(ip_network(network) for network in networks)

    def address(environ: WSGIEnvironment) -> str:
        caller = str(environ.get("REMOTE_ADDR", ""))
        if not trusted or "HTTP_X_FORWARDED_FOR" not in environ:
            return caller
        hops = str(environ["HTTP_X_FORWARDED_FOR"]).split(",")
        for hop in reversed([hop.strip() for hop in hops]):
            told = _parsed(hop)
            if told is None or not _is_ours(caller):
                break
            caller = str(told)
        return caller

    def _is_ours(caller: str) -> bool:
        parsed = _parsed(caller)
        return parsed is not None and any(parsed in network for network in trusted)

    return address


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
