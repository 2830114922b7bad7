"""Opening a delivery: folders, plain XML, .tgz, .tar.gz and .zip, as one list of streams.

Nothing is extracted to disk and no name inside an archive becomes a path. An archive that could escape (absolute
names, `..`, links) or explode (expansion, member count, header size) is refused as a whole: `FeedRefused`.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from broker.domain.errors import FeedRefused

_TAR = (".tgz", ".tar.gz")
_DELIVERED = (".xml", ".zip", *_TAR)
_STEP = 1 << 16
_BLOCK = 1 << 18
_UNREADABLE = (
    OSError,
    EOFError,
    zlib.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    RuntimeError,
    NotImplementedError,
    ValueError,
    struct.error,
)
"""What the libraries raise on an archive that is cut, encrypted, or packed in a way they do not know.

`ValueError` comes of a directory said to stand before the file, and of names that are no text.
"""

_PACKED = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""How a zip member may be packed: the other ways expand a whole block in memory before a byte can be counted."""

_EOCD = 22
"""Size of a zip archive's end record; its comment may follow."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a delivery may expand. Sizes in bytes; real AAF text compresses 15 to 40 times."""

    expanded: int = 24 << 30
    ratio: int = 150
    ratio_from: int = 64 << 20
    members: int = 10_000
    header: int = 1 << 20
    between_records: int = 16 << 20


class Readable(Protocol):
    """A stream of bytes read forward."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the delivery: its bare name and its bytes, readable while the iterator stands on it."""

    name: str
    stream: Readable


def files_of(path: Path, suffixes: tuple[str, ...] = _DELIVERED) -> Iterator[Path]:
    """The files a path stands for: itself, or what a folder holds of files with these suffixes, in order of name.

    Other files of a folder (a readme, the DTD) are no part of the delivery. Links are refused.
    """
    if not path.is_dir():
        if not path.is_file():
            raise FeedRefused(f"no such file: {path.name}")
        yield path
        return
    for entry in sorted(path.iterdir()):
        if entry.is_symlink():
            raise FeedRefused(f"a link in the folder: {entry.name}")
        if entry.is_file() and entry.name.lower().endswith(suffixes):
            yield entry


def members_of(path: Path, wanted: Callable[[str], bool], limits: Limits) -> Iterator[Member]:
    """The wanted files in a plain file or archive, in the order they stand there. Raises `FeedRefused`."""
    lower = path.name.lower()
    try:
        if lower.endswith(_TAR):
            members = _members_of_tar(path, wanted, limits)
        elif lower.endswith(".zip"):
            members = _members_of_zip(path, wanted, limits)
        else:
            members = _plain(path, wanted)
        for member in members:
            yield Member(member.name, _Refusing(path, member.stream))
    except _UNREADABLE as error:
        raise FeedRefused(f"{path.name}: not readable ({type(error).__name__})") from error


def digest_of(stream: Readable) -> str:
    """SHA-256 (hex) of a stream to its end, block by block: a member may give less than it is asked for."""
    digest = hashlib.sha256()
    while block := stream.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()


def bare_name(name: str) -> str:
    """The last part of a member's name. Raises `FeedRefused` when the name tries to lead out of the archive."""
    posix = PurePosixPath(name.replace("\\", "/"))
    if posix.is_absolute() or ".." in posix.parts or (posix.parts and ":" in posix.parts[0]):
        raise FeedRefused("a member's name leads out of its archive")
    return posix.name


class _Refusing:
    """A member's stream whose faults (a cut archive, a wrong checksum) refuse the set, wherever it is read."""

    def __init__(self, path: Path, stream: Readable) -> None:
        self._name = path.name
        self._stream = stream

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._stream.read(size)
        except _UNREADABLE as error:
            raise FeedRefused(f"{self._name}: not readable ({type(error).__name__})") from error


def _plain(path: Path, wanted: Callable[[str], bool]) -> Iterator[Member]:
    if wanted(path.name):
        with path.open("rb") as stream:
            yield Member(name=path.name, stream=stream)


class _Expansion:
    """Counts what an archive yields and stops it before it fills anything."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._name = path.name
        self._packed = max(path.stat().st_size, 1)
        self._limits = limits
        self._yielded = 0

    def add(self, size: int) -> None:
        self._yielded += size
        limits = self._limits
        too_dense = self._yielded > limits.ratio_from and self._yielded > limits.ratio * self._packed
        if self._yielded > limits.expanded or too_dense:
            raise FeedRefused(f"{self._name}: the archive expands beyond its limit")


class _BoundedGzip(io.RawIOBase):
    """A decompressed stream that counts, goes forward in small steps, and refuses a header of any size."""

    def __init__(self, packed: IO[bytes], expansion: _Expansion, limits: Limits) -> None:
        super().__init__()
        self._gzip = gzip.GzipFile(fileobj=packed)
        self._expansion = expansion
        self._limits = limits

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._gzip.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        ahead = offset - self._gzip.tell()
        if whence != io.SEEK_SET or ahead < 0:
            raise FeedRefused("an archive that cannot be read forward")
        while ahead > 0:
            step = len(self.read(min(ahead, _STEP, self._limits.header)))
            if not step:
                break
            ahead -= step
        return self._gzip.tell()

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= self._limits.header:
            raise FeedRefused("an archive with an oversized header")
        data = self._gzip.read(size)
        self._expansion.add(len(data))
        return data


def _members_of_tar(path: Path, wanted: Callable[[str], bool], limits: Limits) -> Iterator[Member]:
    seen: set[str] = set()
    with path.open("rb") as packed, closing(_BoundedGzip(packed, _Expansion(path, limits), limits)) as stream:
        archive = tarfile.open(fileobj=stream, mode="r:")  # noqa: SIM115 - a stream of ours, closed above
        for count, info in enumerate(_forgetting(archive)):
            _check_count(path, count, limits)
            if info.isdir():
                bare_name(info.name)
                continue
            if not info.isreg() or info.issparse():
                raise FeedRefused(f"{path.name}: a member is not a plain file")
            name = bare_name(info.name)
            content = archive.extractfile(info) if wanted(name) else None
            if content is not None:
                yield Member(name=_unseen(name, seen), stream=content)
        while stream.read(min(_STEP, limits.header)):
            pass  # to the very end, where the checksum of the whole archive stands


def _forgetting(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Members one by one; the module's own list of them is emptied, or memory would grow with their number."""
    while (info := archive.next()) is not None:
        archive.members = []  # type: ignore[attr-defined]
        yield info


def _members_of_zip(path: Path, wanted: Callable[[str], bool], limits: Limits) -> Iterator[Member]:
    seen: set[str] = set()
    expansion = _Expansion(path, limits)
    _check_directory(path, limits)
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        _check_count(path, len(infos), limits)
        for info in infos:
            kind = stat.S_IFMT(info.external_attr >> 16)
            name = bare_name(info.filename)
            if not info.filename:
                raise FeedRefused(f"{path.name}: a member without a name")
            if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
                raise FeedRefused(f"{path.name}: a member is not a plain file")
            if info.compress_type not in _PACKED:
                raise FeedRefused(f"{path.name}: a member is packed in a way no export is")
            if info.is_dir() or not wanted(name):
                continue
            with archive.open(info) as content:
                yield Member(name=_unseen(name, seen), stream=_Counted(content, expansion))


class _Counted:
    """A member of a zip archive, counted as it expands (its directory may lie about sizes)."""

    def __init__(self, stream: IO[bytes], expansion: _Expansion) -> None:
        self._stream = stream
        self._expansion = expansion

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size if size >= 0 else _STEP)
        self._expansion.add(len(data))
        return data


def _check_directory(path: Path, limits: Limits) -> None:
    """Look at the size of the directory before the library reads it whole into memory."""
    with path.open("rb") as stream:
        stream.seek(-min(path.stat().st_size, _EOCD + 0xFFFF), io.SEEK_END)
        tail = stream.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _EOCD:
        raise zipfile.BadZipFile
    if b"PK\x06\x07" in tail[:at] or int.from_bytes(tail[at + 12 : at + 16], "little") > limits.members * 512:
        raise FeedRefused(f"{path.name}: too many members")


def _check_count(path: Path, count: int, limits: Limits) -> None:
    if count > limits.members:
        raise FeedRefused(f"{path.name}: too many members")


def _unseen(name: str, seen: set[str]) -> str:
    if name in seen:
        raise FeedRefused("an archive holds one name twice")
    seen.add(name)
    return name
