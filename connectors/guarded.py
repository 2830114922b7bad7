"""Calls to addresses that services registered: looked up once, judged, and called at the very address that was judged.

A service must not make the broker call into the networks around it (SSRF), nor a name that points elsewhere a moment
later (DNS rebinding): the address is pinned. Only the networks that the settings open may be inside.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from http import HTTPStatus
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path

import httpx

from broker.domain.errors import UpstreamUnavailable
from connectors.deadline import Lookup, Resolver, TimedTransport
from connectors.outbound import Outbound, OutboundLimits

Address = IPv4Address | IPv6Address

NOTICE_LIMITS = OutboundLimits(connect=2.0, read=3.0, whole=5.0, most_bytes=16 * 1024, at_once=8)
"""A service that is told something has little to say."""
FETCH_LIMITS = replace(NOTICE_LIMITS, at_once=2)
"""Calls that a stranger's request starts: never more than two of the threads that answer requests wait for them."""
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Guard:
    """Which addresses may be called: the public ones, and those of the `opened` networks."""

    opened: tuple[IPv4Network | IPv6Network, ...] = ()

    def allows(self, address: Address) -> bool:
        """Tell whether an address may be called; one that carries another inside is judged by that one."""
        plain = _carried(address)
        if any(plain in network for network in self.opened):
            return True
        site_local = plain.version == 6 and plain.is_site_local  # noqa: PLR2004 - private once, and global to Python
        return plain.is_global and not (plain.is_multicast or plain.is_reserved or plain.is_unspecified or site_local)


@dataclass(slots=True)
class GuardedTransport(httpx.BaseTransport):
    """Pins each request to an address that the guard allows; TLS still proves the name."""

    guard: Guard
    inner: httpx.BaseTransport
    lookup: Lookup

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it. Raises `UpstreamUnavailable` for a name without address, or with one that may not be called."""
        url = request.url
        pinned = url.copy_with(host=self._judged(url.host, url.port or {"https": 443, "http": 80}[url.scheme]))
        extensions = {**request.extensions, "sni_hostname": url.host}
        sent = httpx.Request(
            request.method, pinned, headers=request.headers, stream=request.stream, extensions=extensions
        )
        return self.inner.handle_request(sent)

    def close(self) -> None:
        """Give back the connections."""
        self.inner.close()

    def _judged(self, host: str, port: int) -> str:
        try:
            found = [ip_address(text.partition("%")[0]) for text in self.lookup(host, port)]
        except (OSError, ValueError) as fault:
            raise UpstreamUnavailable(f"no address: {type(fault).__name__}") from None
        if not found or not all(self.guard.allows(address) for address in found):
            raise UpstreamUnavailable("an address that may not be called")
        return str(found[0])


def open_guarded(
    networks: Iterable[str] = (), *, ca_file: Path | None = None, limits: OutboundLimits = NOTICE_LIMITS
) -> Outbound:
    """The client for addresses that services registered. `networks`: inside ones that may be called (`10.0.0.0/8`).

    `ca_file` replaces the public authorities. Raises `OSError` when it cannot be read or holds no certificate.
    """
    trust = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    # A connection that stands is known by its address alone, and would serve another name of the same machine.
    inner = TimedTransport(trust, at_once=limits.at_once, kept=0)
    guard = Guard(tuple(ip_network(network) for network in networks))
    client = httpx.Client(
        transport=GuardedTransport(guard, inner, Resolver(threading.BoundedSemaphore(limits.at_once))),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(limits.read, connect=limits.connect),
        headers={"user-agent": "preau", "accept-encoding": "identity"},
    )
    return Outbound(client=client, limits=limits, room=threading.BoundedSemaphore(limits.at_once))


def fetch_once(outbound: Outbound, url: str) -> bytes:
    """The document at an address that a service registered. Raises `UpstreamUnavailable` for anything but a 200."""
    answer = outbound.get_once(url, headers={"accept": "application/json"})
    if answer.status != HTTPStatus.OK:
        raise UpstreamUnavailable(f"answered {answer.status}")
    return answer.body


def _carried(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one: mapped (RFC 4291 §2.5.5.2), 6to4, NAT64; a Teredo one is not followed."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or address
