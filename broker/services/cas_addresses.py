"""Which service an address belongs to that a ticket is asked for (CAS Protocol 3.0.3 §2.2.1: never an open redirect).

A ticket is a credential: it goes to an address that a descriptor names and to no other. What two readers of an address
could understand differently (a user name, a backslash, an encoded slash, dot segments) belongs to nobody.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

from broker.domain.services import Service
from broker.services.addresses import is_loopback

LONGEST = 2048
TICKET = "ticket"

_AUTHORITY = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?")
_ENCODED = re.compile(r"%(?:2f|3b|5c|2e|00|0a|0d|09|25)", re.IGNORECASE)
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_USUAL_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Asked:
    """An address as it was asked for, beside its parts."""

    url: str
    parts: SplitResult


AddressCheck = Callable[[Asked], bool]
"""Tells whether an address is sound in one respect."""


def is_short(asked: Asked) -> bool:
    """Bounded: what is stored with a ticket and written into a header."""
    return 0 < len(asked.url) <= LONGEST


def is_plain(asked: Asked) -> bool:
    """Printable ASCII without blanks: nothing that a reader drops or a header ends at (RFC 3986 §2)."""
    return asked.url.isascii() and asked.url.isprintable() and not set(asked.url) & set(' "<>^`{|}')


def has_no_backslash(asked: Asked) -> bool:
    """Browsers read a backslash as a slash, parsers do not: the host would be another one (WHATWG URL §4.4)."""
    return "\\" not in asked.url


def has_no_fragment(asked: Asked) -> bool:
    """A ticket after a fragment would not reach the service; one before it would stay in the browser."""
    return "#" not in asked.url


def is_web(asked: Asked) -> bool:
    """https, or http on this machine: a ticket is never sent in clear. `HTTPS:` and the like are another spelling."""
    scheme = asked.url.partition(":")[0]
    return scheme == "https" or (scheme == "http" and is_loopback(asked.parts.hostname or ""))


def has_authority(asked: Asked) -> bool:
    """Two slashes, then a host in lower case and a port that is one; no user name (RFC 3986 §3.2)."""
    after = asked.url.partition(":")[2]
    return after.startswith("//") and _AUTHORITY.fullmatch(asked.parts.netloc) is not None


def has_no_climb(asked: Asked) -> bool:
    """No dot segments, also before a path parameter (`/..;x/`): a prefix would be left behind (RFC 3986 §5.2.4)."""
    segments = [segment.partition(";")[0] for segment in asked.parts.path.split("/")]
    return not {".", ".."} & set(segments)


def has_no_double_slash(asked: Asked) -> bool:
    """`/app//evil.example` is one path to us and another address to a sloppy redirect of the service."""
    return "//" not in asked.parts.path


def has_plain_path(asked: Asked) -> bool:
    """No slash, backslash, dot, percent or control character in disguise: servers undo that at different moments."""
    return _ENCODED.search(asked.parts.path) is None


def has_whole_escapes(asked: Asked) -> bool:
    """Every percent begins an escape: readers differ on what else one is."""
    return _PERCENT.search(asked.url) is None


ADDRESS_CHECKS: tuple[AddressCheck, ...] = (
    is_short,
    is_plain,
    has_no_backslash,
    has_no_fragment,
    is_web,
    has_authority,
    has_no_climb,
    has_no_double_slash,
    has_plain_path,
    has_whole_escapes,
)


def read_address(url: str, checks: Iterable[AddressCheck] = ADDRESS_CHECKS) -> Asked | None:
    """The address beside its parts; None when it is not sound in every respect."""
    try:
        asked = Asked(url, urlsplit(url))
        port = asked.parts.port
    except ValueError:
        return None
    return asked if port != 0 and all(check(asked) for check in checks) else None


@lru_cache(maxsize=4096)
def _sound(url: str) -> Asked | None:
    """An address that comes twice, for its ticket and with it, is read once."""
    return read_address(url)


def belongs_to(asked: Asked, registered: str) -> bool:
    """Tell whether an address is a registered one: exactly, or under it where it ends in a slash."""
    if not registered.endswith("/"):
        return asked.url == registered
    known, parts = _parts(registered), asked.parts
    same_place = (parts.scheme, parts.hostname, _port(parts)) == (known.scheme, known.hostname, _port(known))
    return same_place and (parts.path or "/").startswith(known.path)


def services_at(
    services: Iterable[Service], url: str, checks: Iterable[AddressCheck] = ADDRESS_CHECKS
) -> tuple[Service, ...]:
    """The services that a ticket for this address may be for; none when it is nobody's.

    Two share an address where one product serves families and staff: who comes decides which of the two it is.
    """
    asked = _sound(url) if checks is ADDRESS_CHECKS else read_address(url, checks)
    if asked is None:
        return ()
    return tuple(
        service
        for service in services
        if service.cas is not None and any(belongs_to(asked, registered) for registered in service.cas.services)
    )


class AddressBook:
    """The services of a register by the hosts of their addresses: a request asks those of its host, not each of all.

    What an address was found to be for is kept, some thousand addresses, for as long as the register stands.
    """

    def __init__(self, services: Iterable[Service]) -> None:
        self._at_host: dict[str | None, list[Service]] = {}
        for service in services:
            registered = service.cas.services if service.cas else ()
            for host in dict.fromkeys(_parts(each).hostname for each in registered):
                self._at_host.setdefault(host, []).append(service)
        self._found = lru_cache(maxsize=1024)(self._look)

    def at(self, url: str) -> tuple[Service, ...]:
        """The services that a ticket for this address may be for, in the order of the register."""
        return self._found(url) if len(url) <= LONGEST else ()

    def _look(self, url: str) -> tuple[Service, ...]:
        asked = _sound(url)
        return services_at(self._at_host.get(asked.parts.hostname, ()), url) if asked else ()


def without_ticket(url: str) -> str:
    """The address without a ticket in its query, every other byte as it was (CAS §2.5.1: clients cut it off)."""
    before, mark, query = url.partition("?")
    if not mark:
        return url
    kept = [pair for pair in query.split("&") if pair.partition("=")[0] != TICKET]
    return f"{before}?{'&'.join(kept)}" if kept and kept != [""] else before


@lru_cache(maxsize=4096)
def _parts(registered: str) -> SplitResult:
    return urlsplit(registered)


def _port(parts: SplitResult) -> int | None:
    return parts.port or _USUAL_PORTS.get(parts.scheme)
