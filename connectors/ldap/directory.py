"""The directory behind a small port: plain values in and out, ten rules on the way (security rules D-01 to D-10).

| rule | where |
| --- | --- |
| D-01 certificate, authority and host name before any bind | `sealed.trust_of`, `sealed.connected` |
| D-02 referrals are never followed | `sealed._connection`, `_check_whole` |
| D-03 time-outs, also against a directory that drips | `sealed.LdapLimits`, `sealed.Bounded` |
| D-04 read-only, failures raised | `sealed._connection`, `_check_whole` |
| D-05 empty, blank and NUL passwords refused by us | `secret_of` |
| D-06 filters and names from parsed parts | `filters`, `names` |
| D-07 exactly one entry, then a bind as that entry, then unbind | `LdapDirectory.find_one`, `.check_password` |
| D-08 bounded, no connection shared between users | `LdapDirectory._connected` |
| D-09 size and time limits | `LdapDirectory.find_one`, `.search` |
| D-10 self-test against a wrong certificate | `LdapDirectory.self_test` |
"""

from __future__ import annotations

import ssl
import stringprep
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import ldap3
from ldap3.core.exceptions import LDAPOperationResult

from broker.domain.errors import SourceCrowded, UpstreamUnavailable
from connectors.ldap.entries import Entry, Illegible, entry_of
from connectors.ldap.filters import Filter
from connectors.ldap.names import Dn, parse_dn
from connectors.ldap.sealed import (
    CERTIFICATE_REFUSED,
    Address,
    Credentials,
    LdapLimits,
    connected,
    parse_address,
    trust_of,
)

LONGEST_PASSWORD = 1024
"""Octets."""

STRANGER = "preau-self-test.invalid"
"""A host name that no certificate is for (RFC 6761 §6.4)."""

_SUCCESS = 0
_SIZE_LIMIT = 4
_NO_SUCH_OBJECT = 32
_REFUSED = frozenset({19, _NO_SUCH_OBJECT, 48, 49, 50, 53})
"""How directories say no to a bind: constraint violation and unwilling (locked), no such entry, inappropriate, invalid
or insufficient credentials (RFC 4511 appendix A). Whatever else they say is a directory out of order, not a person."""

_PAGED = "1.2.840.113556.1.4.319"


class BadSecret(ValueError):
    """What was typed can be nobody's password."""


class NotOne(Exception):
    """None or several entries answer to a filter; the text says which, for the log alone."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to look for: below which name, which entries, which of their attributes."""

    base: Dn
    filter: Filter
    attributes: tuple[str, ...]


class Directory(Protocol):
    """What a source and a feed need of a directory."""

    def find_one(self, question: Question) -> Entry:
        """The one entry that answers. Raises `NotOne` or `UpstreamUnavailable`."""
        ...

    def check_password(self, dn: Dn, password: str) -> bool:
        """Tell whether the directory lets this entry bind with it. Raises `BadSecret` or `UpstreamUnavailable`."""
        ...

    def search(self, question: Question) -> Iterator[Entry | Illegible]:
        """Every entry that answers, page by page. Raises `UpstreamUnavailable` when not all were told."""
        ...


@dataclass(frozen=True, slots=True)
class LdapDirectory:
    """`Directory` over ldap3. `url` is `ldaps://…`, or `ldap://…` with StartTLS; there is no way without TLS.

    `reader_dn` and its password are the account we look entries up with; it needs no right to write.
    """

    url: str
    reader_dn: str
    reader_password: str = field(repr=False)
    ca_file: Path | None = None
    limits: LdapLimits = field(default_factory=LdapLimits)
    address: Address = field(init=False)
    trust: ssl.SSLContext = field(init=False, repr=False, compare=False)
    _room: threading.BoundedSemaphore = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raises `ValueError` for an address, name or password that cannot be, `OSError` for an unusable file."""
        parse_dn(self.reader_dn)
        secret_of(self.reader_password)
        object.__setattr__(self, "address", parse_address(self.url))
        object.__setattr__(self, "trust", trust_of(self.ca_file))
        object.__setattr__(self, "_room", threading.BoundedSemaphore(self.limits.at_once))

    def find_one(self, question: Question) -> Entry:
        """The one entry that answers. A third answer is never fetched. Raises `NotOne` or `UpstreamUnavailable`."""
        with self._reading() as connection:
            connection.socket.restart(self.limits.whole)
            found = _ask(connection, question, size_limit=2, time_limit=self.limits.search_seconds)
            code = _check_whole(found, connection.result, allowed={_SUCCESS, _SIZE_LIMIT})
            entries = _entries(found)
        if len(entries) != 1 or code == _SIZE_LIMIT:
            raise NotOne("several entries" if entries else "no entry")
        entry = entries[0]
        if isinstance(entry, Illegible) or not entry.dn.within(question.base):
            raise UpstreamUnavailable("an entry that was not asked for")
        return entry

    def check_password(self, dn: Dn, password: str) -> bool:
        """Bind as this entry on a connection of its own. Raises `BadSecret` or `UpstreamUnavailable`."""
        with self._connected(Credentials(str(dn), secret_of(password))) as connection:
            try:
                _bind(connection)
            except LDAPOperationResult as refusal:
                if refusal.result in _REFUSED:
                    return False
                raise
            return True

    def search(self, question: Question) -> Iterator[Entry | Illegible]:
        """Every entry that answers, page by page (RFC 2696). Raises `UpstreamUnavailable` when not all were told."""
        told = 0
        cookie = b""
        with self._reading() as connection:
            while True:
                connection.socket.restart(self.limits.page_whole)
                found = _ask(connection, question, paged_size=self.limits.page, paged_cookie=cookie)
                entries = _entries(found)
                told += max(len(entries), 1)  # a page may be empty, but not each of them
                yield from entries
                _check_whole(found, connection.result, allowed={_SUCCESS})
                cookie = _cookie(connection.result)
                if not cookie:
                    return
                if told > self.limits.most_entries:
                    raise UpstreamUnavailable("the directory answers without end")

    def self_test(self) -> None:
        """Prove at start that a wrong certificate is refused and the right one taken. Raises `UpstreamUnavailable`.

        The directory's own certificate is a wrong one under a name that is nobody's: were that accepted, any other
        would be (security rule D-10).
        """
        with self._reading():
            pass
        reader = Credentials(self.reader_dn, secret_of(self.reader_password))
        try:
            with connected(self.address, self.trust, self.limits, known_as=STRANGER, credentials=reader):
                pass
        except UpstreamUnavailable as refused:
            if refused.cause.startswith(CERTIFICATE_REFUSED):
                return
            raise
        raise UpstreamUnavailable("self-test: a certificate for another name was accepted")

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        """A connection bound as our own reader."""
        with self._connected(Credentials(self.reader_dn, secret_of(self.reader_password))) as connection:
            _bind(connection)
            yield connection

    @contextmanager
    def _connected(self, credentials: Credentials) -> Iterator[Any]:
        """A connection for one act. One slow directory must not hold every thread of the broker."""
        if not self._room.acquire(blocking=False):
            raise SourceCrowded("too many connections to this directory at once")
        try:
            with connected(self.address, self.trust, self.limits, credentials=credentials) as connection:
                yield connection
        finally:
            self._room.release()


def secret_of(password: str) -> bytes:
    """The octets to bind with. Raises `BadSecret` for a text that a directory may take for no password at all.

    An empty password binds as nobody and "succeeds" (RFC 4513 §5.1.2); a preparation of strings makes an empty one of
    blanks and invisible marks (RFC 4013); a NUL ends it in a library in C. ldap3 gets octets, which it leaves alone.
    """
    if "\0" in password or not any(_shows(char) for char in password):
        raise BadSecret("empty, blank or with a NUL")
    try:
        secret = password.encode()
    except UnicodeEncodeError as error:
        raise BadSecret("a character that no text has") from error
    if len(secret) > LONGEST_PASSWORD:
        raise BadSecret("longer than any real password")
    return secret


def _shows(char: str) -> bool:
    return unicodedata.category(char)[0] not in "ZC" and not stringprep.in_table_b1(char)


def _bind(connection: Any) -> None:
    """Bind, and believe only a plain success: a referral or a half-done exchange raises nothing in ldap3.

    Nor does the good result of another operation, which it takes for that of the bind.
    """
    bound = connection.bind(read_server_info=False)
    result = connection.result
    if bound is not True or (result["type"], result["result"]) != ("bindResponse", _SUCCESS):
        raise UpstreamUnavailable(f"the directory answered a bind with {result['type']} {result['result']}")


def _ask(connection: Any, question: Question, **bounds: Any) -> Sequence[Any]:
    connection.search(
        str(question.base),
        str(question.filter),
        search_scope=ldap3.SUBTREE,
        dereference_aliases=ldap3.DEREF_NEVER,
        attributes=list(question.attributes),
        paged_criticality="paged_size" in bounds,
        **bounds,
    )
    return connection.response or ()


def _entries(found: Sequence[Any]) -> list[Entry | Illegible]:
    return [entry_of(one) for one in found if one["type"] == "searchResEntry"]


def _check_whole(found: Sequence[Any], result: Any, *, allowed: set[int]) -> int:
    """Refuse an answer that says where the rest would be, or that there is a rest (D-02, D-09). Gives its code."""
    code: int = result["result"]
    if result["type"] != "searchResDone" or code not in allowed:
        raise UpstreamUnavailable(f"the directory answered a search with {result['type']} {code}")
    if any(one["type"] == "searchResRef" for one in found):
        raise UpstreamUnavailable("the directory refers elsewhere for a part of the answer")
    return code


def _cookie(result: Any) -> bytes:
    control = result.get("controls", {}).get(_PAGED)
    if control is None:
        raise UpstreamUnavailable("the directory does not answer by pages")
    return bytes(control["value"]["cookie"])
