"""The last good metadata of a federation or of one service, kept on disk: what was verified, and where each entity is.

One file, put in its place whole: canonical entities one behind the other, an index, its length. Whoever reads one
entity reads that one. A file stands here only if its signature held; who may write in this folder may as well write
the database.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from broker.wire.saml.aggregate import SignedHead, read_signed
from broker.wire.saml.keys import VerifyingKey

_LENGTH = 8
_Place = tuple[int, int]
Accept = Callable[[SignedHead], None]
"""Raises `SamlRefused` for a document that may not be kept."""


class ShelfUnreadable(Exception):
    """A file that is not one of ours, or a piece of one."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """What is known of a kept document. `source`: SHA-256 of it as it was signed; `twice`: names of two entities.

    Of a name that two entities have nothing is given: nobody could tell which of them is meant.
    """

    path: Path
    head: SignedHead
    taken: datetime
    source: str
    places: Mapping[str, _Place]
    twice: frozenset[str]

    def entity(self, entity_id: str) -> bytes | None:
        """An entity within what stood around it, as it was verified; None when there is none of this name.

        Raises `ShelfUnreadable`.
        """
        place = self.places.get(entity_id)
        if place is None:
            return None
        try:
            with self.path.open("rb") as file:
                file.seek(place[0])
                octets = file.read(place[1])
        except OSError as fault:
            raise ShelfUnreadable(f"cannot be read ({type(fault).__name__})") from fault
        return self.head.start + octets + self.head.end


def open_shelf(path: Path) -> Shelf | None:
    """What stands there; None when nothing does. Raises `ShelfUnreadable`."""
    try:
        with path.open("rb") as file:
            return _read(path, file)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise ShelfUnreadable(f"cannot be read ({type(fault).__name__})") from fault


def fill_shelf(path: Path, octets: bytes, keys: Iterable[VerifyingKey], accept: Accept, *, now: datetime) -> None:
    """Verify a document and keep it, instead of what stood there. Raises `SamlRefused`, `OSError`: that still stands.

    `accept` says of its head whether it may be kept.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _beside(path) as file:
        index = _Index(file)
        head = read_signed(octets, keys, index.keep)
        accept(head)
        index.close(head, taken=now, source=source_of(octets))


def source_of(octets: bytes) -> str:
    """By what a document is known to be the one that was taken already."""
    return hashlib.sha256(octets).hexdigest()


class _Index:
    """Writes entities down and remembers where."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._places: dict[str, _Place] = {}
        self._twice: set[str] = set()

    def keep(self, name: str, octets: bytes) -> None:
        if name in self._places or name in self._twice:
            self._places.pop(name, None)
            self._twice.add(name)
            return
        self._places[name] = (self._file.tell(), len(octets))
        self._file.write(octets)

    def close(self, head: SignedHead, *, taken: datetime, source: str) -> None:
        said = {
            "start": head.start.decode(), "end": head.end.decode(), "until": head.until.isoformat(),
            "made": head.made.isoformat() if head.made else "", "taken": taken.isoformat(), "source": source,
            "places": self._places, "twice": sorted(self._twice),
        }  # fmt: skip
        written = json.dumps(said, ensure_ascii=False).encode()
        self._file.write(written + len(written).to_bytes(_LENGTH))


def _read(path: Path, file: IO[bytes]) -> Shelf:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - _LENGTH, 0))
    length = int.from_bytes(file.read(_LENGTH))
    if length > size - _LENGTH:
        raise ValueError("cut short")
    file.seek(size - _LENGTH - length)
    said = json.loads(file.read(length))
    return Shelf(
        path,
        _head(said),
        taken=datetime.fromisoformat(said["taken"]),
        source=said["source"],
        places={name: (place[0], place[1]) for name, place in said["places"].items()},
        twice=frozenset(said["twice"]),
    )


def _head(said: Mapping[str, str]) -> SignedHead:
    """What was written of a head; files of earlier versions do not say when theirs was made."""
    made = said.get("made")
    return SignedHead(
        said["start"].encode(),
        said["end"].encode(),
        datetime.fromisoformat(said["until"]),
        datetime.fromisoformat(made) if made else None,
    )


@contextmanager
def _beside(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of `path` when all went well, and else leaves no trace."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
