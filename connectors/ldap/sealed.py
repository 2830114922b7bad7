"""One connection to a directory: its certificate is proven before LDAP is spoken, it is bounded, and closed in the end.

ldap3 as it comes checks no certificate, follows referrals with the password in hand, waits for ever and tells failures
by a return value (security rules D-01 to D-04). Here every connection is made in one place, with all of that turned
off, over our own TLS context: OpenSSL refuses the handshake itself when issuer, dates or host name do not hold.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ldap3

from broker.domain.errors import UpstreamUnavailable

CERTIFICATE_REFUSED = "the directory's certificate was refused"

_PORTS = {"ldap": 389, "ldaps": 636}


@dataclass(frozen=True, slots=True)
class LdapLimits:
    """Bounds of one connection, in seconds, bytes and entries. ldap3 wants whole seconds.

    `whole` and `most_bytes` hold for one request: a directory that drips or floods is given up. `at_once` bounds the
    connections open at one time, each of which serves one act and is closed after it.
    """

    connect: int = 3
    receive: int = 5
    whole: float = 10.0
    page_whole: float = 60.0
    most_bytes: int = 64 << 20
    search_seconds: int = 5
    page: int = 500
    most_entries: int = 3_000_000
    at_once: int = 16


@dataclass(frozen=True, slots=True)
class Address:
    """Where a directory listens. `sealed_first` is ldaps; otherwise StartTLS comes before anything else."""

    host: str
    port: int
    sealed_first: bool


@dataclass(frozen=True, slots=True)
class Credentials:
    """As whom to bind: a name and the octets of its password."""

    dn: str
    secret: bytes

    def __repr__(self) -> str:
        """Without the secret: values are printed by tests and by logs of faults."""
        return f"Credentials({self.dn!r})"


def parse_address(url: str) -> Address:
    """Read `ldaps://host[:port]` or `ldap://host[:port]` (StartTLS); nothing goes without TLS. Raises `ValueError`."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        raise ValueError("an address as ldaps://annuaire.example.fr is wanted")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("the address of a directory has no path")
    return Address(parts.hostname, parts.port or _PORTS[parts.scheme], sealed_first=parts.scheme == "ldaps")


def trust_of(ca_file: Path | None) -> ssl.SSLContext:
    """Whom to believe: the authorities of the file, or the system's. Certificate and host name are demanded (D-01).

    Raises `OSError` when the file cannot be used.
    """
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@contextmanager
def connected(
    address: Address, trust: ssl.SSLContext, limits: LdapLimits, *, known_as: str = "", credentials: Credentials
) -> Iterator[Any]:
    """A sealed ldap3 connection, not bound yet, for this block alone (D-08).

    Its certificate must be for `known_as`, else for the address's host. Raises `UpstreamUnavailable`, also in place of
    whatever the library raises inside the block: an answer nobody foresaw is never a success.
    """
    seal = _Seal(trust, known_as or address.host, limits)
    connection = _connection(address, seal, limits, credentials)
    try:
        connection.open(read_server_info=False)
        if not address.sealed_first:
            connection.socket = Bounded(connection.socket, limits)
            connection.start_tls(read_server_info=False)
        _check_sealed(connection.socket)
        yield connection
    except UpstreamUnavailable:
        raise
    except Exception as fault:  # noqa: BLE001 - a hostile answer makes the library raise anything at all
        # Its text may hold a name, or what was typed: only the kind of fault goes to the log.
        raise UpstreamUnavailable(seal.refusal or f"the directory failed: {type(fault).__name__}") from None
    finally:
        _end(connection)


def _check_sealed(wire: object) -> None:
    """Whatever the library says it did: nothing is bound over a wire that others read (D-01)."""
    if not isinstance(wire, Bounded) or not wire.is_sealed:
        raise UpstreamUnavailable("the connection to the directory is not sealed")


def _connection(address: Address, seal: _Seal, limits: LdapLimits, credentials: Credentials) -> Any:
    server = ldap3.Server(
        address.host,
        port=address.port,
        use_ssl=address.sealed_first,
        tls=seal,
        get_info=ldap3.NONE,
        connect_timeout=limits.connect,
        allowed_referral_hosts=[],
    )
    return ldap3.Connection(
        server,
        user=credentials.dn,
        password=credentials.secret,
        authentication=ldap3.SIMPLE,
        auto_bind=ldap3.AUTO_BIND_NONE,
        client_strategy=ldap3.SYNC,
        auto_referrals=False,
        auto_range=False,
        auto_escape=False,
        auto_encode=False,
        check_names=False,
        read_only=True,
        raise_exceptions=True,
        receive_timeout=limits.receive,
        return_empty_attributes=False,
    )


def _end(connection: Any) -> None:
    """Unbind and close, whatever state the connection is in."""
    with suppress(Exception):
        connection.unbind()
    with suppress(Exception):
        connection.socket.close()


class _Seal(ldap3.Tls):  # type: ignore[misc] # ldap3 has no types
    """TLS by our own context: ldap3's own would check the host name after the handshake, by a function Python lost."""

    def __init__(self, trust: ssl.SSLContext, host: str, limits: LdapLimits) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._trust = trust
        self._host = host
        self._limits = limits
        self.refusal = ""
        """Why the certificate was refused; ldap3 hides it behind an error of its own."""

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:  # noqa: ARG002 - ldap3's
        """Called by ldap3 where it would seal the socket; raises `ssl.SSLError` when the certificate does not hold."""
        plain = connection.socket
        bare = plain.bare if isinstance(plain, Bounded) else plain
        # Small messages to and fro: each would wait 40 ms for the other side's acknowledgement.
        bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            sealed = self._trust.wrap_socket(bare, server_hostname=self._host)
        except ssl.SSLCertVerificationError as refused:
            self.refusal = f"{CERTIFICATE_REFUSED}: {refused.verify_message}"
            raise
        connection.socket = Bounded(sealed, self._limits)


class Bounded:
    """A socket that gives up on a peer who drips or floods; ldap3's own time-out begins anew with every octet."""

    def __init__(self, bare: Any, limits: LdapLimits, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.bare = bare
        self._limits = limits
        self._monotonic = monotonic
        self._ends = 0.0
        self._left = 0
        self.restart(limits.whole)

    @property
    def is_sealed(self) -> bool:
        """Tell whether TLS with a checked certificate stands between us and the wire."""
        bare = self.bare
        if not isinstance(bare, ssl.SSLSocket):
            return False
        return bare.context.verify_mode is ssl.CERT_REQUIRED and bare.context.check_hostname

    def restart(self, seconds: float) -> None:
        """Give the next request its own time and bytes."""
        self._ends = self._monotonic() + seconds
        self._left = self._limits.most_bytes

    def recv(self, size: int) -> bytes:
        """The next octets. Raises `TimeoutError` or `OSError`."""
        remaining = self._ends - self._monotonic()
        if remaining <= 0:
            raise TimeoutError("the directory drips")
        self.bare.settimeout(min(remaining, self._limits.receive))
        octets: bytes = self.bare.recv(size)
        self._left -= len(octets)
        if self._left < 0:
            raise OSError("the directory floods")
        return octets

    def sendall(self, octets: bytes) -> None:
        """Send. Raises `OSError`."""
        self.bare.settimeout(self._limits.receive)
        self.bare.sendall(octets)

    def shutdown(self, how: int) -> None:
        """End both ways."""
        self.bare.shutdown(how)

    def close(self) -> None:
        """Give back the socket."""
        self.bare.close()
