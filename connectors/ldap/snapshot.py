"""One reading of a directory, laid down in one order: a directory has none of its own, and changes while it is read.

An import asks three times of one delivery (what is it, is it the last one again, what does it say), and once more after
a crash; all of them must get one answer. Entries go to a private file that its database removes on closing, so that
memory stays flat however large the ENT.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from connectors.ldap.entries import Entry, Illegible
from connectors.ldap.names import Dn, parse_dn

_SCHEMA = """
CREATE TABLE entries (
    part INTEGER, name TEXT, written TEXT, key TEXT COLLATE NOCASE, content TEXT, PRIMARY KEY (part, name)
) WITHOUT ROWID;
CREATE INDEX keys ON entries (part, key);
"""
_STEP = 500


@dataclass(slots=True)
class Snapshot:
    """What a directory told, and in `losses` why it did not tell everything. `part` tells schools from persons."""

    losses: list[str] = field(default_factory=list)
    illegible: int = 0
    _file: sqlite3.Connection = field(init=False)

    def __post_init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._file.executescript(_SCHEMA)

    def take(self, part: int, entries: Iterable[Entry | Illegible], *, key_attribute: str) -> None:
        """Lay down entries as they come. One that moved while we read stands once, as last told."""
        for entry in entries:
            if isinstance(entry, Illegible):
                self.illegible += 1
                continue
            row = (part, entry.dn.canonical, entry.dn.text, entry.only(key_attribute), _written(entry))
            self._file.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?)", row)

    def close(self) -> None:
        """Forget everything."""
        self._file.close()

    def entries(self, part: int) -> Iterator[Entry]:
        """The entries of a part in the order of their names."""
        last = ""
        while True:
            rows = self._file.execute(
                "SELECT name, written, content FROM entries WHERE part = ? AND name > ? ORDER BY name LIMIT ?",
                (part, last, _STEP),
            ).fetchall()
            for name, written, content in rows:
                yield _read(written, content)
                last = name
            if not rows:
                return

    def count(self, part: int) -> int:
        """How many entries there are."""
        return int(self._file.execute("SELECT count(*) FROM entries WHERE part = ?", (part,)).fetchone()[0])

    def bearers(self, part: int, key: str) -> int:
        """How many entries bear this key, in whatever case: more than one, and it is nobody's."""
        counted = self._file.execute("SELECT count(*) FROM entries WHERE part = ? AND key = ?", (part, key))
        return int(counted.fetchone()[0])

    def at(self, part: int, name: Dn) -> Entry | None:
        """The entry of this name; None when the directory told of none."""
        query = "SELECT written, content FROM entries WHERE part = ? AND name = ?"
        row = self._file.execute(query, (part, name.canonical)).fetchone()
        return _read(*row) if row else None

    def checksum(self) -> str:
        """SHA-256 (hex) over every entry in order: equal exactly when the directory says the same."""
        digest = hashlib.sha256()
        for row in self._file.execute("SELECT part, name, content FROM entries ORDER BY part, name"):
            digest.update("\0".join(str(value) for value in row).encode() + b"\n")
        digest.update(f"{self.illegible} {len(self.losses)}".encode())
        return digest.hexdigest()


def _written(entry: Entry) -> str:
    """The attributes in one order whatever the directory's; values of an attribute are a set in LDAP."""
    attributes = {name: sorted(values) for name, values in entry.attributes.items()}
    return json.dumps([attributes, sorted(entry.unreadable)], sort_keys=True, ensure_ascii=False)


def _read(written: str, content: str) -> Entry:
    attributes, unreadable = json.loads(content)
    values = {name: tuple(texts) for name, texts in attributes.items()}
    return Entry(parse_dn(written), values, frozenset(unreadable))
