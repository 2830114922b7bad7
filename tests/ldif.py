"""A directory laid down as LDIF (RFC 2849): entries as the library would answer them, however spoilt the text.

`LdifFeed` reads such a file as the LDAP feed reads a directory. A file whose last entry has no line end is a directory
that died while it told it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from broker.domain.errors import FeedRefused, UpstreamUnavailable
from broker.domain.feed import FeedFault, FeedHeader, FeedPortion, FeedRow
from connectors.ldap import LdapFeed
from connectors.ldap.directory import Question
from connectors.ldap.entries import Entry, Illegible, entry_of
from connectors.ldap.names import Dn, parse_dn
from connectors.ldap.ties import KnownAs, Tie

BASE = "dc=fr"
"""Short: parsing names is most of the work of reading a few entries."""
ACADEMIES = {"AC-TEST": "99"}

_BETWEEN = re.compile(rb"(?:\r?\n){2,}")


@dataclass(frozen=True)
class LdifDirectory:
    """The entries of a file; below `structures` are schools, all others are persons."""

    content: bytes
    structures: Dn

    def find_one(self, _question: Question) -> Entry:
        """Nobody signs in here."""
        raise UpstreamUnavailable("a file")

    def check_password(self, _dn: Dn, _password: str) -> bool:
        """Nobody signs in here."""
        raise UpstreamUnavailable("a file")

    def search(self, question: Question) -> Iterator[Entry | Illegible]:
        """What stands below the base; what has no readable name might stand anywhere. Raises `UpstreamUnavailable`."""
        for answered in answers_in(self.content):
            if answered is None:
                raise UpstreamUnavailable("it died")
            entry = entry_of(answered)
            wanted = question.base == self.structures
            if isinstance(entry, Illegible) or entry.dn.within(self.structures) == wanted:
                yield entry


def answers_in(content: bytes) -> Iterator[Mapping[str, Any] | None]:
    """Entries in the shape of ldap3's answers; None for one that is cut."""
    blocks = [block for block in _BETWEEN.split(content) if block.strip()]
    whole = content.endswith(b"\n")
    for number, block in enumerate(blocks, start=1):
        yield _answered(block) if whole or number < len(blocks) else None


def _answered(block: bytes) -> Mapping[str, Any]:
    name = b""
    attributes: dict[str, list[bytes]] = {}
    for line in block.splitlines():
        attribute, colon, value = line.partition(b":")
        if not colon or attribute.startswith(b"#"):
            continue
        octets = _value(value)
        if attribute.lower() == b"dn" and not name:
            name = octets
        else:
            attributes.setdefault(attribute.decode("latin-1"), []).append(octets)
    return {"raw_dn": name, "raw_attributes": attributes}


def _value(written: bytes) -> bytes:
    if not written.startswith(b":"):
        return written.strip()
    try:
        return base64.b64decode(written[1:])
    except binascii.Error:
        return written[1:]


@dataclass
class LdifFeed:
    """Reads a folder's `.ldif` file by the reader of the LDAP feed. Implements `IdentityFeed`."""

    made_on: date
    base: str = BASE
    reader: LdapFeed | None = field(default=None, repr=False)

    def open(self, paths: Sequence[Path]) -> FeedHeader:
        """Read the file whole. Raises `FeedRefused`."""
        self.close()
        files = sorted(path for folder in paths for path in folder.glob("*.ldif"))
        content = b"".join(path.read_bytes() for path in files)
        people, structures = (parse_dn(f"ou={branch},{self.base}") for branch in ("people", "structures"))
        self.reader = LdapFeed(
            "ldaps://annuaire.ent.example", LdifDirectory(content, structures), people, structures,
            today=lambda: self.made_on, academies=ACADEMIES,
        )  # fmt: skip
        return self.reader.open(())

    def portions(self, paths: Sequence[Path]) -> tuple[FeedPortion, ...]:
        """One."""
        return self._opened().portions(paths)

    def read(self, paths: Sequence[Path], *, portion: str = "") -> Iterator[FeedRow | FeedFault]:
        """What the reader of the LDAP feed gives."""
        return self._opened().read(paths, portion=portion)

    def checksum(self, paths: Sequence[Path]) -> str:
        """Of the entries, whatever their order in the file."""
        return self._opened().checksum(paths)

    def told_besides(self) -> Iterator[Tie | KnownAs | FeedFault]:
        """What the directory says of records that are one human."""
        yield from self._opened().ties()
        yield from self._opened().known_as()

    def close(self) -> None:
        """Forget what was read."""
        if self.reader is not None:
            self.reader.close()

    def _opened(self) -> LdapFeed:
        if self.reader is None:
            raise FeedRefused("not opened yet")
        return self.reader
